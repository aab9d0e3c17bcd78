use linchpin_axum::require;
use linchpin_core::{AllOf, scopes};

scopes! { pub GradesRead = "grades:read"; }

struct Grades;

fn main() {
    let _ = require::<AllOf<(GradesRead, Grades)>>();
}
