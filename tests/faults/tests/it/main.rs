//! The faults of a provider, played to both reference services.

mod script;
mod sockets;
mod time;
