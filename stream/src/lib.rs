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
mod graph;
pub mod monitor;
mod recovery;
mod schedule;
pub mod sink;
pub mod source;
mod state;
mod time;
mod window;

pub use clock::{Clock, ManualClock, SystemClock};
pub use context::{ContextBuilder, StreamingContext};
pub use dstream::{
    All, By, ByEach, DStream, EventTime, EventWindows, Grouped, Grouping, OnMalformed, Outcome, PerBatch, Reading, Row,
    TextStream, Windows,
};
pub use dstream::{Forever, HalfLife, IdleTimeout, KeyedState, NewRecords, NoTimeout, Running, StateStream, StateTime};
pub use error::{Error, Malformed};
pub use monitor::{BatchInfo, Listener, Report};
pub use schedule::Trigger;
pub use sink::{MemorySink, Sink};
pub use source::{Queue, QueueSource, Record, Source, SourceError, Stdin, TextBlock, TextFiles};
pub use state::State;
pub use time::{Time, hours, millis, mins, secs};
pub use window::Window;
