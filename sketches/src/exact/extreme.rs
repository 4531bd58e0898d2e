//! The lowest and the highest value.

use std::cmp::Ordering;
use std::fmt::Debug;

use compact_str::CompactString;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::codec::{Codec, Reader, Writer};
use crate::error::{DecodeError, Mismatch};
use crate::estimate::Family;
use crate::summary::{Absorb, Merge, Summary, TwoStacks};

/// A value that has its place in an order: numbers, text, bytes, and pairs of them, of which the first part decides.
///
/// It is compared as it stands in the record and made owned only when it is kept: `str` becomes a [`CompactString`].
/// Of floats, −0 is lower than 0, and a NaN has no place.
pub trait Ordered {
    /// The value as state keeps it.
    type Owned: Ordered<Owned = Self::Owned> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Whether the value has a place at all.
    fn has_place(&self) -> bool {
        true
    }

    /// Its place beside a kept value, if it has one.
    fn order(&self, kept: &Self::Owned) -> Ordering;

    /// Makes the value owned.
    fn to_kept(&self) -> Self::Owned;
}

macro_rules! ordered {
    ($($t:ty),*) => {$(
        impl Ordered for $t {
            type Owned = Self;

            #[inline]
            fn order(&self, kept: &Self) -> Ordering {
                self.cmp(kept)
            }

            #[inline]
            fn to_kept(&self) -> Self {
                self.clone()
            }
        }
    )*};
}
ordered!(bool, char, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);
ordered!(String, CompactString, Box<[u8]>, Vec<u8>);

macro_rules! ordered_floats {
    ($($t:ty),*) => {$(
        impl Ordered for $t {
            type Owned = Self;

            #[inline]
            fn has_place(&self) -> bool {
                !self.is_nan()
            }

            #[inline]
            fn order(&self, kept: &Self) -> Ordering {
                self.total_cmp(kept)
            }

            #[inline]
            fn to_kept(&self) -> Self {
                *self
            }
        }
    )*};
}
ordered_floats!(f32, f64);

impl Ordered for str {
    type Owned = CompactString;

    fn order(&self, kept: &CompactString) -> Ordering {
        self.cmp(kept.as_str())
    }

    fn to_kept(&self) -> CompactString {
        CompactString::new(self)
    }
}

impl Ordered for [u8] {
    type Owned = Box<[u8]>;

    fn order(&self, kept: &Box<[u8]>) -> Ordering {
        self.cmp(&**kept)
    }

    fn to_kept(&self) -> Box<[u8]> {
        self.into()
    }
}

impl<A: Ordered, B: Ordered> Ordered for (A, B) {
    type Owned = (A::Owned, B::Owned);

    fn has_place(&self) -> bool {
        self.0.has_place() && self.1.has_place()
    }

    fn order(&self, kept: &Self::Owned) -> Ordering {
        self.0.order(&kept.0).then_with(|| self.1.order(&kept.1))
    }

    fn to_kept(&self) -> Self::Owned {
        (self.0.to_kept(), self.1.to_kept())
    }
}

