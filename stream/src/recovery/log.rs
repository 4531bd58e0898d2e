//! The batch log: what a batch reads is written down before it runs, and its completion after its outputs.

use crate::error::Error;
use crate::time::Time;

/// Where batches are written down.
pub(crate) trait BatchLog: Send {
    /// A batch will read these ranges, one for each source, serialized. Durable when this returns.
    fn planned(&mut self, time: Time, ranges: &mut dyn Iterator<Item = &[u8]>) -> Result<(), Error>;

    /// All outputs of the batch are done.
    fn completed(&mut self, time: Time) -> Result<(), Error>;
}

/// Writes nothing down: a job that is killed begins anew.
pub(crate) struct NoLog;

impl BatchLog for NoLog {
    fn planned(&mut self, _: Time, _: &mut dyn Iterator<Item = &[u8]>) -> Result<(), Error> {
        Ok(())
    }

    fn completed(&mut self, _: Time) -> Result<(), Error> {
        Ok(())
    }
}
