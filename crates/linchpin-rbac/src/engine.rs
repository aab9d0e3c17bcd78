//! A door for policy engines.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use linchpin_core::{Caller, Reason, Refusal};

use crate::{deadline::within, shown::Shown};

/// Decides about a request by policies of its own, such as Cedar, OPA or a remote service.
///
/// It stands behind a [`PolicyDoor`]; `examples/policy-cedar` shows Cedar there.
///
/// # Examples
///
/// ```
/// use linchpin_rbac::{EngineDecision, EngineFuture, PolicyEngine, PolicyQuestion};
///
/// /// Everybody may read, and nobody may do anything else.
/// struct ReadOnly;
///
/// impl PolicyEngine for ReadOnly {
///     fn evaluate<'a>(&'a self, question: PolicyQuestion<'a>) -> EngineFuture<'a> {
///         Box::pin(async move {
///             Ok(match question.action() {
///                 "read" => EngineDecision::allow("reading is free"),
///                 _ => EngineDecision::deny("nothing allows it"),
///             })
///         })
///     }
/// }
/// ```
pub trait PolicyEngine: Send + Sync + 'static {
    /// Decides about the question.
    ///
    /// The future may be dropped at any time, and is once the deadline has passed.
    ///
    /// # Errors
    ///
    /// Whatever keeps the engine from deciding, an error in a policy among them; the request is then answered 503, and
    /// nothing is allowed.
    fn evaluate<'a>(&'a self, question: PolicyQuestion<'a>) -> EngineFuture<'a>;
}

/// The decision of a [`PolicyEngine`] to come.
pub type EngineFuture<'a> = Pin<Box<dyn Future<Output = Result<EngineDecision, EngineError>> + Send + 'a>>;

/// Why an engine could not decide; shown in the log.
///
/// It is any error; `?` makes one. It should quote no names of people.
pub type EngineError = Box<dyn Error + Send + Sync>;

/// What a [`PolicyEngine`] decides, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use]
pub struct EngineDecision {
    is_allowed: bool,
    reason: String,
}

impl EngineDecision {
    /// It is allowed, for this reason: the policy that says so.
    pub fn allow(reason: impl Into<String>) -> Self {
        Self { is_allowed: true, reason: reason.into() }
    }

    /// It is denied, for this reason: the policy that forbids it, or that none allows it.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self { is_allowed: false, reason: reason.into() }
    }

    /// Whether it is allowed.
    pub fn is_allowed(&self) -> bool {
        self.is_allowed
    }

    /// Why, in the engine's words.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// What a [`PolicyEngine`] is asked: may this principal do this to that, in a request of which these facts are known?
///
/// # Examples
///
/// ```
/// use linchpin_core::Caller;
/// use linchpin_rbac::{Fact, PolicyQuestion, Resource};
///
/// let caller = Caller::builder("https://id.example").subject("ann").build();
/// let facts = [("method", Fact::from("PUT")), ("from_office", Fact::from(true))];
/// let question = PolicyQuestion::new(&caller, "update", Resource::new("Report", "r-7")).facts(&facts);
///
/// assert_eq!(question.resource().id(), "r-7");
/// ```
#[derive(Clone, Copy)]
pub struct PolicyQuestion<'a> {
    principal: &'a Caller,
    action: &'a str,
    resource: Resource<'a>,
    facts: &'a [(&'a str, Fact<'a>)],
}

impl<'a> PolicyQuestion<'a> {
    /// The question without facts about the request.
    pub const fn new(principal: &'a Caller, action: &'a str, resource: Resource<'a>) -> Self {
        Self { principal, action, resource, facts: &[] }
    }

    /// Adds what is known about the request: its method, its path, the client's address, whatever policies look at.
    #[must_use]
    pub const fn facts(self, facts: &'a [(&'a str, Fact<'a>)]) -> Self {
        Self { facts, ..self }
    }

    /// Who asks.
    pub fn principal(&self) -> &'a Caller {
        self.principal
    }

    /// What is to be done.
    pub fn action(&self) -> &'a str {
        self.action
    }

    /// To what it is to be done.
    pub fn resource(&self) -> Resource<'a> {
        self.resource
    }

    /// What is known about the request, by name.
    pub fn request_facts(&self) -> &'a [(&'a str, Fact<'a>)] {
        self.facts
    }
}

impl fmt::Debug for PolicyQuestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyQuestion")
            .field("action", &self.action)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

/// A thing that something is to be done to: its kind, its identifier, and what policies look at.
#[derive(Clone, Copy)]
pub struct Resource<'a> {
    kind: &'a str,
    id: &'a str,
    attributes: &'a [(&'a str, Fact<'a>)],
}

impl<'a> Resource<'a> {
    /// The thing of this kind and identifier, without attributes.
    pub const fn new(kind: &'a str, id: &'a str) -> Self {
        Self { kind, id, attributes: &[] }
    }

    /// Adds what policies look at: its owner, its state.
    #[must_use]
    pub const fn attributes(self, attributes: &'a [(&'a str, Fact<'a>)]) -> Self {
        Self { attributes, ..self }
    }

