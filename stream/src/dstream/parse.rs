//! Rows out of blocks of text, and what becomes of records that are none.

use std::sync::{Arc, Mutex, PoisonError};

use super::{DStream, Node, Shared};
use crate::batch::{BadLine, BatchRun, CHUNK, Input, MALFORMED_TOLD, Partitions, measure};
use crate::error::{Error, Malformed};
use crate::source::{LineNumbers, Record, TextBlock};

/// What to do with a record that cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnMalformed {
    /// Count it, tell the first ones to the listeners, go on.
    #[default]
    Skip,
    /// End the job, naming file and line.
    Fail,
}

/// A piece of text of whole records.
pub(crate) trait Block: Record {
    fn text(&self) -> &TextBlock;
}

impl Block for TextBlock {
    fn text(&self) -> &TextBlock {
        self
    }
}

/// How the records of a block become rows.
pub(crate) trait Format<B, T>: Send + Sync + 'static {
    fn parse(&self, block: &B, rows: &mut Rows<'_, T>);
}

/// The rows of a partition as they are parsed.
pub(crate) struct Rows<'a, T> {
    rows: Vec<T>,
    records: u64,
    out: &'a mut dyn FnMut(&mut Vec<T>),
    /// Takes the line in the block, the text of the record, and what is wrong with it.
    bad: &'a mut dyn FnMut(u64, &str, String),
}

impl<T> Rows<'_, T> {
    /// The rows of the next record.
    #[inline]
    pub(crate) fn parsed(&mut self, rows: impl IntoIterator<Item = T>) {
        self.records += 1;
        self.rows.extend(rows);
        if self.rows.len() >= CHUNK {
            self.flush();
        }
    }

    /// The next record, beginning at this line of the block, is malformed.
    pub(crate) fn malformed(&mut self, line_in_block: u64, text: &str, cause: String) {
        self.records += 1;
        (self.bad)(line_in_block, text, cause);
    }

    fn flush(&mut self) {
        if !self.rows.is_empty() {
            (self.out)(&mut self.rows);
            self.rows.clear();
        }
    }
}

/// Reads the blocks of a stream.
struct Reader<B, F> {
    /// Of several that parse the same blocks the first one counts the records.
    counts: bool,
    parent: Arc<Shared<B>>,
    format: F,
    partitions: Mutex<Partitions>,
}

impl<B: Block, F> Reader<B, F> {
    fn new(blocks: &DStream<B>, format: F) -> Self {
        let counts = !blocks.has_readers();
        Self { counts, parent: blocks.read_by_one_more(), format, partitions: Mutex::new(Partitions::from([])) }
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        let partitions = self.parent.prepare(batch)?;
        *self.partitions.lock().unwrap_or_else(PoisonError::into_inner) = partitions.clone().unwrap_or_default();
        Ok(partitions)
    }

    /// Parses a partition; hands over rows and malformed records in the order of the text. Gives how many were malformed,
    /// and the first of them.
    fn read<T>(
        &self,
        batch: &BatchRun,
        partition: usize,
        out: &mut dyn FnMut(&mut Vec<T>),
        bad: &mut dyn FnMut(&TextBlock, u64, &str, &str),
    ) -> Result<(u64, Vec<BadLine>), Error>
    where
        F: Format<B, T>,
    {
        let input = self.partitions.lock().unwrap_or_else(PoisonError::into_inner)[partition];
        let (mut malformed, mut first, mut all) = (0, Vec::new(), 0);
        let mut kept = Vec::with_capacity(CHUNK);
        self.parent.run(batch, partition, &mut |blocks| {
            for block in blocks.drain(..) {
                let mut note = |line, text: &str, cause: String| {
                    malformed += 1;
                    bad(block.text(), line, text, &cause);
                    if first.len() < MALFORMED_TOLD {
                        first.push(BadLine::new(input, partition, block.text(), line, text, cause));
                    }
                };
                let mut rows = Rows { rows: std::mem::take(&mut kept), records: 0, out, bad: &mut note };
                self.format.parse(&block, &mut rows);
                let records = rows.records;
                kept = rows.rows;
                all += records;
                if self.counts {
                    batch.count_records(input, records);
                }
            }
        })?;
        if !kept.is_empty() {
            out(&mut kept);
        }
        measure::count_rows_in(all);
        Ok((malformed, first))
    }
}

impl BadLine {
    fn new(input: Input, partition: usize, block: &TextBlock, line_in_block: u64, text: &str, cause: String) -> Self {
        Self { input, partition, block: block.without_text(), line_in_block, text: text.to_owned(), cause }
    }

