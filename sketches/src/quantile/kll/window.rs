//! How a sketch slides.

use serde::{Deserialize, Serialize};

use super::Kll;
use super::sorted::Sorted;
use crate::error::Mismatch;
use crate::quantile::Quantiles;
use crate::summary::{Sliding, TwoStacks};

/// A window of [two stacks](TwoStacks) of sketches whose items lie in their order.
///
/// The items of a pane are sorted once. Merges are then linear, and totals of the front share what they have in common;
/// a reading shares the items of both stacks and puts nothing together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KllWindow(TwoStacks<Sorted>);

/// A pane merged into a copy of the total of the newer ones, most of which they then share.
fn into_total(pane: Sorted, newer: &Sorted) -> Result<Sorted, Mismatch> {
    let mut total = newer.clone();
    total.merge(&pane)?;
    Ok(total)
}

impl Sliding<Kll> for KllWindow {
    type Ticket = ();

    const SETTLES: bool = true;

    fn new(panes: u32, phase: u64) -> Self {
        Self(TwoStacks::over(panes, phase))
    }

    fn push(&mut self, summary: Kll) -> Result<(), Mismatch> {
        let pane = Sorted::from(summary);
        if let (Some(front), _) = self.0.halves() {
            front.compatible(&pane)?;
        }
        self.0.push_with(pane, Sorted::merge)
    }

    fn expire(&mut self, (): ()) -> Result<(), Mismatch> {
        self.0.expire_by(into_total)
    }

    #[inline]
    fn settle(&mut self, after: i64, until: i64) -> Result<(), Mismatch> {
        self.0.settle_by((after, until), into_total)
    }

    fn total(&self) -> Result<Option<Kll>, Mismatch> {
        Ok(self.0.total_with(Sorted::merge)?.map(Kll::from))
    }

    fn reading(&self) -> Result<Option<Quantiles>, Mismatch> {
        match self.0.halves() {
            (Some(front), Some(back)) => {
                front.compatible(back)?;
                Ok(Some(Sorted::read(&[front, back])))
            }
            (Some(one), None) | (None, Some(one)) => Ok(Some(Sorted::read(&[one]))),
            (None, None) => Ok(None),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.has_no_panes()
    }

    fn window_bytes(&self) -> usize {
        let before = std::iter::once(None).chain(self.0.held().map(Some));
        let held = self.0.held().zip(before).map(|(sketch, before)| sketch.bytes_beside(before));
        size_of::<Self>() + held.sum::<usize>()
    }
}
