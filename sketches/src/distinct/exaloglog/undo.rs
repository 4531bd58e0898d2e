//! Merges that can be taken back.

use serde::{Deserialize, Serialize};

use super::registers::{is_possible, join, place};
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
        let changed = |ours: &[u32], index: usize, theirs| {
            let before = ours[index];
            (join(before, theirs) != before).then_some((index as u32, before))
        };
        let kind = match (&self.store, &other.store) {
            (Store::Dense(ours), Store::Dense(theirs)) => {
                let changes = theirs.iter().enumerate().filter_map(|(i, &theirs)| changed(ours, i, theirs));
                let before: Vec<_> = changes.take(ours.len() / 2 + 1).collect();
                match before.len() > ours.len() / 2 {
                    true => Kind::Registers(ours.clone()),
                    false => Kind::Changed(before),
                }
            }
            (Store::Dense(ours), Store::Sparse(theirs)) => {
                // One that several tokens fall on is noted several times, as it was before all of them.
                let places = theirs.iter().map(|token| place(tokens::hash(token), precision));
                Kind::Changed(places.filter_map(|(i, theirs)| changed(ours, i, theirs)).collect())
            }
            (Store::Sparse(ours), Store::Sparse(theirs)) => {
                let mut added: Vec<u32> = theirs.iter().filter(|&token| !ours.contains(token)).collect();
                added.sort_unstable();
                match ours.len() + added.len() > Tokens::most(1 << precision) {
                    true => Kind::Tokens(ours.sorted()),
                    false => Kind::Added(added),
                }
            }
            (Store::Sparse(ours), Store::Dense(_)) => Kind::Tokens(ours.sorted()),
        };
        self.merge(other)?;
        Ok(Overwritten(kind))
    }

    fn undo(&mut self, overwritten: Overwritten) {
        let precision = self.precision;
        match (&mut self.store, overwritten.0) {
            (Store::Sparse(tokens), Kind::Added(added)) => tokens.remove(&added),
            (store, Kind::Tokens(before)) if before.len() <= Tokens::most(1 << precision) => {
                *store = Store::Sparse(Tokens::new(&before).unwrap_or_default());
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
            (Store::Dense(registers), Kind::Registers(before)) if before.len() == registers.len() => {
                if before.iter().all(|&register| is_possible(register, precision)) {
                    *registers = before;
                }
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
