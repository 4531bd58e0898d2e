//! Keyed state: where it is held, key by key, and what operators of user code keep in it.

mod handle;
mod index;
mod keyed;
mod lanes;
mod lookup;
mod slots;
mod timers;

pub use handle::State;

pub(crate) use keyed::KeyedLane;
pub(crate) use lanes::Lanes;
pub(crate) use lookup::{Found, TOGETHER};
pub(crate) use slots::Slots;
pub(crate) use timers::Timers;
