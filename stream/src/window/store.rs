//! The window state of one shard of keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Merge, Mismatch, OwnedKey, Sliding, Table};

use super::Grid;
use crate::batch::exchange::key_hash;
use crate::dstream::merge_groups;

/// The open panes of the keys of one shard, and a sliding window for each key that has any.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct WindowStore<K: OwnedKey, S: Merge> {
    open: BTreeMap<i64, Table<K, S>>,
    windows: Table<K, S::Window>,
    /// The end of the next window to be given out; none before the first record.
    next_end: Option<i64>,
}

/// The rows of the windows that end at the same time.
pub(crate) type EndedWindows<K, R> = Vec<(i64, Vec<(K, R)>)>;

impl<K: OwnedKey, S: Merge> Default for WindowStore<K, S> {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
            windows: Table::default(),
            next_end: None,
        }
    }
}

impl<K: OwnedKey, S: Merge> WindowStore<K, S> {
    /// Adds what a partition has for a pane.
    pub(crate) fn add(&mut self, pane: i64, entries: Vec<(K, S)>) -> Result<(), Mismatch> {
        merge_groups(self.open.entry(pane).or_default(), entries)
    }

    /// Closes the windows that end until the watermark, in order, and reads them.
    pub(crate) fn close(
        &mut self,
        grid: &Grid,
        watermark: i64,
    ) -> Result<EndedWindows<K, S::Reading>, Mismatch> {
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
            self.next_end = Some(grid.next_end(end));
        }
        Ok(ended)
    }

    /// The end of the next window that has records, if it lies before the watermark.
    fn end_to_close(&self, grid: &Grid, watermark: i64) -> Option<i64> {
        let of_first_pane = || {
            self.open
                .keys()
                .next()
                .map(|&pane| grid.first_end_from(grid.pane_end(pane)))
        };
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
            let phase = if size_of::<K>() == 0 {
                0
            } else {
                key_hash(&key, &mut scratch)
            };
            let window = self
                .windows
                .entry(&key, || S::Window::new(grid.panes_per_window(), phase));
            window.push(pane, summary)?;
        }
        Ok(())
    }

    /// Reads every window after dropping the panes before the first one; windows without panes leave.
    fn read(&mut self, first_pane: i64) -> Result<Vec<(K, S::Reading)>, Mismatch> {
        let (mut rows, mut mismatch, mut emptied) =
            (Vec::with_capacity(self.windows.len()), None, false);
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
