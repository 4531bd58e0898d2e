//! How many different items, exactly.

use serde::{Deserialize, Serialize};

use super::stored;
use crate::codec::{Codec, Reader, VALUE, Writer};
use crate::error::{DecodeError, Mismatch};
use crate::estimate::{Estimate, Family};
use crate::key::{Key, OwnedKey};
use crate::summary::{Absorb, Merge, Summary, TwoStacks};
use crate::table::Table;

/// The set of all items: the yardstick of [`HyperLogLog`](crate::HyperLogLog). Its memory grows with the items.
///
/// ```
/// use streamgauge_sketches::{Absorb, ExactDistinct, Summary};
/// let mut hosts = ExactDistinct::default();
/// for host in ["a", "b", "a"] {
///     hosts.absorb(host);
/// }
/// assert_eq!(hosts.read().value, 2.0);
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct ExactDistinct<K: OwnedKey> {
    items: Table<K, ()>,
}

impl<K: OwnedKey> Default for ExactDistinct<K> {
    fn default() -> Self {
        Self { items: Table::default() }
    }
}

impl<K: OwnedKey> ExactDistinct<K> {
    /// Whether the item was absorbed.
    pub fn contains<Q: Key<Owned = K> + ?Sized>(&self, item: &Q) -> bool {
        self.items.get(item).is_some()
    }
}

impl<K: OwnedKey> Summary for ExactDistinct<K> {
    type Reading = Estimate;

    const NAME: &'static str = "ExactDistinct";

    fn read(&self) -> Estimate {
        Estimate::exact(self.items.len() as f64)
    }

    fn memory_bytes(&self) -> usize {
        self.items.memory_bytes()
    }
}

impl<K: OwnedKey, Q: Key<Owned = K> + ?Sized> Absorb<Q> for ExactDistinct<K> {
    type Exact = Self;

    fn absorb(&mut self, item: &Q) {
        self.items.entry(item, || ());
    }

    fn exact(&self) -> Self {
        Self::default()
    }
}

impl<K: OwnedKey> Merge for ExactDistinct<K> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        for (item, ()) in other.items.entries() {
            self.items.entry(item, || ());
        }
        Ok(())
    }
}

impl<K: OwnedKey> Codec for ExactDistinct<K> {
    const FAMILY: Family = Family::ExactDistinct;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        let mut items: Vec<&K> = self.items.entries().iter().map(|(item, ())| item).collect();
        items.sort_unstable();
        out.u32(items.len() as u32);
        items.into_iter().for_each(|item| out.value(item));
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let items = content.length("items", VALUE)?;
        let entries = (0..items).map(|_| Ok((content.value("item")?, ()))).collect::<Result<_, _>>()?;
        Ok(Self { items: stored::ascending(entries)? })
    }
}
