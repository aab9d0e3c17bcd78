//! The process itself: memory, time, files, threads, and the runtime that it serves on.

use std::{fs, sync::OnceLock, time::Duration};

use tokio::runtime::Handle;

use super::{
    Readings,
    catalogue::{
        BUILD_INFO, PROCESS_CPU, PROCESS_FILES, PROCESS_FILES_LIMIT, PROCESS_MEMORY, PROCESS_THREADS,
        PROCESS_UPTIME, TOKIO_QUEUE, TOKIO_TASKS, TOKIO_WORKERS,
    },
};
use crate::resource::Facts;

/// What is known of the process from its start.
#[derive(Debug)]
pub(crate) struct Process {
    version: String,
    revision: String,
    /// The runtime on which telemetry was made or first asked for, if there was one.
    runtime: OnceLock<Handle>,
}

impl Process {
    pub(crate) fn new(facts: &Facts) -> Self {
        let fact = |name| facts.get(name).unwrap_or_default().to_owned();
        let process = Self {
            version: fact("service.version"),
            revision: fact("vcs.ref.head.revision"),
            runtime: OnceLock::new(),
        };
        if let Ok(handle) = Handle::try_current() {
            // It is empty until now.
            let _ = process.runtime.set(handle);
        }
        process
    }

    pub(crate) fn read(&self, readings: &mut Readings, uptime: Duration) {
        let build = [&*self.version, &*self.revision, env!("CARGO_PKG_VERSION")];
        readings.add(&BUILD_INFO, &build, 1.0);
        readings.add(&PROCESS_UPTIME, &[], uptime.as_secs_f64());
        if let Some(handle) = self.runtime.get() {
            let metrics = handle.metrics();
            readings.add(&TOKIO_WORKERS, &[], metrics.num_workers() as f64);
            readings.add(&TOKIO_TASKS, &[], metrics.num_alive_tasks() as f64);
            readings.add(&TOKIO_QUEUE, &[], metrics.global_queue_depth() as f64);
        }
        let read = |path| fs::read_to_string(path).ok();
        if let Some(stat) = read("/proc/self/stat").as_deref().and_then(Stat::parse) {
            readings.add(&PROCESS_CPU, &["user"], stat.user);
            readings.add(&PROCESS_CPU, &["system"], stat.system);
            readings.add(&PROCESS_THREADS, &[], stat.threads);
        }
        if let Some(bytes) = read("/proc/self/status").as_deref().and_then(resident) {
            readings.add(&PROCESS_MEMORY, &[], bytes);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // One of them is the folder that is being read.
            readings.add(&PROCESS_FILES, &[], files.count().saturating_sub(1) as f64);
        }
        if let Some(limit) = read("/proc/self/limits").as_deref().and_then(file_limit) {
            readings.add(&PROCESS_FILES_LIMIT, &[], limit);
        }
    }
}

/// What `/proc/self/stat` tells.
#[derive(Debug, PartialEq)]
struct Stat {
    /// Seconds.
    user: f64,
    system: f64,
    threads: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program stands in parentheses, and may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // proc_pid_stat(5) counts from one and from the process id, which is two further to the left.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self { user: field(14)? / TICKS, system: field(15)? / TICKS, threads: field(20)? })
    }
}

/// Bytes that are resident.
fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes = line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()?;
    Some(kilobytes * 1024.0)
}

/// How many files may be open; `unlimited` is no number.
fn file_limit(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Ticks of the processor's clock in a second: 100 on every platform that Linux offers to programs.
const TICKS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 9 0 0 0 250 125 0 0 20 0 13 0 99 1 2 3";

        assert_eq!(Stat::parse(stat), Some(Stat { user: 2.5, system: 1.25, threads: 13.0 }));
        assert_eq!(Stat::parse("7 (a) S 1"), None);
        assert_eq!(resident("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2_097_152.0));
        assert_eq!(resident("Name:\tx\n"), None);
        let limits = "Limit Soft Hard Units\nMax open files            1024                 4096     files\n";
        assert_eq!(file_limit(limits), Some(1024.0));
        assert_eq!(
            file_limit("Max open files            unlimited            unlimited            files\n"),
            None
        );
    }
}
