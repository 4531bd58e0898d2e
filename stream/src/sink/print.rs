//! The first rows of every batch, for people.

use std::fmt::{self, Debug, Write as _};
use std::io::{self, Stdout, Write};

use super::{Cause, Part, Sink};
use crate::time::Time;

const RULE: &str = "-------------------------------------------";

/// Writes the first rows of every batch below its time, then `...` if there are more; as Spark's `print` does.
///
/// ```text
/// -------------------------------------------
/// Time: 5000 ms
/// -------------------------------------------
/// ("to", 2)
/// ("be", 2)
/// ...
///
/// ```
///
/// Memory: that many rows of each partition.
pub struct Print<W = Stdout> {
    rows: usize,
    target: String,
    to: W,
}

impl<W> Debug for Print<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Print({} rows to {})", self.rows, self.target)
    }
}

impl Print {
    /// Prints so many rows of every batch on the standard output.
    pub fn new(rows: usize) -> Self {
        Self { rows, target: "the standard output".to_owned(), to: io::stdout() }
    }
}

impl<W: Write + Send + 'static> Print<W> {
    /// Writes so many rows of every batch to a writer; the target is its name in errors.
    pub fn to(rows: usize, target: impl Into<String>, to: W) -> Self {
        Self { rows, target: target.into(), to }
    }
}

impl<T, W> Sink<T> for Print<W>
where
    T: Debug + Send + 'static,
    W: Write + Send + 'static,
{
    type Part = Head<T>;

    fn target(&self) -> String {
        self.target.clone()
    }

    fn part(&mut self, _: Time, _: usize) -> Result<Head<T>, Cause> {
        Ok(Head { rows: Vec::new(), missing: self.rows, more: false })
    }

    fn commit(&mut self, batch: Time, parts: Vec<Head<T>>) -> Result<(), Cause> {
        let mut text = format!("{RULE}\nTime: {batch}\n{RULE}\n");
        let held: usize = parts.iter().map(|part| part.rows.len()).sum();
        let more = held > self.rows || parts.iter().any(|part| part.more);
        for row in parts.iter().flat_map(|part| &part.rows).take(self.rows) {
            writeln!(text, "{row:?}")?;
        }
        text.push_str(if more { "...\n\n" } else { "\n" });
        self.to.write_all(text.as_bytes())?;
        Ok(self.to.flush()?)
    }
}

/// The first rows of a partition.
#[derive(Debug)]
pub struct Head<T> {
    rows: Vec<T>,
    missing: usize,
    more: bool,
}

impl<T: Send> Part<T> for Head<T> {
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause> {
        let taken = rows.len().min(self.missing);
        self.missing -= taken;
        self.more |= rows.len() > taken;
        self.rows.extend(rows.drain(..taken));
        Ok(())
    }
}
