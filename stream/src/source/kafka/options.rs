//! What a source of topics may be told.

use crate::time::Time;

/// Where a new job begins to read. One that goes on goes on where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KafkaStart {
    /// With the first record that there is of every partition.
    Earliest,
    /// With the first record that comes after the start.
    Latest,
    /// With the first record of this time or later, by the times of the records.
    Time(Time),
    /// With these offsets, each of a topic and a partition. Other partitions are read from their beginning. A partition
    /// that is not there, or has no such offset, is an error.
    Offsets(Vec<(String, i32, i64)>),
}

/// What to do when records that are to be read are gone: deleted by the topic's retention before they were read, or
/// gone with the topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDataLoss {
    /// The job ends with an error that names topic, partition and offsets.
    #[default]
    Fail,
    /// The job goes on with what there is, and its listeners get a warning that names topic, partition and offsets.
    Skip,
}
