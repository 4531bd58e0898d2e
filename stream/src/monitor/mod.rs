//! What a running job tells about itself.

mod bus;
#[cfg(feature = "dashboard")]
pub mod dashboard;
mod event;
mod info;
mod load;

pub(crate) use bus::Bus;
pub use event::{Event, Listener};
pub(crate) use info::SHED;
pub use info::{BatchInfo, JobInfo, OperatorInfo, OutputInfo, Report, SourceInfo, SourceStatus};
pub use load::Load;
