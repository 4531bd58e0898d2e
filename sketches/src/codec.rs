//! The compact image of a summary: versioned, checksummed bytes that are the same on every machine.
//!
//! ```text
//! 0      4        6         8      9       10          18       26
//! | SGS1 | family | version | hash | flags | hash seed | length | content … | crc32 of all before |
//! ```
//!
//! All numbers are little-endian. The content begins with the parameters of the summary; floats are stored by their
//! bits. Bytes from strangers are safe to decode: every check has its own [`DecodeError`], and nothing is allocated
//! that the image does not hold.

use serde::{Serialize, de::DeserializeOwned};

use crate::error::DecodeError;
use crate::estimate::Family;
use crate::hash::HASH_ID;

const MAGIC: [u8; 4] = *b"SGS1";
const HEADER: usize = 26;
const CHECKSUM: usize = 4;

/// A summary with a compact image.
///
/// ```
/// use streamgauge_sketches::{Absorb, Codec, HyperLogLog, Summary};
/// let mut users = HyperLogLog::with_precision(12)?;
/// users.absorb("ada");
/// let image = users.to_bytes();
/// assert_eq!(HyperLogLog::from_bytes(&image)?.read().value, 1.0);
/// let error = HyperLogLog::from_bytes(&image[..9]).unwrap_err();
/// assert_eq!(error.to_string(), "the image is cut off: 26 more bytes of header expected, 9 left");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Codec: Sized {
    /// The family in the image.
    const FAMILY: Family;
    /// The newest version of the content, which `encode` writes.
    const VERSION: u16;

    /// The seed of the portable hash; 0 for summaries that do not hash.
    fn hash_seed(&self) -> u64 {
        0
    }

    /// Writes the content: parameters first.
    fn encode(&self, out: &mut Writer);

    /// Reads the content of a version up to [`VERSION`](Self::VERSION).
    ///
    /// # Errors
    /// A [`DecodeError`] that says which value cannot be.
    fn decode(content: &mut Reader<'_>, version: u16, hash_seed: u64) -> Result<Self, DecodeError>;

    /// The image of this summary.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(&MAGIC);
        out.u16(Self::FAMILY as u16);
        out.u16(Self::VERSION);
        out.u8(HASH_ID);
        out.u8(0);
        out.u64(self.hash_seed());
        out.u64(0);
        self.encode(&mut out);
        let length = (out.0.len() - HEADER) as u64;
        out.0[HEADER - 8..HEADER].copy_from_slice(&length.to_le_bytes());
        out.u32(crc32fast::hash(&out.0));
        out.0
    }

    /// Reads an image.
    ///
    /// # Errors
    /// A [`DecodeError`] that says which check failed.
    fn from_bytes(image: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader(image);
        reader.need("header", HEADER)?;
        let magic: [u8; 4] = reader.array("magic")?;
        if magic != MAGIC {
            return Err(DecodeError::Magic(magic));
        }
        let family = reader.u16("family")?;
        if family != Self::FAMILY as u16 {
            return Err(DecodeError::Family { expected: Self::FAMILY as u16, found: family });
        }
        let version = reader.u16("version")?;
        if version == 0 || version > Self::VERSION {
            return Err(DecodeError::Version { found: version, newest: Self::VERSION });
        }
        let hash = reader.u8("hash function")?;
        if hash != HASH_ID {
            return Err(DecodeError::Hash(hash));
        }
        let flags = reader.u8("flags")?;
        DecodeError::unless(flags == 0, "flags", flags)?;
        let seed = reader.u64("hash seed")?;
        let length = usize::try_from(reader.u64("length")?).unwrap_or(usize::MAX);
        reader.need("content", length.saturating_add(CHECKSUM))?;
        DecodeError::unless(reader.0.len() == length + CHECKSUM, "length", length)?;
        let (content, checksum) = reader.0.split_at(length);
        let found = Reader(checksum).u32("checksum")?;
        let computed = crc32fast::hash(&image[..image.len() - CHECKSUM]);
        if found != computed {
            return Err(DecodeError::Checksum { found, computed });
        }
        let mut content = Reader(content);
        let summary = Self::decode(&mut content, version, seed)?;
        DecodeError::unless(content.0.is_empty(), "surplus bytes", content.0.len())?;
        Ok(summary)
    }
}

