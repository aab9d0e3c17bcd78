//! One call, with all its attempts.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use linchpin_core::SubjectToken;
use linchpin_oauth::AccessToken;
use linchpin_trace::{RequestContext, TraceContext, outgoing_span};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};
use tracing::Span;
use url::Url;

use crate::{
    Body, Error, ErrorKind, Response,
    breaker::{Ticket, Verdict},
    bulkhead::{NoPlace, Places},
    client::Shared,
    credential::Credential,
    limit::Limit,
    retries::{is_idempotent, is_passing},
    retry_after::retry_after,
    watch::{Admitted, Watch},
};

/// A request that is ready to be sent, and perhaps to be sent again.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) timeout: Option<Duration>,
    pub(crate) subject: Option<SubjectToken>,
    pub(crate) context: Option<RequestContext>,
}

impl Shared {
    /// Makes the call, as often as it takes and may be made.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` would have room for its arguments twice")]
    pub(crate) fn call(
        self: Arc<Self>,
        mut call: Call,
    ) -> impl Future<Output = Result<Response, Error>> + Send {
        async move {
            let limit = self.limit(call.timeout, call.context.as_ref())?;
            self.budget.deposit();
            let can_replay = call.body.replayable().is_some();
            let may_happen_twice =
                can_replay && (is_idempotent(&call.method) || call.headers.contains_key(IDEMPOTENCY_KEY));

            let mut retries = 0;
            let mut has_fresh_token = false;
            loop {
                let mut outcome = self.attempt(&mut call, limit, retries).await;
                let rejected = outcome.as_mut().ok().and_then(Response::rejected_token);
                let wait = if let Some(rejected) = rejected {
                    // A 401 means that nothing was done, so that any request may be made again, once.
                    let asks_again = can_replay && !std::mem::replace(&mut has_fresh_token, true);
                    let is_fresh = self.reject(&rejected, &call, limit, asks_again).await;
                    is_fresh.then_some(Duration::ZERO)
                } else if may_happen_twice {
                    self.wait_after(&outcome, retries)
                } else {
                    None
                };

                // That it is within the limit says too that the clock can count so far.
                let is_in_time = |wait: &Duration| limit.left() > wait.saturating_add(self.minimum);
                let Some(wait) = wait.filter(is_in_time) else { return outcome };
                if retries == self.retries.most || !self.budget.withdraw() {
                    return outcome;
                }
                let next = Instant::now() + wait;
                if let Ok(response) = outcome {
                    // In a box, so that the many calls that are made once do not carry room for this.
                    Box::pin(response.discard()).await;
                }
                // Its place is free while this call waits.
                sleep_until(next).await;
                retries += 1;
            }
        }
    }

    /// How long to wait before the same call is made again; `None` if that would not help.
    fn wait_after(&self, outcome: &Result<Response, Error>, done: u32) -> Option<Duration> {
        let asked = match outcome {
            Ok(response) if is_passing(response.status()) => {
                retry_after(response.headers(), self.clock.now())
            }
            Err(error) if matches!(error.kind(), ErrorKind::Connect | ErrorKind::Broken) => None,
            _ => return None,
        };
        self.retries.wait(done, asked, &self.jitter)
    }

    /// Tells the source that its token was not taken, and whether it has another one.
    async fn reject(&self, rejected: &AccessToken, call: &Call, limit: Limit, asks_again: bool) -> bool {
        let Some(source) = &self.tokens else { return false };
        source.rejected(rejected);
        if !asks_again || self.retries.most == 0 {
            return false;
        }
        // If there is none, the answer of 401 tells more than the error would.
        let fresh = self.credential(&**source, call.subject.as_ref(), limit).await;
        fresh.is_ok_and(|fresh| fresh.token != *rejected)
    }

    /// One attempt, with a span of its own.
    async fn attempt(
        self: &Arc<Self>,
        call: &mut Call,
        limit: Limit,
        resend: u32,
    ) -> Result<Response, Error> {
        let trace = call.context.as_ref().map(|context| context.trace().child());
        if !self.has_spans {
            return self.send(call, limit, trace.as_ref()).await;
        }
        let span = outgoing_span(call.method.as_str(), &self.base.host, Some(self.base.port), trace.as_ref());
        if resend > 0 {
            span.record("http.request.resend_count", resend);
        }
        let mut sending = pin!(self.send(call, limit, trace.as_ref()));
        // Borrowed, not `instrument`ed: that would need a clone, and would enter the span once more to drop the future.
        let outcome = poll_fn(|cx| span.in_scope(|| sending.as_mut().poll(cx))).await;
        record(&span, &outcome);
        outcome
    }

