//! A summary that is there or not is a summary.

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

    fn end_batch(&mut self) {
        if let Some(summary) = self {
            summary.end_batch();
        }
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
    panes: u32,
    window: S::Window,
}

impl<S: Merge> Sliding<Option<S>> for OptionalWindow<S> {
    type Ticket = Option<<S::Window as Sliding<S>>::Ticket>;

    const SETTLES: bool = S::Window::SETTLES;

    fn new(panes: u32, phase: u64) -> Self {
        Self { panes: 0, window: S::Window::new(panes, phase) }
    }

    fn push(&mut self, summary: Option<S>) -> Result<Self::Ticket, Mismatch> {
        let ticket = summary.map(|summary| self.window.push(summary)).transpose()?;
        self.panes = self.panes.saturating_add(1);
        Ok(ticket)
    }

    fn expire(&mut self, ticket: Self::Ticket) -> Result<(), Mismatch> {
        self.panes = self.panes.saturating_sub(1);
        ticket.map_or(Ok(()), |ticket| self.window.expire(ticket))
    }

    fn settle(&mut self, after: i64, until: i64) -> Result<(), Mismatch> {
        self.window.settle(after, until)
    }

    fn total(&self) -> Result<Option<Option<S>>, Mismatch> {
        if self.is_empty() { Ok(None) } else { self.window.total().map(Some) }
    }

    fn reading(&self) -> Result<Option<Option<S::Reading>>, Mismatch> {
        if self.is_empty() { Ok(None) } else { self.window.reading().map(Some) }
    }

    fn is_empty(&self) -> bool {
        self.panes == 0
    }

    fn window_bytes(&self) -> usize {
        size_of::<u64>() + self.window.window_bytes()
    }

    fn ticket_bytes(ticket: &Self::Ticket) -> usize {
        ticket.as_ref().map_or(0, S::Window::ticket_bytes)
    }
}
