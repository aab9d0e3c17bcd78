//! Where the credentials of outgoing calls come from.

mod access_token;
mod error;
mod forward;
mod source;
mod static_token;

pub use self::{
    access_token::AccessToken,
    error::{TokenError, TokenErrorKind},
    forward::ForwardCaller,
    source::{PendingToken, TokenOutcome, TokenRequest, TokenSource},
    static_token::StaticToken,
};
