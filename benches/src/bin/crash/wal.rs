//! A job that acknowledges what it receives, and is killed.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use streamgauge::prelude::*;
use streamgauge::stream::sink::Files;
use streamgauge::stream::{Receiver, ReceiverHandle, ReceiverSource, State};

/// How many records may be on their way and not acknowledged.
const WINDOW: u64 = 20_000;

/// The keys of state.
const KEYS: u64 = 97;

/// The job: writes every record, and how many there were of its key.
pub(crate) fn run(folder: &Path, address: &str) -> Result<(), Box<dyn Error>> {
    let ctx = StreamingContext::builder("acknowledges")
        .trigger(Trigger::AsSoonAsPossible)
        .threads(2)
        .checkpoint_dir(folder.join("checkpoints"))
        .checkpoint_every(7)
        // Small segments: many are begun, and tidied away.
        .max_pending_bytes(512 << 10)
        .build();
    let records = ctx.source(ReceiverSource::new(Connected(address.to_owned())).logged());
    let out = |name: &str| Files::text(folder.join("out").join(name));
    records.map(|n| n.to_string()).write_to(out("rows"));
    let keyed = records.map(|n| n % KEYS).key_by(|key| key).named("totals");
    let totals = keyed.map_with_state(|key, total: &mut State<'_, u64, u64>| {
        *total.or_default() += 1;
        format!("{key} {}", *total.or_default())
    });
    totals.write_to(out("totals"));
    ctx.run()?;
    Ok(())
}

/// Numbers on lines, from whoever listens there. The last that is durable is sent back.
struct Connected(String);

impl Receiver for Connected {
    type Item = u64;

    fn name(&self) -> String {
        "connected".to_owned()
    }

    fn receive(&mut self, handle: &ReceiverHandle<u64>) -> Result<(), SourceError> {
        let failed = |e: &dyn ToString| SourceError::new("connected", e.to_string());
        let connection = TcpStream::connect(&self.0).map_err(|e| failed(&e))?;
        let mut answers = connection.try_clone().map_err(|e| failed(&e))?;
        let mut lines = BufReader::new(connection);
        let mut line = String::new();
        loop {
            line.clear();
            if lines.read_line(&mut line).map_err(|e| failed(&e))? == 0 {
                return Err(failed(&"the other side has gone"));
            }
            if line == "end\n" {
                handle.sync()?;
                return Ok(());
            }
            let number: u64 = line.trim_end().parse().map_err(|e| failed(&e))?;
            handle.store(number)?;
            // All that came at once is acknowledged at once.
            if !lines.buffer().contains(&b'\n') {
                handle.sync()?;
                answers.write_all(format!("{number}\n").as_bytes()).map_err(|e| failed(&e))?;
            }
        }
    }
}

/// What is sent to the jobs, one after the other.
#[derive(Default)]
struct Sender {
    next: AtomicU64,
    /// The first and the last of each connection that were acknowledged.
    acknowledged: Mutex<Vec<(u64, u64)>>,
    /// The job is to end.
    ends: AtomicBool,
}

impl Sender {
    /// Sends numbers until the other side is gone or is to end. None is sent twice.
    fn send(&self, connection: TcpStream) {
        let first = self.next.load(Ordering::Acquire);
        let (last, is_gone) = (AtomicU64::new(first), AtomicBool::new(false));
        thread::scope(|scope| {
            let Ok(answers) = connection.try_clone() else { return };
            let read = scope.spawn(|| {
                let mut acknowledged = None;
                // A line that was cut off is none.
                for line in BufReader::new(answers).lines().map_while(Result::ok) {
                    if let Ok(number) = line.parse() {
                        acknowledged = Some(number);
                        last.store(number, Ordering::Release);
                    }
                }
                is_gone.store(true, Ordering::Release);
                acknowledged
            });
            let mut out = BufWriter::new(connection);
            while !is_gone.load(Ordering::Acquire) {
                if self.ends.load(Ordering::Acquire) {
                    let _ = out.write_all(b"end\n").and_then(|()| out.flush());
                    break;
                }
                if self.next.load(Ordering::Acquire) - last.load(Ordering::Acquire) > WINDOW {
                    thread::sleep(Duration::from_micros(200));
                    continue;
                }
                // Some at once, as they come.
                let next = self.next.fetch_add(50, Ordering::AcqRel);
                let text: String = (next..next + 50).map(|n| format!("{n}\n")).collect();
                if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
                    break;
                }
                thread::sleep(Duration::from_micros(100));
            }
            if let Ok(Some(number)) = read.join() {
                self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push((first, number));
            }
        });
    }
}

