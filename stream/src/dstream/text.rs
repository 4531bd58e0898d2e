//! Streams of text: lines are parsed where they stand.

use std::sync::{Arc, Mutex, PoisonError};

use compact_str::CompactString;

use super::{DStream, Node, Shared};
use crate::batch::{BadLine, BatchRun, CHUNK, Input, MALFORMED_TOLD, Partitions};
use crate::error::{Error, Malformed};
use crate::source::{Record, TextBlock};

/// What to do with a line that cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnMalformed {
    /// Count it, tell the first ones to the listeners, go on.
    #[default]
    Skip,
    /// End the job, naming file and line.
    Fail,
}

/// A stream of lines of text.
///
/// Lines are handed to closures as `&str` out of the block they were read in: what a closure does not keep costs no
/// allocation.
#[derive(Clone, Debug)]
pub struct TextStream {
    blocks: DStream<TextBlock>,
    on_malformed: OnMalformed,
}

impl TextStream {
    pub(crate) fn new(blocks: DStream<TextBlock>) -> Self {
        Self { blocks, on_malformed: OnMalformed::default() }
    }

    /// What to do with lines that [`parse`](Self::parse) refuses. They are skipped unless told otherwise.
    pub fn on_malformed(mut self, policy: OnMalformed) -> Self {
        self.on_malformed = policy;
        self
    }

    /// Each line parsed into none, one or several rows. A line that gives an error is malformed: it is counted with
    /// its file and line number, and skipped or fatal as [`on_malformed`](Self::on_malformed) says.
    ///
    /// ```
    /// # use streamgauge_stream::{StreamingContext, TextStream};
    /// # fn stream(lines: TextStream) {
    /// let sizes = lines.parse(|line: &str| line.parse::<u64>().map(Some));
    /// # }
    /// ```
    pub fn parse<T, I, E>(&self, f: impl Fn(&str) -> Result<I, E> + Send + Sync + 'static) -> DStream<T>
    where
        T: Record,
        I: IntoIterator<Item = T>,
        E: std::fmt::Display,
    {
        // Of several that parse the same lines the first one counts them.
        let counts = !self.blocks.has_readers();
        let node = Parse {
            counts,
            parent: self.blocks.read_by_one_more(),
            parse: f,
            on_malformed: self.on_malformed,
            partitions: Mutex::new(Partitions::from([])),
        };
        DStream::new(self.blocks.graph.clone(), node)
    }

    /// Each line made into none, one or several rows.
    pub fn flat_map<T, I>(&self, f: impl Fn(&str) -> I + Send + Sync + 'static) -> DStream<T>
    where
        T: Record,
        I: IntoIterator<Item = T>,
    {
        self.parse(move |line| Ok::<_, std::convert::Infallible>(f(line)))
    }

    /// Each line made into a row.
    pub fn map<T: Record>(&self, f: impl Fn(&str) -> T + Send + Sync + 'static) -> DStream<T> {
        self.flat_map(move |line| Some(f(line)))
    }

    /// The lines themselves, owned.
    pub fn lines(&self) -> DStream<CompactString> {
        self.map(|line| CompactString::new(line))
    }

    /// The lines of this stream, then those of the other.
    pub fn union(&self, other: &Self) -> Self {
        Self { blocks: self.blocks.union(&other.blocks), on_malformed: self.on_malformed }
    }
}

struct Parse<F> {
    counts: bool,
    parent: Arc<Shared<TextBlock>>,
    parse: F,
    on_malformed: OnMalformed,
    partitions: Mutex<Partitions>,
}

impl<T, I, E, F> Node<T> for Parse<F>
where
    T: Record,
    I: IntoIterator<Item = T>,
    E: std::fmt::Display,
    F: Fn(&str) -> Result<I, E> + Send + Sync,
{
    fn inputs(&self) -> Vec<Input> {
        self.parent.inputs()
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        let partitions = self.parent.prepare(batch)?;
        *self.partitions.lock().unwrap_or_else(PoisonError::into_inner) = partitions.clone().unwrap_or_default();
        Ok(partitions)
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let input = self.partitions.lock().unwrap_or_else(PoisonError::into_inner)[partition];
        let mut rows = Vec::with_capacity(CHUNK);
        let (mut malformed, mut first) = (0, Vec::new());
        self.parent.run(batch, partition, &mut |blocks| {
            for block in blocks.drain(..) {
                let mut lines = 0;
                for line in block.lines() {
                    match (self.parse)(line) {
                        Ok(parsed) => rows.extend(parsed),
                        Err(cause) => {
                            malformed += 1;
                            if first.len() < MALFORMED_TOLD {
                                first.push(BadLine {
                                    input,
                                    partition,
                                    block: block.without_text(),
                                    line_in_block: lines,
                                    cause: cause.to_string(),
                                });
                            }
                        }
                    }
                    lines += 1;
                    if rows.len() >= CHUNK {
                        out(&mut rows);
                        rows.clear();
                    }
                }
                if self.counts {
                    batch.count_records(input, lines);
                }
            }
        })?;
        if !rows.is_empty() {
            out(&mut rows);
        }
        if self.on_malformed == OnMalformed::Fail
            && let Some(line) = first.first()
        {
            return Err(line.resolve().into());
        }
        if malformed > 0 {
            batch.count_malformed(malformed, first);
        }
        Ok(())
    }
}

impl BadLine {
    /// Tells the number of the line; 0 if its file cannot be read again, as after a rotation.
    pub(crate) fn resolve(&self) -> Malformed {
        Malformed {
            input: self.block.origin().to_owned(),
            line: self.block.line_number(self.line_in_block).unwrap_or(0),
            cause: self.cause.clone(),
        }
    }
}
