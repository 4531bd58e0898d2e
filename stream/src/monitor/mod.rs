//! What a running job tells about itself.

#[cfg(feature = "dashboard")]
mod api;
mod audit;
mod bus;
#[cfg(feature = "dashboard")]
pub mod dashboard;
mod event;
#[cfg(feature = "dashboard")]
mod http;
mod info;
#[cfg(feature = "dashboard")]
mod journal;
mod load;
#[cfg(feature = "dashboard")]
mod memory;
#[cfg(feature = "dashboard")]
mod metrics;
mod trace;

pub use audit::AuditInfo;
pub(crate) use bus::Bus;
pub use event::{Event, Listener};
pub(crate) use info::SHED;
pub use info::{
    BatchInfo, CheckpointInfo, JobInfo, OperatorInfo, OperatorNode, OutputInfo, Report, SourceInfo, SourceStatus,
};
pub use load::Load;
