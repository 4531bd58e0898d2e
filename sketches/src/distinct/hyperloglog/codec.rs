//! How a sketch is stored: in the compact image and by serde, both checked.

use serde::{Deserialize, Serialize};

use super::registers::most_rank;
use super::token::{Token, Tokens};
use super::{HyperLogLog, Store};
use crate::codec::{Codec, Reader, Writer};
use crate::error::DecodeError;
use crate::estimate::Family;

impl Codec for HyperLogLog {
    const FAMILY: Family = Family::HyperLogLog;
    const VERSION: u16 = 1;

    fn hash_seed(&self) -> u64 {
        self.seed
    }

    fn encode(&self, out: &mut Writer) {
        out.u8(self.precision);
        match &self.store {
            Store::Sparse(tokens) => {
                out.u8(0);
                out.u32(tokens.len() as u32);
                tokens.sorted().into_iter().for_each(|token| out.u32(token));
            }
            Store::Dense(registers) => {
                out.u8(1);
                out.bytes(registers);
            }
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, seed: u64) -> Result<Self, DecodeError> {
        let precision = content.u8("precision")?;
        DecodeError::unless((4..=18).contains(&precision), "precision", precision)?;
        let content = match content.u8("form")? {
            0 => {
                let tokens = content.length("tokens", size_of::<u32>())?;
                Content::Tokens((0..tokens).map(|_| content.u32("token")).collect::<Result<_, _>>()?)
            }
            1 => Content::Registers(content.bytes("registers", 1 << precision)?.to_vec()),
            form => {
                return Err(DecodeError::Value { field: "form", value: form.to_string() });
            }
        };
        Parts { precision, seed, content }.try_into()
    }
}

/// A sketch as it is stored: tokens ascend, so that equal sketches have equal bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct Parts {
    precision: u8,
    seed: u64,
    content: Content,
}

#[derive(Serialize, Deserialize)]
enum Content {
    Tokens(Vec<u32>),
    Registers(Vec<u8>),
}

impl From<HyperLogLog> for Parts {
    fn from(sketch: HyperLogLog) -> Self {
        let content = match sketch.store {
            Store::Sparse(tokens) => Content::Tokens(tokens.sorted()),
            Store::Dense(registers) => Content::Registers(registers),
        };
        Self { precision: sketch.precision, seed: sketch.seed, content }
    }
}

impl TryFrom<Parts> for HyperLogLog {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { precision, seed, content } = parts;
        let empty = Self::with_precision(precision)
            .map_err(|e| DecodeError::Value { field: "precision", value: e.value })?
            .seeded(seed);
        let store = match content {
            Content::Tokens(bits) => {
                DecodeError::unless(bits.len() <= Tokens::most(precision), "tokens", bits.len())?;
                DecodeError::unless(bits.is_sorted_by(|a, b| a < b), "tokens", "out of order")?;
                let mut tokens = Tokens::default();
                for bits in bits {
                    let token = Token::from_bits(bits)
                        .ok_or_else(|| DecodeError::Value { field: "token", value: bits.to_string() })?;
                    DecodeError::unless(tokens.insert(token, precision).is_ok(), "tokens", tokens.len())?;
                }
                Store::Sparse(tokens)
            }
            Content::Registers(registers) => {
                DecodeError::unless(registers.len() == 1 << precision, "registers", registers.len())?;
                let highest = registers.iter().copied().max().unwrap_or(0);
                DecodeError::unless(highest <= most_rank(precision), "register", highest)?;
                Store::Dense(registers)
            }
        };
        Ok(Self { store, ..empty })
    }
}
