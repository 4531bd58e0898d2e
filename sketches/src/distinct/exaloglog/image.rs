//! The stored forms of a sketch.

use serde::{Deserialize, Serialize};

use super::registers::is_possible;
use super::tokens::Tokens;
use super::{ExaLogLog, Store};
use crate::codec::{Codec, Reader, Writer};
use crate::error::DecodeError;
use crate::estimate::Family;

/// A sketch as it is stored. Tokens are in the order of their table, so that equal sketches have equal bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct Parts {
    precision: u8,
    seed: u64,
    content: Content,
}

#[derive(Serialize, Deserialize)]
enum Content {
    Tokens(Vec<u32>),
    Registers(Vec<u32>),
}

impl From<ExaLogLog> for Parts {
    fn from(sketch: ExaLogLog) -> Self {
        let content = match sketch.store {
            Store::Sparse(tokens) => Content::Tokens(tokens.iter().collect()),
            Store::Dense(registers) => Content::Registers(registers),
        };
        Self { precision: sketch.precision, seed: sketch.seed, content }
    }
}

impl TryFrom<Parts> for ExaLogLog {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { precision, seed, content } = parts;
        let allowed = Self::PRECISIONS.contains(&precision);
        DecodeError::unless(allowed, "precision", precision)?;
        let store = match content {
            Content::Tokens(tokens) => {
                let most = Tokens::most(1 << precision);
                DecodeError::unless(tokens.len() <= most, "tokens", tokens.len())?;
                Store::Sparse(Tokens::checked(&tokens)?)
            }
            Content::Registers(registers) => {
                DecodeError::unless(registers.len() == 1 << precision, "registers", registers.len())?;
                if let Some(wrong) = registers.iter().find(|&&register| !is_possible(register, precision)) {
                    return Err(DecodeError::Value { field: "register", value: format!("{wrong:#010x}") });
                }
                Store::Dense(registers)
            }
        };
        Ok(Self { precision, seed, store })
    }
}

impl Codec for ExaLogLog {
    const FAMILY: Family = Family::ExaLogLog;
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
                tokens.iter().for_each(|token| out.u32(token));
            }
            Store::Dense(registers) => {
                out.u8(1);
                out.bytes(&registers.iter().flat_map(|register| register.to_le_bytes()).collect::<Vec<_>>());
            }
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, seed: u64) -> Result<Self, DecodeError> {
        let precision = content.u8("precision")?;
        DecodeError::unless(Self::PRECISIONS.contains(&precision), "precision", precision)?;
        let content = match content.u8("form")? {
            0 => {
                let tokens = content.length("tokens", size_of::<u32>())?;
                Content::Tokens(words(content.bytes("tokens", tokens * size_of::<u32>())?))
            }
            1 => Content::Registers(words(content.bytes("registers", size_of::<u32>() << precision)?)),
            form => {
                return Err(DecodeError::Value { field: "form", value: form.to_string() });
            }
        };
        Parts { precision, seed, content }.try_into()
    }
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}
