//! Keyed state: where it is held, key by key.

mod lanes;
mod slots;

pub(crate) use lanes::Lanes;
pub(crate) use slots::Slots;
