//! Against a certified OpenID provider.

mod clients;
mod verification;
