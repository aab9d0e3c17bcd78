//! The binary `linchpin-idp`: the development identity provider from a shell.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
