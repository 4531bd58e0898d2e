//! Online learners on streamgauge's algebra of summaries.
//!
//! A learner is a [`Summary`](streamgauge_sketches::Summary): plain data that learns row by row, is stored, restored to
//! the bit, and tells its memory. One that merges exactly implements [`Merge`](streamgauge_sketches::Merge) too and runs in
//! every window and reduce; one that does not is refused there by the compiler. Nothing in this crate knows an engine.
//!
//! * [`Classifier`] learns rows with their class and says the class of others; [`Clusterer`] groups points;
//!   [`Detector`] says how strange an item is.
//! * [`Schema`] says what the attributes of a row are. A missing value is a NaN.
//! * [`Learn`] puts learners into streams: `on.learn(tree, |visit| (&visit.attributes, visit.class))`.
//! * [`laws`] holds any learner, also yours, to what the crate promises.

mod baseline;
mod dataset;
mod error;
mod image;
mod learner;
mod learning;
mod schema;

pub mod anomaly;
pub mod cluster;
pub mod drift;
pub mod evaluate;
pub mod generate;
pub mod laws;
pub mod naive_bayes;
pub mod preprocess;
pub mod tree;

pub use baseline::MajorityClass;
pub use dataset::{Dataset, DatasetError};
pub use error::RowError;
pub use learner::{Classifier, Clusterer, Detector};
pub use learning::{Learn, Learning};
pub use schema::{Attribute, Schema};
