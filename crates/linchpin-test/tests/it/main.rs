//! What is served, over real connections.

mod http;
mod issuer;
mod token_endpoint;
mod upstream;
