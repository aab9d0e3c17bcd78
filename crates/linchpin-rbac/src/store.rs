//! Assignments beside the token.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use linchpin_core::{Caller, Reason, Refusal};

use crate::{ContextReq, Contexts, Decision, Rbac, WhyNot, deadline::within, held::Held};

/// Knows which feature roles a subject holds beside those that its tokens give, for instance from a table of the service.
///
/// # Examples
///
/// ```
/// use linchpin_rbac::{Assignment, RoleQuestion, RoleStore, StoreFuture};
///
/// /// One team, known at start; a real store asks its database.
/// struct Team(Vec<String>);
///
/// impl RoleStore for Team {
///     fn assignments<'a>(&'a self, question: RoleQuestion<'a>) -> StoreFuture<'a> {
///         Box::pin(async move {
///             let is_member = self.0.iter().any(|member| member == question.subject());
///             let holds = is_member && question.feature_role() == "report_reader";
///             Ok(if holds { vec![Assignment::in_context("acme")] } else { Vec::new() })
///         })
///     }
/// }
/// ```
pub trait RoleStore: Send + Sync + 'static {
    /// The contexts in which the subject holds the feature role.
    ///
    /// Those that the question does not name may be left out. The future may be dropped at any time, and is once the
    /// deadline has passed.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from knowing; the request is then answered 503, and nothing is granted.
    fn assignments<'a>(&'a self, question: RoleQuestion<'a>) -> StoreFuture<'a>;
}

/// The answer of a [`RoleStore`] to come.
pub type StoreFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<Assignment>, StoreError>> + Send + 'a>>;

/// Why a store does not know; shown in the log.
///
/// It is any error; `?` makes one. It should quote no names of people.
pub type StoreError = Box<dyn Error + Send + Sync>;

/// What a [`RoleStore`] is asked.
#[derive(Clone, Copy)]
pub struct RoleQuestion<'a> {
    issuer: &'a str,
    subject: &'a str,
    feature_role: &'a str,
    request: ContextReq<'a>,
}

impl<'a> RoleQuestion<'a> {
    /// The issuer, within which the subject is unique.
    pub fn issuer(&self) -> &'a str {
        self.issuer
    }

    /// The subject.
    pub fn subject(&self) -> &'a str {
        self.subject
    }

    /// The feature role; the mapping declares it.
    pub fn feature_role(&self) -> &'a str {
        self.feature_role
    }

    /// The contexts that matter; all of them for [`ContextReq::Any`].
    pub fn request(&self) -> ContextReq<'a> {
        self.request
    }
}

impl fmt::Debug for RoleQuestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleQuestion")
            .field("issuer", &self.issuer)
            .field("feature_role", &self.feature_role)
            .finish_non_exhaustive()
    }
}

/// A feature role that a store assigns, by the context in which it is held.
#[derive(Clone, Eq, PartialEq)]
pub struct Assignment(Place);

#[derive(Clone, Eq, PartialEq)]
enum Place {
    In(Box<str>),
    Everywhere,
    Bare,
}

impl Assignment {
    /// Held in this context, compared as the same text in a token would be: `*` is every context, and the empty text none.
    pub fn in_context(name: impl Into<Box<str>>) -> Self {
        Self(Place::In(name.into()))
    }

    /// Held in every context.
    pub const fn everywhere() -> Self {
        Self(Place::Everywhere)
    }

    /// Held without a context: enough for [`ContextReq::Any`] and nothing else.
    pub const fn without_context() -> Self {
        Self(Place::Bare)
    }

    pub(crate) fn held(&self) -> Option<Held<'_>> {
        match &self.0 {
            Place::In(name) => Held::in_context(name),
            Place::Everywhere => Some(Held::Everywhere),
            Place::Bare => Some(Held::Bare),
        }
    }
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assignment(..)")
    }
}

/// Decides like [`Rbac`], and asks a [`RoleStore`] about what the token does not grant.
///
/// Made by [`Rbac::with_store`]; clones share everything. The store is asked at most once for a decision, and not at all
/// if the token is enough, if the caller has no subject, or if no answer could help.
///
/// | setting | default |
/// |---|---|
/// | [`deadline`](Self::deadline) | 2 s |
/// | [`max_assignments`](Self::max_assignments) | 1000 |
///
/// # Security
///
/// A store that fails, is late or answers too much leaves the decision open: the request is answered 503, and neither
/// granted nor denied.
#[derive(Clone)]
pub struct RbacWithStore {
    rbac: Rbac,
    store: Arc<dyn RoleStore>,
    deadline: Duration,
    max_assignments: usize,
}

