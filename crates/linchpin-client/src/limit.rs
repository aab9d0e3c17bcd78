//! How long a call may take.

use std::{future::Future, sync::Arc, time::Duration};

use linchpin_trace::RequestContext;
use tokio::time::{Instant, timeout_at};

use crate::{Error, client::Shared};

/// By when a call has to be over, and whose limit that is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) at: Instant,
    /// The deadline of the request that is being worked on; else the client's own time-out.
    pub(crate) is_deadline: bool,
    /// How long the upstream may be silent meanwhile.
    silence: Duration,
}

impl Limit {
    pub(crate) fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// By when the upstream has to be heard; `None` if the call should be over by now, however much it is heard.
    pub(crate) fn next_sign(self, now: Instant) -> Option<Instant> {
        (now < self.at).then(|| self.at.min(now + self.silence))
    }

    /// Waits for what the upstream does next.
    pub(crate) async fn wait<F: Future>(
        self,
        client: &Arc<str>,
        now: Instant,
        next: F,
    ) -> Result<F::Output, Error> {
        let late = || Error::timeout(client);
        timeout_at(self.next_sign(now).ok_or_else(late)?, next).await.map_err(|_| late())
    }

    /// What it is called to be past it.
    pub(crate) fn error(self, client: &Arc<str>) -> Error {
        if self.is_deadline { Error::deadline(client) } else { Error::timeout(client) }
    }

    /// A time-out by the right name: whoever waited does not know whose limit it was.
    pub(crate) fn explain(self, client: &Arc<str>, error: Error) -> Error {
        let is_ours = self.is_deadline && error.is_timeout() && !error.is_connect() && self.left().is_zero();
        if is_ours { Error::deadline(client).with_source(error) } else { error }
    }
}

impl Shared {
    /// The shorter of the client's own limit and what the current request leaves, less the margin that we need ourselves.
    ///
    /// A call that cannot end in time is refused before anything is done for it.
    pub(crate) fn limit(
        &self,
        own: Option<Duration>,
        context: Option<&RequestContext>,
    ) -> Result<Limit, Error> {
        let now = Instant::now();
        let silence = self.read_timeout.min(LONGEST);
        let at = now + own.unwrap_or(self.total_timeout).min(LONGEST);
        let own = Limit { at, is_deadline: false, silence };
        let Some(deadline) = context.and_then(RequestContext::deadline) else { return Ok(own) };

        let left = deadline.remaining(now.into_std()).saturating_sub(self.margin);
        if left.is_zero() || left < self.minimum {
            return Err(Error::deadline(&self.name));
        }
        let theirs = Limit { at: now + left.min(LONGEST), is_deadline: true, silence };
        Ok(if theirs.at < own.at { theirs } else { own })
    }
}

/// Within the range of every clock.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
