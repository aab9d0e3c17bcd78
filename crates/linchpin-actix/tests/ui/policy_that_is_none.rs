use linchpin_actix::routes::{Routes, get};

async fn list() -> &'static str {
    "the grades"
}

fn main() {
    let _ = Routes::new().route("/grades", get("public", list));
}
