//! What is audited.

use crate::hash::{DEFAULT_SEED, PortableHash};

/// A group of records, as it is known when its state begins: by its key, and by the windows that it will be part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The [hash](crate::key_hash) of its key; none for a stream without keys.
    pub key: Option<u64>,
    /// The windows that its pane lies in; none if there are no windows, as for what runs from the beginning on.
    pub windows: Option<WindowsOfPane>,
}

/// The windows that a pane lies in, by their numbers: one more from each window to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowsOfPane {
    /// The first of them.
    pub first: i64,
    /// The last of them; it is before the first if the pane lies between two windows.
    pub last: i64,
    /// The length of a window in milliseconds.
    pub length_ms: i64,
}

/// What is audited: where the exact answer is computed too.
///
/// The choice depends on the key or the number of the window, and on a seed: never on threads, machines or the order of
/// the records.
///
/// ```
/// use streamgauge_sketches::audit::{Audit, Group};
/// use streamgauge_sketches::key_hash;
/// let audit = Audit::keys(0.1);
/// let chosen = (0..10_000_u32).filter(|user| audit.chooses(&Group { key: Some(key_hash(user)), windows: None }));
/// assert!((900..1_100).contains(&chosen.count()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Keys are chosen whose hash is not above this; none of them if there is none.
    highest: Option<u64>,
    /// One window in so many.
    every: i64,
    seed: u64,
}

impl Audit {
    /// A share of the keys, chosen by their hash: 0.01 for one in a hundred. Clamped to 0..=1, a NaN counts as 0.
    ///
    /// Their exact answers are kept in every window. A stream without keys is one group: it is audited as a whole, unless
    /// the share is 0.
    pub fn keys(share: f64) -> Self {
        let share = share.clamp(0.0, 1.0);
        let highest = (share > 0.0).then_some((share * u64::MAX as f64) as u64);
        Self { highest, every: 1, seed: DEFAULT_SEED }
    }

    /// One window in so many, for every key: of each `every` windows that follow each other one, chosen by a hash of
    /// their number, so that no rhythm of the data falls in with the audit. 0 counts as 1.
    ///
    /// Only the panes of chosen windows are kept exactly. What has no windows, as a summary of everything since the
    /// beginning, is audited as a whole.
    pub fn windows(every: u32) -> Self {
        Self::keys(1.0).one_window_in(every)
    }

    /// The same keys, in one window of so many.
    pub fn one_window_in(self, every: u32) -> Self {
        Self { every: i64::from(every.max(1)), ..self }
    }

    /// Another choice of the same size. The default seed is that of all summaries.
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whether the records of a group are audited.
    pub fn chooses(&self, group: &Group) -> bool {
        let Some(highest) = self.highest else { return false };
        let key = group.key.is_none_or(|key| key.portable_hash(self.seed) <= highest);
        key && group.windows.is_none_or(|windows| self.chooses_any(&windows))
    }

    /// The number of the window that is chosen of a block.
    fn chosen_of(&self, block: i64) -> i64 {
        let place = block.portable_hash(self.seed) % self.every.unsigned_abs();
        block.saturating_mul(self.every).saturating_add_unsigned(place)
    }

    /// Whether any of the windows that a pane lies in is chosen: at once, however many they are.
    fn chooses_any(&self, windows: &WindowsOfPane) -> bool {
        let WindowsOfPane { first, last, .. } = *windows;
        let (from, to) = (first.div_euclid(self.every), last.div_euclid(self.every));
        // A block between those of the first and the last is there as a whole, and with it its chosen one.
        let holds = |block: i64| (first..=last).contains(&self.chosen_of(block));
        first <= last && (to.saturating_sub(from) > 1 || holds(from) || holds(to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_windows(first: i64, last: i64) -> Group {
        Group { key: None, windows: Some(WindowsOfPane { first, last, length_ms: 1_000 }) }
    }

    #[test]
    fn one_window_of_each_block_is_chosen_and_not_always_at_the_same_place() {
        let audit = Audit::windows(6);
        let chosen: Vec<i64> = (-600..600).filter(|&n| audit.chooses(&of_windows(n, n))).collect();
        assert_eq!(chosen.len(), 200);
        let places: std::collections::BTreeSet<_> = chosen.iter().map(|n| n.rem_euclid(6)).collect();
        assert_eq!(places.len(), 6);
        assert!(chosen.iter().zip(-100..).all(|(n, block)| n.div_euclid(6) == block));
        assert!((0..50).all(|n| Audit::windows(0).chooses(&of_windows(n, n))));
    }

    #[test]
    fn a_pane_is_chosen_if_any_of_its_windows_is() {
        let audit = Audit::windows(7);
        for length in 1..30 {
            for first in -40..40 {
                let any = (first..first + length).any(|n| audit.chooses(&of_windows(n, n)));
                assert_eq!(audit.chooses(&of_windows(first, first + length - 1)), any, "{first}, {length}");
            }
        }
        assert!(!audit.chooses(&of_windows(3, 2)), "a pane between windows");
        assert!(audit.chooses(&of_windows(i64::MIN, i64::MAX)));
    }

    #[test]
    fn shares_outside_of_what_is_possible_are_the_nearest_that_are() {
        let of_key = |key| Group { key: Some(key), windows: None };
        let share = |audit: Audit| (0..1_000).filter(|&key| audit.chooses(&of_key(key))).count();
        assert_eq!([-1.0, 0.0, f64::NAN].map(|x| share(Audit::keys(x))), [0, 0, 0]);
        assert!(!Audit::keys(0.0).chooses(&Group { key: None, windows: None }));
        assert_eq!([1.0, 7.0, f64::INFINITY].map(|x| share(Audit::keys(x))), [1_000; 3]);
        let (one, other) = (Audit::keys(0.5), Audit::keys(0.5).seeded(3));
        assert!((0..1_000).any(|key| one.chooses(&of_key(key)) != other.chooses(&of_key(key))));
    }
}
