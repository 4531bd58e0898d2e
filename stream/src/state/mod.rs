//! Keyed state: where it is held, key by key, and what operators of user code keep in it.

mod changes;
mod handle;
mod image;
mod index;
mod keyed;
mod lanes;
mod lookup;
mod slots;
mod stateful;
mod stored;
mod timers;

pub use handle::State;

pub(crate) use image::{Changed, Image, Later};
pub(crate) use keyed::KeyedLane;
pub(crate) use lanes::Lanes;
pub(crate) use lookup::{Found, TOGETHER};
pub(crate) use slots::Slots;
pub(crate) use stateful::{Install, Kept, StateSize, Stateful, WithLanes, is_shown};
pub(crate) use stored::{Bytes, Saved, SavedState, Stored, decode, decode_whole, encode};
pub(crate) use timers::Timers;
