use linchpin_axum::require;
use linchpin_core::{AnyOf, scopes};

scopes! { pub GradesRead = "grades:read"; }

fn main() {
    let _ = require::<AnyOf<GradesRead>>();
}
