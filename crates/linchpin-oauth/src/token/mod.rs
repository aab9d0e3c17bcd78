//! Where the credentials of outgoing calls come from.

mod access_token;
mod answer;
mod cached;
mod client_auth;
mod client_credentials;
mod endpoint;
mod error;
mod exchange;
mod forward;
mod machine;
mod per_subject;
mod source;
mod static_token;
mod supply;
mod tell;
mod terms;

pub use self::{
    access_token::AccessToken,
    client_auth::ClientAuth,
    client_credentials::{ClientCredentials, ClientCredentialsBuilder},
    endpoint::{TokenEndpoint, TokenEndpointBuilder, TokenFetches},
    error::{TokenError, TokenErrorKind},
    exchange::{TokenExchange, TokenExchangeBuilder},
    forward::ForwardCaller,
    source::{PendingToken, TokenOutcome, TokenRequest, TokenSource},
    static_token::StaticToken,
};
