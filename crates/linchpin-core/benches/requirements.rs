//! What does it cost to ask whether a caller may? `cargo bench -p linchpin-core`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use linchpin_core::{
    AllOf, AnyOf, Authenticated, Caller, Facts, Requirement, Role, SystemClock, roles, scopes, step_up,
};

scopes! {
    Read = "grades:read";
    Write = "grades:write";
}
roles! {
    First = "role-number-0";
    Last = "role-number-9";
    Absent = "role-number-x";
}
step_up! { JustNow { max_age: 300 } }

/// Ten roles and ten scopes, of nearly the same letters, so that each comparison goes to the end.
fn caller() -> Caller {
    let scopes =
        (0..8).map(|i| format!("grades:rea{i}")).chain(["grades:read".into(), "grades:write".into()]);
    Caller::builder("https://id.example")
        .roles((0..10).map(|i| Role::new(format!("role-number-{i}"))))
        .scopes(scopes.map(|scope| scope.parse().expect("a scope")))
        .auth_time(linchpin_core::Clock::now(&SystemClock))
        .build()
}

fn requirements(c: &mut Criterion) {
    let caller = caller();
    let mut group = c.benchmark_group("a caller with ten roles and ten scopes");
    let mut bench = |name, check: fn(Facts<'_>) -> bool| {
        group.bench_function(name, |b| b.iter(|| check(Facts::new(black_box(&caller), &SystemClock))));
    };
    bench("nothing is required", granted::<Authenticated>);
    bench("the first role", granted::<First>);
    bench("the last role", granted::<Last>);
    bench("the last scope", granted::<Write>);
    bench("any: the last of three", granted::<AnyOf<(Absent, AllOf<(Read, Absent)>, Write)>>);
    bench("all: two scopes and a role", granted::<AllOf<(Read, Write, Last)>>);
    bench("a recent sign-in, with the clock of the system", granted::<JustNow>);
    bench("refused: a role that is absent", granted::<Absent>);
    group.finish();
}

fn granted<R: Requirement>(facts: Facts<'_>) -> bool {
    facts.meet::<R>().is_ok()
}

criterion_group!(benches, requirements);
criterion_main!(benches);
