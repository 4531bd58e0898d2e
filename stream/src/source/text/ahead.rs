//! Reading ahead of what can only be read from front to back: a pipe, a compressed file.
//!
//! A thread appends what it reads to a buffer, as it comes. Where a batch ends is decided when it is planned, so a batch
//! can take what is there at once, or wait for so much that its end depends on the text alone.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;

use super::super::{Pending, SourceError};
use super::ends::Ends;
use super::taken::Taken;
use super::{LONGEST_LINE, newline};

/// How much is read at once; as much as a pipe holds.
const CHUNK: usize = 64 << 10;

/// A stream and what was read ahead of it.
pub(super) struct ReadAhead {
    name: Arc<str>,
    /// What is to be read, until the reading begins.
    reader: Option<Box<dyn Read + Send>>,
    /// The position of the first byte in the buffer.
    offset: u64,
    /// How much is usually read ahead.
    ahead: usize,
    pub(super) longest_line: usize,
    pub(super) ends: Ends,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    bytes: Vec<u8>,
    /// The number of the first line in the buffer.
    line: u64,
    /// The thread reads on as long as there are fewer bytes.
    room: usize,
    end: End,
    /// Who is to hear that there is more.
    waker: Option<Waker>,
}

/// How the reading ended.
enum End {
    NotYet,
    Complete,
    Failed(String),
    /// Nobody wants more.
    Closed,
}

impl State {
    fn wake(&self) {
        self.waker.iter().for_each(Waker::wake_by_ref);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock leaves the buffer half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: End) {
        let mut state = self.state();
        if matches!(state.end, End::NotYet) {
            state.end = end;
        }
        self.changed.notify_all();
        state.wake();
    }

    /// The thread's work. Reads only when there is room, and no more than that, so that nothing is held outside of the
    /// buffer.
    fn read(&self, mut reader: impl Read, mut skip: u64) {
        let mut chunk = vec![0; CHUNK];
        loop {
            let mut state = self.state();
            while matches!(state.end, End::NotYet) && state.bytes.len() >= state.room {
                state = self.wait(state);
            }
            if !matches!(state.end, End::NotYet) {
                return;
            }
            let room = (state.room - state.bytes.len()) as u64;
            drop(state);
            let most = (CHUNK as u64).min(room.saturating_add(skip)) as usize;
            let read = match reader.read(&mut chunk[..most]) {
                Ok(0) if skip > 0 => {
                    return self.end(End::Failed("became shorter than what was read of it".to_owned()));
                }
                Ok(0) => return self.end(End::Complete),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.end(End::Failed(error.to_string())),
            };
            let skipped = skip.min(read as u64) as usize;
            skip -= skipped as u64;
            let mut state = self.state();
            if matches!(state.end, End::NotYet) {
                state.line += newline::count(&chunk[..skipped]);
                state.bytes.extend_from_slice(&chunk[skipped..read]);
                state.wake();
            }
            // Whoever waits has made the room that it waits for.
            if state.bytes.len() >= state.room {
                self.changed.notify_all();
            }
        }
    }
}

/// What the thread holds.
struct Thread(Arc<Shared>);

impl Drop for Thread {
    fn drop(&mut self) {
        // Nobody may wait for it for ever.
        if thread::panicking() {
            self.0.end(End::Failed("its reader panicked".to_owned()));
        }
    }
}

impl ReadAhead {
    /// What is read from a position on, to which it skips, as soon as it [begins](Self::begin).
    pub(super) fn new(name: Arc<str>, reader: impl Read + Send + 'static, skip: u64, ahead: usize) -> Self {
        let state = Mutex::new(State { bytes: Vec::new(), line: 1, room: ahead, end: End::NotYet, waker: None });
        let changed = Condvar::new();
        let shared = Arc::new(Shared { state, changed });
        let reader: Option<Box<dyn Read + Send>> = Some(Box::new(reader));
        Self { name, reader, offset: skip, ahead, longest_line: LONGEST_LINE, ends: Ends::default(), shared }
    }

    /// Begins to read, if it has not yet.
    pub(super) fn begin(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        let (thread, skip) = (Thread(self.shared.clone()), self.offset);
        let started = thread::Builder::new().name("read-ahead".to_owned()).spawn(move || thread.0.read(reader, skip));
        if let Err(error) = started {
            self.shared.end(End::Failed(format!("no thread to read it: {error}")));
        }
    }

    /// Reads so much ahead at most; a line that is longer, to its end. Said before it begins.
    pub(super) fn bound(&mut self, ahead: usize) {
        self.ahead = ahead;
        self.shared.state().room = ahead;
    }

