//! The little service: its routes, who guards them, and what they answer.

use std::{fmt, sync::Arc, time::Duration};

use linchpin_core::{
    AdmitRestricted, AllOf, AnyOf, FakeClock, Gate, Policy, ResourceMetadata, roles, scopes, step_up,
};
use linchpin_jwt::{Invalidation, Issuers, Profile, RolesClaim, Verifier, VerifierBuilder};
use linchpin_test::TestIssuer;
use serde::{Deserialize, Serialize};

use crate::{
    Hold,
    asks::{Ask, Reader},
    late_keys::{Arrival, LateKeys},
};

/// What a route does with the request once it is admitted. `GET` and `HEAD` are answered, and no other method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Handler {
    /// `Caller`: tells the subject. Also takes a `POST`, and counts its bytes.
    Caller,
    /// `OptionalCaller`: the subject as text, or `anonymous`.
    Optional,
    /// `Claims<Tenant>`: tells the tenant.
    Claims,
    /// `SubjectToken`: the caller's token as text.
    Subject,
    /// `Caller` and `Claims<Tenant>` in one handler: tells subject and tenant.
    Two,
    /// `Caller`, of whom the handler demands the scope `read:reports`.
    Scoped,
    /// `Caller`, of whom the handler demands the role `admin`.
    Admin,
    /// `Require<Reports>`: tells the subject.
    Require,
    /// `Require<Reports>` and `Require<AdminRole>` in one handler: tells the subject.
    RequireTwo,
    /// `Require<Reports>`, declared behind a JSON body where the framework lets it. Takes a `POST` alone, and counts the
    /// members of the JSON object.
    RequireLast,
    /// `Caller`, inside the layer or middleware `require::<Reports>()`: tells the subject.
    Layered,
    /// `Caller`, about whom the handler asks before it tells the subject.
    Asks(Ask),
}

scopes! {
    /// What the little service demands most.
    pub Reports = "read:reports";
    /// What it demands beside.
    pub Writing = "write:reports";
}

roles! {
    /// The one role that the little service knows.
    pub AdminRole = "admin";
}

step_up! {
    /// Signed in with two factors within five minutes.
    pub Again { acr_values: ["urn:test:mfa", "urn:test:key"], max_age: 300 }
}

/// A path, the gate before it if any, and the handler behind it.
#[derive(Debug)]
pub struct Route {
    /// The path.
    pub path: &'static str,
    /// The layer's or middleware's decision.
    pub gate: Option<Gate>,
    /// What is behind.
    pub handler: Handler,
}

/// The body of an answer to those who are admitted.
#[derive(Debug, Default, Serialize)]
pub struct Who {
    /// The subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The tenant, where the handler reads the service's own claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The length of the request's body, where the handler reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
}

/// The service's own claims.
#[derive(Debug, Deserialize)]
pub struct Tenant {
    /// The tenant, which every token that gets here must name.
    pub tenant: String,
}

/// The service, made once and exposed by every server.
pub struct Service {
    /// Whose tokens it accepts.
    pub issuer: TestIssuer,
    /// The same issuer by name, with more keys than are tried for a token that names none: accepted by `/many-keys`.
    pub many_keys: TestIssuer,
    /// Another issuer, an Open edX LMS with keys and an audience of its own: accepted by `/issuers` beside the first.
    pub lms: TestIssuer,
    /// Decides when the requests to `/held` go on.
    pub hold: Hold,
    routes: &'static [Route],
    declared: Gate,
    observed: Gate,
}