impl DecodeError {
    /// An error naming the field, unless the condition holds.
    ///
    /// # Errors
    /// [`DecodeError::Value`].
    pub fn unless(holds: bool, field: &'static str, value: impl ToString) -> Result<(), Self> {
        if holds {
            return Ok(());
        }
        Err(Self::Value { field, value: value.to_string() })
    }
}

/// Appends little-endian numbers.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

/// Takes little-endian numbers from the front.
#[derive(Debug)]
pub struct Reader<'a>(&'a [u8]);

macro_rules! numbers {
    ($($t:ident),*) => {
        impl Writer {
            $(
                #[doc = concat!("Appends a `", stringify!($t), "`.")]
                pub fn $t(&mut self, value: $t) {
                    self.bytes(&value.to_le_bytes());
                }
            )*

            /// Appends bytes as they are.
            pub fn bytes(&mut self, bytes: &[u8]) {
                self.0.extend_from_slice(bytes);
            }
        }

        impl<'a> Reader<'a> {
            $(
                #[doc = concat!("Takes a `", stringify!($t), "`.")]
                ///
                /// # Errors
                /// [`DecodeError::Truncated`] naming the field.
                pub fn $t(&mut self, field: &'static str) -> Result<$t, DecodeError> {
                    self.array(field).map($t::from_le_bytes)
                }
            )*
        }
    };
}
numbers!(u8, u16, u32, u64, i64, u128, i128, f64);

/// The bytes that a value of any type takes at least: those of its length.
pub(crate) const VALUE: usize = 4;

impl Writer {
    /// The bytes so far.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Appends a value of any type: its length, then its bytes.
    pub fn value<T: Serialize>(&mut self, value: &T) {
        // Writing to memory fails only for a value that refuses to be serialized at all.
        let bytes = postcard::to_allocvec(value).unwrap_or_default();
        self.u32(bytes.len() as u32);
        self.bytes(&bytes);
    }
}

impl<'a> Reader<'a> {
    /// Reads from the front of some bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Checks that so many bytes are left.
    fn need(&self, field: &'static str, needed: usize) -> Result<(), DecodeError> {
        if self.0.len() >= needed {
            return Ok(());
        }
        Err(DecodeError::Truncated { field, needed, left: self.0.len() })
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        self.need(field, N)?;
        let (head, tail) = self.0.split_at(N);
        self.0 = tail;
        let mut array = [0; N];
        array.copy_from_slice(head);
        Ok(array)
    }

    /// Takes so many bytes as they are.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] naming the field.
    pub fn bytes(&mut self, field: &'static str, length: usize) -> Result<&'a [u8], DecodeError> {
        self.need(field, length)?;
        let (head, tail) = self.0.split_at(length);
        self.0 = tail;
        Ok(head)
    }

    /// Takes a value of any type, as [`Writer::value`] wrote it.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field.
    pub fn value<T: DeserializeOwned>(&mut self, field: &'static str) -> Result<T, DecodeError> {
        let length = self.length(field, 1)?;
        let (value, surplus) = postcard::take_from_bytes(self.bytes(field, length)?)
            .map_err(|e| DecodeError::Value { field, value: e.to_string() })?;
        DecodeError::unless(surplus.is_empty(), field, format_args!("with {} surplus bytes", surplus.len()))?;
        Ok(value)
    }

    /// Takes a count of things of at least `size` bytes each; refuses one that the rest of the image cannot hold.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] naming the field.
    pub fn length(&mut self, field: &'static str, size: usize) -> Result<usize, DecodeError> {
        let length = self.u32(field)? as usize;
        self.need(field, length.saturating_mul(size))?;
        Ok(length)
    }
}
