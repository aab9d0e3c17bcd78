use linchpin_axum::routes::{Routes, get, require};

struct Grades;

fn main() {
    let _: Routes = Routes::new().route("/grades", get(require::<Grades>(), async || "the grades"));
}
