//! Starting and ending the processes.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

use crate::{
    Result,
    roles::{CLIENT_ID, CLIENT_SECRET, Role},
};

/// A running process of the quickstart; it ends with this value.
pub(crate) struct Process {
    pub(crate) role: Role,
    /// Where it listens.
    pub(crate) url: String,
    child: Child,
    /// What it logs. Somebody reads it all the time: a process whose pipe is full waits.
    log: UnboundedReceiver<String>,
}

impl Process {
    /// Starts a provider at `address`.
    pub(crate) async fn provider(address: &str) -> Result<Self> {
        Self::start(
            Role::Provider,
            Command::new(std::env::current_exe()?).args(["role", "provider", "--bind", address]),
        )
        .await
    }

    /// Starts a service that is configured as any service is: by two variables.
    pub(crate) async fn service(role: Role, issuer: &str) -> Result<Self> {
        Self::start(role, &mut service(role, issuer, ANY_PORT)?).await
    }

    /// Starts a service that calls another one, with a token of its own.
    pub(crate) async fn calling(role: Role, issuer: &str, next: &str) -> Result<Self> {
        let mut command = service(role, issuer, ANY_PORT)?;
        command.env("UPSTREAM_URL", format!("{next}/whoami"));
        command.env("CLIENT_ID", CLIENT_ID).env("CLIENT_SECRET", CLIENT_SECRET);
        Self::start(role, &mut command).await
    }

    /// Starts a service that was killed again, where it was.
    pub(crate) async fn start_again(&mut self, issuer: &str) -> Result<()> {
        let address = self.url.trim_start_matches("http://").to_owned();
        *self = Self::start(self.role, &mut service(self.role, issuer, &address)?).await?;
        Ok(())
    }

    async fn start(role: Role, command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or("the process has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let (send, mut log) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // Whoever does not want to know still has it read.
                let _ = send.send(line);
            }
        });
        let ended = || format!("the {} process ended before it was ready", role.name());
        let url = loop {
            let line = log.recv().await.ok_or_else(ended)?;
            if line.starts_with("http://") {
                break line;
            }
        };
        Ok(Self { role, url, child, log })
    }

    /// The trace that a request belonged to, as the access line tells.
    pub(crate) async fn trace_of(&mut self, request_id: &str) -> Result<String> {
        let find = async {
            while let Some(line) = self.log.recv().await {
                let line: Value = serde_json::from_str(&line).unwrap_or_default();
                if line["target"] == "linchpin::access" && line["request_id"] == request_id {
                    return line["trace_id"].as_str().map(str::to_owned);
                }
            }
            None
        };
        let found = timeout(Duration::from_secs(10), find).await.ok().flatten();
        found.ok_or_else(|| format!("the {} service has no line about a request", self.role.name()).into())
    }

    /// Ends the process at once, as a machine that fails would.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

fn service(role: Role, issuer: &str, address: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    for (name, _) in std::env::vars_os() {
        // Settings of this terminal are not meant for this demonstration.
        if ["AUTH_", "CLIENT_", "UPSTREAM_URL"].iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
            command.env_remove(name);
        }
    }
    command.args(["role", role.name(), "--bind", address]);
    command.env("AUTH_ISSUER", issuer).env("AUTH_AUDIENCE", "grades");
    command.env("RUST_LOG", "info").env("LOG_FORMAT", "json");
    Ok(command)
}

const ANY_PORT: &str = "127.0.0.1:0";
