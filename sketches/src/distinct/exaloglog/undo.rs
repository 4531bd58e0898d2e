//! Merges that can be taken back.

use serde::{Deserialize, Serialize};

use super::registers::{is_possible, join, place, with};
use super::tokens::{self, Tokens};
use super::{ExaLogLog, Store};
use crate::error::Mismatch;
use crate::summary::{Merge, Undo};

/// What merging into an [`ExaLogLog`] overwrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Overwritten(Kind);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Kind {
    /// These tokens are new; they ascend.
    Added(Vec<u32>),
    /// The sketch had these tokens, and became registers.
    Tokens(Vec<u32>),
    /// These registers, by their index, had these contents.
    Changed(Vec<(u32, u32)>),
    /// The registers were these: so many changed that this is smaller.
    Registers(Vec<u32>),
}

impl Undo for ExaLogLog {
    type Overwritten = Overwritten;

    fn merge_logged(&mut self, other: &Self) -> Result<Overwritten, Mismatch> {
        self.compatible(other)?;
        let precision = self.precision;
        let kind = match (&self.store, &other.store) {
            (Store::Dense(ours), Store::Dense(theirs)) => {
                let pairs = (0..).zip(ours).zip(theirs);
                let changes = pairs.filter(|((_, ours), theirs)| join(**ours, **theirs) != **ours);
                let mut before: Vec<_> = changes.map(|((i, ours), _)| (i, *ours)).take(ours.len() / 2 + 1).collect();
                before.shrink_to_fit();
                match before.len() > ours.len() / 2 {
                    true => Kind::Registers(ours.clone()),
                    false => Kind::Changed(before),
                }
            }
            (Store::Dense(ours), Store::Sparse(theirs)) => {
                // One that several tokens fall on is noted several times, as it was before all of them.
                let places = theirs.iter().map(|token| place(tokens::hash(token), precision));
                let changes = places.filter(|&(i, value)| with(ours[i], value) != ours[i]);
                Kind::Changed(changes.map(|(i, _)| (i as u32, ours[i])).collect())
            }
            (Store::Sparse(ours), Store::Sparse(theirs)) => {
                let added: Vec<u32> = theirs.iter().filter(|&token| !ours.contains(token)).collect();
                match ours.len() + added.len() > Tokens::most(1 << precision) {
                    true => Kind::Tokens(ours.to_vec()),
                    false => Kind::Added(added),
                }
            }
            (Store::Sparse(ours), Store::Dense(_)) => Kind::Tokens(ours.to_vec()),
        };
        self.merge(other)?;
        Ok(Overwritten(kind))
    }

    fn undo(&mut self, overwritten: Overwritten) {
        let precision = self.precision;
        match (&mut self.store, overwritten.0) {
            (Store::Sparse(tokens), Kind::Added(added)) => tokens.remove(&added),
            (store, Kind::Tokens(before)) if before.len() <= Tokens::most(1 << precision) => {
                *store = Store::Sparse(Tokens::checked(&before).unwrap_or_default());
            }
            (Store::Dense(registers), Kind::Changed(before)) => {
                for (index, before) in before {
                    if let Some(register) = registers.get_mut(index as usize)
                        && is_possible(before, precision)
                    {
                        *register = before;
                    }
                }
            }
            (Store::Dense(registers), Kind::Registers(before))
                if before.len() == registers.len() && before.iter().all(|&r| is_possible(r, precision)) =>
            {
                *registers = before;
            }
            // Of another state.
            _ => (),
        }
    }

    fn overwritten_bytes(overwritten: &Overwritten) -> usize {
        let heap = match &overwritten.0 {
            Kind::Added(words) | Kind::Tokens(words) | Kind::Registers(words) => words.capacity() * size_of::<u32>(),
            Kind::Changed(registers) => registers.capacity() * size_of::<(u32, u32)>(),
        };
        size_of::<Overwritten>() + heap
    }
}
