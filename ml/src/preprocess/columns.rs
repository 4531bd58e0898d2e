//! Something for each numeric attribute of a row.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::{DecodeError, Mismatch};

use crate::error::RowError;
use crate::schema::{Attribute, Schema};

/// Numbers beyond this count as missing: sums of their squares would not be finite.
const LARGEST: f64 = 1e140;

/// Whether a number is there, and can be summed.
#[inline]
pub(super) fn is_known(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// A state for each attribute; those of categories stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Columns<C> {
    attributes: Vec<Attribute>,
    states: Vec<C>,
}

impl<C: Default + Clone> Columns<C> {
    pub(super) fn new(schema: &Schema) -> Self {
        let attributes = schema.attributes().to_vec();
        Self { states: vec![C::default(); attributes.len()], attributes }
    }

    #[inline]
    pub(super) fn learn(&mut self, row: &[f64], mut learn: impl FnMut(&mut C, f64)) -> Result<(), RowError> {
        RowError::check_width(self.attributes.len(), row.len())?;
        for ((state, attribute), &value) in self.states.iter_mut().zip(&self.attributes).zip(row) {
            if *attribute == Attribute::Numeric && is_known(value) {
                learn(state, value);
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn transform<'a>(
        &self,
        row: &[f64],
        room: &'a mut Vec<f64>,
        scale: impl Fn(&C, f64) -> f64,
    ) -> Result<&'a [f64], RowError> {
        RowError::check_width(self.attributes.len(), row.len())?;
        room.clear();
        room.extend(self.states.iter().zip(&self.attributes).zip(row).map(
            |((state, attribute), &value)| match attribute {
                Attribute::Nominal { .. } => value,
                Attribute::Numeric if is_known(value) => scale(state, value),
                Attribute::Numeric => f64::NAN,
            },
        ));
        Ok(room)
    }

    pub(super) fn each(&mut self, change: impl FnMut(&mut C)) {
        self.states.iter_mut().for_each(change);
    }

    pub(super) fn compatible(&self, summary: &'static str, other: &Self) -> Result<(), Mismatch> {
        if self.attributes == other.attributes {
            return Ok(());
        }
        let (ours, theirs) = (format!("{:?}", self.attributes), format!("{:?}", other.attributes));
        Err(Mismatch { summary, parameter: "attributes", ours, theirs })
    }

    pub(super) fn merge(
        &mut self,
        summary: &'static str,
        other: &Self,
        merge: impl Fn(&mut C, &C),
    ) -> Result<(), Mismatch> {
        self.compatible(summary, other)?;
        self.states.iter_mut().zip(&other.states).for_each(|(ours, theirs)| merge(ours, theirs));
        Ok(())
    }

    /// Checks what was stored.
    pub(super) fn check(&self, can_be: impl Fn(&C) -> bool) -> Result<(), DecodeError> {
        Schema::new(self.attributes.iter().copied(), 1)
            .map_err(|why| DecodeError::Value { field: why.parameter, value: why.value })?;
        DecodeError::unless(self.states.len() == self.attributes.len(), "states of attributes", self.states.len())?;
        match self.states.iter().position(|state| !can_be(state)) {
            None => Ok(()),
            Some(at) => DecodeError::unless(false, "the state of attribute", at),
        }
    }

    /// The bytes of both lists on the heap, without what the states hold there.
    pub(super) fn heap_bytes(&self) -> usize {
        self.attributes.capacity() * size_of::<Attribute>() + self.states.capacity() * size_of::<C>()
    }

    pub(super) fn states(&self) -> impl Iterator<Item = &C> {
        self.states.iter()
    }
}
