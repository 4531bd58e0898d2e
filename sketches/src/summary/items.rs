//! Items handed out in bulk.

/// Items handed out one after another: a slice, an iterator of references, or what a path finds in a slice of records.
///
/// Absorbing in bulk takes one of these, so that a summary can hash a block of items before it touches its memory, or
/// step over the items that a sample leaves out.
///
/// ```
/// use streamgauge_sketches::{Absorb, Count, HyperLogLog, Summary};
/// let mut words = HyperLogLog::default();
/// words.absorb_all("to be or not to be".split(' '));
/// assert_eq!(words.read().value, 4.0);
/// let mut numbers = Count::default();
/// numbers.absorb_all(&[1, 2, 3]);
/// assert_eq!(numbers.get(), 3);
/// ```
pub trait Items<Q: ?Sized> {
    /// Hands out every item.
    fn visit_all(self, visit: impl FnMut(&Q));

    /// Steps over `skip` items and hands out the next to `visit`, which says how many to step over then, and so on.
    /// Returns how many of them were still to be stepped over when the items ended.
    ///
    /// Takes a few nanoseconds for each item that is handed out; for those in between nothing, if the items are a slice.
    fn visit_some(self, skip: u64, visit: impl FnMut(&Q) -> u64) -> u64;
}

impl<'a, Q, I> Items<Q> for I
where
    Q: ?Sized + 'a,
    I: IntoIterator<Item = &'a Q>,
{
    #[inline]
    fn visit_all(self, visit: impl FnMut(&Q)) {
        self.into_iter().for_each(visit);
    }

    #[inline]
    fn visit_some(self, mut skip: u64, mut visit: impl FnMut(&Q) -> u64) -> u64 {
        let mut items = self.into_iter();
        let (least, most) = items.size_hint();
        if most != Some(least) {
            return visit_each(skip, visit, |each| items.for_each(each));
        }
        // As many as it says there are: what lies between can be stepped over without looking.
        let mut left = least as u64;
        while skip < left {
            let Some(item) = items.nth(skip as usize) else {
                return 0;
            };
            left -= skip + 1;
            skip = visit(item);
        }
        skip - left
    }
}

/// [`Items::visit_some`] where every item has to be looked at.
pub(super) fn visit_each<Q: ?Sized>(
    mut skip: u64,
    mut visit: impl FnMut(&Q) -> u64,
    all: impl FnOnce(&mut dyn FnMut(&Q)),
) -> u64 {
    all(&mut |item| match skip {
        0 => skip = visit(item),
        _ => skip -= 1,
    });
    skip
}
