//! The tokio runtime on which fetches run.

use std::{panic, time::Duration};

use linchpin_core::ConfigError;
use tokio::{runtime::Handle, time::sleep};

/// The runtime that this is called on; `what` is fetched there.
///
/// # Errors
///
/// If there is none, or it has no timers; the setting is called `runtime`.
pub(crate) fn with_timers(what: &str) -> Result<Handle, ConfigError> {
    let runtime = Handle::try_current().map_err(|_| {
        let fix = "build it inside the runtime, for example below #[tokio::main] or #[actix_web::main]";
        ConfigError::single("runtime", format!("is missing: {what} are fetched on a tokio runtime"), fix)
    })?;
    // Tokio can only be asked by trying: without timers, this panics here instead of in the background task.
    if panic::catch_unwind(|| drop(sleep(Duration::ZERO))).is_err() {
        let fix = "call enable_time or enable_all on the runtime's builder";
        return Err(ConfigError::single("runtime", "has no timers: a fetch has a deadline", fix));
    }
    Ok(runtime)
}
