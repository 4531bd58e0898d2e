//! When windows give rows.

use serde::{Deserialize, Serialize};

/// When windows of event time give rows, and which. The names are those of Structured Streaming; `Revise` is not there.
///
/// *Changed* means: got a record in this batch. *Ended* means: the watermark has passed the end. *Over* means: the
/// watermark has passed the end by the allowed lateness.
///
/// | mode | rows of a batch | a window's last row |
/// |---|---|---|
/// | `Append` | windows that are over now, each once | its only one, final |
/// | `Update` | windows that changed, ended or not | final when the window is over |
/// | `Revise` | windows that ended now, and ended ones that changed | final when the window is over |
/// | `Complete` | all windows that were not over before this batch | final: it comes with the batch in which it is over |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OutputMode {
    /// A window once, when it is over: rows are never revised.
    #[default]
    Append,
    /// A row for each window that changed in the batch, also while it is open.
    Update,
    /// A row when a window ends, and another in each batch in which a late record changed it after that.
    Revise,
    /// All windows that are kept, in every batch.
    Complete,
}
