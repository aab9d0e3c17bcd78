use linchpin_axum::Require;

struct Grades;

async fn list(_: Require<Grades>) {}

fn main() {
    let _ = list;
}
