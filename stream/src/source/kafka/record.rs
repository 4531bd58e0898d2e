//! A record of a topic.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A record of a topic, as a [`Kafka`](super::Kafka) source gives it.
///
/// Key and value are bytes: what they mean is up to the stream. Cheap to clone: the bytes are shared.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KafkaRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition of the topic.
    pub partition: i32,
    /// The number of the record in its partition. There may be holes between two records: those that were compacted
    /// away, and the marks of transactions.
    pub offset: i64,
    /// Milliseconds since the epoch, set by the producer or by the broker, as the topic has it; -1 if there is none.
    /// Usable as event time: `.event_time(|record| record.timestamp, secs(5))`.
    pub timestamp: i64,
    /// The key, then the value.
    bytes: Arc<[u8]>,
    /// How long the key is, if there is one.
    key: Option<u32>,
    has_value: bool,
    /// None if there are none, as is usual.
    headers: Option<Arc<[Header]>>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    name: Box<str>,
    value: Option<Box<[u8]>>,
}

impl KafkaRecord {
    /// A record, for tests of what is made of records. Headers are names and values.
    ///
    /// ```
    /// use streamgauge_stream::source::KafkaRecord;
    ///
    /// let record = KafkaRecord::new("orders", 0, 7, 1_000, Some(b"anna"), Some(b"3 books"), [("via", Some(&b"web"[..]))]);
    /// assert_eq!(record.value(), Some(&b"3 books"[..]));
    /// assert_eq!(record.header("via"), Some(&b"web"[..]));
    /// assert!(record.text().starts_with("3 b"));
    /// ```
    pub fn new<'a>(
        topic: impl Into<Arc<str>>,
        partition: i32,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) -> Self {
        let mut bytes = Vec::with_capacity(key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len));
        bytes.extend_from_slice(key.unwrap_or_default());
        bytes.extend_from_slice(value.unwrap_or_default());
        let header = |(name, value): (&str, Option<&[u8]>)| Header { name: name.into(), value: value.map(Into::into) };
        let headers: Arc<[Header]> = headers.into_iter().map(header).collect();
        Self {
            topic: topic.into(),
            partition,
            offset,
            timestamp,
            bytes: bytes.into(),
            // A record is far smaller than 4 GiB: lengths are 32 bits on the wire.
            key: key.map(|key| key.len() as u32),
            has_value: value.is_some(),
            headers: Some(headers).filter(|headers| !headers.is_empty()),
        }
    }

    fn key_length(&self) -> usize {
        self.key.unwrap_or_default() as usize
    }

    /// The key; none if the record has none.
    pub fn key(&self) -> Option<&[u8]> {
        self.bytes.get(..self.key? as usize)
    }

    /// The value; none for a record that has none, by which a compacted topic forgets a key.
    pub fn value(&self) -> Option<&[u8]> {
        self.bytes.get(self.key_length()..).filter(|_| self.has_value)
    }

    /// The value as text; empty if there is none, and bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.value().unwrap_or_default())
    }

    /// The headers in their order: names, of which there may be several alike, and values.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.headers.iter().flat_map(|headers| headers.iter()).map(|header| (&*header.name, header.value.as_deref()))
    }

    /// The value of the last header of this name that has one.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().filter(|(found, _)| *found == name).filter_map(|(_, value)| value).last()
    }

    /// About how much memory it takes, the name of the topic left out.
    pub(super) fn size(&self) -> usize {
        let headers = self.headers().map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len) + 32);
        size_of::<Self>() + self.bytes.len() + 16 + headers.sum::<usize>()
    }
}

impl fmt::Debug for KafkaRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let headers: Vec<_> = self.headers().map(|(name, value)| (name.to_owned(), text(value))).collect();
        f.debug_struct("KafkaRecord")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("timestamp", &self.timestamp)
            .field("key", &text(self.key()))
            .field("value", &text(self.value()))
            .field("headers", &headers)
            .finish()
    }
}
