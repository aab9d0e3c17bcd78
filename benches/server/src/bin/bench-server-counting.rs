//! The same bench with an allocator that counts, in a program of its own: counting costs time.

use std::{alloc::System, process::ExitCode};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    bench_server::main(Some(|| {
        let stats = ALLOCATOR.stats();
        stats.allocations + stats.reallocations
    }))
}
