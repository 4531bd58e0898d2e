//! Some of the items, chosen at random: for questions that are not known yet, with honest intervals.
//!
//! | sample | holds | chosen | merged |
//! |---|---|---|---|
//! | [`Reservoir`] | k items | all alike | a uniform sample of both |
//! | [`WeightedReservoir`] | k items | by weight | the same sample as of everything |
//! | [`Bernoulli`] | a share p of the items | each with probability p | both |
//! | [`Stratified`] | up to k items of each stratum | alike within the stratum | stratum by stratum |
//!
//! What they read as is asked for totals, means and counts of anything that can be computed from an item:
//! [`Sample`], [`WeightedSample`], [`StratifiedSample`]. They draw from a seeded stream of random numbers that is part
//! of their state: the same seed and items give the same bytes, on any machine. Copies of one empty sample draw
//! differently soon after they have absorbed different items, since of what is accepted some is mixed into the stream.
//! Copies that absorb the same items in the same order stay alike: give them seeds of their own.
//!
//! **When not to use them.** A sample answers every question a little; a sketch answers one question better for the
//! same memory. What is rare is hardly in a sample: no distinct counts, no extremes, no p999. A past cannot fade in a
//! sample: use a window.

mod allocation;
mod bernoulli;
mod interval;
mod reading;
mod reservoir;
mod stratified;
mod variates;
mod weighted;

pub use allocation::Allocation;
pub use bernoulli::Bernoulli;
pub use reading::{Sample, StratifiedSample, WeightedSample};
pub use reservoir::Reservoir;
pub use stratified::Stratified;
pub use weighted::WeightedReservoir;

use serde::{Serialize, de::DeserializeOwned};

use crate::codec::{Reader, VALUE};
use crate::error::{DecodeError, ParameterError};

/// An item as a sample holds it: stored, sent between threads and machines.
pub trait Item: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T> Item for T where T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {}

/// A number of items, within what the images can tell.
fn capacity(summary: &'static str, items: usize, least: usize) -> Result<u32, ParameterError> {
    if items < least || items > 1 << 24 {
        return Err(ParameterError {
            summary,
            parameter: "items",
            allowed: if least == 2 { "2 to 2^24" } else { "1 to 2^24" },
            value: items.to_string(),
        });
    }
    Ok(items as u32)
}

/// A value that a decoded or restored state cannot have.
fn unless(holds: bool, field: &'static str, value: impl ToString) -> Result<(), DecodeError> {
    DecodeError::unless(holds, field, value)
}

fn refused(field: &'static str) -> impl Fn(ParameterError) -> DecodeError {
    move |error| DecodeError::Value { field, value: error.value }
}

fn decode_items<T: DeserializeOwned>(content: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
    let items = content.length("items", VALUE)?;
    (0..items).map(|_| content.value("item")).collect()
}
