//! Summaries that know an item by its hash alone.

use super::{Items, Summary};
use crate::hash::PortableHash;

/// A summary that knows an item by its 64-bit hash alone.
///
/// One hash feeds several summaries: each mixes it anew, so they may share a seed.
///
/// ```
/// use streamgauge_sketches::{CountMin, Hashed, HyperLogLog, PortableHash, Summary};
/// let (mut distinct, mut counts) = (HyperLogLog::default(), CountMin::default());
/// for word in "to be or not to be".split(' ') {
///     let hash = word.portable_hash(distinct.seed());
///     distinct.absorb_hash(hash);
///     counts.absorb_hash(hash);
/// }
/// assert_eq!((distinct.read().value, counts.estimate("be").value), (4.0, 2.0));
/// ```
pub trait Hashed: Summary {
    /// The seed under which items are hashed.
    fn seed(&self) -> u64;

    /// Absorbs an item by its hash, which must come from [`PortableHash`] under this summary's [seed](Self::seed) if
    /// the summary is to be merged with, or asked about, items that are hashed here.
    fn absorb_hash(&mut self, hash: u64);

    /// Absorbs many: the memory of one item is fetched while that of the next is computed.
    fn absorb_hashes(&mut self, hashes: &[u64]) {
        hashes.iter().for_each(|&hash| self.absorb_hash(hash));
    }
}

/// How many hashes are computed before memory is touched.
const BLOCK: usize = 128;

/// Absorbs items in blocks: first their hashes, then the memory.
#[inline]
pub(crate) fn absorb_hashed<Q, S>(summary: &mut S, items: impl Items<Q>)
where
    Q: PortableHash + ?Sized,
    S: Hashed,
{
    let seed = summary.seed();
    let (mut block, mut filled) = ([0; BLOCK], 0);
    items.visit_all(|item| {
        block[filled] = item.portable_hash(seed);
        filled += 1;
        if filled == BLOCK {
            summary.absorb_hashes(&block);
            filled = 0;
        }
    });
    summary.absorb_hashes(&block[..filled]);
}
