//! How partial results slide: by the window that a summary names, or by functions of the user.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{Merge, Mismatch, Sliding};

use super::tickets::{Numbers, Tickets};
use crate::dstream::{Counting, Value, add};

/// What slides a window over panes: see [`Sliding`], which is this for summaries.
pub(crate) trait Slide: Send + Sync + 'static {
    /// The partial result of a pane.
    type Partial;
    /// The state of a window.
    type Window: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What is kept of a pane until it leaves.
    type Ticket: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// Those of a pane.
    type Tickets: Tickets<Self::Ticket>;
    /// What a window is read as.
    type Reading;

    /// Whether [`settle`](Self::settle) does anything.
    const SETTLES: bool = false;

    /// Whether a pane may come in several pieces, each with a ticket: all of them together are the pane.
    const BY_PIECES: bool = false;

    fn window(&self, panes: u32, phase: u64) -> Self::Window;
    /// Adds the newest pane. No ticket is kept of a pane that has nothing.
    fn push(&self, window: &mut Self::Window, pane: Self::Partial) -> Result<Option<Self::Ticket>, Mismatch>;
    fn expire(&self, window: &mut Self::Window, ticket: Self::Ticket) -> Result<(), Mismatch>;
    #[inline]
    fn settle(&self, _: &mut Self::Window, _after: i64, _until: i64) -> Result<(), Mismatch> {
        Ok(())
    }
    fn read(&self, window: &Self::Window) -> Result<Option<Self::Reading>, Mismatch>;
    fn is_empty(window: &Self::Window) -> bool;
    fn window_bytes(window: &Self::Window) -> usize;
    fn ticket_bytes(ticket: &Self::Ticket) -> usize {
        size_of_val(ticket)
    }
}

/// Summaries slide as they say themselves.
pub(crate) struct Summaries<S>(PhantomData<fn() -> S>);

impl<S> Summaries<S> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<S: Merge> Slide for Summaries<S> {
    type Partial = S;
    type Window = S::Window;
    type Ticket = <S::Window as Sliding<S>>::Ticket;
    type Tickets = Vec<(u32, Self::Ticket)>;
    type Reading = S::Reading;

    const SETTLES: bool = S::Window::SETTLES;

    fn window(&self, panes: u32, phase: u64) -> S::Window {
        S::Window::new(panes, phase)
    }

    #[inline]
    fn push(&self, window: &mut S::Window, pane: S) -> Result<Option<Self::Ticket>, Mismatch> {
        window.push(pane).map(Some)
    }

    #[inline]
    fn expire(&self, window: &mut S::Window, ticket: Self::Ticket) -> Result<(), Mismatch> {
        window.expire(ticket)
    }

    #[inline]
    fn settle(&self, window: &mut S::Window, after: i64, until: i64) -> Result<(), Mismatch> {
        window.settle(after, until)
    }

    #[inline]
    fn read(&self, window: &S::Window) -> Result<Option<S::Reading>, Mismatch> {
        window.reading()
    }

    #[inline]
    fn is_empty(window: &S::Window) -> bool {
        window.is_empty()
    }

    fn window_bytes(window: &S::Window) -> usize {
        window.window_bytes()
    }

    fn ticket_bytes(ticket: &Self::Ticket) -> usize {
        S::Window::ticket_bytes(ticket)
    }
}

/// Values that a function reduces: by two stacks.
pub(crate) struct Reduced<V, F> {
    pub(crate) reduce: Arc<F>,
    pub(crate) of: PhantomData<fn() -> V>,
}

impl<V: Value, F: Fn(V, V) -> V> Reduced<V, F> {
    fn merge(&self) -> impl Fn(&mut Option<V>, &Option<V>) -> Result<(), Infallible> {
        |older, newer| {
            if let Some(value) = newer {
                add(older, value.clone(), &*self.reduce);
            }
            Ok(())
        }
    }
}

fn certain<T>(result: Result<T, Infallible>) -> Result<T, Mismatch> {
    result.map_err(|never| match never {})
}

impl<V: Value, F: Fn(V, V) -> V + Send + Sync + 'static> Slide for Reduced<V, F> {
    type Partial = Option<V>;
    type Window = TwoStacks<Option<V>>;
    type Ticket = ();
    type Tickets = Vec<(u32, ())>;
    type Reading = V;

    const SETTLES: bool = true;

    fn window(&self, panes: u32, phase: u64) -> Self::Window {
        TwoStacks::over(panes, phase)
    }

    fn push(&self, window: &mut Self::Window, pane: Option<V>) -> Result<Option<()>, Mismatch> {
        certain(window.push_with(pane, self.merge())).map(Some)
    }

    fn expire(&self, window: &mut Self::Window, (): ()) -> Result<(), Mismatch> {
        certain(window.expire_with(self.merge()))
    }

    #[inline]
    fn settle(&self, window: &mut Self::Window, after: i64, until: i64) -> Result<(), Mismatch> {
        certain(window.settle_with((after, until), self.merge()))
    }

    fn read(&self, window: &Self::Window) -> Result<Option<V>, Mismatch> {
        certain(window.total_with(self.merge())).map(Option::flatten)
    }

    fn is_empty(window: &Self::Window) -> bool {
        window.has_no_panes()
    }

    fn window_bytes(window: &Self::Window) -> usize {
        size_of_val(window) + window.panes() * size_of::<Option<V>>()
    }
}

