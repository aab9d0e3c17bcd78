//! The thread that sends, apart from the service's own.

use std::cell::Cell;

/// Whether this thread is the one that sends: what is logged and opened there must not be sent in turn.
pub(crate) fn is_own_thread() -> bool {
    IS_OWN.try_with(Cell::get).unwrap_or(false)
}

/// Marks this thread as the one that sends.
pub(crate) fn mark_own_thread() {
    IS_OWN.with(|is_own| is_own.set(true));
}

thread_local! {
    static IS_OWN: Cell<bool> = const { Cell::new(false) };
}
