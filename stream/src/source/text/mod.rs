//! Text, line by line: files, directories, compressed files, the standard input, TCP.
//!
//! A batch is a range of bytes that ends with a line, and its partitions are cut by one rule: a line belongs to the
//! partition in which it begins. So the records and the partitions of a range depend on the text in it and on nothing
//! else.

mod ahead;
mod block;
#[cfg(feature = "csv")]
mod csv;
mod ends;
mod files;
mod newline;
mod number;
mod pace;
mod plain;
mod position;
mod stdin;
mod taken;
mod tcp;
#[cfg(test)]
mod tests;

pub use block::TextBlock;
#[cfg(feature = "csv")]
pub use csv::{CsvBlock, CsvFiles};
pub use files::TextFiles;
pub(crate) use number::LineNumbers;
pub use position::FilesPosition;
pub use stdin::Stdin;
pub use tcp::TcpLines;

const MIB: usize = 1 << 20;

/// The longest line. A longer one is an error, so that memory is bounded whatever comes.
const LONGEST_LINE: usize = 64 * MIB;

/// What is read ahead of a stream that cannot be read at two places at once, and the most that one batch takes of it.
const READ_AHEAD: usize = 8 * MIB;

/// About how long a partition of such a stream is.
const STREAM_PARTITION: usize = MIB;

/// What may be read ahead of a stream, of which so many bytes may be in memory: as much again is in a batch, and to see
/// whether something follows takes one byte.
fn ahead_of(bytes: u64) -> usize {
    usize::try_from(bytes / 2).unwrap_or(usize::MAX).saturating_sub(1).max(1)
}
