use actix_web::web;
use linchpin_actix::routes::Routes;

fn main() {
    let _ = Routes::new().merge(web::scope("/grades"));
}
