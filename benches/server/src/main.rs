//! What does one request cost behind linchpin's layers? `cargo xtask bench server`

use std::process::ExitCode;

fn main() -> ExitCode {
    bench_server::main(None)
}
