//! The panes of a lane by event time: open ones, and the windows of the closed ones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Merge, Mismatch, OwnedKey, Table};

use super::Grid;
use super::slide::Summaries;
use super::store::SlidingWindows;
use crate::batch::exchange::{key_hash, lane_of};
use crate::dstream::merge_groups;
use crate::graph::StateSize;

/// What a partition has for a lane: groups by pane.
pub(super) type PaneParts<K, S> = Vec<(i64, Vec<(K, S)>)>;

/// The rows of the windows that end at the same time.
pub(super) type EndedWindows<K, R> = Vec<(i64, Vec<(K, R)>)>;

/// The open panes of the keys of a lane, and a sliding window for each key that has any closed one.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct EventLane<K: OwnedKey, S: Merge> {
    open: BTreeMap<i64, Table<K, S>>,
    windows: SlidingWindows<K, Summaries<S>>,
    /// The end of the next window to be given out; none before the first record.
    next_end: Option<i64>,
}

impl<K: OwnedKey, S: Merge> Default for EventLane<K, S> {
    fn default() -> Self {
        Self { open: BTreeMap::new(), windows: SlidingWindows::default(), next_end: None }
    }
}

impl<K: OwnedKey, S: Merge> EventLane<K, S> {
    /// Adds what a partition has for a pane.
    pub(super) fn add(&mut self, pane: i64, groups: Vec<(K, S)>) -> Result<(), Mismatch> {
        merge_groups(self.open.entry(pane).or_default(), groups)
    }

    /// Closes the windows that end until the watermark, in order, and reads them.
    pub(super) fn close(&mut self, grid: &Grid, watermark: i64) -> Result<EndedWindows<K, S::Reading>, Mismatch> {
        let (slide, mut ended) = (Summaries::new(), Vec::new());
        while let Some(end) = self.end_to_close(grid, watermark) {
            while let Some(pane) = self.open.first_entry()
                && grid.pane_end(*pane.key()) <= end
            {
                let (pane, groups) = pane.remove_entry();
                let Self { windows, .. } = self;
                let panes = grid.panes_per_window();
                let groups = groups.into_entries().into_iter();
                let groups: Vec<_> =
                    groups.map(|(key, summary)| (windows.slot(&slide, &key, panes), summary)).collect();
                windows.push(&slide, pane, groups.into_iter())?;
            }
            self.windows.advance(&slide, grid.first_pane(end), grid.pane_of(end.saturating_sub(1)))?;
            let readings = self.windows.readings(&slide).map(|row| row.map(|(key, reading)| (key.clone(), reading)));
            let rows = readings.collect::<Result<Vec<_>, _>>()?;
            if !rows.is_empty() {
                ended.push((end, rows));
            }
            let next = grid.next_end(end);
            self.next_end = Some(next);
            if next == end {
                // The end of time: nothing can follow.
                break;
            }
        }
        Ok(ended)
    }

    /// Deals the keys of lanes out to another number of lanes.
    pub(super) fn redistribute(lanes: Vec<Self>, to: usize) -> Vec<Self> {
        // Those that have windows have come as far; of the others none has come further, and whatever one of them has
        // open ends after that.
        let next_end = lanes.iter().filter_map(|lane| lane.next_end).max();
        let (open, windows): (Vec<_>, Vec<_>) = lanes.into_iter().map(|lane| (lane.open, lane.windows)).unzip();
        let open = redistribute_groups(open.into_iter(), to);
        let windows = SlidingWindows::redistribute(windows, to, |_, _| ());
        open.into_iter().zip(windows).map(|(open, windows)| Self { open, windows, next_end }).collect()
    }

    /// Keys of all open panes, and those that have windows.
    pub(super) fn keys(&self) -> u64 {
        (self.windows.keys() + self.open.values().map(Table::len).sum::<usize>()) as u64
    }

    pub(super) fn size(&self) -> StateSize {
        let closed = StateSize { keys: self.windows.keys() as u64, bytes: self.windows.memory_bytes() as u64 };
        [closed, size_of_groups(self.open.values())].into_iter().sum()
    }

    /// The end of the next window that has records, if it lies before the watermark.
    fn end_to_close(&self, grid: &Grid, watermark: i64) -> Option<i64> {
        let of_first_pane = || self.open.keys().next().map(|&pane| grid.first_end_from(grid.pane_end(pane)));
        let end = match self.next_end {
            Some(end) if !self.windows.is_empty() => end,
            // Nothing is in the window: the next one with records is the first that holds an open pane.
            Some(end) => end.max(of_first_pane()?),
            None => of_first_pane()?,
        };
        (end <= watermark).then_some(end)
    }
}

/// Deals the keys of the panes of lanes out to another number of lanes.
pub(super) fn redistribute_groups<K: OwnedKey, S: Merge>(
    lanes: impl Iterator<Item = BTreeMap<i64, Table<K, S>>>,
    to: usize,
) -> Vec<BTreeMap<i64, Table<K, S>>> {
    let mut dealt: Vec<BTreeMap<i64, Table<K, S>>> = (0..to).map(|_| BTreeMap::new()).collect();
    for (pane, groups) in lanes.flatten() {
        for (key, summary) in groups.into_entries() {
            // A key is in one lane only.
            dealt[lane_of(key_hash(&key), to)].entry(pane).or_default().entry_owned(key, || summary);
        }
    }
    dealt
}

/// How much the panes of a lane are.
pub(super) fn size_of_groups<'a, K: OwnedKey, S: Merge>(panes: impl Iterator<Item = &'a Table<K, S>>) -> StateSize {
    panes
        .map(|groups| {
            let summaries = groups.entries().iter().map(|(_, summary)| size_of::<K>() + summary.memory_bytes());
            StateSize { keys: groups.len() as u64, bytes: summaries.sum::<usize>() as u64 }
        })
        .sum()
}
