//! The record every log format is read into.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// One request as a web server logged it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Event time: milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The client: a host name or an address.
    pub host: CompactString,
    /// The request target with its query; of a request that is not HTTP the whole text, and `-` of an empty one.
    pub path: CompactString,
    /// The status of the answer, from 100 to 599.
    pub status: u16,
    /// The size of the answer; 0 where the log has none.
    pub bytes: u64,
}
