//! Against a certified OpenID provider.

mod verification;
