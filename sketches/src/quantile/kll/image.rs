//! A KLL sketch as it is stored.

use serde::{Deserialize, Serialize};

use super::Kll;
use super::coins::Coins;
use super::levels::Levels;
use crate::codec::{Codec, Reader, Writer};
use crate::error::DecodeError;
use crate::estimate::Family;
use crate::quantile::ascending::{key, value};
use crate::random::Draws;

/// A sketch before it is known to be one.
#[derive(Serialize, Deserialize)]
pub(super) struct Parts {
    k: u16,
    ignored: u64,
    #[serde(deserialize_with = "crate::infinite::or_highest")]
    min: f64,
    #[serde(deserialize_with = "crate::infinite::or_lowest")]
    max: f64,
    variance: f64,
    sampling: f64,
    draws: Draws,
    owed: u64,
    opposite: u64,
    /// The buffer first.
    levels: Vec<Vec<f64>>,
}

impl From<Kll> for Parts {
    fn from(kll: Kll) -> Self {
        let (min, max) = ends(&kll.levels);
        let Kll { levels, ignored } = kll;
        let all = std::iter::once(&levels.buffer[..]).chain(levels.runs());
        Self {
            k: levels.k,
            ignored,
            min,
            max,
            variance: levels.coins.variance,
            sampling: levels.coins.sampling,
            owed: levels.coins.owed,
            opposite: levels.coins.opposite,
            levels: all.map(|level| level.iter().map(|&key| value(key)).collect()).collect(),
            draws: levels.coins.draws,
        }
    }
}

impl TryFrom<Parts> for Kll {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { k, ignored, min, max, variance, sampling, draws, owed, opposite, levels: stored } = parts;
        let mut levels = Self::with_k(k).map_err(|e| DecodeError::Value { field: "k", value: e.value })?.levels;
        DecodeError::unless(!stored.is_empty() && stored.len() <= Levels::HIGHEST + 1, "levels", stored.len())?;
        DecodeError::unless(stored[0].len() < Levels::buffer_size(k), "values in the buffer", stored[0].len())?;
        let held: usize = stored[1..].iter().map(Vec::len).sum();
        DecodeError::unless(held <= Levels::budget(k, stored.len() - 1), "values above the buffer", held)?;
        DecodeError::unless(stored.len() == 1 || stored.last().is_some_and(|top| !top.is_empty()), "top level", 0)?;

        let all = || stored.iter().flatten();
        let ends = if all().next().is_none() {
            min.to_bits() == f64::INFINITY.to_bits() && max.to_bits() == f64::NEG_INFINITY.to_bits()
        } else {
            min.is_finite() && max.is_finite() && key(min) <= key(max)
        };
        DecodeError::unless(ends, "ends", format_args!("{min} and {max}"))?;
        for &x in all() {
            DecodeError::unless(x.is_finite() && key(min) <= key(x) && key(x) <= key(max), "value", x)?;
        }
        for run in &stored[1..] {
            DecodeError::unless(
                run.is_sorted_by(|a, b| key(*a) <= key(*b)),
                "order of values in a level",
                "descending",
            )?;
        }
        // While all values are there, nothing is unknown, and no coin was ever tossed.
        let known = if stored.len() == 1 || sampling > 0.0 { 0.0 } else { f64::MIN_POSITIVE };
        DecodeError::unless((known..=f64::MAX).contains(&variance), "variance", variance)?;
        DecodeError::unless((0.0..=f64::MAX).contains(&sampling), "sampling variance", sampling)?;
        let most = if stored.len() == 1 { 0 } else { u64::MAX >> (63 - Levels::HIGHEST) };
        DecodeError::unless(owed <= most, "coins owed", owed)?;
        DecodeError::unless(opposite & !owed == 0, "coins", opposite)?;

        if all().next().is_some() {
            (levels.min, levels.max) = (key(min), key(max));
        }
        levels.buffer = stored[0].iter().copied().map(key).collect();
        levels.items = stored[1..].iter().rev().flatten().copied().map(key).collect();
        levels.lengths = stored[1..].iter().map(Vec::len).collect();
        Ok(Self { levels: Levels { coins: Coins { owed, opposite, variance, sampling, draws }, ..levels }, ignored })
    }
}

/// The lowest and the highest value; the infinities, the other way round, if there is none.
fn ends(levels: &Levels) -> (f64, f64) {
    let (min, max) = levels.ends();
    if levels.is_empty() { (f64::INFINITY, f64::NEG_INFINITY) } else { (value(min), value(max)) }
}

impl Codec for Kll {
    const FAMILY: Family = Family::Kll;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        let Self { levels, ignored } = self;
        let (min, max) = ends(&self.levels);
        out.u16(levels.k);
        out.u64(*ignored);
        out.f64(min);
        out.f64(max);
        out.f64(levels.coins.variance);
        out.f64(levels.coins.sampling);
        levels.coins.draws.encode(out);
        out.u64(levels.coins.owed);
        out.u64(levels.coins.opposite);
        out.u8(1 + levels.lengths.len() as u8);
        for level in std::iter::once(&levels.buffer[..]).chain(levels.runs()) {
            out.u32(level.len() as u32);
            level.iter().for_each(|&key| out.f64(value(key)));
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let k = content.u16("k")?;
        let ignored = content.u64("ignored")?;
        let (min, max) = (content.f64("minimum")?, content.f64("maximum")?);
        let variance = content.f64("variance")?;
        let sampling = content.f64("sampling variance")?;
        let draws = Draws::decode(content)?;
        let (owed, opposite) = (content.u64("coins owed")?, content.u64("coins")?);
        let levels = content.u8("levels")?;
        let level = |_| {
            let length = content.length("values", 8)?;
            (0..length).map(|_| content.f64("value")).collect()
        };
        let levels = (0..levels).map(level).collect::<Result<_, DecodeError>>()?;
        Parts { k, ignored, min, max, variance, sampling, draws, owed, opposite, levels }.try_into()
    }
}
