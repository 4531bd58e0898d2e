//! How a sketch slides: merges that can be taken back.

use serde::{Deserialize, Serialize};

use super::registers::{histogram_of_both, logged, merge_logged, undo};
use super::token::{Token, Tokens};
use super::{HyperLogLog, Store};
use crate::error::Mismatch;
use crate::estimate::Estimate;
use crate::summary::{Merge, Summary, Undo};

/// What merging one [`HyperLogLog`] into another overwrote: at most as much as the other held.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Overwritten(Change);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Change {
    /// Tokens that were new.
    Tokens(Vec<u32>),
    /// All tokens of a sketch that became registers.
    Form(Vec<u32>),
    /// Registers that rose, [logged].
    Registers(Vec<u32>),
}

impl Undo for HyperLogLog {
    type Overwritten = Overwritten;

    fn merge_logged(&mut self, other: &Self) -> Result<Overwritten, Mismatch> {
        self.compatible(other)?;
        let change = match (&mut self.store, &other.store) {
            (Store::Sparse(ours), Store::Sparse(theirs)) => {
                let new: Vec<Token> = theirs.iter().filter(|&token| !ours.contains(token)).collect();
                if ours.len() + new.len() > Tokens::most(self.precision) {
                    self.merge_changing_form(other)?
                } else {
                    for &token in &new {
                        // Full it cannot be: there are no more than the most.
                        let _ = ours.insert(token, self.precision);
                    }
                    Change::Tokens(new.into_iter().map(Token::bits).collect())
                }
            }
            (Store::Sparse(_), Store::Dense(_)) => self.merge_changing_form(other)?,
            (Store::Dense(ours), Store::Sparse(theirs)) => {
                let mut rising = Vec::new();
                for token in theirs.iter() {
                    let (register, rank) = token.register(self.precision);
                    let old = ours[register];
                    if old < rank {
                        rising.push(logged(register, old));
                        ours[register] = rank;
                    }
                }
                Change::Registers(rising)
            }
            (Store::Dense(ours), Store::Dense(theirs)) => Change::Registers(merge_logged(ours, theirs)),
        };
        let mut overwritten = Overwritten(change);
        overwritten.log_mut().shrink_to_fit();
        Ok(overwritten)
    }

    fn undo(&mut self, overwritten: Overwritten) {
        match (overwritten.0, &mut self.store) {
            (Change::Registers(rose), Store::Dense(registers)) => undo(registers, &rose),
            (Change::Tokens(new), Store::Sparse(tokens)) => {
                tokens.remove_all(&collect(new, self.precision));
            }
            (Change::Form(old), Store::Dense(_)) => {
                self.store = Store::Sparse(collect(old, self.precision));
            }
            _ => {}
        }
    }

    fn overwritten_bytes(overwritten: &Overwritten) -> usize {
        size_of::<Overwritten>() + overwritten.log().capacity() * size_of::<u32>()
    }
}

impl HyperLogLog {
    /// Merges into a sketch of tokens what turns it into one of registers.
    fn merge_changing_form(&mut self, other: &Self) -> Result<Change, Mismatch> {
        let old = match &self.store {
            Store::Sparse(tokens) => tokens.sorted(),
            Store::Dense(_) => Vec::new(),
        };
        self.merge(other)?;
        Ok(Change::Form(old))
    }

    /// The reading of two compatible sketches merged.
    pub(super) fn read_both(&self, other: &Self) -> Result<Estimate, Mismatch> {
        match (&self.store, &other.store) {
            (Store::Dense(ours), Store::Dense(theirs)) => Ok(self.read_registers(&histogram_of_both(ours, theirs))),
            (Store::Sparse(ours), Store::Sparse(theirs)) => {
                let all = ours.len() + theirs.iter().filter(|&token| !ours.contains(token)).count();
                match all <= Tokens::most(self.precision) {
                    true => Ok(self.read_tokens(all as f64)),
                    false => self.read_by_merging(other),
                }
            }
            (Store::Sparse(_), Store::Dense(_)) => other.read_by_merging(self),
            (Store::Dense(_), Store::Sparse(_)) => self.read_by_merging(other),
        }
    }

    fn read_by_merging(&self, other: &Self) -> Result<Estimate, Mismatch> {
        let mut merged = self.clone();
        merged.merge(other)?;
        Ok(merged.read())
    }
}

impl Overwritten {
    fn log(&self) -> &Vec<u32> {
        match &self.0 {
            Change::Tokens(log) | Change::Form(log) | Change::Registers(log) => log,
        }
    }

    fn log_mut(&mut self) -> &mut Vec<u32> {
        match &mut self.0 {
            Change::Tokens(log) | Change::Form(log) | Change::Registers(log) => log,
        }
    }
}

/// The tokens of a log; what is none, or too many, is left out.
fn collect(log: Vec<u32>, precision: u8) -> Tokens {
    let mut tokens = Tokens::default();
    for token in log.into_iter().filter_map(Token::from_bits).take(Tokens::most(precision)) {
        // Full it cannot be: no more than the most are taken.
        let _ = tokens.insert(token, precision);
    }
    tokens
}
