//! Roles with contexts, and what they give.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use linchpin_core::{Caller, Refusal};

use crate::{
    Assignment, ContextReq, Contexts, Decision, RbacBuilder, RbacWithStore, RoleStore, WhyNot,
    mapping::Mapping, shown::Shown,
};

/// Decides which feature roles a caller holds, and where.
///
/// The issuer gives *system roles*, each with a context if it has one: `enterprise_admin:acme`, split at the first colon;
/// `*` is every context. The service asks for *feature roles*. The mapping between them is the service's, and is checked
/// at start; a role that it does not know gives nothing and is [counted](Self::unknown_roles).
///
/// | the token says | [`Any`](ContextReq::Any) | `One("acme")` | `One(Context::EVERY)` |
/// |---|---|---|---|
/// | `admin:acme` | yes | yes | no |
/// | `admin:*` | yes | yes | yes |
/// | `admin` | yes | no, unless [configured](RbacBuilder::everywhere_without_context) | no, unless configured |
/// | `admin:`, `:acme`, or nothing | no | no | no |
///
/// Clones share everything.
///
/// # Examples
///
/// In a handler of either framework; `Problem` is that of its adapter, and a denial is a 403:
///
/// ```
/// use linchpin_axum::{Caller, Problem};
/// use linchpin_rbac::{CourseKey, Rbac};
///
/// async fn grades(rbac: Rbac, caller: Caller, course: CourseKey) -> Result<&'static str, Problem> {
///     rbac.require(&caller, "grade_reader", &course)?;
///     Ok("A, B, C")
/// }
///
/// let rbac = Rbac::builder(["grade_reader", "grade_editor"])
///     .system_role("course_staff", ["grade_reader"])
///     .system_role("course_instructor", ["grade_reader", "grade_editor"])
///     .build()?;
/// # drop(rbac); let _ = grades;
/// # Ok::<(), linchpin_core::ConfigError>(())
/// ```
///
/// # Security
///
/// Tokens of restricted applications (profile `open_edx`) are refused here too, whatever roles they carry;
/// [`admitting_restricted`](Self::admitting_restricted) lets them in, call by call.
#[derive(Clone, Debug)]
pub struct Rbac {
    inner: Arc<Inner>,
    admits_restricted: bool,
}

#[derive(Debug)]
struct Inner {
    mapping: Mapping,
    names_in_log: bool,
    unknown_roles: AtomicU64,
}

impl Rbac {
    /// Starts with the feature roles that the service asks for.
    pub fn builder(feature_roles: impl IntoIterator<Item = impl Into<String>>) -> RbacBuilder {
        RbacBuilder::new(feature_roles.into_iter().map(Into::into).collect())
    }

    pub(crate) fn new(mapping: Mapping, names_in_log: bool) -> Self {
        let inner = Inner { mapping, names_in_log, unknown_roles: AtomicU64::new(0) };
        Self { inner: Arc::new(inner), admits_restricted: false }
    }

    /// The same, for a place that restricted applications may use as well.
    #[must_use]
    pub fn admitting_restricted(&self) -> Self {
        Self { admits_restricted: true, ..self.clone() }
    }

    /// The same, with assignments from a store beside those in the token.
    pub fn with_store(&self, store: impl RoleStore) -> RbacWithStore {
        RbacWithStore::new(self.clone(), Arc::new(store))
    }

