//! Rules of the LMS, put together.

use std::fmt;

use linchpin_core::{Caller, Reason, Refusal, Scope};

use super::{Filter, claims, filters, is_staff, is_superuser};
use crate::{ContextReq, CourseKey, Rbac};

/// Who is let in, by the rules of an Open edX service.
///
/// Rules are made at start, put together by [`any_of`](Self::any_of) and [`all_of`](Self::all_of), and asked in handlers.
/// There is no `not`. Whatever is absent, empty or of the wrong type holds nothing, but for one case that
/// [`user_filter`](Self::user_filter) tells.
///
/// # Examples
///
/// ```
/// use linchpin_core::Caller;
/// use linchpin_rbac::open_edx::{Access, Asked};
///
/// let access = Access::any_of([Access::staff(), Access::user_in_path()]);
/// let ann = Caller::builder("https://lms.example").claims_json(r#"{"preferred_username":"ann"}"#).build();
///
/// access.require(Asked::by(&ann).user("ann"))?;
/// assert_eq!(
///     access.decide(Asked::by(&ann).user("bob")).explain(),
///     "denied: any of (staff: no; user in path: no)"
/// );
/// # Ok::<(), linchpin_core::Refusal>(())
/// ```
///
/// # Security
///
/// A token of a restricted application meets no rule but those within [`admit_restricted`](Self::admit_restricted), however
/// deep they stand.
#[derive(Clone, Debug)]
#[must_use]
pub struct Access(Rule);

#[derive(Clone, Debug)]
enum Rule {
    Staff,
    Superuser,
    UserInPath,
    SubjectInPath,
    Scopes(Vec<Box<str>>),
    ContentOrg,
    UserFilter,
    FeatureRole(Rbac, Box<str>),
    Restricted,
    AdmitRestricted(Box<Rule>),
    AnyOf(Vec<Rule>),
    AllOf(Vec<Rule>),
}

impl Access {
    /// Staff of the LMS (`administrator`).
    pub const fn staff() -> Self {
        Self(Rule::Staff)
    }

    /// Superusers of the LMS.
    pub const fn superuser() -> Self {
        Self(Rule::Superuser)
    }

    /// The user of that name in the path, without regard to ASCII case.
    pub const fn user_in_path() -> Self {
        Self(Rule::UserInPath)
    }

    /// The user whose subject stands in the path, byte for byte; for issuers whose subjects are not opaque.
    ///
    /// # Security
    ///
    /// Paths of one route should hold either names or subjects: where both are taken, one user's name may be another's
    /// subject.
    pub const fn subject_in_path() -> Self {
        Self(Rule::SubjectInPath)
    }

    /// All of these scopes; an empty list lets nobody in.
    pub fn scopes(scopes: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        Self(Rule::Scopes(scopes.into_iter().map(Into::into).collect()))
    }

    /// Tokens with a filter `content_org:` for the very organisation of the course; without one, nobody.
    pub const fn content_org() -> Self {
        Self(Rule::ContentOrg)
    }

    /// Tokens whose filters `user:` all name the user in the path; `user:me` is the token's own user.
    ///
    /// A token without such a filter is for every user: the LMS gives one to tokens of users, and none to applications that
    /// act by themselves. It should not stand alone, then.
    pub const fn user_filter() -> Self {
        Self(Rule::UserFilter)
    }

    /// Whoever holds this feature role for the course; without a course, nobody.
    pub fn feature_role(rbac: &Rbac, feature_role: impl Into<Box<str>>) -> Self {
        Self(Rule::FeatureRole(rbac.clone(), feature_role.into()))
    }

    /// Restricted applications. It lets them in by itself, and should stand in an [`all_of`](Self::all_of) with what limits
    /// them.
    pub const fn restricted() -> Self {
        Self(Rule::Restricted)
    }

    /// The same rule, open to tokens of restricted applications as well.
    pub fn admit_restricted(self) -> Self {
        Self(Rule::AdmitRestricted(Box::new(self.0)))
    }

    /// Whoever meets one of these; an empty list lets nobody in.
    pub fn any_of(rules: impl IntoIterator<Item = Self>) -> Self {
        Self(Rule::AnyOf(rules.into_iter().map(|access| access.0).collect()))
    }

    /// Whoever meets all of these; an empty list lets nobody in.
    pub fn all_of(rules: impl IntoIterator<Item = Self>) -> Self {
        Self(Rule::AllOf(rules.into_iter().map(|access| access.0).collect()))
    }

    /// What Open edX calls `JWT_RESTRICTED_APPLICATION_OR_USER_ACCESS`: staff and the user in the path; and restricted
    /// applications with these scopes, as far as their filters for organisations and users reach.
    pub fn restricted_or_user(scopes: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        let user = Self::any_of([Self::staff(), Self::user_in_path()]);
        let application =
            [Self::restricted(), Self::scopes(scopes), Self::content_org(), Self::user_filter()];
        Self::any_of([user, Self::all_of(application).admit_restricted()])
    }