    /// Tells the number of the line; 0 if its file cannot be read again, as after a rotation.
    pub(crate) fn resolve(&self) -> Malformed {
        Malformed {
            input: self.block.origin().to_owned(),
            line: self.block.line_number(self.line_in_block).unwrap_or(0),
            cause: self.cause.clone(),
            text: self.text.clone(),
        }
    }
}

/// The rows of a stream of blocks; malformed records are skipped, or end the job.
pub(crate) fn parse<B: Block, T: Record>(
    blocks: &DStream<B>,
    format: impl Format<B, T>,
    on_malformed: OnMalformed,
) -> DStream<T> {
    let operator = blocks.graph.operator("parse", [blocks.operator()]);
    DStream::new(blocks.graph.clone(), operator, Parse { reader: Reader::new(blocks, format), on_malformed })
}

struct Parse<B, F> {
    reader: Reader<B, F>,
    on_malformed: OnMalformed,
}

impl<B: Block, T: Record, F: Format<B, T>> Node<T> for Parse<B, F> {
    fn inputs(&self) -> Vec<Input> {
        self.reader.parent.inputs()
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.reader.prepare(batch)
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<T>)) -> Result<(), Error> {
        let (malformed, first) = self.reader.read(batch, partition, out, &mut |_, _, _, _| ())?;
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

/// The rows of a stream of blocks, and the malformed records.
pub(crate) fn divert<B: Block, T: Record>(
    blocks: &DStream<B>,
    format: impl Format<B, T>,
) -> (DStream<T>, DStream<Malformed>) {
    let node = Divert { reader: Reader::new(blocks, format), numbers: LineNumbers::default() };
    let operator = blocks.graph.operator("parse", [blocks.operator()]);
    let divided = DStream::counted(blocks.graph.clone(), operator, node, |chunk: &[Divided<T>]| {
        chunk.iter().map(|divided| (divided.rows.len() + divided.malformed.len()) as u64).sum()
    });
    // Chunks are shared, not rows: whoever reads one side takes no copies of the other.
    let rows = divided.narrow("parsed", |chunk: &mut Vec<Divided<T>>, out| {
        chunk.drain(..).for_each(|divided| out.extend(Arc::unwrap_or_clone(divided.rows)));
    });
    let malformed = divided.narrow("malformed", |chunk: &mut Vec<Divided<T>>, out| {
        chunk.drain(..).for_each(|divided| out.extend(Arc::unwrap_or_clone(divided.malformed)));
    });
    (rows, malformed)
}

/// A chunk of rows and of the malformed records among them.
struct Divided<T> {
    rows: Arc<Vec<T>>,
    malformed: Arc<Vec<Malformed>>,
}

impl<T> Clone for Divided<T> {
    fn clone(&self) -> Self {
        Self { rows: self.rows.clone(), malformed: self.malformed.clone() }
    }
}

struct Divert<B, F> {
    reader: Reader<B, F>,
    numbers: LineNumbers,
}

impl<B: Block, T: Record, F: Format<B, T>> Node<Divided<T>> for Divert<B, F> {
    fn inputs(&self) -> Vec<Input> {
        self.reader.parent.inputs()
    }

    fn prepare(&self, batch: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.reader.prepare(batch)
    }

    fn run(&self, batch: &BatchRun, partition: usize, out: &mut dyn FnMut(&mut Vec<Divided<T>>)) -> Result<(), Error> {
        let bad = std::cell::RefCell::new(Vec::new());
        let mut divided = Vec::new();
        let (malformed, first) = self.reader.read(
            batch,
            partition,
            &mut |rows| {
                let rows = Arc::new(std::mem::replace(rows, Vec::with_capacity(CHUNK)));
                divided.push(Divided { rows, malformed: Arc::new(bad.take()) });
                out(&mut divided);
                divided.clear();
            },
            &mut |block, line, text, cause| {
                bad.borrow_mut().push(Malformed {
                    input: block.origin().to_owned(),
                    line: self.numbers.of(block, line).unwrap_or(0),
                    cause: cause.to_owned(),
                    text: text.to_owned(),
                });
            },
        )?;
        let rest = bad.into_inner();
        if !rest.is_empty() {
            out(&mut vec![Divided { rows: Arc::default(), malformed: Arc::new(rest) }]);
        }
        if malformed > 0 {
            batch.count_malformed(malformed, first);
        }
        Ok(())
    }
}
