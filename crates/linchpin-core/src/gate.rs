//! The decision that every adapter shares.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use serde::de::DeserializeOwned;

use crate::{
    Answer, Caller, Clock, Extensions, Facts, Outcome, Pending, Policy, Problem, Reason, Refusal,
    Requirement, ResourceMetadata, SubjectToken, SystemClock, VerifyToken,
    credential::credential_from_authorization,
};

/// Decides who may enter: a verifier, and how its refusals are told.
///
/// The adapters' layers are built around one. By default it refuses every request without a valid token, and the token of
/// a restricted application (profile `open_edx`); [`optional`](Self::optional) lets the anonymous through,
/// [`admit_restricted`](Self::admit_restricted) these applications, and [`policy`](Self::policy) asks for more. Clones are
/// cheap and share everything.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    verifier: Arc<dyn VerifyToken>,
    clock: Arc<dyn Clock>,
    policy: Policy,
    realm: Option<Box<str>>,
    resource_metadata: Option<Box<str>>,
    names_roles: bool,
    on_refusal: Option<Arc<RefusalHook>>,
    /// For each reason the answer to a refusal that says nothing beside it, made when it is first given: most refusals of
    /// those who knock without a key are of this kind, and cost next to nothing then.
    plain: PlainAnswers,
}

/// In the order of [`Reason::ALL`].
type PlainAnswers = [OnceLock<Box<Answer>>; Reason::ALL.len()];

type RefusalHook = dyn Fn(&Refusal, &mut Extensions) + Send + Sync;

impl Gate {
    /// A gate that admits whom `verifier` accepts, by the clock of the operating system.
    pub fn new(verifier: Arc<dyn VerifyToken>) -> Self {
        let clock = Arc::new(SystemClock);
        Self {
            inner: Arc::new(Inner {
                verifier,
                clock,
                policy: Policy::authenticated(),
                realm: None,
                resource_metadata: None,
                names_roles: false,
                on_refusal: None,
                plain: [const { OnceLock::new() }; Reason::ALL.len()],
            }),
        }
    }

    /// What is to be changed: this gate's own, and without the answers that were made before the change.
    fn change(&mut self) -> &mut Inner {
        let inner = Arc::make_mut(&mut self.inner);
        inner.plain = [const { OnceLock::new() }; Reason::ALL.len()];
        inner
    }

