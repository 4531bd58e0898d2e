//! Clusters that are followed as they move: points of a file or a synthetic stream, streaming k-means, and how well it
//! follows.

mod input;
mod job;
mod panels;
mod report;

pub use input::{Input, Point};
pub use job::{Failure, Options, run};
pub use report::{Score, Summary, Tally};
