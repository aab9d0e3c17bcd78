//! Roles with contexts, what they give in a service, and decisions that explain themselves.
//!
//! An issuer knows roles such as `enterprise_admin`, each for one customer, course or department; a service knows what it
//! does, such as `report_reader`. [`Rbac`] maps the one to the other, answers "may this caller, here?", and says why. It is
//! apart because a service that needs scopes alone needs none of it.
//!
//! - [`Rbac`]: the mapping, the decision, and the contexts that a list is narrowed down to
//! - [`Context`], [`ContextReq`]: where; in any, in one or in all of several, told apart so that nothing empty means "any"
//! - [`RoleStore`]: assignments beside the token
//! - [`feature_roles!`]: feature roles as types, for guards and route tables
//! - [`open_edx`]: the policies of an Open edX service by name
//! - [`PolicyEngine`]: a door for engines such as Cedar or OPA
//!
//! # Examples
//!
//! ```
//! use linchpin_core::{Caller, Role};
//! use linchpin_rbac::{ContextReq, CourseKey, Rbac};
//!
//! let rbac = Rbac::builder(["grade_reader", "grade_editor"])
//!     .system_role("course_staff", ["grade_reader"])
//!     .system_role("course_instructor", ["grade_reader", "grade_editor"])
//!     .build()?;
//! let caller = Caller::builder("https://id.example")
//!     .roles(["course_staff:course-v1:edX+Demo+2026"].map(Role::new))
//!     .build();
//!
//! let course: CourseKey = "course-v1:edX+Demo+2026".parse()?;
//! rbac.require(&caller, "grade_reader", &course)?;
//! rbac.require(&caller, "grade_reader", ContextReq::Any)?;
//! rbac.require(&caller, "grade_editor", &course).unwrap_err();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod context;
mod contexts;
mod deadline;
mod decision;
mod engine;
mod held;
mod mapping;
pub mod open_edx;
mod rbac;
mod requirement;
mod shown;
mod store;

#[doc(hidden)]
pub use self::requirement::__private;
pub use self::{
    context::{Context, ContextReq, CourseKey, InvalidContext, OneOrMore, Uuid},
    contexts::{ContextNames, Contexts},
    decision::{Decision, Grant, Rule, Source, WhyNot},
    engine::{
        EngineDecision, EngineError, EngineFuture, Fact, PolicyDoor, PolicyEngine, PolicyQuestion, Resource,
    },
    mapping::{RbacBuilder, RbacSettings},
    rbac::Rbac,
    requirement::RbacSource,
    store::{Assignment, RbacWithStore, RoleQuestion, RoleStore, StoreError, StoreFuture},
};