    /// Decides by another clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.change().clock = Arc::new(clock);
        self
    }

    /// Admits requests without any `Authorization` header as anonymous.
    ///
    /// # Security
    ///
    /// A credential that fails is still refused, and so is one of another scheme.
    #[must_use]
    pub fn optional(self) -> Self {
        self.policy(Policy::optional())
    }

    /// Admits tokens of restricted applications too (profile `open_edx`), as [`Policy::admit_restricted`] of the policy that
    /// is set so far; a policy that is set later takes it back.
    ///
    /// # Security
    ///
    /// Everything behind the gate is then open to them that does not ask for a requirement: it belongs around the routes
    /// that let them in, and not around a service.
    #[must_use]
    pub fn admit_restricted(self) -> Self {
        let policy = self.inner.policy.admit_restricted();
        self.policy(policy)
    }

    /// Admits whom the policy admits, instead of everybody with a valid token; the last policy that is set counts.
    ///
    /// # Security
    ///
    /// Under [`Policy::public`] no credential is looked at.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.change().policy = policy;
        self
    }

    /// Says in challenges where the resource describes itself (`resource_metadata`, RFC 9728 §5.1).
    #[must_use]
    pub fn resource_metadata(mut self, metadata: &ResourceMetadata) -> Self {
        self.change().resource_metadata = Some(metadata.url().into());
        self
    }

    /// Tells callers which roles they lack, in the member `roles` of the problem body; off unless set.
    ///
    /// # Security
    ///
    /// Names of roles tell how the service decides, and whom to impersonate.
    #[must_use]
    pub fn name_roles(mut self) -> Self {
        self.change().names_roles = true;
        self
    }

    /// Names the protection space in challenges (RFC 9110 §11.5).
    ///
    /// Unset, challenges that carry an error have no realm, and those that do not say `realm="api"`.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<Box<str>>) -> Self {
        self.change().realm = Some(realm.into());
        self
    }

    /// Runs `hook` on every refusal by the layer and its extractors: to count it, or to add to the body.
    ///
    /// Status, challenge and the members that stand in the body already are out of its reach.
    #[must_use]
    pub fn on_refusal(mut self, hook: impl Fn(&Refusal, &mut Extensions) + Send + Sync + 'static) -> Self {
        self.change().on_refusal = Some(Arc::new(hook));
        self
    }

    /// Decides about a request by the values of its `Authorization` headers.
    pub fn check<'a>(&self, authorization: impl IntoIterator<Item = &'a [u8]>) -> Check {
        let policy = self.inner.policy;
        if policy.is_public() {
            return Check::Admit(Identity { caller: None, token: None, gate: self.clone() });
        }
        let verifier = &self.inner.verifier;
        match credential_from_authorization(authorization, verifier.schemes()) {
            Ok((scheme, token)) => match verifier.verify_under(scheme, token, self.inner.clock.now()) {
                Outcome::Ready(result) => match self.settle(result, token) {
                    Ok(identity) => Check::Admit(identity),
                    Err(answer) => Check::Refuse(answer),
                },
                Outcome::Pending(pending) => {
                    Check::Wait(Waiting { pending, token: token.into(), gate: self.clone() })
                }
            },
            Err(refusal) if refusal.reason() == Reason::MissingCredential && policy.is_optional() => {
                Check::Admit(Identity { caller: None, token: None, gate: self.clone() })
            }
            Err(refusal) => Check::Refuse(self.refuse(&refusal)),
        }
    }

    /// The answer to a refusal, after the hook has seen it.
    pub fn refuse(&self, refusal: &Refusal) -> Answer {
        // A hook may count, and add something else each time.
        if !refusal.is_plain() || self.inner.on_refusal.is_some() {
            return self.problem(refusal).into_answer();
        }
        let plain = &self.inner.plain[refusal.reason() as usize];
        plain
            .get_or_init(|| Box::new(self.problem(refusal).into_answer_of_any_request()))
            .of_current_request()
    }

    fn problem(&self, refusal: &Refusal) -> Problem {
        // Every verifier has a scheme; should one claim to have none, the challenge is still one.
        let scheme = self.inner.verifier.schemes().first().copied().unwrap_or("Bearer");
        let mut problem = Problem::of_refusal(refusal, scheme, self.inner.realm.as_deref());
        if let Some(challenge) = problem.challenge_mut().take() {
            *problem.challenge_mut() =
                Some(challenge.resource_metadata(self.inner.resource_metadata.as_deref()));
        }
        if self.inner.names_roles {
            let roles: Vec<&str> = refusal.roles().collect();
            if !roles.is_empty() {
                problem.extensions_mut().insert("roles", roles);
            }
        }
        if let Some(hook) = &self.inner.on_refusal {
            hook(refusal, problem.extensions_mut());
        }
        problem
    }

    /// Whether the verifier could accept a token now.
    pub fn is_ready(&self) -> bool {
        self.inner.verifier.is_ready(self.inner.clock.now())
    }

    fn settle(&self, result: Result<Arc<Caller>, Refusal>, token: &str) -> Result<Identity, Answer> {
        let admitted = result.and_then(|caller| {
            self.inner.policy.check(Facts::new(&caller, &*self.inner.clock))?;
            Ok(caller)
        });
        match admitted {
            Ok(caller) => {
                // A verifier that keeps the token spares each request a copy of it.
                let token = match caller.has_token() {
                    true => None,
                    false => Some(SubjectToken::of_credential(token)),
                };
                Ok(Identity { caller: Some(caller), token, gate: self.clone() })
            }
            Err(refusal) => Err(self.refuse(&refusal)),
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { policy, realm, .. } = &*self.inner;
        f.debug_struct("Gate").field("policy", policy).field("realm", realm).finish_non_exhaustive()
    }
}

