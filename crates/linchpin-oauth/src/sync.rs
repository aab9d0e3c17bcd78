//! The primitives of `handover`; `tests/model` has the same names over shuttle's.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

pub(crate) use arc_swap::ArcSwapOption as Slot;
pub(crate) use tokio::sync::{Notify, watch};
