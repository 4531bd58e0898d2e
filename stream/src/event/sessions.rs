//! The sessions of the keys of a lane.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Merge, Mismatch, OwnedKey};

use super::OutputMode;
use super::timers::Timers;
use crate::batch::measure;
use crate::graph::{Kept, StateSize};
use crate::state::{Bytes, Saved, Slots, Stored};

/// Records of a key, each less than a gap from the next.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Session<S: Merge> {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) state: S,
    /// Whether a row tells it as it is now.
    told: bool,
}

impl<S: Merge> Session<S> {
    pub(super) fn new(time: i64, state: S) -> Self {
        Self { first: time, last: time, state, told: false }
    }

    /// The first moment that a record is no part of it any more.
    pub(super) fn end(&self, gap: i64) -> i64 {
        self.last.saturating_add(gap)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.state.merge(&other.state)?;
        measure::count_merges(1);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.told = false;
        Ok(())
    }
}

/// Those of some sessions, in their order, that lie less than a gap from a stretch of time.
fn near<S: Merge>(sessions: &[Session<S>], first: i64, last: i64, gap: i64) -> Range<usize> {
    let from = sessions.partition_point(|session| session.end(gap) <= first);
    let to = sessions.partition_point(|session| session.first < last.saturating_add(gap));
    from..to.max(from)
}

/// The session of a record among those of its key; the sessions that it joins become one.
pub(super) fn session_of<S: Merge>(
    sessions: &mut Vec<Session<S>>,
    time: i64,
    gap: i64,
    start: impl FnOnce() -> S,
) -> Result<&mut Session<S>, Mismatch> {
    let near = near(sessions, time, time, gap);
    let at = near.start;
    if near.is_empty() {
        sessions.insert(at, Session::new(time, start()));
    }
    join(sessions, near)?;
    let session = &mut sessions[at];
    session.first = session.first.min(time);
    session.last = session.last.max(time);
    session.told = false;
    Ok(session)
}

/// Puts a session among those of its key.
fn insert<S: Merge>(sessions: &mut Vec<Session<S>>, session: Session<S>, gap: i64) -> Result<(), Mismatch> {
    let near = near(sessions, session.first, session.last, gap);
    if near.is_empty() {
        sessions.insert(near.start, session);
        return Ok(());
    }
    let at = near.start;
    join(sessions, near)?;
    sessions[at].merge(&session)
}

/// Makes sessions that follow each other the first of them.
fn join<S: Merge>(sessions: &mut Vec<Session<S>>, near: Range<usize>) -> Result<(), Mismatch> {
    if near.len() > 1 {
        let others: Vec<_> = sessions.drain(near.start + 1..near.end).collect();
        others.iter().try_for_each(|other| sessions[near.start].merge(other))?;
    }
    Ok(())
}

/// A row to be: the session's beginning and end, its key, its reading.
pub(super) type Told<K, R> = (i64, i64, K, R);

/// The sessions of a lane that are not over.
#[derive(Debug)]
pub(super) struct SessionLane<K: OwnedKey, S: Merge> {
    keys: Slots<K, KeySessions<S>>,
    timers: Timers,
    /// The keys that have changed in this batch, each once.
    changed: Vec<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct KeySessions<S: Merge> {
    /// Apart from each other by a gap or more, in their order.
    sessions: Vec<Session<S>>,
    /// When the key is to be looked at; other timers of it are void.
    due: i64,
    #[serde(skip)]
    changed: bool,
}

impl<K: OwnedKey, S: Merge> Default for SessionLane<K, S> {
    fn default() -> Self {
        Self { keys: Slots::default(), timers: Timers::default(), changed: Vec::new() }
    }
}

impl<K: OwnedKey, S: Merge> Kept for SessionLane<K, S> {
    fn size(&self) -> StateSize {
        let sessions = self.keys.iter().flat_map(|(_, held)| &held.sessions);
        let sessions = sessions.map(|it| size_of_val(it) - size_of::<S>() + it.state.memory_bytes()).sum::<usize>();
        let bytes = self.keys.memory_bytes() + self.timers.memory_bytes() + sessions;
        StateSize { keys: self.keys.len() as u64, bytes: bytes as u64 }
    }
}

impl<K: OwnedKey, S: Merge> SessionLane<K, S> {
    fn of(keys: Slots<K, KeySessions<S>>) -> Self {
        let timers = Timers::of(keys.iter_slots().map(|(slot, held)| (held.due, slot)));
        Self { keys, timers, changed: Vec::new() }
    }
}

impl<K: OwnedKey, S: Merge> Stored for SessionLane<K, S> {
    fn save(&mut self, whole: bool) -> Result<Saved, String> {
        self.keys.save(whole)
    }

    fn load(pieces: &[Bytes]) -> Result<Self, String> {
        Ok(Self::of(Slots::load(pieces)?))
    }

    fn keys(&self) -> u64 {
        self.keys.len() as u64
    }

    fn redistribute(lanes: Vec<Self>, to: usize) -> Result<Vec<Self>, String> {
        let dealt = Slots::redistribute(lanes.into_iter().map(|lane| lane.keys), to, |_, _| ());
        Ok(dealt.into_iter().map(Self::of).collect())
    }
}

/// What a lane goes by when it tells sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    pub(super) gap: i64,
    pub(super) mode: OutputMode,
    pub(super) lateness: i64,
}

