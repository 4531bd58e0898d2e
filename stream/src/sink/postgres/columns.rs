//! The columns of a row, and their bytes.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use postgres::types::{IsNull, ToSql, Type};

use crate::sink::{Cause, Part};

/// What begins a stream of rows in the binary format of `COPY`: a signature, no flags, no extension.
pub(super) const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What ends it: a row of -1 columns.
pub(super) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// How a row of type `T` becomes columns: a pair of the columns before and one more, down to `()`. Made by the methods
/// of [`Postgres`](super::Postgres).
pub trait Columns<T>: Send + Sync + 'static {
    /// Tells of each column, in order: its name, whether it can be of a type of the database, and its type here.
    fn each<'a>(&'a self, tell: &mut dyn FnMut(ColumnInfo<'a>));

    /// Adds the columns of a row, of these types: for each its length and its bytes.
    ///
    /// # Errors
    /// If a value does not fit into the column's type.
    fn encode(&self, row: &T, types: &[Type], out: &mut BytesMut) -> Result<(), Cause>;
}

/// A column before anything of it is written.
#[derive(Clone, Copy, Debug)]
pub struct ColumnInfo<'a> {
    pub(super) name: &'a str,
    pub(super) accepts: fn(&Type) -> bool,
    pub(super) rust_type: &'static str,
}

/// A column that is a field of the row.
pub struct Field<F, V: ?Sized> {
    pub(super) name: String,
    pub(super) get: F,
    pub(super) of: PhantomData<fn() -> Box<V>>,
}

/// A column that is computed from the row.
pub struct Computed<F, V> {
    pub(super) name: String,
    pub(super) get: F,
    pub(super) of: PhantomData<fn() -> V>,
}

impl<F, V: ?Sized> fmt::Debug for Field<F, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({:?})", self.name)
    }
}

impl<F, V> fmt::Debug for Computed<F, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Computed({:?})", self.name)
    }
}

impl<T> Columns<T> for () {
    fn each<'a>(&'a self, _: &mut dyn FnMut(ColumnInfo<'a>)) {}

    fn encode(&self, _: &T, _: &[Type], _: &mut BytesMut) -> Result<(), Cause> {
        Ok(())
    }
}

impl<T, B, F, V> Columns<T> for (Arc<B>, Field<F, V>)
where
    B: Columns<T>,
    F: Fn(&T) -> &V + Send + Sync + 'static,
    V: ToSql + 'static,
{
    fn each<'a>(&'a self, tell: &mut dyn FnMut(ColumnInfo<'a>)) {
        self.0.each(tell);
        tell(ColumnInfo { name: &self.1.name, accepts: V::accepts, rust_type: std::any::type_name::<V>() });
    }

    fn encode(&self, row: &T, types: &[Type], out: &mut BytesMut) -> Result<(), Cause> {
        let (of, before) = last(types, &self.1.name)?;
        self.0.encode(row, before, out)?;
        put((self.1.get)(row), &self.1.name, of, out)
    }
}

/// `str` is no value of its own to the driver, a reference to it is.
impl<T, B, F> Columns<T> for (Arc<B>, Field<F, str>)
where
    B: Columns<T>,
    F: Fn(&T) -> &str + Send + Sync + 'static,
{
    fn each<'a>(&'a self, tell: &mut dyn FnMut(ColumnInfo<'a>)) {
        self.0.each(tell);
        tell(ColumnInfo { name: &self.1.name, accepts: <&str>::accepts, rust_type: "str" });
    }

    fn encode(&self, row: &T, types: &[Type], out: &mut BytesMut) -> Result<(), Cause> {
        let (of, before) = last(types, &self.1.name)?;
        self.0.encode(row, before, out)?;
        put(&(self.1.get)(row), &self.1.name, of, out)
    }
}

impl<T, B, F, V> Columns<T> for (Arc<B>, Computed<F, V>)
where
    B: Columns<T>,
    F: Fn(&T) -> V + Send + Sync + 'static,
    V: ToSql + 'static,
{
    fn each<'a>(&'a self, tell: &mut dyn FnMut(ColumnInfo<'a>)) {
        self.0.each(tell);
        tell(ColumnInfo { name: &self.1.name, accepts: V::accepts, rust_type: std::any::type_name::<V>() });
    }

    fn encode(&self, row: &T, types: &[Type], out: &mut BytesMut) -> Result<(), Cause> {
        let (of, before) = last(types, &self.1.name)?;
        self.0.encode(row, before, out)?;
        put(&(self.1.get)(row), &self.1.name, of, out)
    }
}

fn last<'a>(types: &'a [Type], column: &str) -> Result<(&'a Type, &'a [Type]), Cause> {
    types.split_last().ok_or_else(|| format!("column {column}: the sink was not opened").into())
}

/// Adds a value: its length, or -1 for none, and its bytes.
fn put<V: ToSql>(value: &V, column: &str, of: &Type, out: &mut BytesMut) -> Result<(), Cause> {
    let at = out.len();
    out.put_i32(-1);
    if let IsNull::No = value.to_sql(of, out).map_err(|e| format!("column {column}: {e}"))? {
        let bytes = &out[at + 4..];
        if is_text(of)
            && let Some(nul) = memchr::memchr(0, bytes)
        {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
            let cause = format!(
                "column {column}: the text {shown:?} has a NUL character (at byte {nul}), which PostgreSQL cannot store"
            );
            return Err(cause.into());
        }
        let length = i32::try_from(bytes.len()).map_err(|_| format!("column {column}: a value is over 2 GiB long"))?;
        out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

fn is_text(of: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME].contains(of)
}

/// The rows of a partition as bytes of `COPY`.
pub struct Rows<C> {
    pub(super) columns: Arc<C>,
    pub(super) types: Arc<[Type]>,
    pub(super) bytes: BytesMut,
}

impl<C> fmt::Debug for Rows<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({} bytes)", self.bytes.len())
    }
}

impl<T, C: Columns<T>> Part<T> for Rows<C> {
    fn write(&mut self, rows: &mut Vec<T>) -> Result<(), Cause> {
        // A table has 1,600 columns at most.
        let count = self.types.len() as i16;
        rows.iter().try_for_each(|row| {
            self.bytes.put_i16(count);
            self.columns.encode(row, &self.types, &mut self.bytes)
        })
    }
}