impl Service {
    /// The service with new keys, at a time that stands still.
    pub fn new() -> Self {
        let clock = FakeClock::default();
        let issuer = TestIssuer::builder().clock(clock.clone()).build();
        let many_keys = TestIssuer::builder().clock(clock.clone()).build();
        (0..4).for_each(|_| many_keys.rotate());
        let lms =
            TestIssuer::builder().issuer("https://lms.test").audience("openedx").clock(clock.clone()).build();
        let (hold, held) = Hold::new();

        let gate = |verifier: VerifierBuilder| {
            let verifier = verifier.build().expect("every verifier of the service is configured");
            verifier.invalidate(&Invalidation::token_id(REVOKED)).expect("there is room for one");
            Gate::new(Arc::new(verifier)).clock(clock.clone())
        };
        let profile = |profile| gate(issuer.verifier_builder().profile(profile));
        let roles = |roles| gate(issuer.verifier_builder().roles(roles));
        let late = |arrival| {
            let keys = LateKeys::new(&issuer, arrival);
            gate(Verifier::builder(issuer.issuer(), keys).audience(issuer.audience()).clock(clock.clone()))
        };
        let one_of = |builder: VerifierBuilder| builder.build().expect("every issuer is configured");
        let without_keys = |name, arrival| {
            let keys = LateKeys::new(&issuer, arrival);
            one_of(Verifier::builder(name, keys).audience(issuer.audience()).clock(clock.clone()))
        };
        let issuers = Issuers::new([
            one_of(issuer.verifier_builder()),
            one_of(lms.verifier_builder().profile(Profile::OpenEdx)),
            without_keys(DOWN, Arrival::NotTried),
            without_keys(HELD, Arrival::Held(held.clone())),
        ]);
        let issuers = Gate::new(Arc::new(issuers.expect("each issuer is there once"))).clock(clock.clone());
        let strict = gate(issuer.verifier_builder());
        let optional = strict.clone().optional();
        let hooked = strict.clone().realm("grades").on_refusal(|refusal, extensions| {
            extensions.insert("help", format!("https://help.test/{}", refusal.reason()));
        });
        let clients =
            gate(Verifier::builder(issuer.issuer(), issuer.key_set()).client_ids(["test-client", "other"]));

        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let brief = gate(issuer.verifier_builder().max_age(minutes(10)).max_lifetime(minutes(120)));

        let route = |path, gate: &Gate, handler| Route { path, gate: Some(gate.clone()), handler };
        let open = |path, handler| Route { path, gate: None, handler };
        let routes = vec![
            route("/caller", &strict, Handler::Caller),
            route("/claims", &strict, Handler::Claims),
            route("/subject", &strict, Handler::Subject),
            route("/subject-behind-optional", &optional, Handler::Subject),
            route("/subject-behind-public", &strict.clone().policy(Policy::public()), Handler::Subject),
            route("/subject-slow", &late(Arrival::Succeeds), Handler::Subject),
            route("/two", &strict, Handler::Two),
            route("/scoped", &strict, Handler::Scoped),
            route("/admin", &strict, Handler::Admin),
            route("/optional", &optional, Handler::Optional),
            route("/needs-caller-behind-optional", &optional, Handler::Caller),
            route("/needs-claims-behind-optional", &optional, Handler::Claims),
            route("/hooked", &hooked, Handler::Caller),
            route("/hooked-claims", &hooked, Handler::Claims),
            route("/hooked-scoped", &hooked, Handler::Scoped),
            route("/hooked-optional", &hooked.clone().optional(), Handler::Caller),
            route("/rfc9068", &profile(Profile::Rfc9068), Handler::Caller),
            route("/open-edx", &profile(Profile::OpenEdx), Handler::Caller),
            route("/clients", &clients, Handler::Caller),
            route("/brief", &brief, Handler::Caller),
            route("/issuers", &issuers, Handler::Caller),
            route("/many-keys", &gate(many_keys.verifier_builder()), Handler::Caller),
            route("/keycloak-realm", &roles(RolesClaim::keycloak_realm()), Handler::Admin),
            route("/keycloak-client", &roles(RolesClaim::keycloak_client("grades")), Handler::Admin),
            route("/keys-down", &late(Arrival::NotTried), Handler::Caller),
            route("/slow", &late(Arrival::Succeeds), Handler::Caller),
            route("/slow-keys-down", &late(Arrival::Fails), Handler::Caller),
            route("/held", &late(Arrival::Held(held)), Handler::Caller),
            route("/require", &strict, Handler::Require),
            route("/require-behind-optional", &optional, Handler::Require),
            route("/hooked-require", &hooked, Handler::Require),
            route("/require-two", &strict, Handler::RequireTwo),
            route("/require-last", &strict, Handler::RequireLast),
            route("/layered", &strict, Handler::Layered),
            route("/layered-behind-optional", &optional, Handler::Layered),
            route("/policy-public", &strict.clone().policy(Policy::public()), Handler::Optional),
            route("/policy-optional", &strict.clone().policy(Policy::optional()), Handler::Optional),
            route("/policy-scope", &strict.clone().policy(Policy::require::<Reports>()), Handler::Caller),
            route(
                "/policy-slow",
                &late(Arrival::Succeeds).policy(Policy::require::<Reports>()),
                Handler::Caller,
            ),
            route("/policy-role", &strict.clone().policy(Policy::require::<AdminRole>()), Handler::Caller),
            route(
                "/policy-any",
                &strict.clone().policy(Policy::require::<AnyOf<(AdminRole, AllOf<(Reports, Writing)>)>>()),
                Handler::Caller,
            ),
            route(
                "/policy-all",
                &strict.clone().policy(Policy::require::<AllOf<(Reports, Writing)>>()),
                Handler::Caller,
            ),
            route("/policy-step-up", &strict.clone().policy(Policy::require::<Again>()), Handler::Caller),
            route("/policy-hooked", &hooked.clone().policy(Policy::require::<Reports>()), Handler::Caller),
            route(
                "/policy-named-role",
                &strict.clone().name_roles().policy(Policy::require::<AdminRole>()),
                Handler::Caller,
            ),
            route("/described", &strict.clone().resource_metadata(&metadata()), Handler::Caller),
            route(
                "/restricted",
                &profile(Profile::OpenEdx).policy(Policy::require::<AdmitRestricted<Reports>>()),
                Handler::Caller,
            ),
            route(
                "/unrestricted",
                &profile(Profile::OpenEdx).policy(Policy::authenticated()),
                Handler::Caller,
            ),
            route("/asks-anywhere", &strict, Handler::Asks(Ask::Anywhere)),
            route("/asks-physics", &strict, Handler::Asks(Ask::Physics)),
            route("/asks-both", &strict, Handler::Asks(Ask::Both)),
            route("/asks-store", &strict, Handler::Asks(Ask::Store)),
            route("/asks-engine", &strict, Handler::Asks(Ask::Engine)),
            route("/restricted-layer", &profile(Profile::OpenEdx).admit_restricted(), Handler::Caller),
            route("/restricted-require", &profile(Profile::OpenEdx).admit_restricted(), Handler::Require),
            route("/unrestricted-layer", &profile(Profile::OpenEdx), Handler::Caller),
            route("/unrestricted-optional", &profile(Profile::OpenEdx).optional(), Handler::Optional),
            route(
                "/asks-open-edx",
                &profile(Profile::OpenEdx).admit_restricted(),
                Handler::Asks(Ask::OpenEdx),
            ),
            route(
                "/policy-feature-role",
                &strict.clone().policy(Policy::require::<Reader>()),
                Handler::Caller,
            ),
            open("/unlayered-require", Handler::Require),
            open("/unlayered-layered", Handler::Layered),
            open("/unlayered", Handler::Caller),
            open("/unlayered-optional", Handler::Optional),
            open("/unlayered-claims", Handler::Claims),
            open("/unlayered-subject", Handler::Subject),
        ];
        // The servers run until the process ends, and so do their routes.
        Self { issuer, many_keys, lms, hold, routes: routes.leak(), declared: hooked, observed: issuers }
    }

