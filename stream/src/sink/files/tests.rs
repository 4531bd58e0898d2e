//! Files on a disk whose every step is broken in turn.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Files;
use super::atomic::{Disk, Staged, System};
use super::lines::Text;
use crate::sink::{Cause, Part, Sink};
use crate::time::Time;

/// A folder that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("streamgauge-atomic-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn prefix(&self) -> PathBuf {
        self.0.join("words")
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.0.join(name)).ok()
    }

    /// The files that are being written.
    fn staged(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".tmp")).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Which step of the disk fails, counted from 0, and whether all later ones do too, as after a kill.
#[derive(Clone)]
struct Fault {
    step: usize,
    kills: bool,
    taken: Arc<AtomicUsize>,
}

impl Fault {
    fn new(step: usize, kills: bool) -> Self {
        Self { step, kills, taken: Arc::default() }
    }

    fn step(&self) -> io::Result<()> {
        let step = self.taken.fetch_add(1, Ordering::Relaxed);
        let fails = step == self.step || (self.kills && step > self.step);
        if fails { Err(io::Error::new(ErrorKind::StorageFull, "no space left")) } else { Ok(()) }
    }

    fn happened(&self) -> bool {
        self.taken.load(Ordering::Relaxed) > self.step
    }
}

struct FaultyFile(Box<dyn Staged>, Fault);

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(e) = self.1.step() {
            // Torn: some of it is there.
            self.0.write_all(&bytes[..bytes.len() / 2])?;
            return Err(e);
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Staged for FaultyFile {
    fn sync(&mut self) -> io::Result<()> {
        self.1.step()?;
        self.0.sync()
    }
}

impl Disk for Fault {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn Staged>> {
        self.step()?;
        Ok(Box::new(FaultyFile(System.create(path)?, self.clone())))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        System.rename(from, to)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        self.step()?;
        System.sync_folder(folder)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        System.remove(path)
    }
}

/// Writes a batch of these partitions, each of one row.
fn write(sink: &mut Files<Text>, second: i64, partitions: &[String]) -> Result<(), Cause> {
    let batch = Time::from_secs(second);
    let parts = partitions.iter().enumerate().map(|(partition, row)| {
        let mut part = Sink::<String>::part(sink, batch, partition)?;
        part.write(&mut vec![row.clone()])?;
        Ok(part)
    });
    let parts = parts.collect::<Result<Vec<_>, Cause>>()?;
    Sink::<String>::commit(sink, batch, parts)
}

fn open(sink: &mut Files<Text>) {
    Sink::<String>::open(sink).unwrap();
}

fn rows(letter: &str) -> Vec<String> {
    // Longer than any buffer: several writes.
    vec![letter.repeat(100_000); 3]
}

fn text(rows: &[String]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// Breaks every step of writing a batch, with and without one of the same time being there before.
fn break_every_step(kills: bool) {
    let (mut step, mut syncs_of_folder) = (0, 0);
    loop {
        for replaces in [false, true] {
            let scratch = Scratch::new();
            let mut sink = Files::text(scratch.prefix());
            open(&mut sink);
            write(&mut sink, 1, &rows("a")).unwrap();
            if replaces {
                write(&mut sink, 2, &rows("b")).unwrap();
            }
            let before = replaces.then(|| text(&rows("b")));
            let after = Some(text(&rows("c")));

            let fault = Fault::new(step, kills);
            let mut sink = sink.on(fault.clone());
            let written = write(&mut sink, 2, &rows("c"));
            let seen = scratch.read("words-2000.txt");
            assert_eq!(scratch.read("words-1000.txt"), Some(text(&rows("a"))), "step {step} damaged another file");
            if !fault.happened() {
                written.unwrap();
                assert_eq!(seen, after);
                assert!(step >= 7, "create, three writes, sync, rename, sync of the folder");
                assert_eq!(syncs_of_folder, 2);
                return;
            }
            let cause = written.unwrap_err().to_string();
            assert!(cause.contains("no space left") && cause.contains(scratch.0.to_str().unwrap()), "{cause}");
            if cause.starts_with("syncing") && !cause.contains(".tmp") {
                // Renamed already: it is there as a whole.
                assert_eq!(seen, after);
                syncs_of_folder += 1;
            } else {
                assert_eq!(seen, before, "step {step} left a part of a file: {cause}");
            }
            assert!(kills || scratch.staged().is_empty(), "step {step}: {:?}", scratch.staged());

            // Another run: what was left is cleared away, and the batch is written again.
            drop(sink);
            let mut sink = Files::text(scratch.prefix());
            open(&mut sink);
            assert!(scratch.staged().is_empty());
            write(&mut sink, 2, &rows("c")).unwrap();
            assert_eq!(scratch.read("words-2000.txt"), after);
        }
        step += 1;
    }
}

#[test]
fn a_failure_at_any_step_leaves_whole_files_and_no_others() {
    break_every_step(false);
}

#[test]
fn a_kill_at_any_step_leaves_whole_files_and_what_the_next_start_clears_away() {
    break_every_step(true);
}

#[test]
fn a_kill_leaves_a_hidden_file_and_the_start_removes_no_other() {
    let scratch = Scratch::new();
    let mut sink = Files::text(scratch.prefix());
    open(&mut sink);
    let mut sink = sink.on(Fault::new(2, true));
    write(&mut sink, 5, &rows("a")).unwrap_err();
    assert_eq!(scratch.staged(), [".words-5000.txt.tmp"]);
    let others = [".words-5000.csv.tmp", ".words-old-5000.txt.tmp", ".words-x.txt.tmp", "words-6000.txt.tmp"];
    others.iter().for_each(|name| fs::write(scratch.0.join(name), "").unwrap());
    drop(sink);
    open(&mut Files::text(scratch.prefix()));
    let mut left = scratch.staged();
    left.sort();
    assert_eq!(left, others);
}

#[test]
fn an_empty_batch_that_is_skipped_removes_the_file_of_its_time() {
    let scratch = Scratch::new();
    let mut sink = Files::text(scratch.prefix()).skip_empty();
    open(&mut sink);
    write(&mut sink, 1, &[]).unwrap();
    assert_eq!(scratch.read("words-1000.txt"), None);
    write(&mut sink, 1, &rows("a")).unwrap();
    assert!(scratch.read("words-1000.txt").is_some());
    let mut broken = sink.on(Fault::new(0, true));
    assert!(write(&mut broken, 1, &[]).unwrap_err().to_string().starts_with("removing"));
    let mut sink = broken.on(System);
    write(&mut sink, 1, &[]).unwrap();
    assert_eq!(scratch.read("words-1000.txt"), None);
}
