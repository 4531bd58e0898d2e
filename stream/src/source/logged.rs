//! A source that cannot replay, read from its write-ahead log: so it can.
//!
//! What the source gives goes to the log, and batches are planned from what is durable there. A thread takes in what the
//! source has as soon as it says that there is something; all that came while the disk synced becomes the next group.
//! A batch that is planned takes in what is left, so that it has all that was there.

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::thread;

use super::{Codec, Limit, MaxRate, Next, Partition, Pending, Plan, Record, Source, SourceError};
use crate::clock::Clock;
use crate::error::{Error, panic_message};
use crate::graph::{Log, decode};
use crate::recovery::{Block, LogPosition, Storage, WriteAheadLog, saved_position};

/// Blocks are put together until a partition has so many bytes.
const PARTITION: usize = 256 << 10;

/// The bytes that may be in the log and in no batch, about, unless the job has a bound.
const ROOM: usize = 64 << 20;

/// A group has so many bytes at most, but for the block that makes it so large.
const GROUP: usize = 32 << 20;

/// Where and how a source is logged.
#[derive(Clone)]
pub(crate) struct Logging {
    pub(crate) storage: Arc<dyn Storage>,
    /// The name by which the source is found again.
    pub(crate) name: String,
    /// Whether records are taken in between batches: not if batches are to depend on the input alone.
    pub(crate) ahead: bool,
}

/// A source and its log.
pub(crate) struct Logged<S: Source> {
    shared: Arc<Shared<S>>,
    planned: Vec<Block>,
    /// What was planned last.
    range: (LogPosition, LogPosition),
    warnings: Vec<SourceError>,
}

/// What the batches and the thread that takes records in share.
struct Shared<S: Source> {
    name: String,
    codec: Codec<S::Item>,
    rates: MaxRate,
    logging: Logging,
    intake: Mutex<Intake<S>>,
    /// A batch is to be planned, and waits for the thread.
    batch_waits: AtomicBool,
    signal: Arc<Signal>,
}

/// The source, and what it has given.
struct Intake<S: Source> {
    /// None if it gives nothing more.
    source: Option<S>,
    /// Its position.
    at: S::Position,
    next: Next,
    /// What has gone wrong: told when all that came before it was planned.
    failed: Option<SourceError>,
    /// From the start of the job to its end.
    log: Option<WriteAheadLog>,
    /// Durable, and in no batch yet.
    ready: VecDeque<Block>,
    ready_bytes: usize,
    /// The bytes that it may be, about.
    room: usize,
    /// Whether that is what another run has left, and comes first.
    is_left_over: bool,
    /// Whether the thread has left something where it was: there was no room, or a batch was to be planned.
    is_held_back: bool,
    /// As it was last.
    limit: Option<Limit>,
}

impl<S: Source> Logged<S> {
    pub(crate) fn new(source: S, codec: Codec<S::Item>, logging: Logging) -> (Self, Box<dyn Log>) {
        let (name, rates) = (source.name(), source.rates());
        let intake = Intake {
            at: source.start(),
            source: Some(source),
            next: Next::Idle,
            failed: None,
            log: None,
            ready: VecDeque::new(),
            ready_bytes: 0,
            room: ROOM,
            is_left_over: false,
            is_held_back: false,
            limit: None,
        };
        let (intake, batch_waits, signal) = (Mutex::new(intake), AtomicBool::new(false), Arc::default());
        let shared = Arc::new(Shared { name, codec, rates, logging, intake, batch_waits, signal });
        let log = Box::new(shared.clone());
        (Self { shared, planned: Vec::new(), range: Default::default(), warnings: Vec::new() }, log)
    }
}

impl<S: Source> Shared<S> {
    fn intake(&self) -> MutexGuard<'_, Intake<S>> {
        // After a panic of the source the job ends.
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the source has. Durable when this returns.
    fn take_in(&self, intake: &mut Intake<S>, limit: Limit) {
        let result = catch_unwind(AssertUnwindSafe(|| intake.take_in(&self.codec, limit)));
        let result = result.unwrap_or_else(|panic| Err(SourceError::new(&self.name, panic_message(&*panic))));
        if let Err(error) = result {
            // Nobody hears that a record is safe any more.
            (intake.source, intake.failed) = (None, Some(error));
        }
    }

    fn is_full(&self, intake: &Intake<S>) -> bool {
        intake.ready_bytes >= intake.room
    }

    /// The work of the thread.
    fn run(&self) {
        loop {
            self.signal.wait();
            let mut intake = self.intake();
            loop {
                let (true, Some(limit)) = (intake.source.is_some(), intake.limit) else { return };
                if self.is_full(&intake) || self.batch_waits.load(Ordering::Acquire) {
                    intake.is_held_back = true;
                    break;
                }
                let before = intake.ready.len();
                self.take_in(&mut intake, limit);
                // A source may say that it is ready, and have nothing.
                if intake.next != Next::Ready || intake.ready.len() == before {
                    break;
                }
            }
        }
    }
}

