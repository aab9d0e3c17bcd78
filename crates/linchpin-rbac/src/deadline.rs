//! Waiting, but not for ever.

use std::{future::Future, time::Duration};

/// What the future gives, or `None` once the time is over.
pub(crate) async fn within<F: Future>(deadline: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(deadline, future).await.ok()
}
