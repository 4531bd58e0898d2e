//! Labelled rows in memory.

use std::io::{self, Read};

use thiserror::Error;

use crate::schema::{Attribute, Schema};

/// Labelled rows in memory: one block of numbers.
///
/// ```
/// use streamgauge_ml::{Dataset, Schema};
/// let mut rows = Dataset::new(Schema::numeric(2, 2)?);
/// rows.push(&[1.0, 2.0], 1);
/// assert_eq!(rows.iter().collect::<Vec<_>>(), [(&[1.0, 2.0][..], 1)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    schema: Schema,
    values: Vec<f64>,
    classes: Vec<u32>,
}

/// Bytes that are no rows in the format OMLB.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The bytes cannot be read, or end too early.
    #[error("reading {what}: {why}")]
    Read {
        /// What was being read.
        what: String,
        /// Why it could not be.
        why: io::Error,
    },
    /// A value cannot be.
    #[error("{field} is {value}, which cannot be")]
    Value {
        /// The field.
        field: String,
        /// Its value.
        value: String,
    },
}

fn wrong(field: impl Into<String>, value: impl ToString) -> DatasetError {
    DatasetError::Value { field: field.into(), value: value.to_string() }
}

impl Dataset {
    /// No rows yet.
    pub fn new(schema: Schema) -> Self {
        Self { schema, values: Vec::new(), classes: Vec::new() }
    }

    /// Adds a row. One that is too short gets missing values at its end, one that is too long is cut off; a class that
    /// the schema does not have becomes the last one.
    pub fn push(&mut self, row: &[f64], class: usize) {
        let width = self.schema.attributes().len();
        let padded = row.iter().copied().chain(std::iter::repeat(f64::NAN));
        self.values.extend(padded.take(width));
        self.classes.push(class.min(self.schema.classes() - 1) as u32);
    }

    /// What the rows are.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// The rows with their classes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[f64], usize)> + Clone {
        let width = self.schema.attributes().len();
        let row = move |at: usize| &self.values[at * width..(at + 1) * width];
        self.classes.iter().enumerate().map(move |(at, class)| (row(at), *class as usize))
    }

    /// Reads the format OMLB: the bytes `OMLB`, then little-endian a `u32` version 1, a `u32` number of attributes, a `u32`
    /// number of classes, a `u64` number of rows, a `u32` for each attribute (0 for numbers, else how many categories),
    /// and the rows: an `f64` for each attribute and one for the class.
    ///
    /// # Errors
    /// [`DatasetError`] that says what cannot be, and in which row.
    pub fn read_omlb(mut from: impl Read) -> Result<Self, DatasetError> {
        fn take<const N: usize>(from: &mut impl Read, what: &str) -> Result<[u8; N], DatasetError> {
            let mut bytes = [0; N];
            from.read_exact(&mut bytes).map_err(|why| DatasetError::Read { what: what.to_owned(), why })?;
            Ok(bytes)
        }
        let magic: [u8; 4] = take(&mut from, "the header")?;
        if &magic != b"OMLB" {
            return Err(wrong("the beginning", format!("{magic:02x?}")));
        }
        let version = u32::from_le_bytes(take(&mut from, "the version")?);
        if version != 1 {
            return Err(wrong("the version", version));
        }
        let attributes = u32::from_le_bytes(take(&mut from, "the number of attributes")?);
        let classes = u32::from_le_bytes(take(&mut from, "the number of classes")?);
        let rows = u64::from_le_bytes(take(&mut from, "the number of rows")?);
        let mut known = Vec::new();
        for at in 0..attributes {
            let categories = u32::from_le_bytes(take(&mut from, &format!("attribute {at}"))?);
            known.push(if categories == 0 { Attribute::Numeric } else { Attribute::Nominal { categories } });
        }
        let schema = Schema::new(known, classes as usize).map_err(|why| wrong("the schema", why))?;
        let mut dataset = Self::new(schema);
        let mut row = vec![0_u8; (attributes as usize + 1) * size_of::<f64>()];
        for at in 0..rows {
            from.read_exact(&mut row).map_err(|why| DatasetError::Read { what: format!("row {at} of {rows}"), why })?;
            let numbers = row.chunks_exact(size_of::<f64>()).filter_map(|bytes| bytes.try_into().ok());
            dataset.values.extend(numbers.map(f64::from_le_bytes));
            let class = dataset.values.pop().unwrap_or(f64::NAN);
            if !(class >= 0.0 && class < f64::from(classes) && class.fract() == 0.0) {
                return Err(wrong(format!("the class of row {at}"), class));
            }
            dataset.classes.push(class as u32);
        }
        Ok(dataset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(attributes: u32, classes: u32, rows: &[[f64; 3]]) -> Vec<u8> {
        let mut image = b"OMLB".to_vec();
        [1, attributes, classes].iter().for_each(|n: &u32| image.extend(n.to_le_bytes()));
        image.extend((rows.len() as u64).to_le_bytes());
        [0, 4].iter().for_each(|n: &u32| image.extend(n.to_le_bytes()));
        rows.iter().flatten().for_each(|value| image.extend(value.to_le_bytes()));
        image
    }

    #[test]
    fn what_was_written_is_read() {
        let read = Dataset::read_omlb(&image(2, 3, &[[0.5, 3.0, 2.0], [-1.0, 0.0, 0.0]])[..]).unwrap();
        assert_eq!(read.schema().attributes(), [Attribute::Numeric, Attribute::Nominal { categories: 4 }]);
        assert_eq!(read.iter().collect::<Vec<_>>(), [(&[0.5, 3.0][..], 2), (&[-1.0, 0.0], 0)]);
    }

    #[test]
    fn what_cannot_be_is_an_error_that_says_where() {
        let told = |image: &[u8]| Dataset::read_omlb(image).unwrap_err().to_string();
        let good = image(2, 3, &[[0.5, 3.0, 2.0]]);
        assert_eq!(told(b"OMLX"), "the beginning is [4f, 4d, 4c, 58], which cannot be");
        assert_eq!(told(&image(2, 0, &[])), "the schema is Schema: classes must be 1 to 2^20, not 0, which cannot be");
        assert_eq!(told(&image(2, 3, &[[0.5, 3.0, 3.0]])), "the class of row 0 is 3, which cannot be");
        assert_eq!(told(&image(2, 3, &[[0.5, 3.0, f64::NAN]])), "the class of row 0 is NaN, which cannot be");
        for cut in 0..good.len() {
            assert!(told(&good[..cut]).starts_with("reading "), "cut at {cut}");
        }
    }
}
