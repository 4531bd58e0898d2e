//! The buffer between a receiver and the batches.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::super::restart::Warnings;
use super::super::{Next, Record, SourceError};
use super::Stopped;
use crate::clock::Clock;
use crate::time::Time;

/// Records that wait for a batch, in blocks.
pub(super) struct Feed<T> {
    pub(super) block_records: usize,
    pub(super) block_interval: Option<Duration>,
    /// How many records may wait.
    pub(super) capacity: usize,
    pub(super) warnings: Warnings,
    /// Who makes what is stored durable, if anybody does: to hear that there is something.
    pub(super) log: Option<Waker>,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// Complete blocks, none of them empty.
    blocks: Vec<Vec<T>>,
    /// The block that is being filled.
    open: Vec<T>,
    /// When its first record came, if blocks are cut by time.
    opened: Time,
    /// How many records wait.
    waiting: usize,
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
            capacity: 10 * 8_192,
            warnings: Warnings::default(),
            log: None,
            state: Mutex::new(State {
                blocks: Vec::new(),
                open: Vec::new(),
                opened: Time::MIN,
                waiting: 0,
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

    /// Waits until so many records have room.
    fn room_for(&self, records: usize) -> Result<MutexGuard<'_, State<T>>, Stopped> {
        let mut state = self.state();
        loop {
            if !matches!(state.end, End::NotYet) {
                return Err(Stopped);
            }
            // More than there will ever be room for are stored when nothing else is there.
            if state.waiting == 0 || state.waiting.saturating_add(records) <= self.capacity {
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
        if !self.open.is_empty() {
            let next = Vec::with_capacity(self.open.len());
            self.blocks.push(mem::replace(&mut self.open, next));
        }
    }
}

impl<T: Record> Feed<T> {
    pub(super) fn store(&self, record: T, clock: &dyn Clock) -> Result<(), Stopped> {
        let mut state = self.room_for(1)?;
        if let Some(interval) = self.block_interval {
            let now = clock.now();
            if now.since(state.opened) >= interval {
                state.close_block();
            }
            if state.open.is_empty() {
                state.opened = now;
            }
        }
        state.open.push(record);
        state.waiting += 1;
        state.stored += 1;
        if state.open.len() >= self.block_records {
            state.close_block();
            drop(state);
            self.wake_log();
        }
        Ok(())
    }

    pub(super) fn store_many(&self, records: Vec<T>) -> Result<(), Stopped> {
        let mut state = self.room_for(records.len())?;
        if !records.is_empty() {
            state.close_block();
            state.waiting += records.len();
            state.stored += records.len() as u64;
            state.blocks.push(records);
        }
        let stored = state.stored;
        self.wait_until_durable(state, stored)
    }

    /// Takes all blocks, also the one that is being filled. With `wait`, waits until the receiver has ended, or waits
    /// for room: what is taken then depends on what it stores alone.
    pub(super) fn take(&self, wait: bool) -> Result<(Vec<Vec<T>>, Next), SourceError> {
        let mut state = self.state();
        while wait && matches!(state.end, End::NotYet) && !state.full {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.close_block();
        let blocks = mem::take(&mut state.blocks);
        (state.waiting, state.full) = (0, false);
        state.taken = state.stored - state.waiting as u64;
        self.changed.notify_all();
        let next = match &state.end {
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
