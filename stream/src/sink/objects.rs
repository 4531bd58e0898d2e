//! An object per batch.

use std::fmt;
use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::files::{Format, Text};
use super::{Cause, Sink};
use crate::recovery::Requests;
use crate::time::Time;

/// An object per batch on an object store, named `prefix-TIME_MS.suffix`: what [`Files`](super::Files) does in a folder.
///
/// An object is put as a whole, in the place of one of the same name; readers see the one or the other. So a batch that
/// is run again after a crash is there **exactly once**. An empty batch has an empty object.
///
/// Nothing keeps two outputs from the same names: see to it that each has a prefix of its own. Time-outs and retries are
/// settings of the store; objects are never removed. Memory: the encoded rows of a batch, twice while they are put. A
/// batch costs a put, and is put at once: the stores of the clouds take a few gigabytes.
///
/// ```
/// use std::sync::Arc;
/// use streamgauge_stream::recovery::object_store::{ObjectStoreExt, memory::InMemory};
/// use streamgauge_stream::sink::Objects;
/// use streamgauge_stream::source::Constant;
/// use streamgauge_stream::{StreamingContext, Trigger};
///
/// let bucket = Arc::new(InMemory::new());
/// let ctx = StreamingContext::builder("words").trigger(Trigger::Available).build();
/// ctx.source(Constant::new(vec!["to", "be"]).batches(1)).write_to(Objects::text(bucket.clone(), "out/words"));
/// ctx.run()?;
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let object = bucket.get(&"out/words-1000.txt".into()).await?;
/// assert_eq!(object.bytes().await?, "to\nbe\n");
/// # Ok::<(), streamgauge_stream::recovery::object_store::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Objects<F> {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    suffix: String,
    format: F,
    /// Begun when the sink is opened.
    requests: Option<Requests>,
}

impl<F> fmt::Debug for Objects<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objects({}/{}-*{})", self.store, self.prefix, self.suffix)
    }
}

impl Objects<Text> {
    /// Objects of lines: the text (`Display`) of each row; suffix `txt`.
    pub fn text(store: Arc<dyn ObjectStore>, prefix: impl Into<String>) -> Self {
        Self::of(store, prefix, Text).suffix("txt")
    }
}

#[cfg(feature = "json")]
impl Objects<super::JsonLines> {
    /// Objects of JSON, a line per row; suffix `jsonl`.
    pub fn json(store: Arc<dyn ObjectStore>, prefix: impl Into<String>) -> Self {
        Self::of(store, prefix, super::JsonLines).suffix("jsonl")
    }
}

#[cfg(feature = "csv")]
impl Objects<super::Csv> {
    /// Objects of comma-separated values; suffix `csv`. See [`Csv`](super::Csv).
    pub fn csv(store: Arc<dyn ObjectStore>, prefix: impl Into<String>) -> Self {
        Self::of(store, prefix, super::Csv::default()).suffix("csv")
    }
}

#[cfg(feature = "parquet")]
impl Objects<super::Parquet> {
    /// Objects of Parquet; suffix `parquet`. See [`Parquet`](super::Parquet).
    pub fn parquet(store: Arc<dyn ObjectStore>, prefix: impl Into<String>) -> Self {
        Self::of(store, prefix, super::Parquet::default()).suffix("parquet")
    }
}

impl<F> Objects<F> {
    /// Objects of any format, without a suffix unless one is set.
    pub fn of(store: Arc<dyn ObjectStore>, prefix: impl Into<String>, format: F) -> Self {
        Self { store, prefix: prefix.into(), suffix: String::new(), format, requests: None }
    }

    /// What comes after the time and a dot; nothing and no dot if it is empty.
    pub fn suffix(mut self, suffix: impl AsRef<str>) -> Self {
        self.suffix = match suffix.as_ref().trim_start_matches('.') {
            "" => String::new(),
            suffix => format!(".{suffix}"),
        };
        self
    }
}

impl<T, F: Format<T>> Sink<T> for Objects<F> {
    type Part = F::Encoded;

    fn target(&self) -> String {
        format!("{}/{}-*{}", self.store, self.prefix, self.suffix)
    }

    fn open(&mut self) -> Result<(), Cause> {
        if self.prefix.is_empty() || self.prefix.ends_with('/') {
            return Err("the prefix must end with a name, such as out/counts, not with a folder".into());
        }
        self.format.open()?;
        self.requests = Some(Requests::begin()?);
        Ok(())
    }

    fn part(&mut self, _: Time, _: usize) -> Result<F::Encoded, Cause> {
        self.format.part()
    }

    fn commit(&mut self, batch: Time, parts: Vec<F::Encoded>) -> Result<(), Cause> {
        let mut bytes = Vec::new();
        self.format.write(&parts, &mut bytes)?;
        drop(parts);
        let path = Path::from(format!("{}-{}{}", self.prefix, batch.millis(), self.suffix));
        let requests = self.requests.as_ref().ok_or("the sink was not opened")?;
        let (store, put) = (self.store.clone(), path.clone());
        let answer = requests.wait(async move { store.put(&put, bytes.into()).await });
        answer.map(drop).map_err(|e| format!("putting {path}: {e}").into())
    }
}
