//! The most frequent items, exactly.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::stored;
use crate::codec::{Codec, Reader, VALUE, Writer};
use crate::error::{DecodeError, Mismatch};
use crate::estimate::{Estimate, Family};
use crate::key::{Key, OwnedKey};
use crate::summary::{Absorb, Merge, Summary, TwoStacks};
use crate::table::Table;

/// The count of every item: the yardstick of [`HeavyHitters`](crate::HeavyHitters) and
/// [`CountMin`](crate::CountMin). Its memory grows with the distinct items.
///
/// ```
/// use streamgauge_sketches::{Absorb, ExactTop, Summary};
/// let mut pages = ExactTop::new(2);
/// for page in ["/b", "/a", "/c", "/c", "/a", "/d", "/b"] {
///     pages.absorb(page);
/// }
/// let top: Vec<_> = pages.read().into_iter().map(|(page, n)| (page, n.count())).collect();
/// assert_eq!(top, [("/a".into(), 2), ("/b".into(), 2)]);
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct ExactTop<K: OwnedKey> {
    k: u32,
    counts: Table<K, u64>,
}

impl<K: OwnedKey> ExactTop<K> {
    /// Reads as the `k` most frequent items.
    pub fn new(k: usize) -> Self {
        Self { k: u32::try_from(k).unwrap_or(u32::MAX), counts: Table::default() }
    }

    /// The count of an item.
    pub fn count<Q: Key<Owned = K> + ?Sized>(&self, item: &Q) -> u64 {
        self.counts.get(item).copied().unwrap_or(0)
    }
}

/// The `k` entries of the highest counts; where counts tie, keys ascend.
pub(crate) fn highest<K: OwnedKey>(entries: &[(K, u64)], k: usize) -> Vec<&(K, u64)> {
    let rank = |entry: &&(K, u64), other: &&(K, u64)| {
        Reverse(entry.1).cmp(&Reverse(other.1)).then_with(|| entry.0.cmp(&other.0))
    };
    let mut top: Vec<_> = entries.iter().collect();
    if k < top.len() && k > 0 {
        top.select_nth_unstable_by(k - 1, rank);
    }
    top.truncate(k);
    top.sort_unstable_by(rank);
    top
}

impl<K: OwnedKey> Summary for ExactTop<K> {
    type Reading = Vec<(K, Estimate)>;

    const NAME: &'static str = "ExactTop";

    fn read(&self) -> Self::Reading {
        highest(self.counts.entries(), self.k as usize)
            .into_iter()
            .map(|(key, count)| (key.clone(), Estimate::exact(*count as f64)))
            .collect()
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes()
    }
}

impl<K: OwnedKey, Q: Key<Owned = K> + ?Sized> Absorb<Q> for ExactTop<K> {
    type Exact = Self;

    fn absorb(&mut self, item: &Q) {
        let count = self.counts.entry(item, || 0);
        *count = count.saturating_add(1);
    }

    fn exact(&self) -> Self {
        Self { k: self.k, counts: Table::default() }
    }
}

impl<K: OwnedKey> Merge for ExactTop<K> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "k", &self.k, &other.k)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        for (item, count) in other.counts.entries() {
            let ours = self.counts.entry(item, || 0);
            *ours = ours.saturating_add(*count);
        }
        Ok(())
    }
}

impl<K: OwnedKey> Codec for ExactTop<K> {
    const FAMILY: Family = Family::ExactTop;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        let mut counts: Vec<_> = self.counts.entries().iter().collect();
        counts.sort_unstable();
        out.u32(self.k);
        out.u32(counts.len() as u32);
        for (item, count) in counts {
            out.u64(*count);
            out.value(item);
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let k = content.u32("k")?;
        let items = content.length("items", 8 + VALUE)?;
        let mut entry = |_| {
            let count = content.u64("count")?;
            Ok((content.value("item")?, count))
        };
        let entries = (0..items).map(&mut entry).collect::<Result<_, _>>()?;
        Ok(Self { k, counts: stored::ascending(entries)? })
    }
}
