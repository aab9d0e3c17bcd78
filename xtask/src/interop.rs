//! What the interop tests need beside Rust: Node.js, and the provider from the npm registry.

use std::{fs, process::Command};

/// Installs what is missing. Where nothing is, it asks no network.
pub(crate) fn prepare() -> Result<(), String> {
    node()?;
    let folder = crate::root().join("tests/interop/provider");
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    // npm removes the folder before it begins, and so the copy is there only if it came to its end.
    let installed = folder.join("node_modules/.installed-from.json");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    crate::run(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"])
            .current_dir(&folder),
    )?;
    fs::write(&installed, wanted).map_err(|error| format!("{}: {error}", installed.display()))
}

/// Node.js with npm, from Debian's packages if it is not there and may be installed.
fn node() -> Result<(), String> {
    let has_npm =
        || Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success());
    if !has_npm() && is_root_of_debian() {
        crate::run(Command::new("apt-get").arg("update"))?;
        crate::run(
            Command::new("apt-get")
                .args(["install", "--yes", "--no-install-recommends", "nodejs", "npm"])
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )?;
    }
    let version = match has_npm() {
        true => crate::output(Command::new("node").arg("--version")).unwrap_or_default(),
        false => String::new(),
    };
    match major(&version) {
        Some(OLDEST..) => Ok(()),
        Some(_) => {
            Err(format!("the interop tests need Node.js {OLDEST} or newer, and this is {}", version.trim()))
        }
        None => Err(format!(
            "the interop tests need Node.js {OLDEST} or newer with npm: `apt-get install nodejs npm`, or see https://nodejs.org"
        )),
    }
}

/// The first number of `v20.1.0`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

pub(crate) fn is_root_of_debian() -> bool {
    let user = crate::output(Command::new("id").arg("-u"));
    let apt = Command::new("apt-get").arg("--version").output();
    user.is_ok_and(|user| user.trim() == "0") && apt.is_ok()
}

/// What Debian 12 has, and the oldest that was tried.
const OLDEST: u32 = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_first_number() {
        assert_eq!(major("v20.19.5\n"), Some(20));
        assert_eq!(major("v9.0.0"), Some(9));
        assert_eq!(major(""), None);
        assert_eq!(major("20.1.0"), None);
    }
}
