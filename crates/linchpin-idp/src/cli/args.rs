//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use linchpin_idp::Shape;
use linchpin_jwt::Algorithm;

use super::call::Issuer;

/// An identity provider for development: real tokens for anyone who asks. Never run it in production.
#[derive(Debug, Parser)]
#[command(name = "linchpin-idp", version, args_conflicts_with_subcommands = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start the provider; the same as no command at all
    Serve(ServeArgs),
    /// Ask the running provider for a user's token and print it, alone
    Token(TokenArgs),
    /// Have the running provider sign with new keys
    Rotate(RotateArgs),
}

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// Address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub(super) bind: SocketAddr,
    /// File of users and clients, in TOML, instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub(super) users: Option<PathBuf>,
    /// Algorithm of the tokens, except those of Open edX
    #[arg(long, default_value = "RS256", value_parser = algorithm)]
    pub(super) algorithm: Algorithm,
    /// Audience of the tokens that are not asked for another
    #[arg(long, default_value = "grades")]
    pub(super) audience: String,
    /// Shape of the tokens that are not asked for another: rfc9068 or open-edx
    #[arg(long, default_value = "rfc9068")]
    pub(super) shape: Shape,
    /// URL by which services reach the provider, if it is not the address
    #[arg(long, value_name = "URL")]
    pub(super) issuer: Option<String>,
    /// DANGEROUS: listen on an address that others can reach, who then get any token they want
    #[arg(long)]
    pub(super) allow_any_address: bool,
}

#[derive(Args, Debug)]
pub(super) struct TokenArgs {
    /// Name of the user
    #[arg(long)]
    pub(super) user: String,
    /// Scopes that the token should carry, instead of all that the user has; may be repeated
    #[arg(long)]
    pub(super) scope: Vec<String>,
    /// For whom the token is, instead of the provider's audience; may be repeated
    #[arg(long)]
    pub(super) audience: Vec<String>,
    /// What the token looks like: rfc9068 or open-edx
    #[arg(long)]
    pub(super) shape: Option<Shape>,
    /// How long the token is valid, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub(super) ttl: Option<u64>,
    /// Where the provider runs
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9000")]
    pub(super) issuer: Issuer,
}

#[derive(Args, Debug)]
pub(super) struct RotateArgs {
    /// Take the old keys back at once: tokens that they signed are not valid any more
    #[arg(long)]
    pub(super) withdraw: bool,
    /// Where the provider runs
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9000")]
    pub(super) issuer: Issuer,
}

/// An algorithm whose keys can be published.
fn algorithm(name: &str) -> Result<Algorithm, String> {
    let public = || Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric());
    let known = || public().map(Algorithm::name).collect::<Vec<_>>().join(", ");
    let parsed: Option<Algorithm> = name.parse().ok();
    parsed
        .filter(|algorithm| !algorithm.is_symmetric())
        .ok_or_else(|| format!("the algorithms with public keys are {}", known()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_is_serve() {
        let cli = Cli::try_parse_from(["linchpin-idp", "--bind", "127.0.0.1:0"]).unwrap();

        assert!(cli.command.is_none());
        assert_eq!(cli.serve.bind.port(), 0);
        assert_eq!(cli.serve.algorithm, Algorithm::RS256);
    }

    #[test]
    fn algorithms_without_public_keys_are_refused() {
        assert_eq!(algorithm("EdDSA"), Ok(Algorithm::EdDSA));
        for bad in ["HS256", "none", "rs256"] {
            assert!(algorithm(bad).unwrap_err().contains("RS256, "), "{bad}");
        }
    }
}
