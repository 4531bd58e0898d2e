//! How a summary slides over panes.
//!
//! A sliding window is cut into panes of equal length. Every closed pane is pushed once, with its number; panes that
//! are no longer in the window are evicted. Sketches cannot be un-merged, so each summary names the cheapest way that
//! is exact for it.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Merge, Summary};
use crate::error::Mismatch;

/// The state of a sliding window of summaries: what is pushed and evicted by pane, and read at any time.
///
/// Pane numbers increase from push to push; panes without items may be left out. The state is plain data: it is stored
/// with everything else.
pub trait Sliding<S: Summary>: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// An empty window over at most `panes` panes.
    ///
    /// `phase` spreads the expensive slides of many windows over time: give each key its own, such as a portable hash.
    fn new(panes: u32, phase: u64) -> Self;

    /// Adds the newest pane.
    ///
    /// # Errors
    /// [`Mismatch`] if the pane cannot be merged with those in the window.
    fn push(&mut self, pane: i64, summary: S) -> Result<(), Mismatch>;

    /// Drops all panes before this one.
    ///
    /// # Errors
    /// [`Mismatch`] if the panes in the window cannot be merged with each other.
    fn evict(&mut self, before: i64) -> Result<(), Mismatch>;

    /// The merged panes; `None` if there are none.
    ///
    /// # Errors
    /// [`Mismatch`] if the panes in the window cannot be merged with each other.
    fn total(&self) -> Result<Option<S>, Mismatch>;

    /// The reading of the merged panes; `None` if there are none.
    ///
    /// # Errors
    /// [`Mismatch`] if the panes in the window cannot be merged with each other.
    fn reading(&self) -> Result<Option<S::Reading>, Mismatch> {
        Ok(self.total()?.map(|total| total.read()))
    }

    /// Whether the window has no panes.
    fn is_empty(&self) -> bool;

    /// The bytes this window holds, itself and its heap.
    fn window_bytes(&self) -> usize;
}

/// A summary whose panes can be taken out again, exactly.
///
/// For counters over integers only: floating sums drift, and one NaN would poison them for ever.
pub trait Subtract: Merge {
    /// Takes out what was merged before.
    fn subtract(&mut self, other: &Self);
}

/// A window that adds the new pane and subtracts the old one: two operations a slide for any length.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Inverse<S: Subtract> {
    total: Option<S>,
    panes: VecDeque<(i64, S)>,
}

impl<S: Subtract> Sliding<S> for Inverse<S> {
    fn new(_: u32, _: u64) -> Self {
        Self { total: None, panes: VecDeque::new() }
    }

    fn push(&mut self, pane: i64, summary: S) -> Result<(), Mismatch> {
        merge_into(&mut self.total, &summary)?;
        self.panes.push_back((pane, summary));
        Ok(())
    }

    fn evict(&mut self, before: i64) -> Result<(), Mismatch> {
        while let Some((pane, oldest)) = self.panes.front()
            && *pane < before
        {
            if let Some(total) = &mut self.total {
                total.subtract(oldest);
            }
            self.panes.pop_front();
        }
        if self.panes.is_empty() {
            self.total = None;
        }
        Ok(())
    }

    fn total(&self) -> Result<Option<S>, Mismatch> {
        Ok(self.total.clone())
    }

    fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    fn window_bytes(&self) -> usize {
        let panes: usize = self.panes.iter().map(|(_, s)| 8 + s.memory_bytes()).sum();
        size_of::<Self>() + panes
    }
}

/// A window of two stacks: at most three merges a slide on average, for every mergeable summary.
///
/// New panes go to the back with a running total; old ones leave from the front, where each entry is the total of its
/// pane and all newer ones of the front. When the front is used up, the back *flips* over into a new front. That slide
/// costs as many merges as the window has panes, so a window begins with an early flip at its phase: the flips of many
/// keys then fall on different slides.
///
/// Source: Tangwongsan, Hirzel, Schneider, *In-Order Sliding-Window Aggregation in Worst-Case Constant Time*, 2021.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct TwoStacks<S: Merge> {
    /// Never zero: a stored window says so, or is refused.
    panes: NonZeroU32,
    phase: u32,
    /// Oldest last; each holds itself and all newer panes of the front.
    front: Vec<(i64, S)>,
    /// Oldest first, as they came.
    back: Vec<(i64, S)>,
    back_total: Option<S>,
}

impl<S: Merge> TwoStacks<S> {
    fn flip(&mut self) -> Result<(), Mismatch> {
        self.back_total = None;
        self.front.reserve_exact(self.back.len());
        while let Some((pane, mut summary)) = self.back.pop() {
            if let Some((_, newer)) = self.front.last() {
                summary.merge(newer)?;
            }
            self.front.push((pane, summary));
        }
        Ok(())
    }
}

impl<S: Merge> Sliding<S> for TwoStacks<S> {
    fn new(panes: u32, phase: u64) -> Self {
        let panes = NonZeroU32::new(panes).unwrap_or(NonZeroU32::MIN);
        Self {
            panes,
            phase: (phase % u64::from(panes.get())) as u32,
            front: Vec::new(),
            back: Vec::new(),
            back_total: None,
        }
    }

    fn push(&mut self, pane: i64, summary: S) -> Result<(), Mismatch> {
        if let Some((_, front)) = self.front.last() {
            front.compatible(&summary)?;
        }
        merge_into(&mut self.back_total, &summary)?;
        self.back.push((pane, summary));
        // Later flips come when the front is used up, a window's length after this one: the phase lasts.
        let at_phase = pane.rem_euclid(i64::from(self.panes.get())) == i64::from(self.phase);
        if self.front.is_empty() && at_phase {
            self.flip()?;
        }
        Ok(())
    }

    fn evict(&mut self, before: i64) -> Result<(), Mismatch> {
        while self.front.last().is_some_and(|(pane, _)| *pane < before) {
            self.front.pop();
        }
        if self.front.is_empty() && self.back.first().is_some_and(|(pane, _)| *pane < before) {
            self.back.retain(|(pane, _)| *pane >= before);
            self.flip()?;
        }
        Ok(())
    }

    fn total(&self) -> Result<Option<S>, Mismatch> {
        let mut total = self.front.last().map(|(_, s)| s.clone());
        if let Some(back) = &self.back_total {
            merge_into(&mut total, back)?;
        }
        Ok(total)
    }

    fn is_empty(&self) -> bool {
        self.front.is_empty() && self.back.is_empty()
    }

    fn window_bytes(&self) -> usize {
        let panes = self.front.iter().chain(&self.back);
        let held: usize = panes.map(|(_, s)| 8 + s.memory_bytes()).sum();
        size_of::<Self>() + held + self.back_total.as_ref().map_or(0, Summary::memory_bytes)
    }
}

pub(super) fn merge_into<S: Merge>(total: &mut Option<S>, summary: &S) -> Result<(), Mismatch> {
    match total {
        Some(total) => total.merge(summary),
        None => {
            *total = Some(summary.clone());
            Ok(())
        }
    }
}