impl Telling {
    /// When a session is to be looked at: when it ends, if that is to be told, or when it is over.
    fn due<S: Merge>(&self, session: &Session<S>) -> i64 {
        let end = session.end(self.gap);
        if self.mode == OutputMode::Revise && !session.told { end } else { end.saturating_add(self.lateness) }
    }
}

impl<K: OwnedKey, S: Merge> SessionLane<K, S> {
    /// Adds the sessions that a partition has of a key.
    pub(super) fn add(&mut self, key: K, sessions: Vec<Session<S>>, telling: Telling) -> Result<(), Mismatch> {
        let new = || KeySessions { sessions: Vec::new(), due: i64::MAX, changed: false };
        let slot = self.keys.slot_or_insert(&key, new);
        let Some(held) = self.keys.value_mut(slot) else { return Ok(()) };
        sessions.into_iter().try_for_each(|session| insert(&mut held.sessions, session, telling.gap))?;
        if !std::mem::replace(&mut held.changed, true) {
            self.changed.push(slot);
        }
        self.set_timer(slot, telling);
        Ok(())
    }

    /// Makes sure that a key is looked at in time.
    fn set_timer(&mut self, slot: u32, telling: Telling) {
        let Some(held) = self.keys.value_mut(slot) else { return };
        let due = held.sessions.iter().map(|session| telling.due(session)).min().unwrap_or(i64::MAX);
        if due < held.due {
            held.due = due;
            self.timers.add(due, slot);
        }
    }

    /// The rows that the mode asks for now; then forgets what is over.
    pub(super) fn rows(&mut self, telling: Telling, watermark: i64, horizon: i64) -> Vec<Told<K, S::Reading>> {
        let mut rows = Vec::new();
        let changed = std::mem::take(&mut self.changed);
        let complete = telling.mode == OutputMode::Complete;
        if complete {
            self.keys.iter().for_each(|(key, held)| held.sessions.iter().for_each(|s| rows.push(row(key, s, telling))));
        }
        for slot in changed {
            let Some(held) = self.keys.value_mut(slot) else { continue };
            held.changed = false;
            match telling.mode {
                OutputMode::Append | OutputMode::Complete => {}
                OutputMode::Update => self.tell(slot, telling, i64::MAX, &mut rows),
                OutputMode::Revise => self.tell(slot, telling, watermark, &mut rows),
            }
        }
        for (due, slot) in self.timers.due_until(watermark) {
            // The timer may have been set for a key that has left, or that another timer has looked at.
            if self.keys.get(slot).is_none_or(|(_, held)| held.due != due) {
                continue;
            }
            if telling.mode == OutputMode::Revise {
                self.tell(slot, telling, watermark, &mut rows);
            }
            self.forget(slot, telling, horizon, &mut rows);
        }
        rows
    }

    /// Rows of the sessions of a key that have changed and end until a time.
    fn tell(&mut self, slot: u32, telling: Telling, until: i64, rows: &mut Vec<Told<K, S::Reading>>) {
        let Some((key, held)) = self.keys.entry_mut(slot) else { return };
        for session in &mut held.sessions {
            if !session.told && session.end(telling.gap) <= until {
                rows.push(row(key, session, telling));
                session.told = true;
            }
        }
    }

    /// Forgets the sessions of a key that are over; appended rows come now.
    fn forget(&mut self, slot: u32, telling: Telling, horizon: i64, rows: &mut Vec<Told<K, S::Reading>>) {
        let Some((key, held)) = self.keys.entry_mut(slot) else { return };
        let over = held.sessions.partition_point(|session| session.end(telling.gap) <= horizon);
        for session in held.sessions.drain(..over) {
            if telling.mode == OutputMode::Append {
                rows.push(row(key, &session, telling));
            }
        }
        held.due = i64::MAX;
        if held.sessions.is_empty() {
            self.keys.remove(slot);
        } else {
            self.set_timer(slot, telling);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.keys.len(), self.timers.len())
    }
}

fn row<K: Clone, S: Merge>(key: &K, session: &Session<S>, telling: Telling) -> Told<K, S::Reading> {
    (session.first, session.end(telling.gap), key.clone(), session.state.read())
}

#[cfg(test)]
mod tests {
    use streamgauge_sketches::{Absorb, Count};

    use super::*;

    fn one() -> Count {
        let mut count = Count::default();
        count.absorb(&0_u8);
        count
    }

    #[test]
    fn a_lane_forgets_what_is_over_and_keeps_few_timers() {
        let telling = Telling { gap: 10, mode: OutputMode::Append, lateness: 0 };
        let mut lane = SessionLane::<u32, Count>::default();
        let mut rows = 0;
        for time in 0..5_000_i64 {
            // One key that never pauses, and one after the other that speaks once.
            for key in [0, time as u32 + 1] {
                lane.add(key, vec![Session::new(time, one())], telling).unwrap();
            }
            rows += lane.rows(telling, time, time).len();
            let (keys, timers) = lane.len();
            assert!(keys <= 12 && timers <= 24, "{keys} keys, {timers} timers");
        }
        assert_eq!(rows, 4_990);
        assert_eq!(lane.rows(telling, i64::MAX, i64::MAX).len(), 11);
        assert_eq!(lane.len(), (0, 0));
    }
}
