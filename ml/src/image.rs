//! The images of learners.

/// How a learner is stored: as its fields, and as an image, which is its name and its fields in the envelope of all
/// summaries, so that damage, other learners and newer versions are found.
///
/// Wants a method `check(&self) -> Result<(), DecodeError>` that looks at everything the learner takes for granted: what
/// is restored is looked at before it is used, wherever it comes from. And it wants the derived functions of serde as
/// plain functions: `#[derive(Serialize, Deserialize)] #[serde(remote = "Self")]`.
macro_rules! image {
    ($learner:ty, $version:literal) => {
        impl serde::Serialize for $learner {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $learner {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let learner = Self::deserialize(deserializer)?;
                learner.check().map_err(serde::de::Error::custom)?;
                Ok(learner)
            }
        }

        impl streamgauge_sketches::Codec for $learner {
            const FAMILY: streamgauge_sketches::Family = streamgauge_sketches::Family::Custom;
            const VERSION: u16 = $version;

            fn encode(&self, out: &mut streamgauge_sketches::codec::Writer) {
                out.value(&<Self as streamgauge_sketches::Summary>::schema());
                out.value(self);
            }

            fn decode(
                content: &mut streamgauge_sketches::codec::Reader<'_>,
                _version: u16,
                _hash_seed: u64,
            ) -> Result<Self, streamgauge_sketches::DecodeError> {
                let name: String = content.value("the name of a learner")?;
                let expected = <Self as streamgauge_sketches::Summary>::schema();
                streamgauge_sketches::DecodeError::unless(name == expected, "a learner named", &name)?;
                content.value(<Self as streamgauge_sketches::Summary>::NAME)
            }
        }
    };
}

pub(crate) use image;
