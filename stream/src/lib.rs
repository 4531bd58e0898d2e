//! A micro-batch DStream engine on one machine.
//!
//! A [`StreamingContext`] describes a job: sources, streams, outputs. A [`DStream`] is a sequence of batches; operators
//! on it are fused where they can be, and everything grouped is a summary from `streamgauge-sketches`, per batch or
//! over a window of batch time or event time.
//!
//! ```
//! use streamgauge_stream::{Queue, StreamingContext, Trigger, mins, secs};
//!
//! let ctx = StreamingContext::builder("temperatures").trigger(Trigger::Available).build();
//! let (queue, readings) = Queue::new();
//! let hourly = ctx
//!     .source(readings)
//!     .event_time(|(at, _): &(i64, f64)| *at, secs(30))
//!     .tumbling(mins(60))
//!     .summarize(|on| (on.count(), on.quantiles(|(_, celsius)| *celsius)))
//!     .collect_to_memory();
//! queue.push((0..7_200).map(|s| (s * 1_000, (s % 100) as f64)).collect());
//! queue.close();
//! ctx.run()?;
//! for window in hourly.rows() {
//!     let (count, celsius) = &window.value;
//!     assert_eq!(count.value, 3_600.0);
//!     assert_eq!(celsius.at(0.9).value, 89.0);
//! }
//! assert_eq!(hourly.rows().len(), 2);
//! # Ok::<(), streamgauge_stream::Error>(())
//! ```

mod batch;
mod clock;
mod context;
mod dstream;
mod error;
mod event;
mod graph;
pub mod monitor;
mod rate;
pub mod recovery;
mod schedule;
pub mod sink;
pub mod source;
mod state;
pub mod testing;
mod time;
mod window;

pub use batch::Batch;
pub use batch::exchange::Portable;
pub use clock::{Clock, ManualClock, SystemClock};
pub use context::{ContextBuilder, StreamingContext};
#[cfg(feature = "csv")]
pub use dstream::CsvStream;
#[cfg(feature = "json")]
pub use dstream::json;
pub use dstream::{
    All, AuditRow, AuditedRow, By, ByEach, ByEventTime, DStream, EndsByEventTime, EventSessions, EventTime,
    EventWindows, Grouped, Grouping, OnBadTable, OnMalformed, Outcome, PerBatch, Reading, ReferenceTable, Row, Storage,
    TextStream, Transformed, Value, Windows,
};
pub use dstream::{
    Forever, HalfLife, IdleTimeout, KeyedState, NewRecords, NoTimeout, Running, StateStream, StateTime, Timeout,
};
pub use dstream::{KeyedModels, Model, Trained};
pub use dstream::{Sampled, SampledGrouped, SampledPart, SampledRow, SampledStream};
pub use error::{Error, Malformed};
pub use event::OutputMode;
pub use monitor::{AuditInfo, BatchInfo, CheckpointInfo, Event, Listener, Load, Report};
pub use rate::{PidRateEstimator, ProcessedBatch, RateEstimator};
pub use recovery::Resume;
pub use schedule::{JobState, OnFailure, Trigger};
pub use sink::{MemorySink, Sink};
pub use source::{
    Constant, Queue, QueueSource, Rate, Receiver, ReceiverHandle, ReceiverSource, Record, Source, SourceError, Stdin,
    TcpLines, TextBlock, TextFiles,
};
pub use state::State;
pub use time::{Time, hours, millis, mins, secs};
pub use window::Window;
