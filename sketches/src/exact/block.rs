//! Blocks of numbers that are summed together.

use crate::summary::Items;

/// How many items are taken at once: few enough to stay in the nearest cache.
const BLOCK: usize = 256;

/// The fourth powers of numbers beyond this could not be summed.
pub(super) const LIMIT: f64 = 1e70;

/// Hands out items of `N` numbers in blocks, a slice for each of their numbers, but for those with a number that does
/// not fit. Returns how many did not.
#[inline]
pub(super) fn blocks<Q: ?Sized, const N: usize>(
    items: impl Items<Q>,
    numbers: impl Fn(&Q) -> [f64; N],
    fits: impl Fn(f64) -> bool,
    mut take: impl FnMut([&[f64]; N]),
) -> u64 {
    let mut block = [[0.0; BLOCK]; N];
    let (mut filled, mut left_out) = (0, 0);
    items.visit_all(|item| {
        let mut fit = true;
        for (column, x) in block.iter_mut().zip(numbers(item)) {
            column[filled] = x;
            fit &= fits(x);
        }
        // An item that does not fit is written over by the next.
        filled += usize::from(fit);
        left_out += u64::from(!fit);
        if filled == BLOCK {
            take(block.each_ref().map(|column| &column[..]));
            filled = 0;
        }
    });
    take(block.each_ref().map(|column| &column[..filled]));
    left_out
}

/// Four numbers that the processor works on at once.
#[derive(Clone, Copy)]
pub(super) struct Lanes([f64; 4]);

macro_rules! lanewise {
    ($($op:ident $f:ident),*) => {$(
        impl std::ops::$op for Lanes {
            type Output = Self;

            #[inline(always)]
            fn $f(self, other: Self) -> Self {
                Self(std::array::from_fn(|lane| self.0[lane].$f(other.0[lane])))
            }
        }
    )*};
}
lanewise!(Add add, Sub sub, Mul mul);

impl Lanes {
    pub(super) fn all(x: f64) -> Self {
        Self([x; 4])
    }
}

/// Sums of some terms of every item. Sums of lanes are not only faster than one sum: less is rounded off them.
#[inline]
pub(super) fn sums<const N: usize, const T: usize>(
    numbers: [&[f64]; N],
    terms: impl Fn([Lanes; N]) -> [Lanes; T],
) -> [f64; T] {
    let mut sums = [Lanes::all(0.0); T];
    let chunks = numbers.map(|numbers| numbers.as_chunks::<4>());
    for at in 0..chunks.iter().map(|(chunks, _)| chunks.len()).min().unwrap_or(0) {
        let terms = terms(chunks.map(|(chunks, _)| Lanes(chunks[at])));
        sums = std::array::from_fn(|i| sums[i] + terms[i]);
    }
    let mut sums = sums.map(|Lanes([a, b, c, d])| (a + b) + (c + d));
    for at in 0..chunks.iter().map(|(_, rest)| rest.len()).min().unwrap_or(0) {
        let terms = terms(chunks.map(|(_, rest)| Lanes::all(rest[at])));
        sums = std::array::from_fn(|i| sums[i] + terms[i].0[0]);
    }
    sums
}
