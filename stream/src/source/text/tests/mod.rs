//! What the tests of the text sources share.

mod ends;
mod files;
mod follow;
mod gzip;
mod pace;
mod stdin;
mod tcp;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::super::{Lag, Limit, Next, Partition, Source, SourceError};
use super::TextBlock;
use super::block::Start;
use crate::time::Time;

const WAIT: Limit = Limit::new(Time::from_millis(0), true);

const NOW: Limit = Limit::new(Time::from_millis(0), false);

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("streamgauge-text-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file, the older the smaller its age in seconds since the epoch.
    fn write(&self, name: &str, text: impl AsRef<[u8]>, age: u64) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(age)).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn append(path: &Path, text: &str) {
    let mut file: File = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A small generator of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A text with all that is unpleasant in it.
fn unpleasant_text(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = Vec::new();
    for _ in 0..random.below(60) {
        let length = match random.below(10) {
            0..3 => 0,
            3..9 => random.below(30),
            _ => random.below(900),
        };
        for _ in 0..length {
            match random.below(20) {
                0 => text.extend("é".as_bytes()),
                1 => text.extend("𝄞".as_bytes()),
                2 => text.push(0xFF),
                3 => text.push(0xE2),
                4 => text.push(0),
                5 => text.push(b'\r'),
                _ => text.push(b'a' + random.below(26) as u8),
            }
        }
        text.extend(if random.below(3) == 0 { &b"\r\n"[..] } else { b"\n" });
    }
    if random.below(2) == 0 {
        text.extend(b"unfinished");
    }
    text
}

/// The lines of a text, taken apart as simply as can be.
fn plain_lines(text: &[u8]) -> Vec<String> {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let line = |line: &[u8]| String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
    lines.into_iter().map(line).collect()
}

fn blocks(partitions: &[Box<dyn Partition<TextBlock>>]) -> Result<Vec<TextBlock>, SourceError> {
    let mut blocks = Vec::new();
    for partition in partitions {
        partition.read(&mut |block| blocks.append(block))?;
    }
    Ok(blocks)
}

fn lines(blocks: &[TextBlock]) -> Vec<String> {
    blocks.iter().flat_map(|block| block.lines()).map(str::to_owned).collect()
}

/// Blocks, so that they can be compared.
fn contents(blocks: &[TextBlock]) -> Vec<(String, String, Start)> {
    let content = |block: &TextBlock| (block.origin().to_owned(), block.as_str().to_owned(), block.start());
    blocks.iter().map(content).collect()
}

struct Batch<P> {
    from: P,
    to: P,
    next: Next,
    blocks: Vec<TextBlock>,
}

fn batch<S>(source: &mut S, from: &S::Position, limit: Limit) -> Result<Batch<S::Position>, SourceError>
where
    S: Source<Item = TextBlock>,
{
    let plan = source.plan(from, limit)?;
    let blocks = blocks(&source.read(from, &plan.to)?)?;
    Ok(Batch { from: from.clone(), to: plan.to, next: plan.next, blocks })
}

fn first<S>(source: &mut S, limit: Limit) -> Result<Batch<S::Position>, SourceError>
where
    S: Source<Item = TextBlock>,
{
    let start = source.start();
    batch(source, &start, limit)
}

/// All batches up to the end of the input.
fn batches<S>(source: &mut S, limit: Limit) -> Vec<Batch<S::Position>>
where
    S: Source<Item = TextBlock>,
{
    let mut batches: Vec<Batch<S::Position>> = Vec::new();
    loop {
        let from = batches.last().map_or_else(|| source.start(), |batch| batch.to.clone());
        let batch = batch(source, &from, limit).unwrap();
        let finished = batch.next == Next::Finished;
        batches.push(batch);
        if finished {
            return batches;
        }
        // The input is being read ahead by another thread.
        std::thread::yield_now();
    }
}

fn all_lines<P>(batches: &[Batch<P>]) -> Vec<String> {
    batches.iter().flat_map(|batch| lines(&batch.blocks)).collect()
}

/// Checks the line numbers of an input that begins with the first of these blocks.
fn assert_numbered<P>(batches: &[Batch<P>]) {
    let mut expected = 1;
    for block in batches.iter().flat_map(|batch| &batch.blocks) {
        for (index, _) in block.lines().enumerate() {
            assert_eq!(block.line_number(index as u64).unwrap(), expected);
            expected += 1;
        }
    }
}
