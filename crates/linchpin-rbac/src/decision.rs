//! A decision, and how it came about.

use std::{cell::Cell, fmt};

use linchpin_core::{Caller, Reason, Refusal};

use crate::{Assignment, Context, ContextReq, Rbac, held::Held, mapping::SystemRole, shown::Shown};

/// Whether a caller holds a feature role where it is asked for, and why, or why not.
///
/// It borrows what it was made from and keeps no copy; the trace is put together when somebody asks for it.
///
/// # Examples
///
/// ```
/// use linchpin_core::{Caller, Role};
/// use linchpin_rbac::{Rbac, WhyNot};
///
/// let rbac = Rbac::builder(["report_reader"]).system_role("enterprise_admin", ["report_reader"]).build()?;
/// let caller = Caller::builder("https://id.example").roles([Role::new("enterprise_admin:acme")]).build();
///
/// let decision = rbac.decide(&caller, "report_reader", "acme");
/// assert_eq!(
///     decision.explain(),
///     "granted: report_reader in context acme; the token's enterprise_admin:acme gives it there"
/// );
/// decision.assert_granted_by("enterprise_admin:acme");
///
/// let elsewhere = rbac.decide(&caller, "report_reader", "globex");
/// assert_eq!(
///     elsewhere.explain(),
///     "denied: report_reader in context globex; held, but not in context globex"
/// );
/// elsewhere.assert_denied(WhyNot::OtherContext);
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
///
/// # Security
///
/// [`explain`](Self::explain) and the grants name roles and contexts of the caller: they are for tests and for whoever may
/// see them. `Debug` does not.
#[must_use]
pub struct Decision<'a> {
    pub(crate) rbac: &'a Rbac,
    pub(crate) caller: &'a Caller,
    pub(crate) feature: &'a str,
    /// The system roles that give it; `None` if there is no such feature role.
    pub(crate) given_by: Option<&'a [SystemRole]>,
    pub(crate) request: ContextReq<'a>,
    /// What a store knows beside the token.
    pub(crate) stored: Vec<Assignment>,
    pub(crate) why_not: Option<WhyNot>,
    /// How many of the token's first roles the mapping knows for certain: what the search for a grant has seen.
    pub(crate) known_roles: usize,
}

/// Why a feature role is not held: a closed list.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum WhyNot {
    /// The token belongs to a restricted application, and these are not let in (profile `open_edx`).
    RestrictedApplication,
    /// There is no such feature role: a mistake of the service, which an error event reports.
    UnknownFeatureRole,
    /// The empty text was asked for as a context.
    EmptyContext,
    /// None of the caller's roles gives the feature role.
    NoRole,
    /// The feature role is held, but not in this context, or not in all of these.
    OtherContext,
}

impl WhyNot {
    /// The machine-readable code, such as `other_context`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::RestrictedApplication => "restricted_application",
            Self::UnknownFeatureRole => "unknown_feature_role",
            Self::EmptyContext => "empty_context",
            Self::NoRole => "no_role",
            Self::OtherContext => "other_context",
        }
    }
}

/// What grants a feature role in one context.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Grant<'a> {
    rule: Rule,
    source: Source,
    role: &'a str,
}

/// The rule by which something was granted.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Rule {
    /// The role is held in the very context that was asked for.
    SameContext,
    /// The role is held in every context.
    EveryContext,
    /// Any context was asked for, and the role is held.
    AnyContext,
}

impl Rule {
    /// The machine-readable code, such as `same_context`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SameContext => "same_context",
            Self::EveryContext => "every_context",
            Self::AnyContext => "any_context",
        }
    }
}

/// Who says that a role is held.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Source {
    /// The token, by one of its roles.
    Token,
    /// A [`RoleStore`](crate::RoleStore).
    Store,
}

impl Source {
    /// The machine-readable code: `token` or `store`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Store => "store",
        }
    }
}

impl<'a> Grant<'a> {
    /// The rule that applied.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Who says so.
    pub fn source(&self) -> Source {
        self.source
    }