impl<S: Source> Intake<S> {
    /// Takes what is ready, but no more than so many records.
    fn take(&mut self, most: u64) -> Vec<Block> {
        let (mut taken, mut left) = (Vec::new(), most);
        while self.ready.front().is_some_and(|block| block.len() <= left)
            && let Some(block) = self.ready.pop_front()
        {
            left -= block.len();
            self.ready_bytes = self.ready_bytes.saturating_sub(block.bytes().len());
            taken.push(block);
        }
        taken.extend(self.ready.front_mut().and_then(|block| block.cut_off(left)));
        taken
    }

    fn take_in(&mut self, codec: &Codec<S::Item>, limit: Limit) -> Result<(), SourceError> {
        let (Some(source), Some(log)) = (&mut self.source, &mut self.log) else { return Ok(()) };
        let plan = source.plan(&self.at, limit)?;
        let partitions = if plan.to == self.at { Vec::new() } else { source.read(&self.at, &plan.to)? };
        let before = mem::replace(&mut self.at, plan.to);
        self.next = plan.next;
        let name = source.name();
        let failed = |cause: String| SourceError::new(&name, format!("a record cannot be written down: {cause}"));
        let stored = |position| postcard::to_allocvec(position).map_err(|e| failed(e.to_string()));
        let ready = &mut self.ready;
        let mut write = |position, has_ended, lengths: &[_], bytes: &[u8]| {
            // A log that fails is told at once. What is durable is there for the next run.
            let group = log.append(stored(position)?, has_ended, lengths, bytes).inspect_err(|_| ready.clear())?;
            ready.extend(group);
            self.ready_bytes += bytes.len();
            Ok::<_, SourceError>(())
        };
        let (mut lengths, mut bytes) = (Vec::new(), Vec::new());
        for partition in partitions {
            let (from, mut written) = (bytes.len(), Ok(0));
            partition.read(&mut |chunk| {
                if let Ok(records) = &mut written {
                    match codec.write(chunk, &mut bytes) {
                        Ok(more) => *records += more,
                        Err(cause) => written = Err(cause),
                    }
                }
                chunk.clear();
            })?;
            let records = written.map_err(&failed)?;
            if records > 0 {
                lengths.push((records, (bytes.len() - from) as u64));
            }
            if bytes.len() >= GROUP {
                write(&before, false, &lengths, &bytes)?;
                (lengths, bytes) = Default::default();
            }
        }
        let has_ended = plan.next == Next::Finished;
        if !lengths.is_empty() || has_ended {
            write(&self.at, has_ended, &lengths, &bytes)?;
        }
        source.durable();
        if has_ended {
            self.source = None;
        }
        Ok(())
    }
}

impl<S: Source> Source for Logged<S> {
    type Item = S::Item;
    type Position = LogPosition;

    fn name(&self) -> String {
        self.shared.name.clone()
    }

    fn start(&self) -> LogPosition {
        LogPosition::default()
    }

    fn open(&mut self, clock: &Arc<dyn Clock>) -> Result<(), SourceError> {
        let Logging { storage, name, .. } = self.shared.logging.clone();
        let mut intake = self.shared.intake();
        let log = WriteAheadLog::open(storage, &name, intake.room)?;
        if let Some(position) = log.position() {
            let failed = |cause| SourceError::new(&name, format!("its position in the write-ahead log: {cause}"));
            intake.at = decode(position).map_err(failed)?;
        }
        if log.has_ended() {
            (intake.source, intake.next) = (None, Next::Finished);
        }
        intake.log = Some(log);
        intake.limit = Some(Limit::new(clock.now(), false));
        if let Some(source) = &mut intake.source {
            source.log_ahead(Waker::from(self.shared.signal.clone()));
            source.open(clock)?;
        }
        Ok(())
    }

    fn plan(&mut self, from: &LogPosition, limit: Limit) -> Result<Plan<LogPosition>, SourceError> {
        self.shared.batch_waits.store(true, Ordering::Release);
        let mut intake = self.shared.intake();
        self.shared.batch_waits.store(false, Ordering::Release);
        // What batches may read says nothing of how fast the log may grow.
        intake.limit = Some(Limit::new(limit.time, false));
        if mem::take(&mut intake.is_left_over) || self.shared.is_full(&intake) {
            // The source is asked at the next batch.
            intake.next = if intake.source.is_some() { Next::Ready } else { intake.next };
        } else {
            self.shared.take_in(&mut intake, Limit::new(limit.time, limit.wait));
        }
        self.planned = intake.take(limit.most());
        if mem::take(&mut intake.is_held_back) {
            self.shared.signal.wake_by_ref();
        }
        self.warnings.extend(intake.source.iter_mut().flat_map(Source::take_warnings));
        let to = self.planned.last().map_or(*from, |block| block.end);
        self.range = (*from, to);
        let next = match &intake.failed {
            Some(error) if self.planned.is_empty() => return Err(error.clone()),
            Some(_) => Next::Ready,
            None if !intake.ready.is_empty() => Next::Ready,
            None => intake.next,
        };
        Ok(Plan { to, next })
    }

