//! Payments of made-up cards, some of them fraud.
//!
//! Payments come from a [simulation](Simulated) that knows which are fraud. [`run`] keeps for each card what it usually
//! pays and where it was last, and puts its payments into sessions; it tells what is suspicious, and how much of the
//! fraud that was.

mod card;
mod job;
mod simulated;

pub use job::{Options, Report, Tally, run};
pub use simulated::{CITIES, City, Fraud, Payment, Simulated};
