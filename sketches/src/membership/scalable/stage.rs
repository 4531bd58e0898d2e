//! The stages of a series, and how each follows from the one before.

use super::super::blocks::{self, Block, MOST_BLOCKS, blocks_for};
use super::super::occupancy::Occupancy;
use super::super::{place, simd};

/// A stage is made for so many times the items of the one before, at so much of its false-positive rate. The rates add
/// up to less than the whole rate; a ratio near one asks for fewer bits in late stages and for more in the first.
const GROWTH: u64 = 2;
const TIGHTENING: f64 = 0.8;

/// The stages that a first number of items and a rate call for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Growth {
    pub(super) first_items: u64,
    pub(super) rate: f64,
}

impl Growth {
    /// The items and the blocks of a stage; none if it would be too large.
    pub(super) fn stage(self, level: usize) -> Option<(u64, usize)> {
        let items = self.first_items.checked_mul(GROWTH.checked_pow(level as u32)?)?;
        let blocks = blocks_for(items, self.rate * (1.0 - TIGHTENING) * TIGHTENING.powi(level as i32))?;
        // All stages together stay below the limit.
        (blocks as u64 <= MOST_BLOCKS / 2).then_some((items, blocks))
    }
}

/// A filter of the series.
#[derive(Clone, PartialEq)]
pub(super) struct Stage {
    /// The items it is known to have taken; after a merge, as its bits tell.
    pub(super) items: u64,
    pub(super) blocks: Vec<Block>,
}

impl Stage {
    pub(super) fn new(blocks: usize) -> Self {
        Self { items: 0, blocks: vec![Block::default(); blocks] }
    }

    #[inline]
    pub(super) fn covers(&self, mixed: u64) -> bool {
        simd::covers(&self.blocks[place(mixed, self.blocks.len())], mixed)
    }

    pub(super) fn occupancy(&self) -> Occupancy {
        Occupancy::Blocks(self.blocks.len() as f64)
    }

    /// The items of both, if they fit into one stage made for so many.
    pub(super) fn items_with(&self, other: &Self, capacity: u64) -> Option<u64> {
        let union = self.blocks.iter().zip(&other.blocks).map(|(a, b)| u64::from(a.or(*b).ones())).sum::<u64>();
        if union == blocks::ones(&self.blocks) {
            return Some(self.items);
        }
        if union == blocks::ones(&other.blocks) {
            return Some(other.items);
        }
        let zeros = self.blocks.len() as f64 * 256.0 - union as f64;
        let items = (self.occupancy().items(zeros.max(0.5)).round() as u64).max(1);
        (items <= capacity).then_some(items)
    }
}
