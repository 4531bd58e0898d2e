//! What is kept of a pane until it leaves.

use std::iter;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The tickets of a pane, each with the slot of its key.
pub(crate) trait Tickets<T>: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    fn add(&mut self, slot: u32, ticket: T);
    /// Takes out those that need no memory of their own, and then the others; their room stays.
    fn drain(&mut self) -> (impl Iterator<Item = (u32, T)>, impl Iterator<Item = (u32, T)>);
    fn len(&self) -> usize;
    fn reserve(&mut self, more: usize);
    /// The bytes that the tickets are, of which each holds so many.
    fn bytes(&self, of_ticket: impl Fn(&T) -> usize) -> usize;
}

impl<T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> Tickets<T> for Vec<(u32, T)> {
    #[inline]
    fn add(&mut self, slot: u32, ticket: T) {
        self.push((slot, ticket));
    }

    fn drain(&mut self) -> (impl Iterator<Item = (u32, T)>, impl Iterator<Item = (u32, T)>) {
        (iter::empty(), self.drain(..))
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn reserve(&mut self, more: usize) {
        self.reserve(more);
    }

    fn bytes(&self, of_ticket: impl Fn(&T) -> usize) -> usize {
        self.iter().map(|(_, ticket)| size_of::<u32>() + of_ticket(ticket)).sum()
    }
}

/// Numbers, most of which are one: then the slot says it all. All panes of a window pass through memory once, and where
/// there are many keys that is what a slide costs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Numbers {
    ones: Vec<u32>,
    others: Vec<(u32, u64)>,
}

impl Tickets<u64> for Numbers {
    #[inline]
    fn add(&mut self, slot: u32, number: u64) {
        if number == 1 {
            self.ones.push(slot);
        } else {
            self.others.push((slot, number));
        }
    }

    fn drain(&mut self) -> (impl Iterator<Item = (u32, u64)>, impl Iterator<Item = (u32, u64)>) {
        (self.ones.drain(..).map(|slot| (slot, 1)), self.others.drain(..))
    }

    fn len(&self) -> usize {
        self.ones.len() + self.others.len()
    }

    fn reserve(&mut self, more: usize) {
        self.ones.reserve(more);
    }

    fn bytes(&self, _: impl Fn(&u64) -> usize) -> usize {
        size_of_val(self.ones.as_slice()) + size_of_val(self.others.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_out_as_they_went_in() {
        let mut numbers = Numbers::default();
        numbers.reserve(4);
        let all = [(3, 1), (0, 1), (3, 1), (7, 0), (2, u64::MAX), (9, 2)];
        all.iter().for_each(|(slot, number)| numbers.add(*slot, *number));
        assert_eq!((numbers.len(), numbers.bytes(|_| 0)), (6, 3 * 4 + 3 * 16));
        let bytes = postcard::to_allocvec(&numbers).unwrap();
        let mut restored: Numbers = postcard::from_bytes(&bytes).unwrap();
        let (ones, others) = restored.drain();
        assert_eq!(ones.chain(others).collect::<Vec<_>>(), all);
        assert_eq!(restored.len(), 0);
    }
}
