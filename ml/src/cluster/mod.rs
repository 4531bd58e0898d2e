//! Clusters of points, followed as they move.
//!
//! | member | what it is |
//! |---|---|
//! | [`StreamingKMeans`] | `k` centres that follow their points and forget: by batches, points or event time |
//! | [`Forgetting`] | how fast, and what closes a mini-batch |
//! | [`Start`] | how the first centres are found |
//! | [`KMeansBatch`] | a part of a mini-batch, gathered elsewhere; merges |
//! | [`Cluster`] | what is read: centre, weight, spread |
//!
//! **When to use it.** Dense points of a few to some hundred coordinates of comparable size, in `k` round groups that
//! move, appear and vanish more slowly than a half-life.
//!
//! **When not.** If `k` is not known, if clusters are of any shape, or nested; if coordinates have different units (scale
//! them first); if the far-out points are what you look for (a far-out point pulls at its centre; see
//! [`anomaly`](crate::anomaly)). The result is a local optimum, as that of every k-means.

mod batch;
mod centres;
mod following;
mod forgetting;
mod kmeans;
mod start;

pub use batch::KMeansBatch;
pub use forgetting::Forgetting;
pub use kmeans::{Cluster, StreamingKMeans};
pub use start::Start;