    /// What was read and not taken, and whether there is no room for more.
    pub(super) fn pending(&self) -> Pending {
        let state = self.shared.state();
        let bytes = state.bytes.len();
        Pending { records: None, bytes: bytes as u64, is_full: bytes >= state.room }
    }

    /// How many bytes the first records have that are wholly in these bytes, no more than so many; and how many they
    /// are.
    pub(super) fn first_records(&self, bytes: usize, most: u64) -> (usize, u64) {
        self.look(|there| self.ends.first(&there[..bytes.min(there.len())], most))
    }

    /// Wakes this one from now on, whenever there is more.
    pub(super) fn wake(&self, waker: Waker) {
        let mut state = self.shared.state();
        state.waker = Some(waker);
        // Something may be there already.
        state.wake();
    }

    /// The position of what is taken next.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many of the next bytes are whole lines within a share, or are the one line that is longer. None if there is
    /// no whole line yet.
    ///
    /// With `wait`, waits until that depends on the text alone; else it is about what is there now. A last line without
    /// a line end counts at the end of the text, but not if the stream broke off.
    pub(super) fn whole_lines(&self, share: usize, wait: bool) -> Result<usize, SourceError> {
        let mut state = self.shared.state();
        self.make_room(&mut state, share + 1);
        loop {
            let length = state.bytes.len();
            let over = !matches!(state.end, End::NotYet);
            if wait && !over && length < state.room {
                state = self.shared.wait(state);
                continue;
            }
            if matches!(state.end, End::Complete) && length <= share {
                return Ok(length);
            }
            match self.ends.whole(&state.bytes, share) {
                // Whether something comes after them is a part of the answer.
                Some(lines) if lines < length || over || !wait => return Ok(lines),
                None if length >= self.longest_line => {
                    return Err(self.failed(&state, 0, &format!("a line is longer than {} bytes", self.longest_line)));
                }
                _ => {}
            }
            match &state.end {
                End::Complete => return Ok(length),
                End::Failed(why) => return Err(self.failed(&state, length, why)),
                End::Closed => return Ok(0),
                End::NotYet => {}
            }
            if length >= state.room {
                // Twice as much, so that a long line is not searched over and over.
                let room = (2 * length).min(self.longest_line).max(length + 1);
                self.make_room(&mut state, room);
            }
            if !wait {
                return Ok(0);
            }
        }
    }

    /// Shows the next bytes.
    pub(super) fn look<R>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        look(&self.shared.state().bytes)
    }

    /// Takes the next bytes; no more than are there.
    pub(super) fn take(&mut self, length: usize) -> Taken {
        let mut state = self.shared.state();
        let length = length.min(state.bytes.len());
        let rest = state.bytes.split_off(length);
        let taken = Taken {
            origin: self.name.clone(),
            offset: self.offset,
            line: state.line,
            ends: self.ends,
            bytes: mem::replace(&mut state.bytes, rest),
        };
        state.line += newline::count(&taken.bytes);
        state.room = self.ahead;
        self.offset = taken.end();
        self.shared.changed.notify_all();
        taken
    }

    /// Takes so many bytes, as soon as they are there.
    pub(super) fn take_exactly(&mut self, length: usize) -> Result<Taken, SourceError> {
        let mut state = self.shared.state();
        self.make_room(&mut state, length);
        while state.bytes.len() < length {
            let there = state.bytes.len();
            match &state.end {
                End::NotYet => state = self.shared.wait(state),
                End::Failed(why) => return Err(self.failed(&state, there, why)),
                _ => return Err(self.failed(&state, there, "ends here, where it once went on")),
            }
        }
        drop(state);
        Ok(self.take(length))
    }

    /// Whether all was taken.
    pub(super) fn is_finished(&self) -> bool {
        let state = self.shared.state();
        matches!(state.end, End::Complete) && state.bytes.is_empty()
    }

    /// Whether there is something that can be taken.
    pub(super) fn has_lines(&self) -> bool {
        let state = self.shared.state();
        let unfinished = matches!(state.end, End::Complete) && !state.bytes.is_empty();
        unfinished || self.ends.whole(&state.bytes, usize::MAX).is_some()
    }

    /// Reads no more.
    pub(super) fn close(&self) {
        self.shared.end(End::Closed);
    }

    fn make_room(&self, state: &mut State, room: usize) {
        if state.room < room {
            state.room = room;
            self.shared.changed.notify_all();
        }
    }

    /// An error this many bytes after what was taken.
    fn failed(&self, state: &State, after: usize, why: &str) -> SourceError {
        let at = self.offset + after as u64;
        let line = state.line + newline::count(&state.bytes[..after]);
        SourceError::new(&self.name, format!("byte {at} of the text, line {line}: {why}"))
    }
}

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead").field("name", &self.name).field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.close();
    }
}
