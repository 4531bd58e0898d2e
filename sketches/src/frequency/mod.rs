//! How often: [`CountMin`] for any given item, [`HeavyHitters`] for the most frequent ones.
//!
//! **When not to use them.** On a flat distribution nothing is heavy: the intervals of [`HeavyHitters`] then reach down
//! to little, and [`CountMin`] is wrong by about N/width for every item. With fewer distinct items than counters an
//! exact table is as small.

mod conservative;
mod count_min;
mod grid;
mod heavy_hitters;

pub use conservative::ConservativeCountMin;
pub use count_min::CountMin;
pub use heavy_hitters::HeavyHitters;