    /// The gate of the servers whose routes are declared in a table.
    pub(crate) fn declared(&self) -> Gate {
        self.declared.clone()
    }

    /// The gate of the servers that are observed.
    pub(crate) fn observed(&self) -> Gate {
        self.observed.clone()
    }

    /// What every server exposes.
    pub fn routes(&self) -> &'static [Route] {
        self.routes
    }
}

impl Default for Service {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("routes", &self.routes.len()).finish_non_exhaustive()
    }
}

/// How the little service describes itself.
pub(crate) fn metadata() -> ResourceMetadata {
    let metadata = ResourceMetadata::builder("https://parity.test/reports").scopes_supported([SCOPE]);
    metadata.build().expect("the metadata is sound")
}

/// An issuer of `/issuers` whose keys are not there.
pub const DOWN: &str = "https://down.test";
/// The `jti` of a token that every verifier was told to refuse.
pub(crate) const REVOKED: &str = "stolen";
/// An issuer of `/issuers` whose keys are waited for until a [`Hold`] lets go; they are those of the first issuer.
pub const HELD: &str = "https://held.test";
/// The scope that [`Handler::Scoped`] demands.
pub(crate) const SCOPE: &str = "read:reports";
/// The role that [`Handler::Admin`] demands.
pub(crate) const ROLE: &str = "admin";