impl RbacWithStore {
    pub(crate) fn new(rbac: Rbac, store: Arc<dyn RoleStore>) -> Self {
        Self { rbac, store, deadline: DEADLINE, max_assignments: MAX_ASSIGNMENTS }
    }

    /// How long the store may take for one decision.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many assignments the store may answer with.
    #[must_use]
    pub fn max_assignments(mut self, max: usize) -> Self {
        self.max_assignments = max;
        self
    }

    /// The same, for a place that restricted applications may use as well.
    #[must_use]
    pub fn admitting_restricted(&self) -> Self {
        Self { rbac: self.rbac.admitting_restricted(), ..self.clone() }
    }

    /// Decides as [`Rbac::decide`] does, by the token first and by the store if that is not enough.
    ///
    /// It has to run within a tokio runtime that keeps time, as every handler of axum and actix does.
    ///
    /// # Errors
    ///
    /// [`DecisionUnavailable`](Reason::DecisionUnavailable), which answers 503, if the store had to be asked and could not
    /// answer.
    pub async fn decide<'a>(
        &'a self,
        caller: &'a Caller,
        feature_role: &'a str,
        request: impl Into<ContextReq<'a>>,
    ) -> Result<Decision<'a>, Refusal> {
        let by_token = self.rbac.decide_with(caller, feature_role, request.into(), Vec::new());
        let decision = match self.question(&by_token) {
            Some(question) => {
                let stored = self.ask(question).await?;
                self.rbac.decide_with(caller, feature_role, by_token.request(), stored)
            }
            None => by_token,
        };
        self.rbac.record(&decision);
        Ok(decision)
    }

    /// Insists on the feature role where it is asked for.
    ///
    /// # Errors
    ///
    /// As [`decide`](Self::decide) and [`Decision::into_result`].
    pub async fn require<'a>(
        &'a self,
        caller: &'a Caller,
        feature_role: &'a str,
        request: impl Into<ContextReq<'a>>,
    ) -> Result<(), Refusal> {
        self.decide(caller, feature_role, request).await?.into_result()
    }

    /// In which contexts the caller holds the feature role, by token and store together.
    ///
    /// # Errors
    ///
    /// As [`decide`](Self::decide): a list that might lack something is not given out as the whole.
    pub async fn contexts(&self, caller: &Caller, feature_role: &str) -> Result<Contexts, Refusal> {
        let by_token = self.rbac.contexts(caller, feature_role);
        if by_token == Contexts::All {
            return Ok(by_token);
        }
        let decision = self.rbac.decide_with(caller, feature_role, ContextReq::Any, Vec::new());
        // What the token names is not all there is, so the store is asked although the token grants.
        let question = match decision.why_not() {
            None => self.question_about(&decision),
            Some(_) => self.question(&decision),
        };
        let Some(question) = question else { return Ok(by_token) };
        let stored = self.ask(question).await?;
        Ok(self.rbac.held_contexts(caller, feature_role, &stored))
    }

    /// The question to the store, if its answer can make a difference.
    fn question<'a>(&self, decision: &Decision<'a>) -> Option<RoleQuestion<'a>> {
        match decision.why_not()? {
            WhyNot::NoRole | WhyNot::OtherContext => self.question_about(decision),
            WhyNot::RestrictedApplication | WhyNot::UnknownFeatureRole | WhyNot::EmptyContext => None,
        }
    }

    fn question_about<'a>(&self, decision: &Decision<'a>) -> Option<RoleQuestion<'a>> {
        let subject = decision.caller.subject().filter(|subject| !subject.is_empty())?;
        Some(RoleQuestion {
            issuer: decision.caller.issuer(),
            subject,
            feature_role: decision.feature_role(),
            request: decision.request(),
        })
    }

    async fn ask(&self, question: RoleQuestion<'_>) -> Result<Vec<Assignment>, Refusal> {
        let feature_role = question.feature_role;
        let trouble = match within(self.deadline, self.store.assignments(question)).await {
            Some(Ok(assignments)) if assignments.len() <= self.max_assignments => return Ok(assignments),
            Some(Ok(assignments)) => format!("{} assignments are more than allowed", assignments.len()),
            Some(Err(error)) => error.to_string(),
            None => "it took too long".to_owned(),
        };
        tracing::warn!(feature_role, trouble, "the role store did not answer, so that nothing was decided");
        Err(Reason::DecisionUnavailable.into())
    }
}

impl fmt::Debug for RbacWithStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RbacWithStore")
            .field("rbac", &self.rbac)
            .field("deadline", &self.deadline)
            .field("max_assignments", &self.max_assignments)
            .finish_non_exhaustive()
    }
}

const DEADLINE: Duration = Duration::from_secs(2);
const MAX_ASSIGNMENTS: usize = 1000;
