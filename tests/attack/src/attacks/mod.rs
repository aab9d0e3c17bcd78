//! The table, a file for each theme.

mod algorithms;
mod base64url;
mod claims;
mod envelope;
mod json;
mod keys;
mod kinds;
mod parties;
mod signatures;
mod times;
mod transport;

use parity::Request;

use crate::{Attack, Refused, Scene};

/// Every attack, by theme.
pub fn attacks(scene: &Scene) -> Vec<(&'static str, Vec<Attack>)> {
    vec![
        ("algorithms", algorithms::attacks(scene)),
        ("keys", keys::attacks(scene)),
        ("envelope", envelope::attacks(scene)),
        ("base64url", base64url::attacks(scene)),
        ("json", json::attacks(scene)),
        ("claims", claims::attacks(scene)),
        ("times", times::attacks(scene)),
        ("parties", parties::attacks(scene)),
        ("kinds", kinds::attacks(scene)),
        ("signatures", signatures::attacks(scene)),
        ("transport", transport::attacks(scene)),
    ]
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
