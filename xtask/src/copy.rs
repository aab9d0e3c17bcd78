//! A copy of the tree, in which things can be changed and tried.

use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

/// The copy, and its build folder: that of the tree would hold what was changed afterwards.
pub(crate) struct Copy {
    tree: PathBuf,
    build: PathBuf,
}

/// What the tests of a package say.
#[derive(Debug)]
pub(crate) enum Verdict {
    Passed,
    /// This test failed, or did not come to an end.
    Failed(String),
    /// The compiler said this.
    DoesNotBuild(String),
}

impl Copy {
    /// Copies the files that git knows or would add, as they are now, into a folder of this name below the target folder. What
    /// has not changed since the last time stays, so that cargo need not build it again.
    pub(crate) fn make(name: &str) -> Result<Self, String> {
        let below = crate::target_folder()?.join(name);
        let copy = Self { tree: below.join("tree"), build: below.join("build") };
        let listed = crate::output(Command::new("git").args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let files = listed.split('\0').filter(|file| crate::root().join(file).is_file());
        let files: HashSet<PathBuf> = files.map(PathBuf::from).collect();
        for file in &files {
            let text = read(&crate::root().join(file))?;
            let there = copy.tree.join(file);
            if fs::read(&there).ok().as_ref() != Some(&text) {
                fs::create_dir_all(there.parent().expect("a file has a folder")).map_err(of(&there))?;
                fs::write(&there, text).map_err(of(&there))?;
            }
        }
        copy.remove_all_but(&files, &copy.tree)?;
        Ok(copy)
    }

    /// The root of the copy.
    pub(crate) fn tree(&self) -> &Path {
        &self.tree
    }

    /// Where the copy is built.
    pub(crate) fn build(&self) -> &Path {
        &self.build
    }

    /// The text of a file of the copy.
    pub(crate) fn read(&self, file: &str) -> Result<String, String> {
        let path = self.tree.join(file);
        fs::read_to_string(&path).map_err(of(&path))
    }

    pub(crate) fn write(&self, file: &str, text: &str) -> Result<(), String> {
        let path = self.tree.join(file);
        fs::write(&path, text).map_err(of(&path))
    }

    /// Builds and runs the tests of a package, without those in its documentation.
    pub(crate) fn test(&self, package: &str) -> Result<Verdict, String> {
        let built = Command::new(env!("CARGO"))
            .args([
                "test",
                "--quiet",
                "--no-run",
                "--tests",
                "--message-format",
                "json",
                "--package",
                package,
            ])
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.build)
            .output()
            .map_err(|error| format!("cargo test --package {package}: {error}"))?;
        let messages = String::from_utf8_lossy(&built.stdout);
        let messages: Vec<Value> =
            messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if !built.status.success() {
            let error = messages.iter().find(|message| message["message"]["level"] == "error");
            let told = error.and_then(|error| error["message"]["message"].as_str());
            let told =
                told.map_or_else(|| String::from_utf8_lossy(&built.stderr).into_owned(), str::to_owned);
            return Ok(Verdict::DoesNotBuild(told.lines().next().unwrap_or_default().to_owned()));
        }
        for message in messages.iter().filter(|message| message["profile"]["test"] == true) {
            if let (Some(program), Some(manifest)) =
                (message["executable"].as_str(), message["manifest_path"].as_str())
                && let Some(test) = self.run(Path::new(program), Path::new(manifest))?
            {
                return Ok(Verdict::Failed(format!("{package}: {test}")));
            }
        }
        Ok(Verdict::Passed)
    }

    /// Runs a test program where cargo would; the name of a test that fails or hangs.
    fn run(&self, program: &Path, manifest: &Path) -> Result<Option<String>, String> {
        let folder = manifest.parent().ok_or("a manifest has a folder")?;
        // A file, because nobody would empty a pipe while the program runs.
        let told = self.build.join("told");
        let file = File::create(&told).map_err(of(&told))?;
        let mut child = Command::new(program)
            // What the compiler says to mistakes is no rule that code here could break, and asks for cargo around the program.
            .args(["--skip", "messages::"])
            .current_dir(folder)
            .env("CARGO_MANIFEST_DIR", folder)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(of(&told))?)
            .stderr(file)
            .spawn()
            .map_err(of(program))?;
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(of(program))? {
                break Some(status);
            }
            if begin.elapsed() > PATIENCE {
                child.kill().and_then(|()| child.wait()).map_err(of(program))?;
                break None;
            }
            sleep(Duration::from_millis(20));
        };
        let told = fs::read(&told).map_err(of(&told))?;
        Ok(match status {
            Some(status) if status.success() => None,
            _ => Some(first_failure(&String::from_utf8_lossy(&told))),
        })
    }

    fn remove_all_but(&self, files: &HashSet<PathBuf>, folder: &Path) -> Result<(), String> {
        for entry in fs::read_dir(folder).map_err(of(folder))? {
            let path = entry.map_err(of(folder))?.path();
            if path.is_dir() {
                self.remove_all_but(files, &path)?;
            } else if !path.strip_prefix(&self.tree).is_ok_and(|path| files.contains(path)) {
                fs::remove_file(&path).map_err(of(&path))?;
            }
        }
        Ok(())
    }
}

/// The first test by name that failed, since they end in any order, or else one that libtest was still waiting for.
fn first_failure(told: &str) -> String {
    let failed = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    let hangs = |line: &str| Some(line.strip_prefix("test ")?.split_once(" has been running")?.0.to_owned());
    let named = told.lines().filter_map(failed).min();
    let hanging = || told.lines().filter_map(hangs).min().map(|test| format!("{test} (does not end)"));
    named.or_else(hanging).unwrap_or_else(|| "the test program ended early".to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(of(path))
}

fn of(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// How long a test program may run; libtest names a test that hangs after a minute.
const PATIENCE: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_by_name_is_found_in_what_libtest_prints() {
        let told = "running 3 tests\ntest a::good ... ok\ntest b::bad ... FAILED\ntest a::bad ... FAILED\n";
        let hangs = "test a::good ... ok\ntest a::slow has been running for over 60 seconds\n";

        assert_eq!(first_failure(told), "a::bad");
        assert_eq!(first_failure(hangs), "a::slow (does not end)");
        assert_eq!(first_failure("stack overflow"), "the test program ended early");
    }
}
