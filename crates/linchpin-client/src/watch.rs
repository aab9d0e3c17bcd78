//! What is held until an answer has been read or dropped, and what is learned of the upstream.

use std::sync::Arc;

use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use crate::{
    Error, ErrorKind,
    breaker::{Ticket, Verdict},
    client::Shared,
    limit::Limit,
};

/// A call that the breaker has admitted. If it is dropped before it is settled, it was cancelled.
pub(crate) struct Admitted {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
    began: Instant,
    limit: Limit,
}

impl Admitted {
    pub(crate) fn new(shared: Arc<Shared>, ticket: Option<Ticket>, began: Instant, limit: Limit) -> Self {
        Self { shared, ticket, began, limit }
    }

    pub(crate) fn settle(&mut self, verdict: Verdict) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.settle(ticket, verdict);
        }
    }

    pub(crate) fn failed(&mut self, error: &Error) {
        let verdict = match error.kind() {
            // Not the upstream's doing.
            ErrorKind::RequestBody => Verdict::Neutral,
            // Of the service's own time-outs each counts, or an upstream that hangs would never be left alone.
            _ if self.limit.is_deadline
                && error.is_timeout()
                && !error.is_connect()
                && !self.shared.is_fair(self.began.elapsed()) =>
            {
                Verdict::Neutral
            }
            _ => Verdict::Failure,
        };
        self.settle(verdict);
    }

    /// A probe is not kept waiting for the rest of an answer, which may take long, or never be asked for.
    fn is_probe(&self) -> bool {
        self.ticket.is_some_and(|ticket| ticket.is_probe)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.settle(Verdict::Neutral);
    }
}

/// Goes along with the body of an answer.
pub(crate) struct Watch {
    admitted: Option<Admitted>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Watch {
    /// An answer whose head is there, and fine.
    pub(crate) fn new(mut admitted: Admitted, place: Option<OwnedSemaphorePermit>) -> Self {
        if admitted.is_probe() {
            admitted.settle(Verdict::Success);
        }
        Self { admitted: Some(admitted), _place: place }
    }

    pub(crate) fn failed(&mut self, error: &Error) {
        if let Some(mut admitted) = self.admitted.take() {
            admitted.failed(error);
        }
        self._place = None;
    }

    pub(crate) fn finished(&mut self) {
        if let Some(mut admitted) = self.admitted.take() {
            admitted.settle(Verdict::Success);
        }
        self._place = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Whoever needs no more of a good answer does not make it a bad one.
        self.finished();
    }
}