/// Values that one function reduces and another takes out again.
pub(crate) struct Invertible<V, F, I> {
    pub(crate) reduce: Arc<F>,
    pub(crate) inverse: I,
    pub(crate) of: PhantomData<fn() -> V>,
}

/// What is in the window of such values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Total<V> {
    value: Option<V>,
    /// Or pieces of them.
    panes: u32,
}

impl<V, F, I> Slide for Invertible<V, F, I>
where
    V: Value,
    F: Fn(V, V) -> V + Send + Sync + 'static,
    I: Fn(V, V) -> V + Send + Sync + 'static,
{
    type Partial = Option<V>;
    type Window = Total<V>;
    type Ticket = V;
    type Tickets = Vec<(u32, V)>;
    type Reading = V;

    const BY_PIECES: bool = true;

    fn window(&self, _: u32, _: u64) -> Total<V> {
        Total { value: None, panes: 0 }
    }

    #[inline]
    fn push(&self, window: &mut Total<V>, pane: Option<V>) -> Result<Option<V>, Mismatch> {
        if let Some(value) = &pane {
            add(&mut window.value, value.clone(), &*self.reduce);
            window.panes = window.panes.saturating_add(1);
        }
        Ok(pane)
    }

    #[inline]
    fn expire(&self, window: &mut Total<V>, oldest: V) -> Result<(), Mismatch> {
        window.panes = window.panes.saturating_sub(1);
        window.value = window.value.take().filter(|_| window.panes > 0).map(|value| (self.inverse)(value, oldest));
        Ok(())
    }

    #[inline]
    fn read(&self, window: &Total<V>) -> Result<Option<V>, Mismatch> {
        Ok(window.value.clone())
    }

    #[inline]
    fn is_empty(window: &Total<V>) -> bool {
        window.panes == 0
    }

    fn window_bytes(window: &Total<V>) -> usize {
        size_of_val(window)
    }
}

/// One more than the number of records in a window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Count(NonZeroU64);

impl Slide for Counting {
    type Partial = u64;
    type Window = Count;
    type Ticket = u64;
    type Tickets = Numbers;
    type Reading = u64;

    const BY_PIECES: bool = true;

    fn window(&self, _: u32, _: u64) -> Count {
        Count(NonZeroU64::MIN)
    }

    #[inline]
    fn push(&self, window: &mut Count, pane: u64) -> Result<Option<u64>, Mismatch> {
        window.0 = window.0.saturating_add(pane);
        Ok(Some(pane))
    }

    #[inline]
    fn expire(&self, window: &mut Count, oldest: u64) -> Result<(), Mismatch> {
        window.0 = NonZeroU64::new(window.0.get().saturating_sub(oldest)).unwrap_or(NonZeroU64::MIN);
        Ok(())
    }

    #[inline]
    fn read(&self, window: &Count) -> Result<Option<u64>, Mismatch> {
        Ok(Some(window.0.get() - 1).filter(|count| *count > 0))
    }

    #[inline]
    fn is_empty(window: &Count) -> bool {
        window.0 == NonZeroU64::MIN
    }

    fn window_bytes(window: &Count) -> usize {
        size_of_val(window)
    }
}

/// Values as they came, of all panes.
pub(crate) struct Gathered<V>(pub(crate) PhantomData<fn() -> V>);

impl<V: Value> Slide for Gathered<V> {
    type Partial = Vec<V>;
    type Window = VecDeque<Vec<V>>;
    type Ticket = ();
    type Tickets = Vec<(u32, ())>;
    type Reading = Vec<V>;

    fn window(&self, _: u32, _: u64) -> VecDeque<Vec<V>> {
        VecDeque::new()
    }

    fn push(&self, window: &mut VecDeque<Vec<V>>, pane: Vec<V>) -> Result<Option<()>, Mismatch> {
        window.push_back(pane);
        Ok(Some(()))
    }

    fn expire(&self, window: &mut VecDeque<Vec<V>>, (): ()) -> Result<(), Mismatch> {
        window.pop_front();
        Ok(())
    }

    fn read(&self, window: &VecDeque<Vec<V>>) -> Result<Option<Vec<V>>, Mismatch> {
        Ok((!window.is_empty()).then(|| window.iter().flatten().cloned().collect()))
    }

    fn is_empty(window: &VecDeque<Vec<V>>) -> bool {
        window.is_empty()
    }

    fn window_bytes(window: &VecDeque<Vec<V>>) -> usize {
        let panes: usize = window.iter().map(|pane| size_of_val(pane) + size_of_val(pane.as_slice())).sum();
        size_of_val(window) + panes
    }
}
