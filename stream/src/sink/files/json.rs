//! JSON lines.

use std::io::Write;

use serde::Serialize;

use super::Format;
use super::lines::{Lines, write_all};
use crate::sink::{Cause, Part};

/// A line of JSON per row, of any type with serde. A value that JSON cannot say (a map whose keys are no text) is an
/// error; a float that is no number becomes `null`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonLines;

impl<T: Serialize> Part<T> for Lines<JsonLines> {
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause> {
        for row in rows.drain(..) {
            serde_json::to_writer(&mut self.bytes, &row)?;
            self.bytes.push(b'\n');
        }
        Ok(())
    }
}

impl<T: Serialize> Format<T> for JsonLines {
    type Encoded = Lines<JsonLines>;

    fn part(&self) -> Result<Lines<JsonLines>, Cause> {
        Ok(Lines::default())
    }

    fn write(&self, parts: &[Lines<JsonLines>], file: &mut (dyn Write + Send)) -> Result<(), Cause> {
        write_all(parts, file)
    }
}
