//! A summary that is there or not is a summary.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Merge, Sliding, Summary};
use crate::error::Mismatch;

impl<S: Summary> Summary for Option<S> {
    type Reading = Option<S::Reading>;

    const NAME: &'static str = S::NAME;
    const DECAY: Option<fn(&mut Self, f64)> = if S::DECAY.is_some() {
        Some(|state, factor| {
            if let (Some(decay), Some(state)) = (S::DECAY, state) {
                decay(state, factor);
            }
        })
    } else {
        None
    };

    fn schema() -> String {
        format!("Option<{}>", S::schema())
    }

    fn read(&self) -> Self::Reading {
        self.as_ref().map(Summary::read)
    }

    fn memory_bytes(&self) -> usize {
        let heap = self.as_ref().map_or(0, |s| s.memory_bytes().saturating_sub(size_of::<S>()));
        size_of::<Self>() + heap
    }
}

impl<S: Merge> Merge for Option<S> {
    type Window = OptionalWindow<S>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        match (self, other) {
            (Some(ours), Some(theirs)) => ours.compatible(theirs),
            _ => Ok(()),
        }
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        match (self.as_mut(), other) {
            (Some(ours), Some(theirs)) => ours.merge(theirs),
            (None, Some(theirs)) => {
                *self = Some(theirs.clone());
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }
}

/// The window of a summary that is there or not: it slides as the summary does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct OptionalWindow<S: Merge> {
    /// All panes, also those without a summary.
    panes: VecDeque<i64>,
    window: S::Window,
}

impl<S: Merge> Sliding<Option<S>> for OptionalWindow<S> {
    fn new(panes: u32, phase: u64) -> Self {
        Self { panes: VecDeque::new(), window: S::Window::new(panes, phase) }
    }

    fn push(&mut self, pane: i64, summary: Option<S>) -> Result<(), Mismatch> {
        if let Some(summary) = summary {
            self.window.push(pane, summary)?;
        }
        self.panes.push_back(pane);
        Ok(())
    }

    fn evict(&mut self, before: i64) -> Result<(), Mismatch> {
        while self.panes.front().is_some_and(|pane| *pane < before) {
            self.panes.pop_front();
        }
        self.window.evict(before)
    }

    fn total(&self) -> Result<Option<Option<S>>, Mismatch> {
        if self.panes.is_empty() { Ok(None) } else { self.window.total().map(Some) }
    }

    fn reading(&self) -> Result<Option<Option<S::Reading>>, Mismatch> {
        if self.panes.is_empty() { Ok(None) } else { self.window.reading().map(Some) }
    }

    fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    fn window_bytes(&self) -> usize {
        size_of::<VecDeque<i64>>() + self.panes.capacity() * size_of::<i64>() + self.window.window_bytes()
    }
}
