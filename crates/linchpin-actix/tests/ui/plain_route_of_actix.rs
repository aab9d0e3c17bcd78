use actix_web::web;
use linchpin_actix::routes::Routes;

async fn list() -> &'static str {
    "the grades"
}

fn main() {
    let _ = Routes::new().route("/grades", web::get().to(list));
}
