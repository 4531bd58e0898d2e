#![doc = include_str!("../README.md")]

#[cfg(doctest)]
mod book;

pub use streamgauge_ml as ml;
pub use streamgauge_sketches as sketches;
pub use streamgauge_stream as stream;

/// What a job needs, in one `use`.
pub mod prelude {
    pub use streamgauge_sketches::{
        Absorb, Bernoulli, Bloom, ClassicBloom, Codec, CompactString, ConservativeCountMin, Count, CountMin,
        Covariance, Estimate, ExaLogLog, ExactDistinct, ExactQuantiles, ExactTop, Hashed, HeavyHitters, HyperLogLog,
        Key, Kll, Max, Membership, Merge, Min, Moments, On, PortableHash, Quantiles, Reservoir, ScalableBloom, Spec,
        Stratified, Sum, Summary, TDigest, WeightedReservoir,
    };
    #[cfg(feature = "dashboard")]
    pub use streamgauge_stream::monitor::dashboard::{Dashboard, Panel, Point, Ranking};
    pub use streamgauge_stream::{
        Batch, BatchInfo, DStream, Error, Listener, ManualClock, OnBadTable, OnMalformed, Queue, ReferenceTable,
        Report, Source, SourceError, Stdin, Storage, StreamingContext, TextBlock, TextFiles, TextStream, Time, Trigger,
        Window, hours, millis, mins, secs,
    };
}
