//! Files on a disk whose every step is broken in turn.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
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

    /// Which file it is, and since when: another one after it was written again, with whatever content.
    #[cfg(unix)]
    fn identity(&self, name: &str) -> Option<(u64, i64, i64)> {
        use std::os::unix::fs::MetadataExt;
        let file = fs::metadata(self.0.join(name)).ok()?;
        Some((file.ino(), file.mtime(), file.mtime_nsec()))
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

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        System.open(path)
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
            #[cfg(unix)]
            let found = scratch.identity("words-2000.txt").filter(|_| seen == after);
            write(&mut sink, 2, &rows("c")).unwrap();
            assert_eq!(scratch.read("words-2000.txt"), after);
            #[cfg(unix)]
            assert!(
                found.is_none() || found == scratch.identity("words-2000.txt"),
                "a committed file was written again"
            );
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

#[test]
fn a_committed_file_is_left_as_it_is_and_one_of_other_rows_is_replaced() {
    let scratch = Scratch::new();
    let mut sink = Files::text(scratch.prefix());
    open(&mut sink);
    let before = rows("a");
    write(&mut sink, 1, &before).unwrap();
    write(&mut sink, 2, &[]).unwrap();
    #[cfg(unix)]
    let identities = ["words-1000.txt", "words-2000.txt"].map(|name| scratch.identity(name));
    // Only the folder is synced once more: the run before may have been killed before that.
    let fault = Fault::new(usize::MAX, false);
    let mut sink = sink.on(fault.clone());
    write(&mut sink, 1, &before).unwrap();
    write(&mut sink, 2, &[]).unwrap();
    assert_eq!(fault.taken.load(Ordering::Relaxed), 2);
    #[cfg(unix)]
    assert_eq!(["words-1000.txt", "words-2000.txt"].map(|name| scratch.identity(name)), identities);

    // Fewer rows, more rows, other rows, other rows of the same length at the end, none.
    let mut last_differs = before.clone();
    last_differs[2].replace_range(99_999.., "b");
    for other in [before[..2].to_vec(), [&before[..], &before[..1]].concat(), rows("b"), last_differs, vec![]] {
        write(&mut sink, 1, &other).unwrap();
        assert_eq!(scratch.read("words-1000.txt"), Some(text(&other)));
        assert!(scratch.staged().is_empty());
    }
    // A folder in the place of the file is no file of the same content.
    fs::create_dir(scratch.0.join("words-3000.txt")).unwrap();
    let cause = write(&mut sink, 3, &[]).unwrap_err().to_string();
    assert!(cause.contains("words-3000.txt"), "{cause}");
}

/// A job with a log, and files on a disk that is killed at a step.
mod in_a_job {
    use super::*;
    use crate::testing::{FaultyDisk, TestJob};

    fn run(scratch: &Scratch, log: &FaultyDisk, fault: &Fault) -> Result<(), crate::Error> {
        let mut job = TestJob::with(|it| it.checkpoint_storage(log.clone()).checkpoint_every(2).threads(2));
        let batches = job.source((0..4).map(|batch| (0..batch * 5_000).map(|n| batch * n).collect::<Vec<u64>>()));
        batches.write_to(Files::text(scratch.prefix()).on(fault.clone()));
        job.run().map(drop)
    }

    fn files(scratch: &Scratch) -> Vec<Option<String>> {
        (1..=5).map(|second| scratch.read(&format!("words-{second}000.txt"))).collect()
    }

    #[test]
    fn a_kill_at_any_step_of_any_batch_leaves_every_batch_once() {
        let (whole, never) = (Scratch::new(), Fault::new(usize::MAX, true));
        run(&whole, &FaultyDisk::new(), &never).unwrap();
        let (steps, expected) = (never.taken.load(Ordering::Relaxed), files(&whole));
        assert!(steps >= 4 * 4 && expected[..4].iter().all(Option::is_some), "{steps} steps");
        for step in 0..steps {
            let (scratch, log) = (Scratch::new(), FaultyDisk::new());
            run(&scratch, &log, &Fault::new(step, true)).unwrap_err();
            let before = files(&scratch);
            #[cfg(unix)]
            let identities: Vec<_> =
                (1..=5).map(|second| scratch.identity(&format!("words-{second}000.txt"))).collect();
            log.restart(step as u64);
            run(&scratch, &log, &Fault::new(usize::MAX, false)).unwrap();
            assert_eq!(files(&scratch), expected, "step {step}");
            assert!(scratch.staged().is_empty());
            for (second, found) in (1..=5).zip(before) {
                // What was there was whole, and has not been touched.
                assert!(found.is_none() || found == expected[second - 1], "step {step}");
                #[cfg(unix)]
                assert!(
                    found.is_none() || scratch.identity(&format!("words-{second}000.txt")) == identities[second - 1]
                );
            }
        }
    }
}
