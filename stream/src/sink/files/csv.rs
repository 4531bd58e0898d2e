//! Comma-separated values.

use std::fmt;
use std::io::Write;

use ::csv::{Writer, WriterBuilder};
use serde::Serialize;

use super::Format;
use crate::sink::{Cause, Part};

/// A line of delimited values per row, below a line of field names. Rows are structs or tuples with serde whose fields
/// are no structs; tuples have no names, so no first line. An empty file has no line at all.
///
/// Values that hold a delimiter, a quote or a line break are quoted, as RFC 4180 has it; lines end with `\n`. The field
/// names come from the rows, so all rows of a batch must have the same.
///
/// ```no_run
/// use streamgauge_stream::sink::{Csv, Files};
/// # use streamgauge_stream::DStream;
/// # fn words(words: DStream<(String, u64)>) {
/// words.write_to(Files::of("out/words", Csv::default().delimiter(b'\t')).suffix("tsv"));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Csv {
    delimiter: u8,
    names: bool,
}

impl Default for Csv {
    fn default() -> Self {
        Self { delimiter: b',', names: true }
    }
}

impl Csv {
    /// What stands between two values; a comma unless set.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Leaves the line of field names out.
    pub fn without_names(mut self) -> Self {
        self.names = false;
        self
    }

    fn writer(&self, names: bool) -> Writer<Vec<u8>> {
        WriterBuilder::new().delimiter(self.delimiter).has_headers(names).from_writer(Vec::new())
    }

    /// The line of names: what a row has more with it than without.
    fn names<T: Serialize>(&self, row: &T) -> Result<Vec<u8>, Cause> {
        let written = |names| {
            let mut writer = self.writer(names);
            writer.serialize(row)?;
            Ok::<_, Cause>(writer.into_inner()?)
        };
        let (mut with, without) = (written(true)?, written(false)?);
        with.truncate(with.len() - without.len());
        Ok(with)
    }
}

/// The values of a partition.
pub struct Values {
    csv: Csv,
    /// The line of names, once there is a row.
    names: Option<Vec<u8>>,
    writer: Writer<Vec<u8>>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Values({} bytes)", self.writer.get_ref().len())
    }
}

impl<T: Serialize> Part<T> for Values {
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause> {
        if let (None, Some(row)) = (&self.names, rows.first()) {
            self.names = Some(if self.csv.names { self.csv.names(row)? } else { Vec::new() });
        }
        Ok(rows.drain(..).try_for_each(|row| self.writer.serialize(row))?)
    }

    fn finish(&mut self) -> Result<(), Cause> {
        Ok(self.writer.flush()?)
    }
}

impl<T: Serialize> Format<T> for Csv {
    type Encoded = Values;

    fn part(&self) -> Result<Values, Cause> {
        Ok(Values { csv: *self, names: None, writer: self.writer(false) })
    }

    fn write(&self, parts: &[Values], file: &mut (dyn Write + Send)) -> Result<(), Cause> {
        let mut names = parts.iter().filter_map(|part| part.names.as_ref());
        if let Some(first) = names.next() {
            if let Some(other) = names.find(|other| *other != first) {
                let text = |names| String::from_utf8_lossy(names).trim_end().to_owned();
                return Err(format!("rows have different fields: \"{}\" and \"{}\"", text(first), text(other)).into());
            }
            file.write_all(first)?;
        }
        Ok(parts.iter().try_for_each(|part| file.write_all(part.writer.get_ref()))?)
    }
}
