//! The state of windows, by shard of their keys.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Merge, Mismatch, OwnedKey, Sliding, Table};

use super::Grid;
use crate::batch::BatchRun;
use crate::batch::exchange::{Sharded, by_shard, key_hash, shards_of};
use crate::dstream::merge_groups;
use crate::error::Error;

/// The open panes of the keys of one shard, and a sliding window for each key that has any.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct WindowStore<K: OwnedKey, S: Merge> {
    open: BTreeMap<i64, Table<K, S>>,
    windows: Table<K, S::Window>,
    /// The end of the next window to be given out; none before the first record.
    next_end: Option<i64>,
}

/// The rows of the windows that end at the same time.
pub(super) type EndedWindows<K, R> = Vec<(i64, Vec<(K, R)>)>;

impl<K: OwnedKey, S: Merge> Default for WindowStore<K, S> {
    fn default() -> Self {
        Self { open: BTreeMap::new(), windows: Table::default(), next_end: None }
    }
}

impl<K: OwnedKey, S: Merge> WindowStore<K, S> {
    /// Adds what a partition has for a pane.
    fn add(&mut self, pane: i64, entries: Vec<(K, S)>) -> Result<(), Mismatch> {
        merge_groups(self.open.entry(pane).or_default(), entries)
    }

    /// Closes the windows that end until the watermark, in order, and reads them.
    fn close(&mut self, grid: &Grid, watermark: i64) -> Result<EndedWindows<K, S::Reading>, Mismatch> {
        let mut ended = Vec::new();
        while let Some(end) = self.end_to_close(grid, watermark) {
            while let Some(pane) = self.open.first_entry()
                && grid.pane_end(*pane.key()) <= end
            {
                let (pane, groups) = pane.remove_entry();
                self.push(grid, pane, groups)?;
            }
            let rows = self.read(grid.first_pane(end))?;
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

    fn push(&mut self, grid: &Grid, pane: i64, groups: Table<K, S>) -> Result<(), Mismatch> {
        let mut scratch = Vec::new();
        for (key, summary) in groups.into_entries() {
            let phase = if size_of::<K>() == 0 { 0 } else { key_hash(&key, &mut scratch) };
            let window = self.windows.entry(&key, || S::Window::new(grid.panes_per_window(), phase));
            window.push(pane, summary)?;
        }
        Ok(())
    }

    /// Reads every window after dropping the panes before the first one; windows without panes leave.
    fn read(&mut self, first_pane: i64) -> Result<Vec<(K, S::Reading)>, Mismatch> {
        let (mut rows, mut mismatch, mut emptied) = (Vec::with_capacity(self.windows.len()), None, false);
        for (key, window) in self.windows.iter_mut() {
            match window.evict(first_pane).and_then(|()| window.reading()) {
                Ok(Some(reading)) => rows.push((key.clone(), reading)),
                Ok(None) => emptied = true,
                Err(error) => mismatch = Some(error),
            }
        }
        if let Some(mismatch) = mismatch {
            return Err(mismatch);
        }
        if emptied {
            self.windows.retain(|_, window| !window.is_empty());
        }
        Ok(rows)
    }
}

/// The window state of an operator: a store for every shard.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct Shards<K: OwnedKey, S: Merge>(Vec<WindowStore<K, S>>);

impl<K: OwnedKey, S: Merge> Default for Shards<K, S> {
    fn default() -> Self {
        let mut shards = Vec::new();
        shards.resize_with(shards_of::<K>(), WindowStore::default);
        Self(shards)
    }
}

/// What a partition has for one pane, by shard.
pub(super) type PaneByShard<K, S> = Sharded<(i64, Vec<(K, S)>)>;

/// Sorts the groups of a pane by shard.
pub(super) fn pane_by_shard<K: OwnedKey, S: Merge>(pane: i64, groups: Table<K, S>) -> PaneByShard<K, S> {
    let shards = by_shard(groups.into_entries()).into_iter();
    shards.map(|(shard, entries)| (shard, vec![(pane, entries)])).collect()
}

impl<K: OwnedKey, S: Merge> Shards<K, S> {
    /// Whether there is anything in a window or a pane.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|store| store.windows.is_empty() && store.open.is_empty())
    }

    /// Adds what the partitions have, and closes the windows that end until the watermark: by end, then by shard.
    pub(super) fn advance(
        &mut self,
        batch: &BatchRun,
        operator: &str,
        grid: &Grid,
        partitions: Vec<PaneByShard<K, S>>,
        watermark: i64,
    ) -> Result<EndedWindows<K, S::Reading>, Error> {
        let gathered = batch.gather(operator, self.0.len(), partitions)?;
        let closed = self.0.par_iter_mut().zip(gathered).map(|(store, panes)| {
            panes.into_iter().try_for_each(|(pane, entries)| store.add(pane, entries))?;
            store.close(grid, watermark)
        });
        let closed = closed
            .collect::<Result<Vec<_>, _>>()
            .map_err(|mismatch| Error::Mismatch { operator: operator.to_owned(), mismatch })?;
        let mut ended: Vec<_> = closed.into_iter().flatten().collect();
        // Stable: shards stay in order.
        ended.sort_by_key(|(end, _)| *end);
        Ok(ended)
    }
}
