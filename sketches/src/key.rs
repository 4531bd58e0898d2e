//! Keys: borrowed from a record, owned once per distinct key.

use std::fmt::Debug;
use std::hash::Hash;

use compact_str::CompactString;
use serde::{Serialize, de::DeserializeOwned};

/// A key as state keeps it: comparable, serializable, sent between threads and machines.
pub trait OwnedKey: Clone + Debug + Ord + Hash + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T> OwnedKey for T where T: Clone + Debug + Ord + Hash + Serialize + DeserializeOwned + Send + Sync + 'static {}

/// What records are grouped by.
///
/// A key is looked up as it stands in the record and made owned only when it is seen for the first time: grouping by
/// `&str` allocates per distinct key, not per record. Every type that is an [`OwnedKey`] is its own key; `str` becomes a
/// [`CompactString`], which holds up to 24 bytes without allocating.
pub trait Key: Hash + Eq {
    /// The key as state keeps it. Equal keys must have equal owned forms with equal `Hash`.
    type Owned: OwnedKey;

    /// Makes the key owned.
    fn to_owned_key(&self) -> Self::Owned;

    /// Whether an owned key is this one.
    fn is(&self, owned: &Self::Owned) -> bool;
}

impl<T: OwnedKey> Key for T {
    type Owned = T;

    #[inline]
    fn to_owned_key(&self) -> T {
        self.clone()
    }

    #[inline]
    fn is(&self, owned: &T) -> bool {
        self == owned
    }
}

impl Key for str {
    type Owned = CompactString;

    #[inline]
    fn to_owned_key(&self) -> CompactString {
        CompactString::new(self)
    }

    #[inline]
    fn is(&self, owned: &CompactString) -> bool {
        same(self.as_bytes(), owned.as_bytes())
    }
}

impl Key for [u8] {
    type Owned = Box<[u8]>;

    #[inline]
    fn to_owned_key(&self) -> Box<[u8]> {
        self.into()
    }

    #[inline]
    fn is(&self, owned: &Box<[u8]>) -> bool {
        same(self, owned)
    }
}

/// Whether two texts are the same. Most keys are short: a call to compare them would cost more than the comparison.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        0 => true,
        1..=3 => (a[0], a[a.len() / 2], a[a.len() - 1]) == (b[0], b[b.len() / 2], b[b.len() - 1]),
        4..=7 => same_ends::<4>(a, b),
        8..=16 => same_ends::<8>(a, b),
        _ => a == b,
    }
}

/// Whether the first bytes and the last are the same.
#[inline]
fn same_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a[..N] == b[..N] && a[a.len() - N..] == b[b.len() - N..]
}
