//! Windows that give rows before they are over: the panes of a lane, kept as they are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{Merge, Mismatch, OwnedKey, Table};

use super::Grid;
use super::panes::{EndedWindows, redistribute_groups, size_of_groups};
use crate::batch::measure;
use crate::dstream::merge_groups;
use crate::event::OutputMode;
use crate::graph::StateSize;

/// The panes of a lane that lie in any window that is not over.
///
/// A late record changes a pane that windows have been made of before, so there is nothing that could slide: a row is
/// merged from the panes of its window each time that it is given.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(super) struct KeptPanes<K: OwnedKey, S: Merge> {
    panes: BTreeMap<i64, Table<K, S>>,
    /// The watermark and the horizon after the last batch: windows that end until then have ended, or are over.
    ended: i64,
    over: i64,
    /// The keys that have changed in this batch, by pane.
    #[serde(skip)]
    changed: BTreeMap<i64, Vec<K>>,
}

impl<K: OwnedKey, S: Merge> Default for KeptPanes<K, S> {
    fn default() -> Self {
        Self { panes: BTreeMap::new(), ended: i64::MIN, over: i64::MIN, changed: BTreeMap::new() }
    }
}

/// The keys of a window that give rows.
enum Wanted<K> {
    All,
    These(BTreeSet<K>),
}

impl<K: OwnedKey, S: Merge> KeptPanes<K, S> {
    /// Adds what a partition has for a pane.
    pub(super) fn add(&mut self, pane: i64, groups: Vec<(K, S)>) -> Result<(), Mismatch> {
        self.changed.entry(pane).or_default().extend(groups.iter().map(|(key, _)| key.clone()));
        merge_groups(self.panes.entry(pane).or_default(), groups)
    }

    /// The rows of the windows that the mode asks for now, in the order of their ends; then forgets what is over.
    pub(super) fn rows(
        &mut self,
        grid: &Grid,
        mode: OutputMode,
        watermark: i64,
        horizon: i64,
    ) -> Result<EndedWindows<K, S::Reading>, Mismatch> {
        let wanted = self.wanted(grid, mode, watermark);
        self.changed.clear();
        (self.ended, self.over) = (watermark, horizon);
        let rows = wanted.into_iter().map(|(end, keys)| Ok((end, self.readings(grid, end, keys)?)));
        let rows = rows.filter(|rows| !matches!(rows, Ok((_, rows)) if rows.is_empty())).collect();
        self.panes.retain(|&pane, _| grid.last_end(pane).is_some_and(|end| end > horizon));
        rows
    }

    /// Deals the keys of lanes out to another number of lanes.
    pub(super) fn redistribute(lanes: Vec<Self>, to: usize) -> Vec<Self> {
        // All lanes have come as far.
        let ended = lanes.iter().map(|lane| lane.ended).max().unwrap_or(i64::MIN);
        let over = lanes.iter().map(|lane| lane.over).max().unwrap_or(i64::MIN);
        let dealt = redistribute_groups(lanes.into_iter().map(|lane| lane.panes), to);
        dealt.into_iter().map(|panes| Self { panes, ended, over, changed: BTreeMap::new() }).collect()
    }

    /// Keys of all panes.
    pub(super) fn keys(&self) -> u64 {
        self.panes.values().map(Table::len).sum::<usize>() as u64
    }

    pub(super) fn size(&self) -> StateSize {
        size_of_groups(self.panes.values())
    }

    /// The windows that are to give rows, and the keys that are.
    fn wanted(&self, grid: &Grid, mode: OutputMode, watermark: i64) -> BTreeMap<i64, Wanted<K>> {
        let mut wanted = BTreeMap::new();
        if mode == OutputMode::Complete || mode == OutputMode::Revise {
            let ends = self.panes.keys().flat_map(|&pane| grid.ends_with(pane));
            let ends = ends.filter(|&end| match mode {
                // Some of its panes may be here still, for windows that are not over.
                OutputMode::Complete => end > self.over,
                _ => end > self.ended && end <= watermark,
            });
            wanted.extend(ends.map(|end| (end, Wanted::All)));
        }
        if mode == OutputMode::Update || mode == OutputMode::Revise {
            for (&pane, keys) in &self.changed {
                let ends = grid.ends_with(pane);
                for end in ends.filter(|&end| mode == OutputMode::Update || end <= self.ended) {
                    let window = wanted.entry(end).or_insert_with(|| Wanted::These(BTreeSet::new()));
                    if let Wanted::These(wanted) = window {
                        wanted.extend(keys.iter().cloned());
                    }
                }
            }
        }
        wanted
    }

    fn readings(&self, grid: &Grid, end: i64, wanted: Wanted<K>) -> Result<Vec<(K, S::Reading)>, Mismatch> {
        let panes = || self.panes.range(grid.first_pane(end)..grid.pane_of(end)).map(|(_, groups)| groups);
        let keys = match wanted {
            Wanted::All => panes().flat_map(|groups| groups.entries().iter().map(|(key, _)| key.clone())).collect(),
            Wanted::These(keys) => keys,
        };
        let read = |key: K| {
            let mut parts = panes().filter_map(|groups| groups.get(&key));
            let Some(first) = parts.next() else { return Ok(None) };
            let mut rest = parts.peekable();
            let reading = if rest.peek().is_none() {
                first.read()
            } else {
                let (mut total, mut merges) = (first.clone(), 0);
                rest.try_for_each(|part| {
                    merges += 1;
                    total.merge(part)
                })?;
                measure::count_merges(merges);
                total.read()
            };
            Ok(Some((key, reading)))
        };
        keys.into_iter().filter_map(|key| read(key).transpose()).collect()
    }
}
