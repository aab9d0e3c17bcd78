//! One token that is fetched when it is needed, and again before it expires.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use linchpin_core::SubjectToken;
use tokio::time::{sleep, timeout};

use super::{
    answer::Granted,
    supply::{Held, NextEnd, Supplied, Supply},
    tell::Teller,
};
use crate::{
    AccessToken, PendingToken, TokenEndpoint, TokenError, TokenErrorKind, TokenOutcome, moment::Moment,
    random,
};

/// What is asked for, and how what comes is used; the same for all tokens of one source.
pub(crate) struct Terms {
    pub(crate) endpoint: TokenEndpoint,
    pub(crate) teller: Teller,
    pub(crate) parameters: Vec<(&'static str, String)>,
    pub(crate) margin: Duration,
    pub(crate) default_lifetime: Duration,
    /// Whether a token that was used is replaced in time without being asked for again.
    pub(crate) refreshes_by_itself: bool,
}

/// One token of a source: its own, or the one for one caller.
pub(crate) struct CachedToken {
    terms: Arc<Terms>,
    subject: Option<SubjectToken>,
    supply: Supply,
    /// How many fetches have failed since the token was last asked for; `UNUSED` if it was not since it came.
    idle: AtomicU32,
}

impl CachedToken {
    pub(crate) fn new(terms: Arc<Terms>, subject: Option<SubjectToken>) -> Self {
        let supply = Supply::new(terms.endpoint.now());
        Self { terms, subject, supply, idle: AtomicU32::new(UNUSED) }
    }

    /// The token for one call.
    pub(crate) fn take(self: &Arc<Self>) -> TokenOutcome {
        // Read first: a value that is only read stays in every processor's cache.
        if self.idle.load(Ordering::Relaxed) != 0 {
            self.idle.store(0, Ordering::Relaxed);
        }
        match self.supply.take(self.terms.endpoint.now()) {
            Supplied::Token(token, begun) => {
                if begun.is_some() {
                    self.spawn_fetch();
                }
                TokenOutcome::Ready(Ok(token))
            }
            Supplied::Failed(error) => TokenOutcome::Ready(Err(error)),
            Supplied::Awaited { number, is_new } => {
                if is_new {
                    self.spawn_fetch();
                }
                let cached = self.clone();
                TokenOutcome::Pending(PendingToken::new(async move { cached.wait(number).await }))
            }
        }
    }

    pub(crate) fn reject(&self, token: &AccessToken) {
        self.supply.reject(token, self.terms.endpoint.now());
    }

    async fn wait(&self, number: u64) -> Result<AccessToken, TokenError> {
        let endpoint = &self.terms.endpoint;
        // The fetch keeps the deadline. Should its runtime be stuck, this still ends.
        let patience = endpoint.deadline().saturating_add(Duration::from_secs(1));
        timeout(patience, self.supply.wait(number, || endpoint.now())).await.unwrap_or_else(|_| {
            Err(TokenError::new(
                TokenErrorKind::Timeout,
                "the fetch of a token did not end within its deadline",
            ))
        })
    }

    /// Makes the fetch that has begun, in the background: it ends for the others, whoever stops waiting.
    fn spawn_fetch(self: &Arc<Self>) {
        // Made here: a fetch that is dropped before it is polled has failed, too.
        let fetch = Fetch { cached: self.clone(), is_over: false };
        self.terms.endpoint.spawn(keep(fetch, Arc::downgrade(self)));
    }

    /// Tells operators of a failure, and returns whether there is a token to use meanwhile.
    fn tell(&self, error: &TokenError) -> bool {
        let has_token = self.supply.unexpired(self.terms.endpoint.now()).is_some();
        // That one caller's token is not exchanged is the caller's affair, and callers are many.
        let is_of_the_caller = error.error_code().is_some_and(|code| OF_THE_CALLER.contains(&code));
        match &self.subject {
            Some(_) if is_of_the_caller => self.terms.teller.refused_for_caller(error),
            _ => self.terms.teller.failure(error, has_token),
        }
        has_token
    }

    fn held(&self, granted: Granted, since: Moment) -> Held {
        let Granted { token, lifetime } = granted;
        let life = lifetime.unwrap_or(self.terms.default_lifetime);
        // A token with a short life would otherwise never be fresh.
        let margin = self.terms.margin.min(life / 4);
        let short_after = life - margin;
        // Not the same for all: forty services that started together do not fetch together for ever.
        let due_after = short_after.mul_f64(0.9 - 0.1 * random::fraction());
        Held { token, since, due_after, short_after, expires_after: life }
    }
}

/// Makes a fetch, and then keeps its token fresh for as long as somebody uses it.
async fn keep(mut fetch: Fetch, cached: Weak<CachedToken>) {
    loop {
        let next = fetch.make().await;
        drop(fetch);
        let Some((pause, next_end)) = next else { return };
        tokio::select! {
            () = sleep(pause) => {}
            // Another fetch has ended, whose task does this from now on; or nobody has the source any more.
            () = next_end.wait() => return,
        }
        let Some(cached) = cached.upgrade() else { return };
        let is_idle = cached.idle.load(Ordering::Relaxed) >= MAX_IDLE_FAILURES;
        if is_idle || cached.supply.refresh(cached.terms.endpoint.now()).is_none() {
            return;
        }
        fetch = Fetch { cached, is_over: false };
    }
}

/// A fetch that has begun, and that ends in any case: with a token, an error, a panic or the end of its runtime.
struct Fetch {
    cached: Arc<CachedToken>,
    is_over: bool,
}

impl Fetch {
    /// Makes the fetch, and publishes the result; returns how long to wait until the next one, if there is to be one without
    /// being asked for.
    async fn make(&mut self) -> Option<(Duration, NextEnd)> {
        let CachedToken { terms, subject, supply, idle } = &*self.cached;
        let parameters: Vec<(&str, &str)> =
            terms.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let since = terms.endpoint.now();
        let result = terms.endpoint.request(&parameters, subject.as_ref().map(SubjectToken::secret)).await;
        self.is_over = true;
        let next = match result {
            Ok(granted) => {
                let held = self.cached.held(granted, since);
                let pause = held.due_after;
                idle.store(UNUSED, Ordering::Relaxed);
                terms.teller.success();
                Some((pause, supply.succeed(Arc::new(held))))
            }
            Err(error) => {
                let has_token = self.cached.tell(&error);
                let count = |idle: u32| Some(idle.saturating_add(1));
                let _ = idle.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
                let next = supply.fail(error, terms.endpoint.now(), random::fraction());
                has_token.then_some(next)
            }
        };
        next.filter(|_| terms.refreshes_by_itself)
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        if !self.is_over {
            // What it said may be anything, and the panic hook has reported it.
            let problem = "the fetch of a token panicked, or its runtime has ended";
            let error = TokenError::new(TokenErrorKind::Unavailable, problem);
            self.cached.tell(&error);
            self.cached.supply.fail(error, self.cached.terms.endpoint.now(), random::fraction());
        }
    }
}

/// What servers say of a subject token that they do not take (RFC 8693 §2.2.2, RFC 6749 §5.2).
const OF_THE_CALLER: [&str; 3] = ["access_denied", "invalid_grant", "invalid_request"];

const UNUSED: u32 = u32::MAX;

/// A server that is down is asked so often in the background, some minutes long, while no call uses the token.
const MAX_IDLE_FAILURES: u32 = 30;
