//! What handlers of the little service ask before they answer: roles by context, rules of Open edX, a store, an engine.

use std::sync::LazyLock;

use linchpin_core::{Caller, Refusal};
use linchpin_rbac::{
    Assignment, Context, ContextReq, CourseKey, EngineDecision, EngineFuture, OneOrMore, PolicyDoor,
    PolicyEngine, PolicyQuestion, Rbac, RbacWithStore, Resource, RoleQuestion, RoleStore, StoreFuture,
    feature_roles,
    open_edx::{Access, Asked},
};

/// A decision that a handler takes, the same in every framework.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// The feature role `reader` in any context.
    Anywhere,
    /// The feature role `reader` in the context `physics`.
    Physics,
    /// The feature role `reader` in the contexts `physics` and `chemistry`.
    Both,
    /// Likewise in `physics`, with a store that knows bob, and is broken for the subject `lost`.
    Store,
    /// An engine that allows it to ann, and is broken for the subject `lost`.
    Engine,
    /// Staff, the user `ann`, and restricted applications with the scope `read:reports`, for a course of edX.
    OpenEdx,
}

impl Ask {
    /// Takes the decision about this caller.
    pub(crate) async fn decide(self, caller: &Caller) -> Result<(), Refusal> {
        match self {
            Self::Anywhere => RBAC.require(caller, Reader::NAME, ContextReq::Any),
            Self::Physics => RBAC.require(caller, Reader::NAME, "physics"),
            Self::Both => {
                let both = ["physics", "chemistry"].map(Context::text);
                RBAC.require(caller, Reader::NAME, ContextReq::All(OneOrMore::of(&both)))
            }
            Self::Store => STORED.require(caller, Reader::NAME, "physics").await,
            Self::Engine => {
                DOOR.require(PolicyQuestion::new(caller, "read", Resource::new("Report", "7"))).await
            }
            Self::OpenEdx => OPEN_EDX.require(Asked::by(caller).course(&COURSE).user("ann")),
        }
    }
}

feature_roles! {
    in RBAC;
    /// May read what the little service has.
    pub Reader = "reader";
}

static RBAC: LazyLock<Rbac> = LazyLock::new(|| {
    let roles = Rbac::builder([Reader::NAME, "editor"]).system_role("staff", [Reader::NAME]);
    roles.system_role("owner", ["editor"]).build().expect("the mapping is sound")
});

static STORED: LazyLock<RbacWithStore> = LazyLock::new(|| RBAC.with_store(Table));

static DOOR: LazyLock<PolicyDoor> = LazyLock::new(|| PolicyDoor::new(OnlyAnn));

static OPEN_EDX: LazyLock<Access> = LazyLock::new(|| Access::restricted_or_user(["read:reports"]));

static COURSE: LazyLock<CourseKey> =
    LazyLock::new(|| "course-v1:edX+DemoX+2026".parse().expect("a course key"));

struct Table;

impl RoleStore for Table {
    fn assignments<'a>(&'a self, question: RoleQuestion<'a>) -> StoreFuture<'a> {
        Box::pin(async move {
            match question.subject() {
                "bob" => Ok(vec![Assignment::in_context("physics")]),
                "lost" => Err("the table is lost".into()),
                _ => Ok(Vec::new()),
            }
        })
    }
}

struct OnlyAnn;

impl PolicyEngine for OnlyAnn {
    fn evaluate<'a>(&'a self, question: PolicyQuestion<'a>) -> EngineFuture<'a> {
        Box::pin(async move {
            match question.principal().subject() {
                Some("ann") => Ok(EngineDecision::allow("ann may")),
                Some("lost") => Err("the policies are lost".into()),
                _ => Ok(EngineDecision::deny("nothing allows it")),
            }
        })
    }
}