    fn read(&mut self, from: &LogPosition, to: &LogPosition) -> Result<Vec<Box<dyn Partition<S::Item>>>, SourceError> {
        let blocks = if self.range == (*from, *to) {
            mem::take(&mut self.planned)
        } else {
            // Logged by another run.
            let mut intake = self.shared.intake();
            let log = intake.log.as_mut();
            log.ok_or_else(|| SourceError::new(&self.shared.name, "its write-ahead log is not open"))?
                .read(*from, *to)?
        };
        let mut partitions: Vec<Box<dyn Partition<S::Item>>> = Vec::new();
        let (mut part, mut bytes) = (Vec::new(), 0);
        let mut blocks = blocks.into_iter().peekable();
        while let Some(block) = blocks.next() {
            bytes += block.bytes().len();
            part.push(block);
            if bytes >= PARTITION || blocks.peek().is_none() {
                bytes = 0;
                let (name, codec) = (self.shared.logging.name.clone(), self.shared.codec);
                partitions.push(Box::new(Blocks { name, codec, blocks: mem::take(&mut part) }));
            }
        }
        Ok(partitions)
    }

    fn close(&mut self) {
        if let Some(source) = &mut self.shared.intake().source {
            source.close();
        }
    }

    fn holds_records(&self) -> bool {
        let intake = self.shared.intake();
        !intake.ready.is_empty() || intake.source.as_ref().is_some_and(Source::holds_records)
    }

    fn take_warnings(&mut self) -> Vec<SourceError> {
        mem::take(&mut self.warnings)
    }

    fn pending(&self) -> Option<Pending> {
        let intake = self.shared.intake();
        let buffered = intake.source.as_ref().and_then(Source::pending).unwrap_or_default();
        let durable: u64 = intake.ready.iter().map(Block::len).sum();
        Some(Pending {
            records: buffered.records.map(|records| records + durable),
            bytes: buffered.bytes + intake.ready_bytes as u64,
            is_full: buffered.is_full || self.shared.is_full(&intake),
        })
    }

    fn reads_ahead(&self) -> bool {
        true
    }

    fn bound_pending(&mut self, bytes: u64) {
        let mut intake = self.shared.intake();
        // Half of it is for what is durable, half for what the source holds itself.
        intake.room = usize::try_from(bytes / 2).unwrap_or(usize::MAX);
        if let Some(source) = intake.source.as_mut().filter(|source| source.reads_ahead()) {
            source.bound_pending(bytes - bytes / 2);
        }
    }

    fn rates(&self) -> MaxRate {
        self.shared.rates
    }
}

impl<S: Source> Drop for Logged<S> {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl<S: Source> Log for Arc<Shared<S>> {
    fn begin(&self, position: &[u8]) -> Result<(), Error> {
        let (is_finished, from) = saved_position(position).map_err(|cause| SourceError::new(&self.name, cause))?;
        let mut intake = self.intake();
        let Some(log) = intake.log.as_mut().filter(|_| !is_finished) else { return Ok(()) };
        let left: VecDeque<Block> = log.after(from)?.into();
        intake.is_left_over = !left.is_empty();
        intake.ready_bytes = left.iter().map(|block| block.bytes().len()).sum();
        intake.ready = left;
        if self.logging.ahead && intake.source.is_some() {
            let shared = self.clone();
            let thread = thread::Builder::new().name(format!("log {}", self.name));
            thread.spawn(move || shared.run()).map_err(|e| Error::Thread(e.to_string()))?;
        }
        Ok(())
    }

    fn end(&self) {
        Shared::end(self);
    }
}

impl<S: Source> Shared<S> {
    /// Writes nothing more.
    fn end(&self) {
        let mut intake = self.intake();
        (intake.source, intake.log) = (None, None);
        drop(intake);
        self.signal.wake_by_ref();
    }
}

/// Blocks of a log, as a partition.
struct Blocks<T> {
    name: String,
    codec: Codec<T>,
    blocks: Vec<Block>,
}

impl<T: Record> Partition<T> for Blocks<T> {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), SourceError> {
        self.blocks.iter().try_for_each(|block| {
            self.codec.read(block.bytes(), block.records.clone(), out).map_err(|cause| {
                let LogPosition { segment, byte, .. } = block.end;
                let why = format!("the block before byte {byte} of segment {segment} cannot be read back: {cause}");
                SourceError::new(format!("the write-ahead log of {}", self.name), why)
            })
        })
    }
}

/// Tells the thread that there is something to take in.
#[derive(Default)]
struct Signal {
    is_given: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    fn wait(&self) {
        let mut given = self.is_given.lock().unwrap_or_else(PoisonError::into_inner);
        while !mem::take(&mut *given) {
            given = self.changed.wait(given).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.is_given.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}
