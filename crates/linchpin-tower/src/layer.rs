//! The configuration: a gate, as a layer.

use std::sync::Arc;

use linchpin_core::{Clock, Extensions, Gate, IntoPolicy, Refusal, VerifyToken};
use tower_layer::Layer;

use crate::Verify;

/// Refuses every request without a valid token before the inner service runs.
///
/// Whom it admits finds an [`Identity`](linchpin_core::Identity) in the request's extensions; whoever is refused gets a
/// response with status, challenge and problem body, while errors stay those of the inner service. No method is exempt:
/// a CORS layer stands outside this one and answers preflights itself. Tokens of restricted applications (profile
/// `open_edx`) are refused unless [`admit_restricted`](Self::admit_restricted) or a policy lets them in.
///
/// The response body must be `From<String>`, as those of axum, `http_body_util::Full` and plain text are.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use linchpin_core::{Outcome, Reason, Timestamp, VerifyToken};
/// # struct Verifier;
/// # impl VerifyToken for Verifier {
/// #     fn verify(&self, _: &str, _: Timestamp) -> Outcome { Outcome::Ready(Err(Reason::Expired.into())) }
/// # }
/// use linchpin_tower::VerifyLayer;
///
/// let strict = VerifyLayer::new(Arc::new(Verifier)).realm("grades");
/// let open = strict.clone().optional();
/// ```
///
/// # Security
///
/// Routes that stand outside the layer are open. A layer inside another one decides anew, and its identity replaces the
/// outer one's.
#[derive(Clone, Debug)]
pub struct VerifyLayer {
    gate: Gate,
}

impl VerifyLayer {
    /// A layer that admits whom `verifier` accepts, by the clock of the operating system.
    pub fn new(verifier: Arc<dyn VerifyToken>) -> Self {
        Gate::new(verifier).into()
    }

    /// Decides by another clock; see [`Gate::clock`].
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.gate.clock(clock).into()
    }

    /// Admits requests without any `Authorization` header as anonymous; see [`Gate::optional`].
    ///
    /// # Security
    ///
    /// A credential that fails is still refused, and so is one of another scheme.
    #[must_use]
    pub fn optional(self) -> Self {
        self.gate.optional().into()
    }

    /// Admits tokens of restricted applications too (profile `open_edx`); see [`Gate::admit_restricted`].
    ///
    /// # Security
    ///
    /// Unless this is set they are refused. It belongs around the routes that let them in: whatever else stands behind this
    /// layer is open to them where it asks for no requirement.
    #[must_use]
    pub fn admit_restricted(self) -> Self {
        self.gate.admit_restricted().into()
    }

    /// Admits whom the policy admits; see [`Gate::policy`].
    #[must_use]
    pub fn policy(self, policy: impl IntoPolicy) -> Self {
        self.gate.policy(policy.into_policy()).into()
    }

    /// Names the protection space in challenges; see [`Gate::realm`].
    #[must_use]
    pub fn realm(self, realm: impl Into<Box<str>>) -> Self {
        self.gate.realm(realm).into()
    }

    /// Runs `hook` on every refusal by the layer and its extractors; see [`Gate::on_refusal`].
    #[must_use]
    pub fn on_refusal(self, hook: impl Fn(&Refusal, &mut Extensions) + Send + Sync + 'static) -> Self {
        self.gate.on_refusal(hook).into()
    }
}

impl From<Gate> for VerifyLayer {
    fn from(gate: Gate) -> Self {
        Self { gate }
    }
}

impl<S> Layer<S> for VerifyLayer {
    type Service = Verify<S>;

    fn layer(&self, inner: S) -> Verify<S> {
        Verify::new(inner, self.gate.clone())
    }
}
