use axum::Router;
use linchpin_axum::routes::Routes;

fn main() {
    let _: Routes = Routes::new().merge(Router::new());
}
