//! A job that is killed in the middle of its files.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use streamgauge_stream::sink::Files;
use streamgauge_stream::{Queue, StreamingContext, Trigger};

use super::Scratch;

const ROWS: u64 = 50_000;

/// Writes files for ever, and a line when one is written.
fn write_for_ever(folder: &str) {
    let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(2).build();
    let (queue, source) = Queue::new();
    let numbers = ctx.source(source.one_at_a_time()).flat_map(|batch: u64| (0..ROWS).map(move |n| (batch, n)));
    numbers.map(|(batch, n)| format!("{batch} {n}")).write_to(Files::text(format!("{folder}/n")));
    numbers.for_each_batch(|time, _| writeln!(std::io::stdout(), "written {}", time.secs()));
    (1..100_000).for_each(|batch| assert!(queue.push(vec![batch])));
    ctx.start().unwrap();
    let _ = ctx.await_termination();
}

/// Kills a process that runs this very test, at several points of its work.
#[test]
fn a_killed_job_leaves_whole_files() {
    const FOLDER: &str = "STREAMGAUGE_KILLED";
    if let Ok(folder) = std::env::var(FOLDER) {
        return write_for_ever(&folder);
    }
    for batches in [1, 4, 9] {
        let scratch = Scratch::new();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::a_killed_job_leaves_whole_files"])
            .env(FOLDER, &scratch.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let written = lines.filter(|line| line.starts_with("written")).take(batches).count();
        // The next batch is being computed or written.
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(written, batches);

        let names = scratch.names();
        assert!(names.len() >= batches, "{names:?}");
        for name in names {
            let (_, batch) = name.strip_suffix("000.txt").unwrap().split_once('-').unwrap();
            let expected: String = (0..ROWS).map(|n| format!("{batch} {n}\n")).collect();
            assert!(scratch.read(&name) == expected, "{name} is not whole");
        }
        // Its lock has gone with it, and what it was writing is cleared away.
        super::batches(vec![vec![0]], |n| n.write_to(Files::text(scratch.path("n")))).unwrap();
        assert_eq!(scratch.read("n-1000.txt"), "0\n");
        let hidden = fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert_eq!(hidden.filter(|name| name.starts_with('.')).collect::<Vec<_>>(), [".n.txt.lock"]);
    }
}
