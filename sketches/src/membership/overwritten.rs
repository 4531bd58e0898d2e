//! What a merge overwrote, so that a window can take the merge back.

use serde::{Deserialize, Serialize};

/// What merging one filter into another overwrote: blocks or words, whichever the filter is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Overwritten<T>(Log<T>);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Log<T> {
    /// Where, and what stood there.
    Some(Vec<u32>, Vec<T>),
    /// All of it, where that takes fewer bytes.
    All(Vec<T>),
}

impl<T: Copy + PartialEq> Overwritten<T> {
    /// Merges, element by element.
    pub(super) fn merge(ours: &mut [T], theirs: &[T], or: impl Fn(T, T) -> T) -> Self {
        let changed = ours.iter().zip(theirs).filter(|&(&a, &b)| or(a, b) != a).count();
        if changed * (size_of::<T>() + size_of::<u32>()) > size_of_val(ours) {
            let before = ours.to_vec();
            ours.iter_mut().zip(theirs).for_each(|(a, b)| *a = or(*a, *b));
            return Self(Log::All(before));
        }
        let (mut places, mut before) = (Vec::with_capacity(changed), Vec::with_capacity(changed));
        for (place, (a, &b)) in ours.iter_mut().zip(theirs).enumerate() {
            let merged = or(*a, b);
            if merged != *a {
                places.push(place as u32);
                before.push(*a);
                *a = merged;
            }
        }
        Self(Log::Some(places, before))
    }

    /// Puts back what stood there. What does not fit, from a damaged checkpoint, is left out.
    pub(super) fn undo(self, ours: &mut [T]) {
        match self.0 {
            Log::Some(places, before) => {
                for (place, before) in places.into_iter().zip(before) {
                    if let Some(place) = ours.get_mut(place as usize) {
                        *place = before;
                    }
                }
            }
            Log::All(before) => ours.iter_mut().zip(before).for_each(|(ours, before)| *ours = before),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.0 {
                Log::Some(places, before) => places.capacity() * size_of::<u32>() + before.capacity() * size_of::<T>(),
                Log::All(before) => before.capacity() * size_of::<T>(),
            }
    }
}