/// What a [`Gate`] decided.
#[derive(Debug)]
#[must_use]
pub enum Check {
    /// The request goes on, with this in its extensions.
    Admit(Identity),
    /// The request ends with this answer.
    Refuse(Answer),
    /// The decision has to be waited for.
    Wait(Waiting),
}

/// A decision under way: admits or refuses within the verifier's deadline.
#[must_use = "futures do nothing unless polled"]
pub struct Waiting {
    pending: Pending,
    token: Box<str>,
    gate: Gate,
}

impl Future for Waiting {
    type Output = Result<Identity, Answer>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.pending).poll(cx));
        Poll::Ready(self.gate.settle(result, &self.token))
    }
}

/// Without the token that waits.
impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("gate", &self.gate).finish_non_exhaustive()
    }
}

/// Who sent a request: the one value that a layer puts into the request's extensions.
///
/// The adapters' extractors read it, and never take it out. It also knows how its gate tells refusals, so that an
/// extractor answers like the layer would.
#[derive(Clone, Debug)]
pub struct Identity {
    caller: Option<Arc<Caller>>,
    /// The token, if the caller does not know it.
    token: Option<SubjectToken>,
    gate: Gate,
}

impl Identity {
    /// The verified caller; `None` for the anonymous behind an optional gate.
    pub fn caller(&self) -> Option<&Caller> {
        self.caller.as_deref()
    }

    /// The verified caller, shared; `None` for the anonymous behind an optional gate.
    pub fn shared_caller(&self) -> Option<&Arc<Caller>> {
        self.caller.as_ref()
    }

    /// The token with which the caller was admitted; `None` for the anonymous behind an optional gate.
    ///
    /// # Security
    ///
    /// It is the text that was verified, whatever has become of the request's headers since.
    pub fn subject_token(&self) -> Option<SubjectToken> {
        self.caller.as_ref()?.subject_token().or_else(|| self.token.clone())
    }

    /// The token of the caller, to act on the caller's behalf.
    ///
    /// # Errors
    ///
    /// The anonymous are asked to authenticate: 401, with a challenge without error.
    pub fn require_subject_token(&self) -> Result<SubjectToken, Answer> {
        self.subject_token().ok_or_else(|| self.refuse(&Reason::MissingCredential.into()))
    }

    /// The caller that a handler insists on.
    ///
    /// # Errors
    ///
    /// The anonymous are asked to authenticate: 401, with a challenge without error.
    pub fn require_caller(&self) -> Result<Arc<Caller>, Answer> {
        self.caller.clone().ok_or_else(|| self.refuse(&Reason::MissingCredential.into()))
    }

    /// The caller, who has to meet the requirement.
    ///
    /// # Errors
    ///
    /// 401 for the anonymous, and the requirement's own refusal for a caller who does not meet it.
    pub fn authorize<R: Requirement>(&self) -> Result<Arc<Caller>, Answer> {
        let caller = self.require_caller()?;
        let met = Facts::new(&caller, &*self.gate.inner.clock).meet::<R>();
        met.map(|()| caller).map_err(|refusal| self.refuse(&refusal))
    }

