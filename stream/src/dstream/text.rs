//! Streams of text: lines are parsed where they stand.

use compact_str::CompactString;

use super::DStream;
use super::parse::{self, Format, OnMalformed, Rows};
use crate::error::Malformed;
use crate::source::{Record, TextBlock};

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
        parse::parse(&self.blocks, Lines(f), self.on_malformed)
    }

    /// Like [`parse`](Self::parse), and the malformed lines as a stream of their own, in the order of the text. They are
    /// counted as ever, whatever [`on_malformed`](Self::on_malformed) says.
    ///
    /// Each line is parsed once. While both streams are read, the rows of the batch are kept in memory until both have
    /// been. To number a malformed line, its file is read once more up to there.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, TextBlock, Trigger};
    ///
    /// let ctx = StreamingContext::builder("numbers").trigger(Trigger::Available).build();
    /// let (queue, blocks) = Queue::new();
    /// queue.push(vec![TextBlock::of_lines("input", 1, "7\nseven\n8\n".to_owned())]);
    /// let (numbers, malformed) = ctx.text(blocks).parse_or_divert(|line| line.parse::<u64>().map(Some));
    /// let numbers = numbers.collect_to_memory();
    /// let malformed = malformed.collect_to_memory();
    /// ctx.run()?;
    /// assert_eq!(numbers.rows(), [7, 8]);
    /// let seven = &malformed.rows()[0];
    /// assert_eq!(seven.to_string(), "input:2: invalid digit found in string");
    /// assert_eq!(seven.text, "seven");
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn parse_or_divert<T, I, E>(
        &self,
        f: impl Fn(&str) -> Result<I, E> + Send + Sync + 'static,
    ) -> (DStream<T>, DStream<Malformed>)
    where
        T: Record,
        I: IntoIterator<Item = T>,
        E: std::fmt::Display,
    {
        parse::divert(&self.blocks, Lines(f))
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

/// A record is a line.
struct Lines<F>(F);

impl<T, I, E, F> Format<TextBlock, T> for Lines<F>
where
    I: IntoIterator<Item = T>,
    E: std::fmt::Display,
    F: Fn(&str) -> Result<I, E> + Send + Sync + 'static,
{
    fn parse(&self, block: &TextBlock, rows: &mut Rows<'_, T>) {
        for (index, line) in block.lines().enumerate() {
            match (self.0)(line) {
                Ok(parsed) => rows.parsed(parsed),
                Err(cause) => rows.malformed(index as u64, line, cause.to_string()),
            }
        }
    }
}