macro_rules! extreme {
    ($(#[$doc:meta])* $name:ident, $wins:path) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "Option<T>", into = "Option<T>")]
        #[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Ordered<Owned = T> + DeserializeOwned"))]
        pub struct $name<T> {
            value: Option<T>,
        }

        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self { value: None }
            }
        }

        impl<T> $name<T> {
            /// The value, if there was one.
            pub fn get(&self) -> Option<&T> {
                self.value.as_ref()
            }
        }

        impl<T> From<$name<T>> for Option<T> {
            fn from(extreme: $name<T>) -> Self {
                extreme.value
            }
        }

        impl<T: Ordered<Owned = T>> TryFrom<Option<T>> for $name<T> {
            type Error = DecodeError;

            fn try_from(value: Option<T>) -> Result<Self, DecodeError> {
                DecodeError::unless(value.as_ref().is_none_or(T::has_place), "value", "without a place in the order")?;
                Ok(Self { value })
            }
        }

        impl<T> Summary for $name<T>
        where
            T: Ordered<Owned = T> + Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
        {
            type Reading = Option<T>;

            const NAME: &'static str = stringify!($name);

            fn read(&self) -> Option<T> {
                self.value.clone()
            }

            fn memory_bytes(&self) -> usize {
                size_of::<Self>()
            }
        }

        impl<T, Q> Absorb<Q> for $name<T>
        where
            T: Ordered<Owned = T> + Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
            Q: Ordered<Owned = T> + ?Sized,
        {
            type Exact = Self;

            #[inline]
            fn absorb(&mut self, item: &Q) {
                match &mut self.value {
                    Some(kept) if item.order(kept) != $wins => {}
                    _ if !item.has_place() => {}
                    value => *value = Some(item.to_kept()),
                }
            }

            fn exact(&self) -> Self {
                Self::default()
            }
        }

        impl<T> Merge for $name<T>
        where
            T: Ordered<Owned = T> + Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
        {
            type Window = TwoStacks<Self>;

            fn compatible(&self, _: &Self) -> Result<(), Mismatch> {
                Ok(())
            }

            fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
                if let Some(value) = &other.value {
                    self.absorb(value);
                }
                Ok(())
            }
        }

        impl<T> Codec for $name<T>
        where
            T: Ordered<Owned = T> + Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
        {
            const FAMILY: Family = Family::$name;
            const VERSION: u16 = 1;

            fn encode(&self, out: &mut Writer) {
                out.value(&self.value);
            }

            fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
                content.value::<Option<T>>("value")?.try_into()
            }
        }
    };
}

extreme!(
    /// The lowest value: of numbers, texts, bytes, or of pairs, which then say what came with it.
    ///
    /// | | |
    /// |---|---|
    /// | answers | the lowest value, `None` if there was none |
    /// | memory | one value |
    /// | absorb, merge, read | O(1) |
    /// | guarantee | exact; NaNs are left out, infinities count |
    /// | merged | the same to the bit, in any order |
    ///
    /// **When not to use it.** One odd value decides: for "about the lowest", ask a quantile. It takes no weights,
    /// because the lowest of a sample says little about the lowest of all.
    ///
    /// ```
    /// use streamgauge_sketches::{Absorb, Min, Summary};
    /// let mut lowest = Min::default();
    /// lowest.absorb_all(&[3.5, f64::NAN, -1.5, 2.0]);
    /// assert_eq!(lowest.read(), Some(-1.5));
    ///
    /// let mut first = Min::default();
    /// first.absorb_all(["b.example", "a.example"]);
    /// assert_eq!(first.read().unwrap(), "a.example");
    ///
    /// let mut fastest = Min::default();
    /// fastest.absorb_all(&[(812, "/buy".to_owned()), (7, "/".to_owned())]);
    /// assert_eq!(fastest.read(), Some((7, "/".to_owned())));
    /// ```
    Min, Ordering::Less
);

extreme!(
    /// The highest value: of numbers, texts, bytes, or of pairs, which then say what came with it.
    ///
    /// | | |
    /// |---|---|
    /// | answers | the highest value, `None` if there was none |
    /// | memory | one value |
    /// | absorb, merge, read | O(1) |
    /// | guarantee | exact; NaNs are left out, infinities count |
    /// | merged | the same to the bit, in any order |
    ///
    /// **When not to use it.** One odd value decides: for "about the highest", ask a quantile. It takes no weights,
    /// because the highest of a sample says little about the highest of all.
    ///
    /// ```
    /// use streamgauge_sketches::{Absorb, Max, Merge, Summary};
    /// let (mut monday, mut tuesday) = (Max::default(), Max::default());
    /// monday.absorb_all(&[17_u64, 40, 12]);
    /// tuesday.absorb_all(&[8_u64, 41]);
    /// monday.merge(&tuesday)?;
    /// assert_eq!(monday.read(), Some(41));
    /// assert_eq!(Max::<u64>::default().read(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Max, Ordering::Greater
);
