//! What a client may send, and what becomes of it.

mod baggage;
mod client_address;
mod context;
mod hostile;
mod logs;
mod meter;
mod observer;
mod place;
mod settings;
mod support;
mod trace_context;
