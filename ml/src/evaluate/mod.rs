//! How good is a learner? Asked as the stream goes by.

mod confusion;
mod outcomes;
mod prequential;
mod wilson;

pub use confusion::Confusion;
pub use outcomes::Outcomes;
pub use prequential::Prequential;
