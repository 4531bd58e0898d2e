//! Entries as they are stored.

use crate::error::DecodeError;
use crate::key::OwnedKey;
use crate::table::Table;

/// A table of entries whose keys ascend, so that none is there twice.
pub(super) fn ascending<K: OwnedKey, V>(entries: Vec<(K, V)>) -> Result<Table<K, V>, DecodeError> {
    let disorder = entries.windows(2).position(|pair| pair[0].0 >= pair[1].0);
    DecodeError::unless(disorder.is_none(), "items out of order, at", disorder.unwrap_or(0))?;
    Ok(Table::from_entries(entries))
}
