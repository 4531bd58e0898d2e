//! Merging series, and taking that back.

use serde::{Deserialize, Serialize};

use super::super::blocks::{self, Block};
use super::super::overwritten::Overwritten;
use super::ScalableBloom;
use crate::error::Mismatch;
use crate::summary::{Merge, Summary, Undo, UndoLog};

impl ScalableBloom {
    /// Takes in the stages of another, and tells what it does if that is to be taken back.
    fn join(&mut self, other: &Self, mut log: Option<&mut Vec<Step>>) {
        if other.is_empty() {
            return;
        }
        let overlapping = other.overlapping || !self.is_empty();
        for (at, theirs) in other.levels.iter().enumerate() {
            let capacity = self.growth.first_items.saturating_mul(1 << at);
            if at == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let ours = &mut self.levels[at];
            for (i, theirs) in theirs.iter().enumerate() {
                // Its like, or the emptiest: a series has one of each size.
                let fits = |i: usize| Some((i, ours.get(i)?.items_with(theirs, capacity)?));
                let found = fits(i).or_else(|| fits(ours.len().checked_sub(1)?));
                if let Some((i, items)) = found {
                    let stage = &mut ours[i];
                    let before = std::mem::replace(&mut stage.items, items);
                    match &mut log {
                        None => blocks::merge(&mut stage.blocks, &theirs.blocks),
                        Some(log) => {
                            let blocks = Overwritten::merge(&mut stage.blocks, &theirs.blocks, Block::or);
                            log.push(Step::Filled { level: at as u32, stage: i as u32, items: before, blocks });
                        }
                    }
                } else {
                    let emptiest = ours.last().map_or(0, |last| last.items);
                    let i = if theirs.items > emptiest { ours.len().saturating_sub(1) } else { ours.len() };
                    ours.insert(i, theirs.clone());
                    if let Some(log) = &mut log {
                        log.push(Step::Added { level: at as u32, stage: i as u32 });
                    }
                }
            }
        }
        self.overlapping |= overlapping && self.stages() > 1;
        self.set_limit();
    }
}

impl Merge for ScalableBloom {
    type Window = UndoLog<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        let (ours, theirs) = (&self.growth, &other.growth);
        Mismatch::check(Self::NAME, "items of the first stage", &ours.first_items, &theirs.first_items)?;
        Mismatch::check(Self::NAME, "false-positive rate", &ours.rate, &theirs.rate)?;
        Mismatch::check(Self::NAME, "seed", &self.seed, &other.seed)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.join(other, None);
        Ok(())
    }

    fn read_merged(&self, other: &Self) -> Result<Self, Mismatch> {
        let mut merged = self.clone();
        merged.merge(other)?;
        Ok(merged)
    }
}

/// What merging a [`ScalableBloom`] did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScalableBloomOverwritten {
    overlapping: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Step {
    Filled { level: u32, stage: u32, items: u64, blocks: Overwritten<Block> },
    Added { level: u32, stage: u32 },
}

impl Undo for ScalableBloom {
    type Overwritten = ScalableBloomOverwritten;

    fn merge_logged(&mut self, other: &Self) -> Result<ScalableBloomOverwritten, Mismatch> {
        self.compatible(other)?;
        let (overlapping, mut steps) = (self.overlapping, Vec::new());
        self.join(other, Some(&mut steps));
        Ok(ScalableBloomOverwritten { overlapping, steps })
    }

    fn undo(&mut self, overwritten: ScalableBloomOverwritten) {
        for step in overwritten.steps.into_iter().rev() {
            match step {
                Step::Filled { level, stage, items, blocks } => {
                    let stage = self.levels.get_mut(level as usize).and_then(|level| level.get_mut(stage as usize));
                    if let Some(stage) = stage {
                        stage.items = items;
                        blocks.undo(&mut stage.blocks);
                    }
                }
                Step::Added { level, stage } => {
                    let (at, top) = (level as usize, self.levels.len() - 1);
                    let Some(level) = self.levels.get_mut(at).filter(|level| (stage as usize) < level.len()) else {
                        continue;
                    };
                    // No level is left empty, and never the first: but for the last one, which goes with its stage.
                    if level.len() > 1 {
                        level.remove(stage as usize);
                    } else if at == top && at > 0 {
                        self.levels.pop();
                    }
                }
            }
        }
        self.overlapping = overwritten.overlapping;
        self.set_limit();
    }

    fn overwritten_bytes(overwritten: &ScalableBloomOverwritten) -> usize {
        let blocks = |step: &Step| match step {
            Step::Filled { blocks, .. } => blocks.bytes() - size_of_val(blocks),
            Step::Added { .. } => 0,
        };
        size_of::<ScalableBloomOverwritten>()
            + overwritten.steps.capacity() * size_of::<Step>()
            + overwritten.steps.iter().map(blocks).sum::<usize>()
    }
}
