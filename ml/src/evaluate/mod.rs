//! How good is a learner? Asked as the stream goes by.

mod confusion;
mod delayed;
mod outcomes;
mod pending;
mod prequential;
mod wilson;

pub use confusion::Confusion;
pub use delayed::{Delayed, Keepable};
pub use outcomes::Outcomes;
pub use pending::Pending;
pub use prequential::Prequential;
