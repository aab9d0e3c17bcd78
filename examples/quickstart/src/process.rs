//! Starting and ending the processes.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{Result, roles::Role};

/// A running process of the quickstart; it ends with this value.
pub(crate) struct Process {
    pub(crate) role: Role,
    /// Where it listens.
    pub(crate) url: String,
    child: Child,
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
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AUTH_") {
                command.env_remove(name); // settings of this terminal are not meant for this demonstration
            }
        }
        command.args(["role", role.name()]).env("AUTH_ISSUER", issuer).env("AUTH_AUDIENCE", "grades");
        Self::start(role, &mut command).await
    }

    async fn start(role: Role, command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or("the process has no output")?;
        let url = BufReader::new(stdout).lines().next_line().await?;
        let url = url.ok_or_else(|| format!("the {} process ended before it was ready", role.name()))?;
        Ok(Self { role, url, child })
    }

    /// Ends the process at once, as a machine that fails would.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}
