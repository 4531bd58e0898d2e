//! The buffer between a receiver and the batches.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::super::restart::Warnings;
use super::super::{Next, Pending, Record, SourceError};
use super::Stopped;
use crate::clock::Clock;
use crate::time::Time;

/// Records that wait for a batch, in blocks.
pub(super) struct Feed<T> {
    pub(super) block_records: usize,
    pub(super) block_interval: Option<Duration>,
    /// How many records may wait; none until somebody says.
    pub(super) capacity: Option<usize>,
    /// How many bytes may wait, if that is limited.
    pub(super) capacity_bytes: Option<usize>,
    /// How many bytes a record holds on the heap, if somebody can tell.
    pub(super) heap_bytes: Option<HeapBytes<T>>,
    pub(super) warnings: Warnings,
    /// Who makes what is stored durable, if anybody does: to hear that there is something.
    pub(super) log: Option<Waker>,
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// Tells how many bytes a record holds on the heap.
pub(super) type HeapBytes<T> = Box<dyn Fn(&T) -> usize + Send + Sync>;

/// How many records may wait unless somebody says.
const CAPACITY: usize = 10 * 8_192;

struct State<T> {
    /// Complete blocks, none of them empty.
    blocks: VecDeque<Block<T>>,
    /// The block that is being filled.
    open: Block<T>,
    /// When its first record came, if blocks are cut by time.
    opened: Time,
    /// How many records wait.
    waiting: usize,
    /// And how many bytes they are.
    bytes: usize,
    /// How many records were ever stored, taken, and made durable.
    stored: u64,
    taken: u64,
    durable: u64,
    /// Somebody has waited since records were taken last: for room, or until they are durable.
    full: bool,
    /// Nobody takes anything any more.
    abandoned: bool,
    end: End,
}

struct Block<T> {
    records: Vec<T>,
    bytes: usize,
}

/// How the receiving ended.
pub(super) enum End {
    NotYet,
    Complete,
    Failed(SourceError),
    /// The job takes nothing more in.
    Stopped,
}

impl<T> Default for Feed<T> {
    fn default() -> Self {
        Self {
            block_records: 8_192,
            block_interval: None,
            capacity: None,
            capacity_bytes: None,
            heap_bytes: None,
            warnings: Warnings::default(),
            log: None,
            state: Mutex::new(State {
                blocks: VecDeque::new(),
                open: Block { records: Vec::new(), bytes: 0 },
                opened: Time::MIN,
                waiting: 0,
                bytes: 0,
                stored: 0,
                taken: 0,
                durable: 0,
                full: false,
                abandoned: false,
                end: End::NotYet,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<T> Feed<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that can panic runs under the lock, except for the allocator.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of the first end.
    pub(super) fn end(&self, end: End) {
        let mut state = self.state();
        if matches!(state.end, End::NotYet) {
            state.end = end;
        }
        self.changed.notify_all();
        drop(state);
        self.wake_log();
    }

    /// Nothing is taken any more: what is not durable by now will not be.
    pub(super) fn abandon(&self) {
        self.state().abandoned = true;
        self.end(End::Stopped);
    }

    /// All that was taken is durable.
    pub(super) fn durable(&self) {
        let mut state = self.state();
        state.durable = state.taken;
        self.changed.notify_all();
    }

    fn wake_log(&self) {
        self.log.iter().for_each(Waker::wake_by_ref);
    }

    /// Waits until so many of the records ever stored are durable, if anybody makes them so.
    fn wait_until_durable<'a>(&'a self, mut state: MutexGuard<'a, State<T>>, records: u64) -> Result<(), Stopped> {
        if self.log.is_some() && state.durable < records {
            state.full = true;
            self.changed.notify_all();
            drop(state);
            self.wake_log();
            state = self.state();
            while state.durable < records && !state.abandoned {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        if self.log.is_some() && state.durable < records { Err(Stopped) } else { Ok(()) }
    }

    /// Waits until all that was stored by now is durable.
    pub(super) fn sync(&self) -> Result<(), Stopped> {
        let state = self.state();
        let stored = state.stored;
        self.wait_until_durable(state, stored)
    }

    pub(super) fn is_stopped(&self) -> bool {
        !matches!(self.state().end, End::NotYet)
    }

    pub(super) fn stored(&self) -> u64 {
        self.state().stored
    }

    pub(super) fn holds_records(&self) -> bool {
        self.state().waiting > 0
    }

    pub(super) fn pending(&self) -> Pending {
        let State { waiting, bytes, full, .. } = *self.state();
        Pending { records: Some(waiting as u64), bytes: bytes as u64, is_full: full }
    }

    /// How many bytes records are, as far as is known.
    fn bytes_of(&self, records: &[T]) -> usize {
        let own = size_of_val(records);
        let heap = self.heap_bytes.iter().flat_map(|heap| records.iter().map(heap));
        heap.fold(own, usize::saturating_add)
    }

    /// Waits until so many records have room.
    fn room_for(&self, records: usize, bytes: usize) -> Result<MutexGuard<'_, State<T>>, Stopped> {
        // Who limits the bytes need not limit the records too.
        let capacity = self.capacity.unwrap_or(if self.capacity_bytes.is_some() { usize::MAX } else { CAPACITY });
        let capacity_bytes = self.capacity_bytes.unwrap_or(usize::MAX);
        let mut state = self.state();
        loop {
            if !matches!(state.end, End::NotYet) {
                return Err(Stopped);
            }
            // More than there will ever be room for are stored when nothing else is there.
            let fits = state.waiting.saturating_add(records) <= capacity
                && state.bytes.saturating_add(bytes) <= capacity_bytes;
            if fits || state.waiting == 0 {
                return Ok(state);
            }
            state.full = true;
            self.changed.notify_all();
            self.wake_log();
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> State<T> {
    fn close_block(&mut self) {
        if !self.open.records.is_empty() {
            let next = Block { records: Vec::with_capacity(self.open.records.len()), bytes: 0 };
            self.blocks.push_back(mem::replace(&mut self.open, next));
        }
    }

    /// Takes the first block, or as many of its records as there are to be. The block that is being filled goes on with
    /// the rest.
    fn take_block(&mut self, most: usize, bytes_of: impl Fn(&[T]) -> usize) -> Option<Vec<T>> {
        if self.blocks.front().map_or(self.open.records.len(), |block| block.records.len()) <= most {
            if self.blocks.is_empty() {
                self.close_block();
            }
            let Block { records, bytes } = self.blocks.pop_front()?;
            self.waiting -= records.len();
            self.bytes = self.bytes.saturating_sub(bytes);
            return Some(records);
        }
        let block = self.blocks.front_mut().unwrap_or(&mut self.open);
        // First, for it is not the engine's own code.
        let bytes = bytes_of(&block.records[..most]);
        let rest = block.records.split_off(most);
        block.bytes = block.bytes.saturating_sub(bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.waiting -= most;
        Some(mem::replace(&mut block.records, rest))
    }
}

impl<T: Record> Feed<T> {
    pub(super) fn store(&self, record: T, clock: &dyn Clock) -> Result<(), Stopped> {
        let bytes = self.bytes_of(std::slice::from_ref(&record));
        let mut state = self.room_for(1, bytes)?;
        if let Some(interval) = self.block_interval {
            let now = clock.now();
            if now.since(state.opened) >= interval {
                state.close_block();
            }
            if state.open.records.is_empty() {
                state.opened = now;
            }
        }
        state.open.records.push(record);
        state.open.bytes += bytes;
        state.bytes += bytes;
        state.waiting += 1;
        state.stored += 1;
        if state.open.records.len() >= self.block_records {
            state.close_block();
            drop(state);
            self.wake_log();
        }
        Ok(())
    }

    pub(super) fn store_many(&self, records: Vec<T>) -> Result<(), Stopped> {
        let bytes = self.bytes_of(&records);
        let mut state = self.room_for(records.len(), bytes)?;
        if !records.is_empty() {
            state.close_block();
            state.waiting += records.len();
            state.bytes += bytes;
            state.stored += records.len() as u64;
            state.blocks.push_back(Block { records, bytes });
        }
        let stored = state.stored;
        self.wait_until_durable(state, stored)
    }

    /// Takes the blocks, also the one that is being filled, but no more than so many records; a block may be cut for
    /// that. With `wait`, waits until the receiver has ended, or waits for room: what is taken then depends on what it
    /// stores alone.
    pub(super) fn take(&self, wait: bool, most: u64) -> Result<(Vec<Vec<T>>, Next), SourceError> {
        let mut state = self.state();
        while wait && matches!(state.end, End::NotYet) && !state.full {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut left = usize::try_from(most).unwrap_or(usize::MAX);
        let mut blocks = Vec::new();
        while left > 0
            && let Some(block) = state.take_block(left, |records| self.bytes_of(records))
        {
            left -= block.len();
            blocks.push(block);
        }
        state.full = false;
        state.taken = state.stored - state.waiting as u64;
        self.changed.notify_all();
        let next = match &state.end {
            _ if state.waiting > 0 => Next::Ready,
            End::Complete => Next::Finished,
            // What was stored before is read first.
            End::Failed(error) if blocks.is_empty() => return Err(error.clone()),
            End::Failed(_) => Next::Ready,
            End::NotYet if wait => Next::Ready,
            End::NotYet | End::Stopped => Next::Idle,
        };
        Ok((blocks, next))
    }
}