    /// Decides whether the caller holds the feature role where it is asked for, and writes one log line.
    ///
    /// A grant allocates nothing. The log line has the level `DEBUG` for a grant and `INFO` for a denial.
    pub fn decide<'a>(
        &'a self,
        caller: &'a Caller,
        feature_role: &'a str,
        request: impl Into<ContextReq<'a>>,
    ) -> Decision<'a> {
        let decision = self.decide_with(caller, feature_role, request.into(), Vec::new());
        self.record(&decision);
        decision
    }

    /// Insists on the feature role where it is asked for.
    ///
    /// # Errors
    ///
    /// As [`Decision::into_result`]; it answers 403, and `?` turns it into the `Problem` of either framework's adapter.
    pub fn require<'a>(
        &'a self,
        caller: &'a Caller,
        feature_role: &'a str,
        request: impl Into<ContextReq<'a>>,
    ) -> Result<(), Refusal> {
        self.decide(caller, feature_role, request).into_result()
    }

    /// In which contexts the caller holds the feature role, to narrow a list down to.
    ///
    /// # Examples
    ///
    /// ```
    /// use linchpin_core::{Caller, Role};
    /// use linchpin_rbac::{Contexts, Rbac};
    ///
    /// let rbac = Rbac::builder(["reader"]).system_role("staff", ["reader"]).build()?;
    /// let caller = Caller::builder("https://id.example").roles(["staff:a", "staff:b"].map(Role::new)).build();
    ///
    /// let query = match rbac.contexts(&caller, "reader") {
    ///     Contexts::All => "SELECT … ".to_owned(),
    ///     Contexts::Only(names) => format!("SELECT … WHERE course IN ({} places)", names.len()),
    ///     Contexts::None => return Ok(()), // an empty page
    /// };
    /// assert_eq!(query, "SELECT … WHERE course IN (2 places)");
    /// # Ok::<(), linchpin_core::ConfigError>(())
    /// ```
    pub fn contexts(&self, caller: &Caller, feature_role: &str) -> Contexts {
        let decision = self.decide(caller, feature_role, ContextReq::Any);
        if decision.is_granted() { self.held_contexts(caller, feature_role, &[]) } else { Contexts::None }
    }

    /// How often a token's role was met that the mapping does not know: each of them in each decision, granted or denied.
    pub fn unknown_roles(&self) -> u64 {
        self.inner.unknown_roles.load(Ordering::Relaxed)
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.inner.mapping
    }

    pub(crate) fn admits_restricted(&self) -> bool {
        self.admits_restricted
    }

    pub(crate) fn decide_with<'a>(
        &'a self,
        caller: &'a Caller,
        feature: &'a str,
        request: ContextReq<'a>,
        stored: Vec<Assignment>,
    ) -> Decision<'a> {
        let given_by = self.mapping().given_by(feature);
        let mut decision = Decision {
            rbac: self,
            caller,
            feature,
            given_by,
            request,
            stored,
            why_not: None,
            known_roles: 0,
        };
        decision.settle();
        decision
    }

    /// The contexts that the token's roles and the stored assignments name.
    pub(crate) fn held_contexts(&self, caller: &Caller, feature: &str, stored: &[Assignment]) -> Contexts {
        let given_by = self.mapping().given_by(feature).unwrap_or_default();
        let by_token = caller
            .roles()
            .iter()
            .filter_map(|role| given_by.iter().find_map(|system_role| system_role.held(role.as_str())));
        Contexts::of(by_token.chain(stored.iter().filter_map(Assignment::held)))
    }

    /// Writes the one log line of a decision, and counts.
    pub(crate) fn record(&self, decision: &Decision<'_>) {
        let feature_role = decision.feature;
        let unknown_roles = decision.unknown_roles();
        if unknown_roles > 0 {
            self.inner.unknown_roles.fetch_add(unknown_roles as u64, Ordering::Relaxed);
        }
        match decision.why_not {
            None => {
                if !tracing::enabled!(tracing::Level::DEBUG) {
                    return;
                }
                let Some(grant) = decision.grants().next() else { return };
                let names = self.inner.names_in_log;
                tracing::debug!(
                    decision = "granted",
                    feature_role,
                    rule = grant.rule().code(),
                    source = grant.source().code(),
                    role = names.then(|| tracing::field::display(Shown(grant.role()))),
                    context = names.then(|| tracing::field::display(decision.request)),
                );
            }
            Some(WhyNot::UnknownFeatureRole) => tracing::error!(
                decision = "denied",
                feature_role = %Shown(feature_role),
                why_not = WhyNot::UnknownFeatureRole.code(),
                "the service asks for a feature role that its mapping does not declare: add it to feature_roles"
            ),
            Some(why_not) => {
                tracing::info!(
                    decision = "denied",
                    feature_role,
                    why_not = why_not.code(),
                    roles = decision.caller.roles().len(),
                    unknown_roles,
                    context = self.inner.names_in_log.then(|| tracing::field::display(decision.request)),
                );
            }
        }
    }
}
