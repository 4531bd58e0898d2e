//! Sliding windows as they are stored: all of them, or what has changed since.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::OwnedKey;

use super::slide::Slide;
use super::store::SlidingWindows;
use crate::state::{Changed, Image, Later};

/// The number of a pane, and the tickets of the keys that are in it.
pub(super) type Pane<L> = (i64, <L as Slide>::Tickets);

/// All windows of a lane, as plain data.
#[derive(Deserialize)]
#[serde(bound = "")]
pub(super) struct WindowsImage<K: OwnedKey, L: Slide> {
    windows: Image<K, L::Window>,
    panes: VecDeque<Pane<L>>,
    settled: i64,
    open: L::Tickets,
}

/// What makes a later image of an image.
#[derive(Deserialize)]
#[serde(bound = "")]
pub(super) struct LaterWindows<K: OwnedKey, L: Slide> {
    windows: Later<K, L::Window>,
    left: u32,
    new: Vec<Pane<L>>,
    settled: i64,
    open: L::Tickets,
}

/// What has changed, as [`LaterWindows`] has it.
#[derive(Serialize)]
#[serde(bound = "")]
pub(super) struct ChangedWindows<'a, K: OwnedKey, L: Slide> {
    pub(super) windows: Changed<'a, K, L::Window>,
    /// How many of the panes that there were have left.
    pub(super) left: u32,
    pub(super) new: Vec<&'a Pane<L>>,
    pub(super) settled: i64,
    pub(super) open: &'a L::Tickets,
}

impl<K: OwnedKey, L: Slide> WindowsImage<K, L> {
    /// Takes changes over.
    pub(super) fn change(&mut self, later: LaterWindows<K, L>) -> Result<(), String> {
        self.windows.change(later.windows)?;
        self.panes.drain(..self.panes.len().min(later.left as usize));
        self.panes.extend(later.new);
        (self.settled, self.open) = (later.settled, later.open);
        Ok(())
    }

    /// The windows; from here on changes are noted.
    pub(super) fn windows(self) -> Result<SlidingWindows<K, L>, String> {
        let mut windows = self.windows.slots()?;
        windows.note_changes();
        Ok(SlidingWindows::of(windows, self.panes, self.settled, self.open))
    }
}
