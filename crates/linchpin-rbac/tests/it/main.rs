//! Decisions from outside: tokens, stores, engines, logs, laws, and the rows of Open edX.

mod contexts;
mod engine;
mod laws;
mod log;
mod open_edx;
mod store;
mod tokens;

use linchpin_core::{Caller, Role};
use linchpin_rbac::Rbac;

/// Two system roles, of which one gives more, and a third that counts everywhere where a token names no context.
fn rbac() -> Rbac {
    Rbac::builder(["reader", "editor"])
        .system_role("learner", ["reader"])
        .system_role("staff", ["reader", "editor"])
        .system_role("operator", ["reader"])
        .everywhere_without_context("operator")
        .build()
        .unwrap()
}

fn caller<'a>(roles: impl IntoIterator<Item = &'a str>) -> Caller {
    Caller::builder("https://id.example").subject("ann").roles(roles.into_iter().map(Role::new)).build()
}
