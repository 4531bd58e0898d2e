//! When tokens were last seen.

use hashbrown::HashTable;

use super::token::Token;

/// The different tokens of a window, each with the last pane that has it: a pane takes along those that no newer one has.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent(HashTable<(Token, u32)>);

impl Recent {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = Token> {
        self.0.iter().map(|(token, _)| *token)
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.allocation_size()
    }

    /// Notes the tokens of the newest pane, unless that makes more different ones than `most`: then gives false.
    pub(super) fn note(&mut self, tokens: impl Iterator<Item = Token>, pane: u32, most: usize) -> bool {
        for token in tokens {
            let entry = self.0.entry(hash(token), |held| held.0 == token, |held| hash(held.0));
            entry.and_modify(|held| held.1 = pane).or_insert((token, pane));
            if self.0.len() > most {
                return false;
            }
        }
        true
    }

    /// Drops the tokens of the oldest pane that no newer one has.
    pub(super) fn drop_pane(&mut self, tokens: impl Iterator<Item = Token>, pane: u32) {
        for token in tokens {
            if let Ok(held) = self.0.find_entry(hash(token), |held| *held == (token, pane)) {
                held.remove();
            }
        }
    }
}

/// All bits of a token in the low ones too: by those the table is addressed.
#[inline]
fn hash(token: Token) -> u64 {
    let product = u64::from(token.bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 32
}
