//! The body of a request, withheld while a refusal has not been heard.
//!
//! actix makes all extractors of a handler before it polls any of them, and then polls them in the order of the arguments.
//! An extractor of the body that stands before a [`Require`](crate::Require) would therefore read, though the decision has
//! been made: so the middleware puts the body behind a stream that waits for it.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use actix_web::{
    HttpMessage,
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    web::Bytes,
};
use futures_core::Stream;
use linchpin_core::Answer;

/// The refusals by a request's extractors, each until actix has heard it: until then nothing of the body is read.
///
/// It stands in the request's extensions; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Unheard(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    /// In the order of the arguments; `None` for those that have been heard.
    refusals: Vec<Option<Answer>>,
    /// How many of their extractors are still to be polled.
    to_be_polled: usize,
    /// Who wants to read the body.
    reader: Option<Waker>,
}

impl Unheard {
    /// Those of this request.
    pub(crate) fn of(request: &impl HttpMessage) -> Self {
        let mut extensions = request.extensions_mut();
        if let Some(unheard) = extensions.get::<Self>() {
            return unheard.clone();
        }
        let unheard = Self::default();
        extensions.insert(unheard.clone());
        unheard
    }

    /// Adds a refusal, and withholds the body until it is heard or dropped.
    pub(crate) fn add(self, answer: Answer) -> Refused {
        let mut inner = self.0.borrow_mut();
        inner.refusals.push(Some(answer));
        inner.to_be_polled += 1;
        let at = inner.refusals.len() - 1;
        drop(inner);
        Refused { unheard: self, at }
    }

    /// The first that nobody has heard: another extractor has failed before it.
    pub(crate) fn take(&self) -> Option<Answer> {
        self.0.borrow_mut().refusals.iter_mut().find_map(Option::take)
    }
}

/// A refusal, with the extractor that is to be polled.
pub(crate) struct Refused {
    unheard: Unheard,
    at: usize,
}

impl Refused {
    /// The extractor is polled: what becomes of its error is up to actix and the handler.
    pub(crate) fn hear(self) {
        self.unheard.0.borrow_mut().refusals[self.at] = None;
    }
}

impl Drop for Refused {
    /// Whoever still holds the body may go on, lest it wait for ever; the refusal stays, unless it has been heard.
    fn drop(&mut self) {
        let mut inner = self.unheard.0.borrow_mut();
        inner.to_be_polled -= 1;
        let reader = if inner.to_be_polled == 0 { inner.reader.take() } else { None };
        drop(inner);
        reader.into_iter().for_each(Waker::wake);
    }
}

/// Withholds the body of the request, unless an outer middleware does.
pub(crate) fn withhold(request: &mut ServiceRequest) {
    if request.extensions().contains::<Unheard>() {
        return;
    }
    match request.take_payload() {
        Payload::None => {}
        body => {
            let unheard = Unheard::of(request);
            request.set_payload(Payload::Stream {
                payload: Box::pin(Withheld { body, unheard, has_waited: false }),
            });
        }
    }
}

/// A body that is not read while there are refusals to be heard.
struct Withheld {
    body: Payload,
    unheard: Unheard,
    has_waited: bool,
}

impl Stream for Withheld {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        {
            let mut unheard = this.unheard.0.borrow_mut();
            if unheard.to_be_polled > 0 {
                if std::mem::replace(&mut this.has_waited, true) {
                    // actix polls all arguments in each pass. Whoever reads on awaits them one after the other, the body
                    // first, and would wait for ever.
                    return Poll::Ready(Some(Err(PayloadError::Incomplete(None))));
                }
                unheard.reader = Some(cx.waker().clone());
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        Pin::new(&mut this.body).poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.body.size_hint()
    }
}
