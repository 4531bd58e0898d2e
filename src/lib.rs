#![doc = include_str!("../README.md")]

#[cfg(doctest)]
mod book;

pub use streamgauge_ml as ml;
pub use streamgauge_sketches as sketches;
pub use streamgauge_stream as stream;

/// What a job needs, in one `use`.
pub mod prelude {
    pub use streamgauge_sketches::{
        Absorb, Codec, CompactString, Count, CountMin, Estimate, ExactDistinct, ExactQuantiles, ExactTop, HeavyHitters,
        HyperLogLog, Key, Merge, On, PortableHash, Quantiles, Spec, Sum, Summary, TDigest,
    };
    #[cfg(feature = "dashboard")]
    pub use streamgauge_stream::monitor::dashboard::{Dashboard, Panel, Point, Ranking};
    pub use streamgauge_stream::{
        BatchInfo, DStream, Error, Listener, ManualClock, OnMalformed, Queue, Report, Source, SourceError, Stdin,
        StreamingContext, TextBlock, TextFiles, TextStream, Time, Trigger, Window, hours, millis, mins, secs,
    };
}
