//! The policies of an Open edX service by name.
//!
//! The LMS gives tokens to users and to applications. An application that it calls *restricted* may call only what lets it
//! in, and there only for the organisations and the users that the token's *filters* name. Everything here, and
//! everything else in this family that asks for more than a token, refuses restricted applications unless it is told
//! otherwise, so that a new route is closed to them by default.
//!
//! [`Access`] puts rules together at start and decides about an [`Asked`] in the handler, which knows the course or the user
//! in the path. [`Staff`] and [`Superuser`] need no path, so that guards and route tables take them too.
//!
//! # Examples
//!
//! In a handler of either framework; `Problem` is that of its adapter:
//!
//! ```
//! use std::sync::LazyLock;
//! use linchpin_axum::{Caller, Problem};
//! use linchpin_rbac::{CourseKey, open_edx::{Access, Asked}};
//!
//! /// Staff and the user; and restricted applications with this scope, as far as their filters reach.
//! static GRADES: LazyLock<Access> = LazyLock::new(|| Access::restricted_or_user(["grades:read"]));
//!
//! async fn grades(caller: Caller, course: CourseKey, username: String) -> Result<&'static str, Problem> {
//!     GRADES.require(Asked::by(&caller).course(&course).user(&username))?;
//!     Ok("A, B, C")
//! }
//! # let _ = grades;
//! ```
//!
//! The route has to let restricted applications in as well, for instance by the policy
//! `authenticated().admit_restricted()` of the route table, or by `admit_restricted()` of the layer around it.

mod access;
mod claims;
mod filter;

pub use self::{
    access::{Access, AccessDecision, Asked},
    claims::{Staff, Superuser, is_staff, is_superuser, username},
    filter::{Filter, filters},
};
