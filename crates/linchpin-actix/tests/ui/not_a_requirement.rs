use linchpin_actix::Require;

struct Grades;

async fn list(_: Require<Grades>) {}

fn main() {
    let _ = list;
}
