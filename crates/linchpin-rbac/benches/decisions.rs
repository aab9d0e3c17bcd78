//! What does it cost to ask whether a caller may, here? `cargo bench -p linchpin-rbac`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use linchpin_core::{Caller, Role};
use linchpin_rbac::{Context, ContextReq, OneOrMore, Rbac, Uuid};

/// Ten roles, of which nine give the same in contexts that differ in their last letter only.
fn caller() -> Caller {
    let places = (0..9).map(|i| format!("enterprise_admin:6f9619ff-8b86-d011-b42d-00cf4fc964f{i}"));
    let roles = places.chain(["enterprise_learner:course-v1:edX+DemoX+2026".to_owned()]);
    Caller::builder("https://id.example").subject("ann").roles(roles.map(Role::new)).build()
}

fn decisions(c: &mut Criterion) {
    let rbac = Rbac::builder(["report_reader", "report_editor", "user_reader", "user_editor"])
        .system_role("enterprise_learner", ["report_reader"])
        .system_role("enterprise_admin", ["report_reader", "report_editor", "user_reader"])
        .system_role("enterprise_operator", ["user_editor"])
        .build()
        .expect("a right mapping");
    let caller = caller();
    let first: Uuid = "6f9619ff-8b86-d011-b42d-00cf4fc964f0".parse().expect("a UUID");
    let last: Uuid = "6f9619ff-8b86-d011-b42d-00cf4fc964f8".parse().expect("a UUID");
    let both = [Context::from(first), Context::from(last)];

    let mut group = c.benchmark_group("a caller with ten roles");
    let mut bench = |name, feature: &str, request: ContextReq<'_>| {
        group.bench_function(name, |b| {
            b.iter(|| rbac.require(black_box(&caller), black_box(feature), black_box(request)).is_ok());
        });
    };
    bench("any context", "report_reader", ContextReq::Any);
    bench("the first role, by UUID", "report_reader", first.into());
    bench("the ninth role, by UUID", "report_reader", last.into());
    bench("the tenth role, by text", "report_reader", "course-v1:edX+DemoX+2026".into());
    bench("two contexts", "report_reader", ContextReq::All(OneOrMore::of(&both)));
    bench("refused: another context", "report_reader", "course-v1:edX+DemoX+2027".into());
    bench("refused: no role", "user_editor", ContextReq::Any);
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
