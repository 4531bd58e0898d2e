//! The examples, running.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::process::Process;

/// An example that runs, and serves its dashboard.
pub(crate) struct Server {
    _process: Process,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn example(name: &str, arguments: &[&str]) -> Self {
        let process = Process::spawn(Command::new(path(name)).args(arguments));
        let url = process.line("dashboard: ");
        Self { _process: process, url }
    }

    pub(crate) fn start(address: &str, more: &[&str]) -> Self {
        Self::example("weblog", &[&["--listen", address], more].concat())
    }

    /// The synthetic site.
    pub(crate) fn site() -> Self {
        Self::start("127.0.0.1:0", &[])
    }

    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

fn path(name: &str) -> PathBuf {
    if let Some(path) = env::var_os(format!("STREAMGAUGE_{}", name.to_uppercase())) {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let path = profile.join("examples").join(name).with_extension(env::consts::EXE_EXTENSION);
    let missing = "is not there: cargo build -p streamgauge-examples --examples";
    assert!(path.exists(), "{} {missing}", path.display());
    path
}
