//! Operators of event time, each against an oracle that looks at the raw records.

#![allow(clippy::unwrap_used)]

mod case;
mod deduplicate;
mod edges;
mod idle;
mod join;
mod windows;
