//! The commands.

mod args;
mod call;
mod serve;

use std::{error::Error, fmt, io::Write, process::ExitCode};

use clap::Parser;
use serde_json::json;

use self::args::{Cli, Command, RotateArgs, TokenArgs};

/// Parses the arguments, runs the command, and says on standard error what went wrong.
///
/// The status is 0, 1 if the command failed, or 2 if it was used wrongly.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let result = runtime.block_on(async {
        match cli.command {
            None => serve::run(cli.serve).await,
            Some(Command::Serve(args)) => serve::run(args).await,
            Some(Command::Token(args)) => token(args).await,
            Some(Command::Rotate(args)) => rotate(args).await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

async fn token(args: TokenArgs) -> Result<(), Box<dyn Error>> {
    let mut wanted = json!({"user": args.user});
    if !args.scope.is_empty() {
        wanted["scope"] = args.scope.join(" ").into();
    }
    if !args.audience.is_empty() {
        wanted["audience"] = args.audience.into();
    }
    if let Some(shape) = args.shape {
        wanted["shape"] = shape.name().into();
    }
    if let Some(ttl) = args.ttl {
        wanted["ttl"] = ttl.into();
    }
    let answer = call::post(&args.issuer, "/dev/token", &wanted).await?;
    let token = answer["access_token"].as_str().ok_or(Failure("the answer has no access_token"))?;
    // Alone on standard output, so that $(linchpin-idp token …) is the token. `println!` would panic on a closed pipe.
    Ok(writeln!(std::io::stdout(), "{token}")?)
}

async fn rotate(args: RotateArgs) -> Result<(), Box<dyn Error>> {
    let path = if args.withdraw { "/dev/rotate?withdraw=true" } else { "/dev/rotate" };
    let answer = call::post(&args.issuer, path, &json!({})).await?;
    let published = answer["published"].as_array().map_or(0, Vec::len);
    Ok(writeln!(std::io::stdout(), "rotated; {published} keys are published")?)
}

fn fail(error: &dyn Error) -> ExitCode {
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}

/// A failure that needs no more than a sentence.
#[derive(Debug)]
struct Failure(&'static str);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {}
