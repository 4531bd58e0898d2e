//! Parquet files.

use std::fmt;
use std::io::Write;
use std::marker::PhantomData;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::properties::WriterProperties;
use arrow_array::RecordBatch;
use arrow_schema::{FieldRef, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_arrow::ArrayBuilder;
use serde_arrow::schema::{SchemaLike, TracingOptions};

use super::Format;
use crate::sink::{Cause, Part};

/// Rows that are encoded at once: enough that columns are long, few enough that their offsets fit into 32 bits.
const ROWS_AT_ONCE: usize = 1 << 16;

/// A column per field, compressed by Snappy. Rows are structs with serde, both ways: the schema comes from the type, so
/// that it is the same in every file. An `Option` is a column that may be null, a `Vec` a list, a struct a struct, an
/// enum without data a text.
///
/// A type that has no such schema (a tuple, an enum with data) is told when the job is started. An empty batch has a
/// file of the schema without rows.
#[derive(Clone, Debug, Default)]
pub struct Parquet {
    /// Known once the sink has been opened.
    fields: Vec<FieldRef>,
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
            self.builder.extend(&some)?;
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
        self.fields = Vec::<FieldRef>::from_type::<T>(options)
            .map_err(|e| format!("rows of type {} have no Parquet schema: {e}", std::any::type_name::<T>()))?;
        Ok(())
    }

    fn part(&self) -> Result<Columns<T>, Cause> {
        let builder = ArrayBuilder::from_arrow(&self.fields)?;
        Ok(Columns { builder, building: 0, built: Vec::new(), of: PhantomData })
    }

    fn write(&self, parts: &[Columns<T>], file: &mut (dyn Write + Send)) -> Result<(), Cause> {
        let schema = Arc::new(Schema::new(self.fields.clone()));
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let mut writer = ArrowWriter::try_new(file, schema, Some(properties))?;
        for batch in parts.iter().flat_map(|part| &part.built) {
            writer.write(batch)?;
        }
        writer.close()?;
        Ok(())
    }
}
