//! The state of one key, as a user's function sees it.

use std::fmt::{self, Debug, Display};

use crate::time::Time;

/// The state of one key while a function of [`map_with_state`](crate::Grouped::map_with_state) looks at a record of it.
///
/// [`get_mut`](Self::get_mut) and [`get_or_insert_with`](Self::get_or_insert_with) change the state where it stands:
/// nothing is cloned. What a function must not do with its state (set it after it was removed, or while the key times
/// out) ends the batch, and the job, with an [`Error::Operator`](crate::Error::Operator) that names the operator and the
/// key; so do a panic in it, and [`fail`](Self::fail).
pub struct State<'a, K, S> {
    key: &'a K,
    value: &'a mut Option<S>,
    time: Time,
    is_timing_out: bool,
    is_removed: bool,
    failure: &'a mut Option<String>,
}

impl<'a, K, S> State<'a, K, S> {
    #[inline]
    pub(crate) fn new(key: &'a K, value: &'a mut Option<S>, time: Time, failure: &'a mut Option<String>) -> Self {
        Self { key, value, time, is_timing_out: false, is_removed: false, failure }
    }

    /// The state of a key that has been idle for too long.
    pub(crate) fn timing_out(self) -> Self {
        Self { is_timing_out: true, ..self }
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &'a K {
        self.key
    }

    /// The time of the batch.
    #[inline]
    pub fn time(&self) -> Time {
        self.time
    }

    /// Whether the key has a state.
    #[inline]
    pub fn exists(&self) -> bool {
        self.value.is_some()
    }

    /// The state, if the key has one.
    #[inline]
    pub fn get(&self) -> Option<&S> {
        self.value.as_ref()
    }

    /// The state, if the key has one, to be changed where it stands. Of a key that times out, what is changed goes with
    /// the key.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut S> {
        self.value.as_mut()
    }

    /// The state to be changed where it stands, made first if the key has none. A mistake after
    /// [`remove`](Self::remove).
    #[inline]
    pub fn get_or_insert_with(&mut self, state: impl FnOnce() -> S) -> &mut S {
        if self.is_removed {
            self.mistake("get_or_insert_with: the state was removed in this call");
        }
        self.value.get_or_insert_with(state)
    }

    /// The state to be changed where it stands, made by default first if the key has none.
    #[inline]
    pub fn or_default(&mut self) -> &mut S
    where
        S: Default,
    {
        self.get_or_insert_with(S::default)
    }

    /// Sets the state. A mistake after [`remove`](Self::remove), and of a key that times out.
    #[inline]
    pub fn update(&mut self, state: S) {
        if self.is_removed {
            self.mistake("update: the state was removed in this call");
        } else if self.is_timing_out {
            self.mistake("update: the key is timing out, and its state goes with it");
        } else {
            *self.value = Some(state);
        }
    }

    /// Removes the state, and with it the key; gives what it was. A mistake when it was removed in this call already,
    /// and of a key that times out, which goes by itself.
    #[inline]
    pub fn remove(&mut self) -> Option<S> {
        if self.is_timing_out {
            self.mistake("remove: the key is timing out, and goes by itself");
            return None;
        }
        if std::mem::replace(&mut self.is_removed, true) {
            self.mistake("remove: the state was removed in this call already");
        }
        self.value.take()
    }

    /// Whether this is the last call for a key that has been idle for longer than the timeout: there is no record, and
    /// after the call the key is dropped.
    #[inline]
    pub fn is_timing_out(&self) -> bool {
        self.is_timing_out
    }

    /// Ends the batch, and the job, with this cause once the function returns. Of several the first is told.
    #[cold]
    pub fn fail(&mut self, cause: impl Display) {
        self.failure.get_or_insert_with(|| cause.to_string());
    }

    #[cold]
    fn mistake(&mut self, what: &str) {
        self.fail(what);
    }
}

impl<K: Debug, S: Debug> Debug for State<'_, K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("State");
        shown.field("key", self.key).field("value", self.value).field("time", &self.time);
        shown.field("is_timing_out", &self.is_timing_out).finish_non_exhaustive()
    }
}
