//! How good is a learner? Asked as the stream goes by.
//!
//! | question | summary | merges |
//! |---|---|---|
//! | which class was taken for which; accuracy, κ, κ_M, precision, recall, F₁ | [`Confusion`] | yes |
//! | the same of all, the last, or fading rows, and κ_T | [`Outcomes`] | no: needs the order |
//! | how good is this learner on this stream? | [`Prequential`] | no |
//! | … where labels come late: a number of rows later; by the number of their row | [`Delayed`]; [`Pending`] | no |
//! | what are its probabilities worth? | [`LogLoss`] | yes |
//! | do scores put the positives first? ROC AUC, average precision, within guaranteed bounds | [`Ranking`] | yes |
//! | the same, exactly, of the last items | [`RecentRanking`] | no |
//! | how far are predicted numbers off? RMSE, MAE, bias | [`Deviation`] | yes |
//! | do clusters hold one class each? | [`Purity`] | yes |
//! | are clusters apart? | [`Silhouette`] | yes |
//!
//! **When not to use it.** Prequential figures are of one pass over one stream in one order: two learners that differ by
//! less than the interval of either may well be as good. Where labels come late, an evaluation that assumes them at once
//! flatters.

pub mod nab;

mod confusion;
mod delayed;
mod deviation;
mod log_loss;
mod outcomes;
mod pending;
mod prequential;
mod purity;
mod ranking;
mod recent_ranking;
mod silhouette;
mod wilson;

pub use confusion::Confusion;
pub use delayed::{Delayed, Keepable};
pub use deviation::Deviation;
pub use log_loss::LogLoss;
pub use outcomes::Outcomes;
pub use pending::Pending;
pub use prequential::Prequential;
pub use purity::Purity;
pub use ranking::Ranking;
pub use recent_ranking::RecentRanking;
pub use silhouette::Silhouette;
