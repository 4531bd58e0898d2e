//! Parquet files.

use std::fmt;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::properties::WriterProperties;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, FieldRef, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_arrow::ArrayBuilder;
use serde_arrow::schema::{SchemaLike, TracingOptions};

use super::Format;
use crate::sink::{Cause, Part};

/// Rows that are encoded at once: enough that columns are long, few enough that their offsets fit into 32 bits.
const ROWS_AT_ONCE: usize = 1 << 16;

/// A column per field, compressed by Snappy. Rows are structs (or tuples, whose columns are numbered) with serde, both
/// ways: the schema comes from the type, so that it is the same in every file. An `Option` is a column that may be null,
/// a `Vec` a list, a struct a struct, an enum without data a text.
///
/// A type that has no such schema (a bare number, a field that is an enum with data) is an error of the start. An empty
/// batch has a file of the schema without rows.
#[derive(Clone, Debug, Default)]
pub struct Parquet {
    /// Known once the sink has been opened.
    fields: Vec<FieldRef>,
}

impl Parquet {
    /// Finds the schema, and whether Parquet has it: there are types that only Arrow has.
    fn open_for<T: DeserializeOwned>(&mut self, options: TracingOptions) -> Result<(), Cause> {
        self.fields = Vec::from_type::<T>(options)?;
        if self.fields.is_empty() {
            return Err("there are no fields".into());
        }
        let schema = Schema::new(self.fields.clone());
        // The writer does not take these for an error, it panics.
        let union =
            schema.flattened_fields().into_iter().find(|field| matches!(field.data_type(), DataType::Union(..)));
        if let Some(field) = union {
            return Err(format!("{} is an enum with data, for which there is no column", field.name()).into());
        }
        self.writer(io::sink())?;
        Ok(())
    }

    fn writer<W: Write + Send>(&self, to: W) -> Result<ArrowWriter<W>, Cause> {
        let schema = Arc::new(Schema::new(self.fields.clone()));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        Ok(ArrowWriter::try_new(to, schema, Some(properties))?)
    }
}

/// The columns of a partition.
pub struct Columns<T> {
    builder: ArrayBuilder,
    building: usize,
    built: Vec<RecordBatch>,
    of: PhantomData<fn(T)>,
}

impl<T> fmt::Debug for Columns<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Columns({} batches, {} rows)", self.built.len(), self.building)
    }
}

impl<T> Columns<T> {
    fn build(&mut self) -> Result<(), Cause> {
        if self.building > 0 {
            self.built.push(self.builder.to_record_batch()?);
            self.building = 0;
        }
        Ok(())
    }
}

impl<T: Serialize> Part<T> for Columns<T> {
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause> {
        for some in rows.chunks(ROWS_AT_ONCE) {
            self.builder.extend(some)?;
            self.building += some.len();
            if self.building >= ROWS_AT_ONCE {
                self.build()?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Cause> {
        self.build()
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Format<T> for Parquet {
    type Encoded = Columns<T>;

    fn open(&mut self) -> Result<(), Cause> {
        let options = TracingOptions::default()
            .enums_without_data_as_strings(true)
            .strings_as_large_utf8(false)
            .sequence_as_large_list(false);
        let of = std::any::type_name::<T>();
        self.open_for::<T>(options).map_err(|e| format!("rows of type {of} make no table, as structs do: {e}").into())
    }

    fn part(&self) -> Result<Columns<T>, Cause> {
        let builder = ArrayBuilder::from_arrow(&self.fields)?;
        Ok(Columns { builder, building: 0, built: Vec::new(), of: PhantomData })
    }

    fn write(&self, parts: &[Columns<T>], file: &mut (dyn Write + Send)) -> Result<(), Cause> {
        let mut writer = self.writer(file)?;
        for batch in parts.iter().flat_map(|part| &part.built) {
            writer.write(batch)?;
        }
        writer.close()?;
        Ok(())
    }
}
