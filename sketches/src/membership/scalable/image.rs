//! A series as it is stored.

use serde::{Deserialize, Serialize};

use super::super::blocks::{self, BLOCK_BYTES};
use super::super::check_rate;
use super::super::stored::Bytes;
use super::ScalableBloom;
use super::stage::{Growth, Stage};
use crate::codec::{Codec, Reader, Writer};
use crate::error::DecodeError;
use crate::estimate::Family;
use crate::summary::Summary;

impl Codec for ScalableBloom {
    const FAMILY: Family = Family::ScalableBloom;
    const VERSION: u16 = 1;

    fn hash_seed(&self) -> u64 {
        self.seed
    }

    fn encode(&self, out: &mut Writer) {
        out.u64(self.growth.first_items);
        out.f64(self.growth.rate);
        out.u8(self.overlapping.into());
        out.u32(self.stages() as u32);
        for (level, stages) in self.levels.iter().enumerate() {
            for stage in stages {
                out.u8(level as u8);
                out.u64(stage.items);
                out.u32(stage.blocks.len() as u32);
                blocks::to_bytes(&stage.blocks, |bytes| out.bytes(bytes));
            }
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, seed: u64) -> Result<Self, DecodeError> {
        let (first_items, rate) = (content.u64("items of the first stage")?, content.f64("false-positive rate")?);
        let overlapping = content.u8("overlap of stages")?;
        DecodeError::unless(overlapping < 2, "overlap of stages", overlapping)?;
        let stages = content.length("stages", 1 + 8 + 4 + BLOCK_BYTES)?;
        let stages = (0..stages).map(|_| {
            let (level, items) = (content.u8("level")?, content.u64("items of a stage")?);
            let blocks = content.u32("blocks")? as usize;
            let bytes = content.bytes("blocks", blocks.saturating_mul(BLOCK_BYTES))?;
            Ok((level, items, Bytes(bytes.to_vec())))
        });
        let stages = stages.collect::<Result<_, _>>()?;
        Parts { seed, first_items, rate, overlapping: overlapping == 1, stages }.try_into()
    }
}

/// A filter as it is stored: its stages with their levels, smallest first.
#[derive(Serialize, Deserialize)]
pub(super) struct Parts {
    seed: u64,
    first_items: u64,
    rate: f64,
    overlapping: bool,
    stages: Vec<(u8, u64, Bytes)>,
}

impl From<ScalableBloom> for Parts {
    fn from(filter: ScalableBloom) -> Self {
        let stored = |level: usize, stage: Stage| {
            let mut bytes = Vec::with_capacity(stage.blocks.len() * BLOCK_BYTES);
            blocks::to_bytes(&stage.blocks, |part| bytes.extend_from_slice(part));
            (level as u8, stage.items, Bytes(bytes))
        };
        let levels = filter.levels.into_iter().enumerate();
        let stages = levels.flat_map(|(level, stages)| stages.into_iter().map(move |stage| stored(level, stage)));
        let Growth { first_items, rate } = filter.growth;
        Self { seed: filter.seed, first_items, rate, overlapping: filter.overlapping, stages: stages.collect() }
    }
}

impl TryFrom<Parts> for ScalableBloom {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { seed, first_items, rate, overlapping, stages } = parts;
        let wrong = |field, value: String| DecodeError::Value { field, value };
        check_rate(Self::NAME, rate).map_err(|error| wrong("false-positive rate", error.value))?;
        DecodeError::unless(first_items > 0, "items of the first stage", first_items)?;
        let growth = Growth { first_items, rate };
        let mut levels: Vec<Vec<Stage>> = Vec::new();
        let mut expected = None;
        for (level, items, Bytes(bytes)) in stages {
            let level = usize::from(level);
            if level == levels.len() {
                expected = growth.stage(level).map(|(_, blocks)| blocks);
                levels.push(Vec::new());
            }
            // Ascending without gaps: the stage belongs to the level that was begun last.
            DecodeError::unless(level + 1 == levels.len(), "level", level)?;
            let whole = expected.is_some_and(|blocks| blocks * BLOCK_BYTES == bytes.len());
            DecodeError::unless(whole, "bytes of blocks", bytes.len())?;
            let blocks = blocks::from_bytes(&bytes);
            DecodeError::unless((items == 0) == (blocks::ones(&blocks) == 0), "items of a stage", items)?;
            levels[level].push(Stage { items, blocks });
        }
        DecodeError::unless(!levels.is_empty(), "number of stages", 0)?;
        DecodeError::unless(!overlapping || levels.len() + levels[0].len() > 2, "overlap of stages", 1)?;
        Ok(Self::of_levels(seed, growth, overlapping, levels))
    }
}
