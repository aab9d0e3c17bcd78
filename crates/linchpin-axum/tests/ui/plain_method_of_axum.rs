use axum::routing::get;
use linchpin_axum::routes::Routes;

async fn list() -> &'static str {
    "the grades"
}

fn main() {
    let _: Routes = Routes::new().route("/grades", get(list));
}
