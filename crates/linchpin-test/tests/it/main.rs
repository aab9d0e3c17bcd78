//! What is served, over real connections.

mod issuer;
mod upstream;
