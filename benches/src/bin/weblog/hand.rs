//! The weblog job written by hand: what one would write for this one job, without an engine.
//!
//! Two threads take blocks of the file one after another, read and parse them, and summarize them by minute. Whoever
//! finds the next block in the order of the file done merges it, and writes the windows that are complete by then.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use compact_str::CompactString;
use streamgauge::prelude::*;
use streamgauge::sketches::Mismatch;
use streamgauge_examples::weblog::{Options, Visit, WindowRow, parse};

use crate::text::Text;

/// What a thread summarizes before it is merged: the larger, the fewer merges, and the more that waits for them.
const BLOCK: u64 = 32 << 20;

/// The windows, in milliseconds.
const PANE: i64 = 60_000;
const WINDOW: i64 = 5 * PANE;
const WATERMARK: i64 = 30_000;

/// Visits that are summarized at once: as many as stay in the innermost cache.
const CHUNK: usize = 128;

/// What the loop has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) lines: u64,
    pub(crate) malformed: u64,
    pub(crate) late: u64,
    pub(crate) windows: u64,
}

/// The summaries of a minute.
#[derive(Clone)]
struct Pane {
    requests: Count,
    errors: Count,
    hosts: HyperLogLog,
    bytes: TDigest,
    paths: HeavyHitters<CompactString>,
}

impl Pane {
    fn new(seed: u64) -> Self {
        Self {
            requests: Count::default(),
            errors: Count::default(),
            hosts: HyperLogLog::default().seeded(seed),
            bytes: TDigest::default(),
            paths: HeavyHitters::top(10),
        }
    }

    /// One loop per summary, so that each finds its state in the cache.
    fn absorb(&mut self, visits: &[Visit]) {
        self.requests.add(visits.len() as u64);
        let errors = visits.iter().filter(|visit| visit.status >= 400);
        self.errors.add(errors.count() as u64);
        for visit in visits {
            self.hosts.absorb(visit.host.as_str());
        }
        for visit in visits {
            self.bytes.absorb(&(visit.bytes as f64));
        }
        for visit in visits {
            self.paths.absorb(visit.path.as_str());
        }
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.requests.merge(&other.requests)?;
        self.errors.merge(&other.errors)?;
        self.hosts.merge(&other.hosts)?;
        self.bytes.merge(&other.bytes)?;
        self.paths.merge(&other.paths)
    }

    fn row(&self, end: i64) -> WindowRow {
        WindowRow {
            start: Time::from_millis(end - WINDOW),
            end: Time::from_millis(end),
            requests: self.requests.read(),
            errors: self.errors.read(),
            hosts: self.hosts.read(),
            bytes: self.bytes.read(),
            top_paths: self.paths.read(),
            exact: None,
        }
    }
}

fn pane_of(time: i64) -> i64 {
    time.div_euclid(PANE)
}

/// The end of a pane; the windows that end there are the last ones with this pane as their newest.
fn end_of(pane: i64) -> i64 {
    (pane + 1) * PANE
}

/// What was found in a block.
struct Block {
    seed: u64,
    tally: Tally,
    /// The newest time.
    newest: i64,
    panes: Vec<(i64, Pane)>,
}

impl Block {
    fn new(seed: u64) -> Self {
        Self { seed, tally: Tally::default(), newest: i64::MIN, panes: Vec::new() }
    }

    fn absorb(&mut self, visits: &[Visit]) {
        for run in visits.chunk_by(|a, b| pane_of(a.time_ms) == pane_of(b.time_ms)) {
            let pane = pane_of(run[0].time_ms);
            // No record closes its own pane: the run is late as a whole or not at all.
            if end_of(pane) <= self.newest.saturating_sub(WATERMARK) {
                self.tally.late += run.len() as u64;
                continue;
            }
            let newest = run.iter().map(|visit| visit.time_ms).max();
            self.newest = self.newest.max(newest.unwrap_or(i64::MIN));
            let held = self.panes.iter().rposition(|(held, _)| *held == pane);
            let held = held.unwrap_or_else(|| {
                self.panes.push((pane, Pane::new(self.seed)));
                self.panes.len() - 1
            });
            self.panes[held].1.absorb(run);
        }
    }
}

/// Merges blocks in the order of the file, and writes windows.
struct Merger<W> {
    out: W,
    tally: Tally,
    next_block: u64,
    newest: i64,
    panes: BTreeMap<i64, Pane>,
    /// No window that ends before has yet to be written.
    next_end: i64,
}

impl<W: Write> Merger<W> {
    fn merge(&mut self, block: Block) -> io::Result<()> {
        self.next_block += 1;
        self.tally.lines += block.tally.lines;
        self.tally.malformed += block.tally.malformed;
        self.tally.late += block.tally.late;
        let watermark = self.newest.saturating_sub(WATERMARK);
        for (pane, found) in block.panes {
            if end_of(pane) <= watermark {
                self.tally.late += found.requests.get();
            } else if let Some(held) = self.panes.get_mut(&pane) {
                held.merge(&found).map_err(io::Error::other)?;
            } else {
                self.panes.insert(pane, found);
            }
        }
        self.newest = self.newest.max(block.newest);
        self.write_until(self.newest.saturating_sub(WATERMARK))
    }

    /// Writes the windows that end until the watermark.
    fn write_until(&mut self, watermark: i64) -> io::Result<()> {
        while let Some((&oldest, _)) = self.panes.first_key_value() {
            let end = self.next_end.max(end_of(oldest));
            if end > watermark {
                break;
            }
            let mut panes = self.panes.range(pane_of(end - WINDOW)..pane_of(end));
            if let Some((_, first)) = panes.next() {
                let mut window = first.clone();
                panes.try_for_each(|(_, pane)| window.merge(pane)).map_err(io::Error::other)?;
                window.row(end).write_json(&mut self.out)?;
                self.tally.windows += 1;
            }
            self.next_end = end + PANE;
            self.panes = self.panes.split_off(&pane_of(self.next_end - WINDOW));
        }
        Ok(())
    }
}

/// Runs the loop over a file; `options` says the seed and the number of threads.
pub(crate) fn run(path: &Path, options: &Options, out: impl Write + Send) -> io::Result<Tally> {
    let done = Mutex::new(BTreeMap::new());
    let merger = Mutex::new(Merger {
        out: io::BufWriter::new(out),
        tally: Tally::default(),
        next_block: 0,
        newest: i64::MIN,
        panes: BTreeMap::new(),
        next_end: i64::MIN,
    });
    let done_next = |number: u64| {
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        done.remove(&number)
    };
    Text::new(path)?.each_block(options.threads, BLOCK, |number, range, reader| {
        let mut block = Block::new(options.seed);
        let mut visits = Vec::with_capacity(CHUNK);
        reader.lines(range, |line| {
            block.tally.lines += 1;
            match parse(line, options.format) {
                Ok(visit) => visits.extend(visit),
                Err(_) => block.tally.malformed += 1,
            }
            if visits.len() == CHUNK {
                block.absorb(&visits);
                visits.clear();
            }
        })?;
        block.absorb(&visits);
        done.lock().unwrap_or_else(PoisonError::into_inner).insert(number, block);
        // Where somebody merges already, what is done here can wait.
        if let Ok(mut merger) = merger.try_lock() {
            while let Some(block) = done_next(merger.next_block) {
                merger.merge(block)?;
            }
        }
        Ok(())
    })?;
    let mut merger = merger.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(block) = done_next(merger.next_block) {
        merger.merge(block)?;
    }
    merger.write_until(i64::MAX)?;
    merger.out.flush()?;
    Ok(merger.tally)
}
