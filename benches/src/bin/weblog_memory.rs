//! The most memory that the weblog job holds while it reads a pipe.
//!
//! `cargo build --release --example weblog && cargo run --release -p streamgauge-benches --bin weblog_memory`
//!
//! Runs `weblog --input - --once --output jsonl --no-dashboard` and feeds it lines of the synthetic site. The most
//! memory is what Linux has as `VmHWM`; on other systems it is not measured.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use clap::Parser;
use streamgauge_examples::weblog::Site;

/// How often the child is looked at after its input has ended.
const EVERY: Duration = Duration::from_micros(200);

/// Measures the most memory that the weblog job holds while it reads a pipe.
#[derive(Debug, Parser)]
#[command(name = "weblog_memory")]
struct Flags {
    /// Lines of the synthetic site's log
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,

    /// Its requests per second of event time; may be given several times
    #[arg(long, default_values_t = [40.0, 2_000.0])]
    rate: Vec<f64>,

    /// The seed of the log
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Threads of the job; as many as the machine has if 0
    #[arg(long, default_value_t = 0)]
    threads: usize,

    /// The weblog example; the one built beside this program if not given
    #[arg(long, value_name = "FILE")]
    weblog: Option<PathBuf>,
}

/// The most memory that a running child has held, in KiB; none after its end, and where there is no `/proc`.
fn peak_kib(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Feeds the job and gives the most memory it has held, and what it said at its end.
fn measure(weblog: &PathBuf, flags: &Flags, rate: f64) -> Result<(Option<u64>, String), Box<dyn Error>> {
    let threads = flags.threads.to_string();
    let mut child = Command::new(weblog)
        .args(["--input", "-", "--once", "--output", "jsonl", "--no-dashboard"])
        .args(["--threads", &threads])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| {
            let build = "build it with `cargo build --release --example weblog`";
            format!("cannot run {}: {e}; {build}", weblog.display())
        })?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(stdin), Some(mut stdout)) = (stdin, stdout) else {
        return Err("the child has no pipes".into());
    };
    let written = thread::spawn(move || {
        let mut written = String::new();
        stdout.read_to_string(&mut written).map(|_| written)
    });
    let mut stdin = BufWriter::new(stdin);
    Site::new(flags.seed, rate).write_log(flags.lines, &mut stdin)?;
    stdin.flush()?;
    let mut peak = peak_kib(&child);
    drop(stdin);
    while child.try_wait()?.is_none() {
        peak = peak_kib(&child).or(peak);
        thread::sleep(EVERY);
    }
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("the job failed: {status}").into());
    }
    let written = written.join().map_err(|_| "the reader panicked")??;
    Ok((peak, written.lines().last().unwrap_or_default().to_owned()))
}

fn bench(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let beside = || -> Result<PathBuf, Box<dyn Error>> {
        let mut path = env::current_exe()?;
        path.set_file_name("examples");
        Ok(path.join(format!("weblog{}", env::consts::EXE_SUFFIX)))
    };
    let weblog = flags.weblog.clone().map_or_else(beside, Ok)?;
    for rate in &flags.rate {
        let (peak, summary) = measure(&weblog, flags, *rate)?;
        let peak = match peak {
            Some(kib) => format!("{:.1} MiB at most", kib as f64 / 1_024.0),
            None => "memory not measured on this system".to_owned(),
        };
        println!("{} lines, {rate} per event second: {peak}", flags.lines);
        println!("  {summary}");
    }
    Ok(())
}

fn main() -> ExitCode {
    match bench(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
