//! What both reference services do when they call others.
//!
//! [`Upstream`] is what any service has: a client that is made at start, and a call in a handler. [`relay_many`] is there for the
//! test harness of W3C Trace Context alone, and says itself why no other service should have it. This package is apart because both
//! services share it, and knows no framework.

mod many;
mod upstream;

pub use self::{
    many::{MAX_BODY, Made, OF_ELSEWHERE, Unreadable, relay_many},
    upstream::{Relayed, Upstream},
};
