//! Differential tests, and properties that hold for all tokens.

mod case;
mod differential;
mod properties;

use proptest::test_runner::{Config, RngSeed, TestRunner};

/// A runner with a fixed seed: a failure is the same for everybody, and no file has to remember it.
fn runner(cases: u32, seed: u64) -> TestRunner {
    TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    })
}
