//! All values of an attribute.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use super::criterion::{Before, Criterion, Purity};

/// A value of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Value {
    value: f64,
    weight: f64,
    class: u32,
}

/// All values of an attribute with their classes: in order up to the last look for a split, then as they came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Values {
    /// Filled up to `len`; the rest is room, so that the bytes are known without asking an allocator.
    room: Box<[Value]>,
    len: u32,
}

/// The room after the next growth: a quarter more.
fn larger(room: usize) -> usize {
    room + (room / 4).max(16)
}

impl Values {
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.room)
    }

    fn full(&self) -> bool {
        self.len as usize == self.room.len()
    }

    /// The bytes that one more value asks for.
    pub(crate) fn bytes_to_grow(&self) -> usize {
        if self.full() { (larger(self.room.len()) - self.room.len()) * size_of::<Value>() } else { 0 }
    }

    #[inline]
    pub(crate) fn learn(&mut self, value: f64, class: usize, weight: f64) {
        if self.full() {
            let mut room = std::mem::take(&mut self.room).into_vec();
            let more = larger(room.len()) - room.len();
            room.reserve_exact(more);
            room.resize(room.len() + more, Value::default());
            self.room = room.into_boxed_slice();
        }
        self.room[self.len as usize] = Value { value, weight, class: class as u32 };
        self.len += 1;
    }

    /// Puts the values in order, and those that are the same together.
    fn sort(&mut self) {
        let values = &mut self.room[..self.len as usize];
        // Most are in order already: this sort finds them, and merges the rest.
        values.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.class.cmp(&b.class)));
        let mut kept = 0;
        for at in 1..values.len() {
            let next = values[at];
            let last = &mut values[kept];
            if last.value == next.value && last.class == next.class {
                last.weight += next.weight;
            } else {
                kept += 1;
                values[kept] = next;
            }
        }
        self.len = self.len.min(kept as u32 + 1);
    }

    /// Tells the merit of a split after each value.
    pub(crate) fn splits(
        &mut self,
        criterion: Criterion,
        before: Before,
        classes: usize,
        mut each: impl FnMut(f64, Option<f64>),
    ) {
        self.sort();
        let (mut below, mut weights) = (vec![0.0; classes], vec![0.0; classes]);
        let values = &self.room[..self.len as usize];
        values.iter().for_each(|value| weights[value.class as usize] += value.weight);
        let mut values = values.iter().peekable();
        while let Some(value) = values.next() {
            below[value.class as usize] += value.weight;
            let Some(next) = values.peek().filter(|next| next.value > value.value) else { continue };
            let mut sides = [Purity::default(); 2];
            for (all, below) in weights.iter().zip(&below) {
                sides[0].add(criterion, *below);
                sides[1].add(criterion, all - below);
            }
            // Halfway, as long as that differs from both.
            let middle = value.value + (next.value - value.value) / 2.0;
            let at = if middle < next.value { middle } else { value.value };
            each(at, criterion.merit(before, sides.into_iter()));
        }
    }

    /// Adds the weights of the classes at or below a point, and above.
    pub(crate) fn divide(&self, point: f64, below: &mut [f64], above: &mut [f64]) {
        for value in &self.room[..self.len as usize] {
            let side = if value.value <= point { &mut *below } else { &mut *above };
            side[value.class as usize] += value.weight;
        }
    }

    pub(crate) fn check(&self, classes: usize) -> Result<(), DecodeError> {
        DecodeError::unless(self.len as usize <= self.room.len(), "values of a leaf", self.len)?;
        let good = |value: &&Value| {
            super::test::number(value.value).is_some()
                && super::test::adds_up(value.weight)
                && ((value.class as usize) < classes)
        };
        let wrong = self.room.iter().find(|value| !good(value));
        DecodeError::unless(wrong.is_none(), "a value of class", wrong.map_or(0, |value| value.class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_between_all_values() {
        let mut values = Values::default();
        for (value, class) in [(3.0, 1), (1.0, 0), (1.0, 0), (2.0, 0), (3.0, 0), (-0.0, 1), (0.0, 1)] {
            values.learn(value, class, 1.0);
        }
        let mut points = Vec::new();
        values.splits(Criterion::Gini, Before::of(Criterion::Gini, &[1.0, 1.0]), 2, |point, merit| {
            points.push((point, merit.is_some()))
        });
        assert_eq!(points, [(0.5, true), (1.5, true), (2.5, true)]);
        assert_eq!(values.len, 5, "the same value of a class is kept once");
        let (mut below, mut above) = ([0.0; 2], [0.0; 2]);
        values.divide(1.5, &mut below, &mut above);
        assert_eq!((below, above), ([2.0, 2.0], [2.0, 1.0]));
        values.check(2).unwrap();
        values.check(1).unwrap_err();
    }

    #[test]
    fn there_is_a_point_between_neighbours() {
        let mut values = Values::default();
        let next = f64::from_bits(1.0_f64.to_bits() + 1);
        values.learn(1.0, 0, 1.0);
        values.learn(next, 1, 1.0);
        values.splits(Criterion::Gini, Before::of(Criterion::Gini, &[1.0, 1.0]), 2, |point, _| {
            assert!((1.0..next).contains(&point))
        });
    }
}
