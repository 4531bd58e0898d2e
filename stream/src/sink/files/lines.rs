//! Lines of text.

use std::fmt::Display;
use std::io::Write;
use std::marker::PhantomData;

use super::Format;
use crate::sink::{Cause, Part};

/// A line per row: its text, as `Display` gives it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

/// The lines of a partition.
#[derive(Debug, Default)]
pub struct Lines<F> {
    pub(super) bytes: Vec<u8>,
    pub(super) format: PhantomData<F>,
}

impl<T: Display> Part<T> for Lines<Text> {
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause> {
        for row in rows.drain(..) {
            writeln!(self.bytes, "{row}")?;
        }
        Ok(())
    }
}

impl<T: Display> Format<T> for Text {
    type Encoded = Lines<Text>;

    fn part(&self) -> Result<Lines<Text>, Cause> {
        Ok(Lines::default())
    }

    fn write(&self, parts: &[Lines<Text>], file: &mut (dyn Write + Send)) -> Result<(), Cause> {
        write_all(parts, file)
    }
}

pub(super) fn write_all<F>(parts: &[Lines<F>], file: &mut (dyn Write + Send)) -> Result<(), Cause> {
    Ok(parts.iter().try_for_each(|part| file.write_all(&part.bytes))?)
}