    /// Decides, and writes one log line: `DEBUG` if it is granted, `INFO` if not, without any name.
    pub fn decide<'a>(&'a self, asked: Asked<'a>) -> AccessDecision<'a> {
        let refused = self.0.check(&asked, false).err();
        match refused {
            None => tracing::debug!(decision = "granted", policy = "open_edx"),
            Some(missing) => {
                tracing::info!(decision = "denied", policy = "open_edx", why_not = missing.code())
            }
        }
        AccessDecision { access: self, asked, refused }
    }

    /// Insists on it.
    ///
    /// # Errors
    ///
    /// As [`AccessDecision::into_result`]; `?` turns it into the `Problem` of either framework's adapter.
    pub fn require(&self, asked: Asked<'_>) -> Result<(), Refusal> {
        self.decide(asked).into_result()
    }
}

/// What an [`Access`] decides about: the caller, and what the path names.
#[derive(Clone, Copy)]
#[must_use]
pub struct Asked<'a> {
    caller: &'a Caller,
    course: Option<&'a CourseKey>,
    username: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// A request of this caller, about no course and no user.
    pub const fn by(caller: &'a Caller) -> Self {
        Self { caller, course: None, username: None }
    }

    /// It is about this course.
    pub const fn course(self, course: &'a CourseKey) -> Self {
        Self { course: Some(course), ..self }
    }

    /// It is about the user of this name, as the path tells it; a query parameter is no place for that.
    pub const fn user(self, username: &'a str) -> Self {
        Self { username: Some(username), ..self }
    }
}

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("caller", &self.caller).finish_non_exhaustive()
    }
}

/// What an [`Access`] has decided, rule by rule.
#[derive(Clone, Debug)]
#[must_use]
pub struct AccessDecision<'a> {
    access: &'a Access,
    asked: Asked<'a>,
    refused: Option<Missing<'a>>,
}

impl AccessDecision<'_> {
    /// Whether it is granted.
    pub fn is_granted(&self) -> bool {
        self.refused.is_none()
    }

    /// The refusal, if it is not granted.
    ///
    /// # Errors
    ///
    /// [`RestrictedApplication`](Reason::RestrictedApplication), [`InsufficientScope`](Reason::InsufficientScope) with the
    /// scopes that are missing, [`InsufficientRole`](Reason::InsufficientRole) or [`NotAllowed`](Reason::NotAllowed); all
    /// answer 403.
    pub fn into_result(self) -> Result<(), Refusal> {
        match self.refused {
            None => Ok(()),
            Some(Missing::Admission) => Err(Reason::RestrictedApplication.into()),
            Some(Missing::Scopes(scopes)) => {
                let missing: Vec<&str> = scopes
                    .iter()
                    .map(|scope| &**scope)
                    .filter(|scope| !self.asked.caller.has_scope(scope))
                    .collect();
                Err(Refusal::insufficient_scope(&missing.join(" ")))
            }
            Some(Missing::FeatureRole(name)) => Err(Refusal::insufficient_role(name)),
            Some(Missing::Other) => Err(Reason::NotAllowed.into()),
        }
    }

    /// The whole trace as one line: each rule with its verdict, without any name from the token.
    pub fn explain(&self) -> String {
        let verdict = if self.is_granted() { "granted" } else { "denied" };
        format!("{verdict}: {}", Trace { rule: &self.access.0, asked: &self.asked, admitted: false })
    }
}

/// What a caller lacks.
#[derive(Clone, Copy, Debug)]
enum Missing<'a> {
    /// To be let in although the token is that of a restricted application.
    Admission,
    Scopes(&'a [Box<str>]),
    FeatureRole(&'a str),
    Other,
}

impl Missing<'_> {
    const fn code(&self) -> &'static str {
        match self {
            Self::Admission => Reason::RestrictedApplication.code(),
            Self::Scopes(_) => Reason::InsufficientScope.code(),
            Self::FeatureRole(_) => Reason::InsufficientRole.code(),
            Self::Other => Reason::NotAllowed.code(),
        }
    }
}

