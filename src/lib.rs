#![doc = include_str!("../README.md")]

#[cfg(doctest)]
mod book;

pub use streamgauge_ml as ml;
pub use streamgauge_sketches as sketches;
pub use streamgauge_stream as stream;

/// What a job needs, in one `use`.
pub mod prelude {
    pub use streamgauge_ml::{Attribute, Classifier, Clusterer, Detector, Learn, Learning, Schema};
    pub use streamgauge_sketches::{
        Absorb, Audit, Audited, Bernoulli, Bloom, ClassicBloom, Codec, CompactString, ConservativeCountMin, Count,
        CountMin, Covariance, Estimate, ExaLogLog, ExactDistinct, ExactQuantiles, ExactTop, Hashed, HeavyHitters,
        HyperLogLog, Key, Kll, Max, Mean, Membership, Merge, Min, Moments, On, PortableHash, Quantiles, Reservoir,
        ScalableBloom, Spec, Stratified, Sum, Summary, TDigest, Weight, WeightedReservoir,
    };
    #[cfg(feature = "dashboard")]
    pub use streamgauge_stream::monitor::dashboard::{
        Accuracy, Axes, Cell, Clusters, Dashboard, Panel, Point, Ranking, Records, Scored,
    };
    pub use streamgauge_stream::{
        AuditInfo, AuditRow, AuditedRow, Batch, BatchInfo, Constant, DStream, Error, Event, JobState, Listener,
        ManualClock, MemorySink, OnBadTable, OnFailure, OnMalformed, OutputMode, PidRateEstimator, Queue, Rate,
        Receiver, ReceiverHandle, ReceiverSource, ReferenceTable, Report, Resume, SampledStream, Sink, Source,
        SourceError, State, Stdin, Storage, StreamingContext, TcpLines, TextBlock, TextFiles, TextStream, Time,
        Trigger, Window, hours, millis, mins, secs,
        sink::{self, Files, Print, Tcp},
    };
}
