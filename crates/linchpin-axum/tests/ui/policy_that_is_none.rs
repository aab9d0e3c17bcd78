use linchpin_axum::routes::{Routes, get};

async fn list() -> &'static str {
    "the grades"
}

fn main() {
    let _: Routes = Routes::new().route("/grades", get("public", list));
}