    async fn send(
        self: &Arc<Self>,
        call: &mut Call,
        limit: Limit,
        trace: Option<&TraceContext>,
    ) -> Result<Response, Error> {
        // Asked here, so that a call that will be refused needs neither token nor place.
        if let Some(left) = self.circuit.as_ref().and_then(|circuit| circuit.refusal(|| self.now())) {
            return Err(self.refused(left));
        }
        let credential = match &self.tokens {
            Some(source) if !call.headers.contains_key(header::AUTHORIZATION) => {
                Some(self.credential(&**source, call.subject.as_ref(), limit).await?)
            }
            _ => None,
        };
        let place = match &self.places {
            Some(places) => Some(self.place(places, limit).await?),
            None => None,
        };
        let now = Instant::now();
        let left = limit.at.saturating_duration_since(now);
        if left.is_zero() {
            return Err(limit.error(&self.name));
        }
        let request = self.request(call, credential.as_ref(), trace, left);

        // From here on the breaker waits for a verdict.
        let mut admitted = Admitted::new(self.clone(), self.admit(now)?, now, limit);
        let answer = limit.wait(&self.name, now, self.http.execute(request)).await;
        match answer.and_then(|answer| answer.map_err(|error| Error::transport(&self.name, error))) {
            Ok(response) => {
                if is_failure(response.status()) {
                    admitted.settle(Verdict::Failure);
                }
                let watch = Watch::new(admitted, place);
                Ok(Response::new(
                    self.clone(),
                    response,
                    watch,
                    limit,
                    credential.map(|credential| credential.token),
                ))
            }
            Err(error) => {
                admitted.failed(&error);
                Err(limit.explain(&self.name, error))
            }
        }
    }

    fn request(
        &self,
        call: &mut Call,
        credential: Option<&Credential>,
        trace: Option<&TraceContext>,
        left: Duration,
    ) -> reqwest::Request {
        // Room is made once, for all that is added here and by the HTTP client; a clone would have to grow, and hash all anew.
        let propagated = if call.context.is_some() { PROPAGATED_HEADERS } else { 0 };
        let mut headers = HeaderMap::with_capacity(call.headers.len() + propagated + ADDED_HEADERS);
        for (name, value) in &call.headers {
            headers.append(name, value.clone());
        }
        if let Some(credential) = credential {
            headers.insert(header::AUTHORIZATION, credential.header.clone());
        }
        if let (Some(context), Some(trace)) = (&call.context, trace) {
            self.propagate(&mut headers, context, trace, left);
        }
        let body = match call.body.replayable() {
            Some(bytes) => bytes.clone().into(),
            // It can be sent only once, and then this is the only attempt.
            None => std::mem::take(&mut call.body).into_reqwest(),
        };
        let mut request = reqwest::Request::new(call.method.clone(), call.url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body);
        request
    }

    fn admit(&self, now: Instant) -> Result<Option<Ticket>, Error> {
        let Some(circuit) = &self.circuit else { return Ok(None) };
        let (ticket, change) =
            circuit.admit(now.saturating_duration_since(self.began)).map_err(|left| self.refused(left))?;
        if let Some(change) = change {
            self.tell(change);
        }
        Ok(Some(ticket))
    }

    fn refused(&self, left: Duration) -> Error {
        let what = "too many calls have failed, and it is not called for a while";
        Error::new(&self.name, ErrorKind::BreakerOpen, what).with_retry_after(left)
    }

    async fn place(&self, places: &Places, limit: Limit) -> Result<OwnedSemaphorePermit, Error> {
        let result = places.take(limit.at).await;
        if places.has_changed(result.is_ok()) {
            let client = &*self.name;
            match &result {
                Ok(_) => tracing::info!(client, "there are places for calls again"),
                Err(_) => tracing::warn!(client, "all places for calls are taken; calls are refused"),
            }
        }
        result.map_err(|no_place| {
            let what = match no_place {
                NoPlace::OutOfTime => return limit.error(&self.name),
                NoPlace::Crowded => "all places for calls are taken, and as many wait as may",
                NoPlace::TooLong => "all places for calls are taken, and none became free in time",
            };
            Error::new(&self.name, ErrorKind::BulkheadFull, what)
        })
    }
}

/// Whether a status says that the upstream fails: 501 says that it never did what was asked.
fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

fn record(span: &Span, outcome: &Result<Response, Error>) {
    if span.is_disabled() {
        return;
    }
    match outcome {
        Ok(response) => {
            let status = response.status();
            span.record("http.response.status_code", status.as_u16());
            if status.is_client_error() || status.is_server_error() {
                span.record("error.type", status.as_str());
                span.record("otel.status_code", "ERROR");
            }
        }
        Err(error) => {
            span.record("error.type", error.kind().name());
            span.record("otel.status_code", "ERROR");
        }
    }
}

/// Authorization, user agent, accept, host.
const ADDED_HEADERS: usize = 4;
/// Request id, trace and its state, deadline, baggage.
const PROPAGATED_HEADERS: usize = 5;
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