    /// The role as it stands in the token (`enterprise_admin:acme`), or the feature role if a store says so.
    pub fn role(&self) -> &'a str {
        self.role
    }

    fn new(held: Held<'a>, asked: Option<Context<'_>>, source: Source, role: &'a str) -> Self {
        let rule = match (held, asked) {
            (_, None) => Rule::AnyContext,
            (Held::Everywhere, Some(context)) if context != Context::EVERY => Rule::EveryContext,
            _ => Rule::SameContext,
        };
        Self { rule, source, role }
    }
}

impl fmt::Debug for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("rule", &self.rule)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl<'a> Decision<'a> {
    /// Whether it is granted.
    pub fn is_granted(&self) -> bool {
        self.why_not.is_none()
    }

    /// Why it is not granted; `None` if it is.
    pub fn why_not(&self) -> Option<WhyNot> {
        self.why_not
    }

    /// The feature role that was asked for.
    pub fn feature_role(&self) -> &'a str {
        self.feature
    }

    /// The contexts that were asked for.
    pub fn request(&self) -> ContextReq<'a> {
        self.request
    }

    /// What grants it: one for each context that was asked for, in order; none if it is denied.
    pub fn grants(&self) -> impl Iterator<Item = Grant<'_>> {
        let any = matches!(self.request, ContextReq::Any).then_some(None);
        let asked = any.into_iter().chain(self.request.named().iter().copied().map(Some));
        let asked = asked.filter(|_| self.is_granted());
        asked.filter_map(|asked| self.grant_in(asked))
    }

    /// The refusal, if it is not granted.
    ///
    /// # Errors
    ///
    /// [`InsufficientRole`](Reason::InsufficientRole) with the feature role, which reaches the caller only where that is
    /// configured, or [`RestrictedApplication`](Reason::RestrictedApplication); both answer 403.
    pub fn into_result(self) -> Result<(), Refusal> {
        match self.why_not {
            None => Ok(()),
            Some(WhyNot::RestrictedApplication) => Err(Reason::RestrictedApplication.into()),
            Some(_) => Err(Refusal::insufficient_role(self.feature)),
        }
    }

    /// The whole trace as one line: what was asked, what was decided, by which role, or why not.
    pub fn explain(&self) -> String {
        self.to_string()
    }

    /// Asserts that it is granted, for tests.
    ///
    /// # Panics
    ///
    /// If it is denied, with the trace.
    #[track_caller]
    pub fn assert_granted(&self) {
        assert!(self.is_granted(), "{}", self.explain());
    }

    /// Asserts that it is granted by this role, as the token writes it, and by no other; for tests.
    ///
    /// # Panics
    ///
    /// If it is denied or granted by something else, with the trace.
    #[track_caller]
    pub fn assert_granted_by(&self, role: &str) {
        let by_it = self.is_granted() && self.grants().all(|grant| grant.role == role);
        assert!(by_it, "expected a grant by {}, but it is {}", Shown(role), self.explain());
    }

    /// Asserts that it is denied for this reason, for tests.
    ///
    /// # Panics
    ///
    /// If it is granted or denied for another reason, with the trace.
    #[track_caller]
    pub fn assert_denied(&self, why_not: WhyNot) {
        assert_eq!(self.why_not, Some(why_not), "{}", self.explain());
    }

    /// Decides by what is known; the one place that does.
    pub(crate) fn settle(&mut self) {
        let known_roles = Cell::new(0);
        self.why_not = self.find_why_not(&known_roles);
        self.known_roles = known_roles.get();
    }

    fn find_why_not(&self, known_roles: &Cell<usize>) -> Option<WhyNot> {
        if self.caller.is_restricted() && !self.rbac.admits_restricted() {
            return Some(WhyNot::RestrictedApplication);
        }
        if self.given_by.is_none() {
            return Some(WhyNot::UnknownFeatureRole);
        }
        let holds = |asked| {
            let (by_token, known) = self.grant_by_token(asked);
            known_roles.set(known.max(known_roles.get()));
            by_token.or_else(|| self.grant_by_store(asked)).is_some()
        };
        let named = self.request.named();
        if named.iter().any(Context::is_empty) {
            return Some(WhyNot::EmptyContext);
        }
        let granted = match self.request {
            ContextReq::Any => holds(None),
            // A list of contexts is not empty, so that "all of them" cannot hold for want of one.
            ContextReq::One(_) | ContextReq::All(_) => named.iter().all(|&context| holds(Some(context))),
        };
        match granted {
            true => None,
            false if holds(None) => Some(WhyNot::OtherContext),
            false => Some(WhyNot::NoRole),
        }
    }

    /// What grants the feature role in this context, or in any.
    fn grant_in(&self, asked: Option<Context<'_>>) -> Option<Grant<'_>> {
        self.grant_by_token(asked).0.or_else(|| self.grant_by_store(asked))
    }

    /// The token's role that grants it, and how many of the first roles give it somewhere, so that the mapping knows them.
    fn grant_by_token(&self, asked: Option<Context<'_>>) -> (Option<Grant<'_>>, usize) {
        let given_by = self.given_by.unwrap_or_default();
        let mut known = 0;
        for (at, role) in self.caller.roles().iter().enumerate() {
            let text = role.as_str();
            let Some(held) = given_by.iter().find_map(|system_role| system_role.held(text)) else { continue };
            known += usize::from(known == at);
            if held.covers(asked) {
                return (Some(Grant::new(held, asked, Source::Token, text)), known);
            }
        }
        (None, known)
    }

    fn grant_by_store(&self, asked: Option<Context<'_>>) -> Option<Grant<'_>> {
        self.given_by?;
        let held = self.stored.iter().filter_map(Assignment::held).find(|held| held.covers(asked))?;
        Some(Grant::new(held, asked, Source::Store, self.feature))
    }

    /// How many of the token's roles the mapping does not know.
    pub(crate) fn unknown_roles(&self) -> usize {
        let others = &self.caller.roles()[self.known_roles..];
        others.iter().filter(|role| !self.rbac.mapping().knows(role.as_str())).count()
    }
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_granted() { "granted" } else { "denied" };
        write!(f, "{verdict}: {} in {}; ", Shown(self.feature), self.request)?;
        let roles = self.caller.roles().len();
        match self.why_not {
            None => {
                for (i, grant) in self.grants().take(MAX_GRANTS).enumerate() {
                    let and = if i == 0 { "" } else { ", " };
                    let place = match grant.rule {
                        Rule::SameContext => "there",
                        Rule::EveryContext => "in every context",
                        Rule::AnyContext => "somewhere",
                    };
                    match grant.source {
                        Source::Token => {
                            write!(f, "{and}the token's {} gives it {place}", Shown(grant.role))?;
                        }
                        Source::Store => write!(f, "{and}the store gives it {place}")?,
                    }
                }
                Ok(())
            }
            Some(WhyNot::RestrictedApplication) => f.write_str("restricted applications are not let in"),
            Some(WhyNot::UnknownFeatureRole) => f.write_str("there is no such feature role"),
            Some(WhyNot::EmptyContext) => f.write_str("the empty text is no context"),
            Some(WhyNot::NoRole) => {
                write!(f, "nothing gives it (roles in the token: {roles}, unknown: {})", self.unknown_roles())
            }
            Some(WhyNot::OtherContext) => {
                let named = self.request.named();
                match named.iter().find(|&&context| self.grant_in(Some(context)).is_none()) {
                    Some(missing) => write!(f, "held, but not in context {missing}"),
                    None => f.write_str("held, but not there"),
                }
            }
        }
    }
}

impl fmt::Debug for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("feature_role", &self.feature)
            .field("why_not", &self.why_not)
            .finish_non_exhaustive()
    }
}

const MAX_GRANTS: usize = 8;
