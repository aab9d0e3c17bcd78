//! The table, a file for each theme.

mod algorithms;
mod base64url;
mod claims;
mod envelope;
mod json;
mod keys;
mod kinds;
mod limits;
mod open_edx;
mod parties;
mod rfc9068;
mod signatures;
mod times;
mod transport;

use parity::Request;

use crate::{Attack, Refused, Scene};

pub(crate) use self::{
    limits::{MAX_AGE, MAX_LIFETIME, attacks as on_limits},
    open_edx::attacks as on_open_edx,
    rfc9068::attacks as on_rfc9068,
};

/// What services under the profile `generic` have to withstand.
pub(crate) fn on_generic(scene: &Scene) -> Vec<Attack> {
    [
        algorithms::attacks(scene),
        keys::attacks(scene),
        envelope::attacks(scene),
        base64url::attacks(scene),
        json::attacks(scene),
        claims::attacks(scene),
        times::attacks(scene),
        parties::attacks(scene),
        kinds::attacks(scene),
        signatures::attacks(scene),
        transport::attacks(scene),
    ]
    .concat()
}

/// An attack by what is in the token.
fn token(name: impl Into<String>, token: String, refused: impl Into<Refused>, twin: String) -> Attack {
    request(name, bearer(token), refused, bearer(twin))
}

/// An attack by how the request is made.
fn request(name: impl Into<String>, request: Request, refused: impl Into<Refused>, twin: Request) -> Attack {
    Attack { name: name.into(), request, refused: refused.into(), twin }
}

fn open() -> Request {
    Request::get("/whoami")
}

fn bearer(token: impl AsRef<str>) -> Request {
    open().bearer(token)
}
