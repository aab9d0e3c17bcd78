//! `serve`: the provider until a signal ends it.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
};

use linchpin_idp::{DEVELOPMENT_ONLY, DevIdp, RunningIdp};

use super::args::ServeArgs;

pub(super) async fn run(args: ServeArgs) -> Result<(), Box<dyn Error>> {
    let mut builder =
        DevIdp::builder().bind(args.bind).algorithm(args.algorithm).audience(args.audience).shape(args.shape);
    if let Some(users) = args.users {
        builder = builder.users_file(users);
    }
    if let Some(issuer) = args.issuer {
        builder = builder.issuer(issuer);
    }
    if args.allow_any_address {
        builder = builder.allow_any_address();
    }
    // Before anything is printed: whoever reads it may send the signal at once.
    let signals = Signals::listen()?;
    let idp = builder.start().await?;

    print_banner();
    print_settings(&idp);
    signals.wait().await;
    idp.stop().await;
    Ok(())
}

// A reader that has seen enough and closed the pipe is no reason to stop serving, so what cannot be written is dropped.

fn print_banner() {
    let mut stderr = io::stderr();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    let (start, end) = if stderr.is_terminal() && !plain { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
    let _ = writeln!(stderr, "{start}{DEVELOPMENT_ONLY}{end}");
}

fn print_settings(idp: &RunningIdp) {
    let (issuer, audience) = (idp.issuer(), idp.audience());
    let mut text = format!(
        "Issuer: {issuer}\n\
         \n\
         Settings for a service:\n\
         \x20 export AUTH_ISSUER={issuer}\n\
         \x20 export AUTH_AUDIENCE={}\n",
        shell_quoted(audience)
    );
    if let Some(user) = idp.users().next() {
        let body = serde_json::json!({ "user": user }).to_string();
        text += &format!(
            "\n\
             A token for a user ({}):\n\
             \x20 linchpin-idp token --issuer {issuer} --user {}\n\
             \x20 curl -s {issuer}/dev/token -H 'content-type: application/json' -d {}\n",
            idp.users().collect::<Vec<_>>().join(", "),
            shell_quoted(user),
            shell_quoted(&body),
        );
    }
    let mut stdout = io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// The same word, so that a shell takes it as one.
fn shell_quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-:/@".contains(&b);
    if word.bytes().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// The signals that end the provider.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn wait(self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(shell_quoted("grades"), "grades");
        assert_eq!(shell_quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