/// Kills the job again and again; all that it has acknowledged must be in its output once, and nothing twice.
pub(crate) fn crash(kills: usize, within: u64, seed: u64) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    let server = TcpListener::bind("127.0.0.1:0")?;
    let address = server.local_addr()?.to_string();
    let sender = Arc::new(Sender::default());
    let serving = sender.clone();
    // One connection at a time, as there is one job at a time.
    thread::spawn(move || server.incoming().flatten().for_each(|connection| serving.send(connection)));
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut done = 0;
    while done < kills {
        let mut child = start(folder.path(), &address)?;
        thread::sleep(Duration::from_micros(random.random_range(0..=1_000 * within)));
        if let Some(status) = child.try_wait()? {
            return Err(format!("the job has ended by itself, with {status}").into());
        }
        child.kill()?;
        child.wait()?;
        done += 1;
    }
    sender.ends.store(true, Ordering::Release);
    super::finish(&mut start(folder.path(), &address)?)?;
    let result = check(folder.path(), &sender);
    if result.is_err() {
        println!("kept: {}", folder.keep().display());
    }
    let (jobs, acknowledged, rows) = result?;
    println!(
        "{kills} kills, {jobs} jobs that have acknowledged something, {} records sent, {acknowledged} acknowledged, \
         {rows} in the output, {:.1?}: every acknowledged record once, none twice",
        sender.next.load(Ordering::Acquire),
        begun.elapsed()
    );
    Ok(())
}

fn start(folder: &Path, address: &str) -> std::io::Result<Child> {
    let program = std::env::current_exe()?;
    Command::new(program).arg("wal-job").arg(folder).arg(address).stdin(Stdio::null()).spawn()
}

/// How many jobs have acknowledged something, how many records they were, and how many are there.
fn check(folder: &Path, sender: &Sender) -> Result<(usize, usize, usize), Box<dyn Error>> {
    let mut times: BTreeMap<u64, u64> = BTreeMap::new();
    let mut counts: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (name, content) in super::output(folder)? {
        for line in String::from_utf8(content)?.lines() {
            if name.starts_with("rows") {
                *times.entry(line.parse()?).or_default() += 1;
            } else {
                let (key, count) = line.split_once(' ').ok_or_else(|| format!("{name}: {line:?}"))?;
                counts.entry(key.parse()?).or_default().push(count.parse()?);
            }
        }
    }
    let acknowledged = sender.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    let jobs = acknowledged.len();
    let acknowledged: Vec<u64> = acknowledged.iter().flat_map(|(first, last)| *first..=*last).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|n| !times.contains_key(n)).collect();
    if let [first, ..] = lost[..] {
        return Err(format!("{} of the acknowledged records are lost, {first} first", lost.len()).into());
    }
    if let Some((number, times)) = times.iter().find(|(_, times)| **times > 1) {
        return Err(format!("record {number} is there {times} times").into());
    }
    let sent = sender.next.load(Ordering::Acquire);
    if let Some((number, _)) = times.range(sent..).next() {
        return Err(format!("record {number} was never sent").into());
    }
    // State has counted each of them once, too.
    for (key, mut found) in counts {
        found.sort_unstable();
        let rows = times.keys().filter(|n| *n % KEYS == key).count() as u64;
        if !found.iter().copied().eq(1..=rows) {
            return Err(format!("the state of key {key} has counted to {:?}, of {rows}", found.last()).into());
        }
    }
    if acknowledged.is_empty() {
        return Err("nothing was acknowledged: the kills come too early".into());
    }
    fs::remove_dir_all(folder.join("out"))?;
    Ok((jobs, acknowledged.len(), times.len()))
}
