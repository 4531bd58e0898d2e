//! Keys and values of any type in an image: their length, then their bytes.

use serde::{Serialize, de::DeserializeOwned};

use crate::codec::{Reader, Writer};
use crate::error::DecodeError;
use crate::key::OwnedKey;
use crate::table::Table;

/// What a stored value takes at least: its length.
pub(super) const LEAST: usize = 4;

pub(super) fn write<T: Serialize>(out: &mut Writer, value: &T) {
    // Writing to memory fails only for a value that refuses to be serialized at all.
    let bytes = postcard::to_allocvec(value).unwrap_or_default();
    out.u32(bytes.len() as u32);
    out.bytes(&bytes);
}

pub(super) fn read<T: DeserializeOwned>(content: &mut Reader<'_>, field: &'static str) -> Result<T, DecodeError> {
    let length = content.length(field, 1)?;
    let (value, surplus) = postcard::take_from_bytes(content.bytes(field, length)?)
        .map_err(|e| DecodeError::Value { field, value: e.to_string() })?;
    DecodeError::unless(surplus.is_empty(), field, format_args!("of {} bytes too many", surplus.len()))?;
    Ok(value)
}

/// A table of entries whose keys ascend, so that none is there twice.
pub(super) fn ascending<K: OwnedKey, V>(entries: Vec<(K, V)>) -> Result<Table<K, V>, DecodeError> {
    let disorder = entries.windows(2).position(|pair| pair[0].0 >= pair[1].0);
    DecodeError::unless(disorder.is_none(), "items out of order, at", disorder.unwrap_or(0))?;
    Ok(Table::from_entries(entries))
}
