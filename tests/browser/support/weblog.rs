//! The `weblog` example, running.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::process::Process;

/// A running `weblog`.
pub(crate) struct Server {
    pub(crate) _process: Process,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(address: &str, more: &[&str]) -> Self {
        let mut command = Command::new(weblog());
        command.args(["--listen", address]).args(more);
        let process = Process::spawn(&mut command);
        let url = process.line("dashboard: ");
        Self { _process: process, url }
    }

    /// The synthetic site.
    pub(crate) fn site() -> Self {
        Self::start("127.0.0.1:0", &[])
    }

    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

fn weblog() -> PathBuf {
    if let Some(path) = env::var_os("STREAMGAUGE_WEBLOG") {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let path = profile.join("examples/weblog").with_extension(env::consts::EXE_EXTENSION);
    let missing = "is not there: cargo build -p streamgauge-examples --examples";
    assert!(path.exists(), "{} {missing}", path.display());
    path
}