    /// The caller's claims in the shape of the service's own type.
    ///
    /// # Errors
    ///
    /// 401 for the anonymous, and for a token whose claims do not fit the type.
    pub fn require_claims<E: DeserializeOwned + Send + Sync + 'static>(&self) -> Result<Arc<E>, Answer> {
        self.require_caller()?.claims().map_err(|refusal| self.refuse(&refusal))
    }

    /// The answer to a refusal, as the gate that admitted this request tells it.
    pub fn refuse(&self, refusal: &Refusal) -> Answer {
        self.gate.refuse(refusal)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{FakeClock, Timestamp};

    /// Accepts `good` and the restricted `app` until a point in time, waits for `slow`, and refuses the rest.
    struct Until(Timestamp);

    impl VerifyToken for Until {
        fn verify(&self, token: &str, now: Timestamp) -> Outcome {
            let caller = |restricted| {
                Arc::new(Caller::builder("https://id.example").subject("ann").restricted(restricted).build())
            };
            match token {
                "good" if now < self.0 => Outcome::Ready(Ok(caller(false))),
                "app" if now < self.0 => Outcome::Ready(Ok(caller(true))),
                "slow" => Outcome::Pending(Pending::new(async { Err(Reason::UnknownKey.into()) })),
                _ => Outcome::Ready(Err(Reason::Expired.into())),
            }
        }

        fn schemes(&self) -> &[&'static str] {
            &["JWT", "Bearer"]
        }
    }

    fn gate() -> (Gate, FakeClock) {
        let clock = FakeClock::default();
        let until = clock.now().saturating_add(Duration::from_secs(10));
        (Gate::new(Arc::new(Until(until))).clock(clock.clone()), clock)
    }

    #[test]
    fn the_token_that_was_verified_is_at_hand_and_is_not_shown() {
        let (gate, _) = gate();

        let Check::Admit(identity) = gate.check([b"jwt  good".as_slice()]) else { panic!("refused") };
        assert_eq!(identity.require_subject_token().unwrap().secret(), "good");
        assert!(!format!("{identity:?}").contains("good"), "{identity:?}");

        let Check::Admit(nobody) = gate.clone().optional().check([]) else { panic!("refused") };
        assert_eq!(nobody.subject_token(), None);
        assert_eq!(nobody.require_subject_token().unwrap_err().reason(), Some(Reason::MissingCredential));
        // What nobody has verified is nobody's.
        let public = gate.policy(Policy::public());
        let Check::Admit(nobody) = public.check([b"Bearer good".as_slice()]) else { panic!("refused") };
        assert_eq!(nobody.subject_token(), None);
    }

    fn answer(gate: &Gate, value: &str) -> Answer {
        match gate.check([value.as_bytes()]) {
            Check::Refuse(answer) => answer,
            other => panic!("expected a refusal of {value:?}, got {other:?}"),
        }
    }

    #[test]
    fn a_decision_that_waits_does_not_show_its_token() {
        let waits = gate().0.check([b"Bearer slow".as_slice()]);

        assert!(matches!(waits, Check::Wait(_)));
        assert!(!format!("{waits:?}").contains("slow"), "{waits:?}");
    }

    #[test]
    fn the_clock_of_the_gate_is_the_one_that_counts() {
        let (gate, clock) = gate();

        assert!(matches!(gate.check([b"Bearer good".as_slice()]), Check::Admit(_)));
        clock.advance(Duration::from_secs(10));

        assert_eq!(answer(&gate, "Bearer good").reason(), Some(Reason::Expired));
    }

    #[test]
    fn an_answer_that_is_made_once_is_the_one_that_is_made_each_time() {
        let (gate, _) = gate();
        let hooked = gate.clone().on_refusal(|_, _| {});

        for reason in Reason::ALL {
            let refusal = Refusal::new(*reason);
            let expected = hooked.refuse(&refusal);
            assert_eq!(
                (gate.refuse(&refusal), gate.refuse(&refusal)),
                (expected.clone(), expected),
                "{reason:?}"
            );
        }
    }

    #[test]
    fn an_answer_names_the_request_that_it_is_for_and_no_other() {
        let (gate, _) = gate();
        let refuse = || gate.refuse(&Reason::Expired.into());
        let hooked = gate.clone().on_refusal(|_, _| {});

        for id in ["first-request", "second:request"] {
            let id: crate::RequestId = id.parse().unwrap();
            let answer = id.scope(refuse);
            assert!(answer.body().ends_with(&format!(r#","request_id":"{id}"}}"#)), "{}", answer.body());
            assert_eq!(answer, id.scope(|| hooked.refuse(&Reason::Expired.into())));
        }
        assert!(!refuse().body().contains("request_id"));
    }

    #[test]
    fn an_answer_that_was_made_before_a_change_is_not_given_after_it() {
        let (gate, _) = gate();
        let before = answer(&gate, "Bearer bad");

        let after = answer(&gate.realm("grades"), "Bearer bad");

        assert_ne!(before, after);
        assert!(after.headers().any(|(_, value)| value.contains(r#"realm="grades""#)), "{after:?}");
    }

    #[test]
    fn an_optional_gate_admits_only_who_brings_nothing() {
        let gate = gate().0.optional();

        let Check::Admit(identity) = gate.check([]) else { panic!("refused") };
        assert!(identity.caller().is_none());
        assert_eq!(identity.require_caller().unwrap_err().reason(), Some(Reason::MissingCredential));

        assert_eq!(answer(&gate, "Bearer bad").reason(), Some(Reason::Expired));
        assert_eq!(answer(&gate, "Basic dXNlcg==").reason(), Some(Reason::UnsupportedScheme));
        assert_eq!(answer(&gate, "").reason(), Some(Reason::MalformedCredential));
    }

    #[test]
    fn the_hook_sees_every_refusal_and_adds_to_the_body_only() {
        let gate = gate().0.optional().on_refusal(|refusal, extensions| {
            assert!(extensions.insert("help", "https://help.example"));
            assert!(!extensions.insert("status", 200));
            assert_ne!(refusal.reason(), Reason::MissingLayer);
        });

        let by_layer = answer(&gate, "Bearer bad");
        let Check::Admit(identity) = gate.check([]) else { panic!("refused") };
        let by_extractor = identity.require_caller().unwrap_err();

        for answer in [by_layer, by_extractor] {
            assert_eq!(answer.status(), 401);
            assert!(answer.body().ends_with(r#","help":"https://help.example"}"#), "{}", answer.body());
        }
    }

    #[test]
    fn a_policy_decides_after_the_verifier() {
        crate::scopes! { Read = "grades:read"; }
        let (gate, _) = gate();
        let scoped = gate.clone().optional().policy(Policy::require::<Read>());

        assert_eq!(answer(&scoped, "Bearer bad").reason(), Some(Reason::Expired));
        assert_eq!(answer(&scoped, "Bearer good").reason(), Some(Reason::InsufficientScope));
        let Check::Refuse(anonymous) = scoped.check([]) else { panic!("admitted") };
        assert_eq!(anonymous.reason(), Some(Reason::MissingCredential));
        let authenticated = gate.clone().policy(Policy::authenticated());
        assert!(matches!(authenticated.check([b"Bearer good".as_slice()]), Check::Admit(_)));
        let public = gate.policy(Policy::public());
        for credential in ["Bearer bad", "nonsense", "JWT slow"] {
            let Check::Admit(identity) = public.check([credential.as_bytes()]) else {
                panic!("{credential}")
            };
            assert!(identity.caller().is_none());
        }
    }

    #[test]
    fn restricted_applications_are_let_in_by_name_only() {
        crate::scopes! { Read = "grades:read"; }
        let (gate, _) = gate();
        let admits = |gate: &Gate| matches!(gate.check([b"Bearer app".as_slice()]), Check::Admit(_));

        let closed = [Policy::authenticated(), Policy::optional(), Policy::require::<Read>()];
        for policy in closed {
            let refused = answer(&gate.clone().policy(policy), "Bearer app");
            assert_eq!(refused.reason(), Some(Reason::RestrictedApplication), "{policy}");
            assert_eq!(refused.status(), 403);
        }
        assert_eq!(answer(&gate, "Bearer app").reason(), Some(Reason::RestrictedApplication));
        assert_eq!(
            answer(&gate.clone().optional(), "Bearer app").reason(),
            Some(Reason::RestrictedApplication)
        );

        assert!(
            admits(&gate.clone().admit_restricted()) && admits(&gate.clone().optional().admit_restricted())
        );
        assert!(admits(&gate.clone().policy(Policy::authenticated().admit_restricted())));
        assert!(admits(&gate.clone().policy(Policy::public())), "of whom nothing is known");
        let lacks = gate.clone().policy(Policy::require::<Read>()).admit_restricted();
        assert_eq!(answer(&lacks, "Bearer app").reason(), Some(Reason::InsufficientScope));
        let later = gate.admit_restricted().policy(Policy::authenticated());
        assert!(!admits(&later), "a policy that is set later decides");
    }

    #[test]
    fn behind_a_gate_that_lets_restricted_applications_in_requirements_still_do_not() {
        crate::scopes! { Read = "grades:read"; }
        let Check::Admit(identity) = gate().0.admit_restricted().check([b"Bearer app".as_slice()]) else {
            panic!("refused")
        };

        let refused = identity.authorize::<Read>().unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::RestrictedApplication));
        assert!(identity.authorize::<crate::AdmitRestricted<crate::Authenticated>>().is_ok());
        assert!(identity.require_caller().is_ok());
    }

    #[test]
    fn roles_are_named_only_where_that_is_configured() {
        let refusal = Refusal::insufficient_role("admin");
        let (gate, _) = gate();

        assert!(!gate.refuse(&refusal).body().contains("admin"));
        assert!(gate.name_roles().refuse(&refusal).body().ends_with(r#","roles":["admin"]}"#));
    }

    #[test]
    fn every_challenge_tells_where_the_resource_describes_itself() {
        let metadata = ResourceMetadata::builder("https://api.example/mcp").build().unwrap();
        let gate = gate().0.resource_metadata(&metadata);

        let answer = answer(&gate, "Bearer bad");

        let challenge = r#"JWT error="invalid_token", resource_metadata="https://api.example/.well-known/oauth-protected-resource/mcp""#;
        assert!(answer.headers().any(|header| header == ("www-authenticate", challenge)), "{answer:?}");
    }

    #[test]
    fn challenges_use_the_first_scheme_and_the_realm() {
        let gate = gate().0.realm("grades");

        let answer = answer(&gate, "Bearer bad");

        assert!(
            answer
                .headers()
                .any(|header| header == ("www-authenticate", r#"JWT realm="grades", error="invalid_token""#))
        );
    }

    #[test]
    fn the_verifier_is_told_the_scheme_as_it_spells_it() {
        struct ByScheme;

        impl VerifyToken for ByScheme {
            fn verify(&self, _: &str, _: Timestamp) -> Outcome {
                panic!("asked without the scheme")
            }

            fn verify_under(&self, scheme: &str, _: &str, _: Timestamp) -> Outcome {
                let reason = if scheme == "JWT" { Reason::Expired } else { Reason::UnsupportedScheme };
                Outcome::Ready(Err(reason.into()))
            }

            fn schemes(&self) -> &[&'static str] {
                &["Bearer", "JWT"]
            }
        }
        let gate = Gate::new(Arc::new(ByScheme));

        assert_eq!(answer(&gate, "jwt x").reason(), Some(Reason::Expired));
        assert_eq!(answer(&gate, "Bearer x").reason(), Some(Reason::UnsupportedScheme));
    }

    #[test]
    fn a_decision_that_waits_ends_like_any_other() {
        let (gate, _) = gate();

        let Check::Wait(waiting) = gate.check([b"JWT slow".as_slice()]) else { panic!("decided at once") };
        let mut waiting = std::pin::pin!(waiting);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(Err(answer)) = waiting.as_mut().poll(&mut cx) else { panic!("not refused") };

        assert_eq!(answer.reason(), Some(Reason::UnknownKey));
    }
}
