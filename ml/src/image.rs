//! The images of learners.

/// How a learner is stored: as its fields, and as an image, which is its name and its fields in the envelope of all
/// summaries, so that damage, other learners and newer versions are found. A generic one says its parameters first:
/// `image!([S: Scorer] Calibrated<S>, 1)`.
///
/// Wants a method `check(&self) -> Result<(), DecodeError>` that looks at everything the learner takes for granted: what
/// is restored is looked at before it is used, wherever it comes from. And it wants the derived functions of serde as
/// plain functions: `#[derive(Serialize, Deserialize)] #[serde(remote = "Self")]`.
macro_rules! image {
    ([$($generics:tt)*] $learner:ty, $version:literal) => {
        impl<$($generics)*> serde::Serialize for $learner {
            fn serialize<To: serde::Serializer>(&self, to: To) -> Result<To::Ok, To::Error> {
                Self::serialize(self, to)
            }
        }

        impl<'de, $($generics)*> serde::Deserialize<'de> for $learner {
            fn deserialize<From: serde::Deserializer<'de>>(from: From) -> Result<Self, From::Error> {
                let learner = Self::deserialize(from)?;
                learner.check().map_err(serde::de::Error::custom)?;
                Ok(learner)
            }
        }

        impl<$($generics)*> $crate::image::Fields for $learner {
            fn fields<'de, From: serde::Deserializer<'de>>(from: From) -> Result<Self, From::Error> {
                Self::deserialize(from)
            }
        }

        $crate::image::envelope!([$($generics)*] $learner, $version, |content| {
            let learner = content.value::<$crate::image::Unchecked<Self>>(<Self as streamgauge_sketches::Summary>::NAME)?.0;
            learner.check()?;
            Ok(learner)
        });
    };
    ($learner:ty, $version:literal) => {
        $crate::image::image!([] $learner, $version);
    };
}

/// The image alone, of a learner whose own serde form is looked at when it is restored.
macro_rules! envelope {
    ([$($generics:tt)*] $learner:ty, $version:literal) => {
        $crate::image::envelope!([$($generics)*] $learner, $version, |content| {
            content.value(<Self as streamgauge_sketches::Summary>::NAME)
        });
    };
    ([$($generics:tt)*] $learner:ty, $version:literal, |$content:ident| $decode:expr) => {
        impl<$($generics)*> streamgauge_sketches::Codec for $learner {
            const FAMILY: streamgauge_sketches::Family = streamgauge_sketches::Family::Custom;
            const VERSION: u16 = $version;

            fn encode(&self, out: &mut streamgauge_sketches::codec::Writer) {
                out.value(&<Self as streamgauge_sketches::Summary>::schema());
                out.value(self);
            }

            fn decode(
                $content: &mut streamgauge_sketches::codec::Reader<'_>,
                _version: u16,
                _hash_seed: u64,
            ) -> Result<Self, streamgauge_sketches::DecodeError> {
                let name: String = $content.value("the name of a learner")?;
                let expected = <Self as streamgauge_sketches::Summary>::schema();
                streamgauge_sketches::DecodeError::unless(name == expected, "a learner named", &name)?;
                $decode
            }
        }
    };
}

/// What has fields that can be read without looking at them.
pub(crate) trait Fields: Sized {
    fn fields<'de, From: serde::Deserializer<'de>>(from: From) -> Result<Self, From::Error>;
}

/// A learner that was read and not looked at: whoever looks can say what is wrong, which an error of serde's cannot carry.
pub(crate) struct Unchecked<L>(pub(crate) L);

impl<'de, L: Fields> serde::Deserialize<'de> for Unchecked<L> {
    fn deserialize<From: serde::Deserializer<'de>>(from: From) -> Result<Self, From::Error> {
        L::fields(from).map(Self)
    }
}

pub(crate) use {envelope, image};
