use linchpin_axum::require;
use linchpin_core::AnyOf;

fn main() {
    let _ = require::<AnyOf<()>>();
}