impl Rule {
    /// The one place that decides; `admitted` says whether a restricted application has been let in further out.
    fn check(&self, asked: &Asked<'_>, admitted: bool) -> Result<(), Missing<'_>> {
        match self {
            Self::AdmitRestricted(rule) => return rule.check(asked, true),
            Self::AnyOf(rules) => return any_of(rules, asked, admitted),
            Self::AllOf(rules) if !rules.is_empty() => {
                return rules.iter().try_for_each(|rule| rule.check(asked, admitted));
            }
            Self::Restricted => {}
            _ if asked.caller.is_restricted() && !admitted => return Err(Missing::Admission),
            _ => {}
        }
        if self.holds(asked) { Ok(()) } else { Err(self.missing()) }
    }

    /// Whether a single rule holds, restricted or not.
    fn holds(&self, asked: &Asked<'_>) -> bool {
        let caller = asked.caller;
        match self {
            Self::Staff => is_staff(caller),
            Self::Superuser => is_superuser(caller),
            Self::UserInPath => asked.username.is_some_and(|name| claims::is_own_username(caller, name)),
            Self::SubjectInPath => {
                asked.username.is_some_and(|name| !name.is_empty() && caller.subject() == Some(name))
            }
            Self::Scopes(scopes) => !scopes.is_empty() && scopes.iter().all(|scope| caller.has_scope(scope)),
            Self::ContentOrg => asked.course.is_some_and(|course| {
                filters(caller).any(|filter| filter == Filter::ContentOrg(course.organization()))
            }),
            Self::UserFilter => filters(caller).all(|filter| match filter {
                Filter::Me => asked.username.is_some_and(|name| claims::is_own_username(caller, name)),
                Filter::User(user) => {
                    !user.is_empty() && asked.username.is_some_and(|name| name.eq_ignore_ascii_case(user))
                }
                Filter::ContentOrg(_) | Filter::Other(_) => true,
            }),
            Self::FeatureRole(rbac, name) => asked.course.is_some_and(|course| {
                // Decided without a log line of its own: the trace asks again.
                let rbac = rbac.admitting_restricted();
                rbac.decide_with(caller, name, ContextReq::from(course), Vec::new()).is_granted()
            }),
            Self::Restricted => caller.is_restricted(),
            Self::AdmitRestricted(_) | Self::AnyOf(_) | Self::AllOf(_) => false,
        }
    }

    fn missing(&self) -> Missing<'_> {
        match self {
            // What is no scope could be obtained by nobody, so that asking for it would be of no help.
            Self::Scopes(scopes)
                if scopes.iter().all(|scope| Scope::is_valid(scope)) && !scopes.is_empty() =>
            {
                Missing::Scopes(scopes)
            }
            Self::FeatureRole(_, name) => Missing::FeatureRole(name),
            _ => Missing::Other,
        }
    }
}

/// Of several refusals, that which the caller can do most about.
fn any_of<'a>(rules: &'a [Rule], asked: &Asked<'_>, admitted: bool) -> Result<(), Missing<'a>> {
    let help = |missing: &Missing<'_>| match missing {
        Missing::Scopes(_) => 0,
        Missing::FeatureRole(_) => 1,
        Missing::Other => 2,
        Missing::Admission => 3,
    };
    let mut refused: Option<Missing<'a>> = None;
    for rule in rules {
        let Err(missing) = rule.check(asked, admitted) else { return Ok(()) };
        if refused.is_none_or(|known| help(&missing) < help(&known)) {
            refused = Some(missing);
        }
    }
    Err(refused.unwrap_or(Missing::Other))
}

/// The verdict of each rule.
struct Trace<'a> {
    rule: &'a Rule,
    asked: &'a Asked<'a>,
    admitted: bool,
}

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, asked, admitted } = *self;
        let several = |f: &mut fmt::Formatter<'_>, name, rules: &[Rule]| {
            write!(f, "{name} (")?;
            for (i, rule) in rules.iter().enumerate() {
                write!(f, "{}{}", if i == 0 { "" } else { "; " }, Trace { rule, asked, admitted })?;
            }
            f.write_str(")")
        };
        match rule {
            Rule::AdmitRestricted(rule) => {
                return write!(f, "restricted let in: {}", Trace { rule, asked, admitted: true });
            }
            Rule::AnyOf(rules) => return several(f, "any of", rules),
            Rule::AllOf(rules) => return several(f, "all of", rules),
            Rule::Staff => f.write_str("staff")?,
            Rule::Superuser => f.write_str("superuser")?,
            Rule::UserInPath => f.write_str("user in path")?,
            Rule::SubjectInPath => f.write_str("subject in path")?,
            Rule::Scopes(scopes) => write!(f, "scopes {}", scopes.join(" "))?,
            Rule::ContentOrg => f.write_str("filter content_org")?,
            Rule::UserFilter => f.write_str("filter user")?,
            Rule::FeatureRole(_, name) => write!(f, "feature role {name}")?,
            Rule::Restricted => f.write_str("restricted application")?,
        }
        f.write_str(match rule.check(asked, admitted) {
            Ok(()) => ": yes",
            Err(Missing::Admission) => ": no, restricted applications are not let in",
            Err(_) => ": no",
        })
    }
}