    /// The kind, such as `Report`.
    pub const fn kind(&self) -> &'a str {
        self.kind
    }

    /// The identifier within the kind.
    pub const fn id(&self) -> &'a str {
        self.id
    }

    /// What policies look at, by name.
    pub const fn known_attributes(&self) -> &'a [(&'a str, Fact<'a>)] {
        self.attributes
    }
}

impl fmt::Debug for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The value of a fact.
#[derive(Clone, Copy, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fact<'a> {
    /// A text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Bool(bool),
    /// Several texts.
    Texts(&'a [&'a str]),
}

impl<'a> From<&'a str> for Fact<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Fact<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Fact<'_> {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl<'a> From<&'a [&'a str]> for Fact<'a> {
    fn from(texts: &'a [&'a str]) -> Self {
        Self::Texts(texts)
    }
}

impl fmt::Debug for Fact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A fact may be a claim, an address or an identifier.
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Integer(_) => "Integer(..)",
            Self::Bool(_) => "Bool(..)",
            Self::Texts(_) => "Texts(..)",
        })
    }
}

/// The way to a [`PolicyEngine`], with a deadline; clones share it.
///
/// Every decision writes one log line: `DEBUG` if it is allowed, `INFO` if it is denied, `WARN` if there is none. The
/// engine's reason stands in it, escaped and capped at 128 bytes, once [`log_reasons`](Self::log_reasons) is set.
///
/// # Examples
///
/// In a handler of either framework; `Problem` is that of its adapter:
///
/// ```
/// use linchpin_actix::{Caller, Problem};
/// use linchpin_rbac::{PolicyDoor, PolicyQuestion, Resource};
///
/// async fn report(door: PolicyDoor, caller: Caller, id: String) -> Result<&'static str, Problem> {
///     door.require(PolicyQuestion::new(&caller, "read", Resource::new("Report", &id))).await?;
///     Ok("all is well")
/// }
/// # let _ = report;
/// ```
///
/// # Security
///
/// An engine that fails or is late allows nothing: the answer is 503. Tokens of restricted applications (profile
/// `open_edx`) do not reach the engine unless they are [let in](Self::admitting_restricted).
#[derive(Clone)]
pub struct PolicyDoor {
    engine: Arc<dyn PolicyEngine>,
    deadline: Duration,
    admits_restricted: bool,
    logs_reasons: bool,
}

impl PolicyDoor {
    /// The way to this engine, with a deadline of one second.
    pub fn new(engine: impl PolicyEngine) -> Self {
        Self { engine: Arc::new(engine), deadline: DEADLINE, admits_restricted: false, logs_reasons: false }
    }

    /// How long the engine may take for one decision; 1 s unless set.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Shows the engine's reasons in the log; off unless set, since they may name people and things.
    #[must_use]
    pub fn log_reasons(mut self) -> Self {
        self.logs_reasons = true;
        self
    }

    /// The same, for a place that restricted applications may use as well.
    #[must_use]
    pub fn admitting_restricted(&self) -> Self {
        Self { admits_restricted: true, ..self.clone() }
    }

    /// Has the engine decide.
    ///
    /// It has to run within a tokio runtime that keeps time, as every handler of axum and actix does.
    ///
    /// # Errors
    ///
    /// [`DecisionUnavailable`](Reason::DecisionUnavailable), which answers 503, if the engine fails or is late;
    /// [`RestrictedApplication`](Reason::RestrictedApplication), which answers 403, before it is asked.
    pub async fn decide(&self, question: PolicyQuestion<'_>) -> Result<EngineDecision, Refusal> {
        if question.principal.is_restricted() && !self.admits_restricted {
            tracing::info!(decision = "denied", why_not = Reason::RestrictedApplication.code());
            return Err(Reason::RestrictedApplication.into());
        }
        let (action, resource) = (Shown(question.action), Shown(question.resource.kind));
        match within(self.deadline, self.engine.evaluate(question)).await {
            Some(Ok(decision)) => {
                let reason = self.logs_reasons.then(|| tracing::field::display(Shown(&decision.reason)));
                if decision.is_allowed {
                    tracing::debug!(decision = "granted", %action, %resource, reason);
                } else {
                    tracing::info!(decision = "denied", %action, %resource, reason);
                }
                Ok(decision)
            }
            failed => {
                let error = failed.and_then(Result::err);
                let trouble = error.map_or_else(|| "it took too long".to_owned(), |error| error.to_string());
                tracing::warn!(%action, %resource, trouble, "the policy engine did not answer, so that nothing was decided");
                Err(Reason::DecisionUnavailable.into())
            }
        }
    }

    /// Insists that the engine allows it.
    ///
    /// # Errors
    ///
    /// As [`decide`](Self::decide), and [`NotAllowed`](Reason::NotAllowed), which answers 403, if it is denied.
    pub async fn require(&self, question: PolicyQuestion<'_>) -> Result<(), Refusal> {
        if self.decide(question).await?.is_allowed { Ok(()) } else { Err(Reason::NotAllowed.into()) }
    }
}

impl fmt::Debug for PolicyDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyDoor").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

const DEADLINE: Duration = Duration::from_secs(1);
