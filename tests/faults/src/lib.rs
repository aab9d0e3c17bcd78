//! What both reference services do while their identity provider is in trouble.
//!
//! [`FAULTS`] is the table of what a provider can do wrong over a socket. Each row is played to each service twice, with the
//! keys discovered and with their location given: from a cold start, and while good keys are held. What happens over time
//! (rotation, outage, floods) is played by a scripted provider under a clock that stands still unless it is told to move.
//! This package is apart because it is never published and knows both services.

mod clock;
mod service;

use std::time::Duration;

use linchpin_test::Behaviour;

pub use self::{
    clock::TokioClock,
    service::{Answer, Framework, Service},
};

/// A trouble of the provider.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What it does, as a statement.
    pub name: &'static str,
    /// How the provider behaves.
    pub behaviour: Behaviour,
    /// Which document is concerned.
    pub concerns: Concerns,
}

/// Which of the provider's documents a fault concerns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Concerns {
    /// Both; the first one that is asked for decides.
    Both,
    /// The metadata, so that services which know where the keys are do not notice.
    Metadata,
    /// The keys.
    Keys,
}

const fn fault(name: &'static str, behaviour: Behaviour) -> Fault {
    Fault { name, behaviour, concerns: Concerns::Both }
}

const fn of(concerns: Concerns, name: &'static str, behaviour: Behaviour) -> Fault {
    Fault { name, behaviour, concerns }
}

/// What a provider can do wrong while it listens.
pub const FAULTS: [Fault; 20] = [
    fault("it answers 500", Behaviour::Status(500)),
    fault("it answers 503", Behaviour::Status(503)),
    fault("it answers 404", Behaviour::Status(404)),
    fault("it answers 304 to who has nothing", Behaviour::Status(304)),
    fault("it answers HTML with the status 200", Behaviour::Html),
    fault("it sends half a document as the whole", Behaviour::Truncated),
    fault("it breaks the connection in the middle", Behaviour::Reset),
    fault("it sends 50 MiB", Behaviour::Padded(50 * 1024 * 1024)),
    fault("it sends one byte more than is read", Behaviour::Padded(MAX_BYTES as u64)),
    fault("it never stops to send", Behaviour::Endless),
    fault("it sends one byte a second", Behaviour::Drip(Duration::from_secs(1))),
    fault("it never answers", Behaviour::Hang),
    fault("it redirects within its origin", Behaviour::Redirect),
    fault("it sends thousands of header lines", Behaviour::ManyHeaders),
    fault("it compresses what nobody asked it to", Behaviour::Compressed),
    fault("it answers with an empty status 204", Behaviour::Status(204)),
    of(Concerns::Metadata, "its metadata names another issuer", Behaviour::WrongIssuer),
    of(Concerns::Keys, "it publishes an empty set", Behaviour::NoKeys),
    of(Concerns::Keys, "a name stands twice in its set", Behaviour::DuplicateNames),
    of(Concerns::Keys, "it publishes only keys of a future kind", Behaviour::UnknownKeysOnly),
];

/// How large a document the services read in this suite, so that a few bytes more are a fault.
pub const MAX_BYTES: usize = 64 * 1024;
