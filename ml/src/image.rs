//! The images of learners.

/// The image of a learner: its name and its serde form in the envelope of all summaries, so damage, other learners and
/// newer versions are found. Wants a method `check(&self) -> Result<(), DecodeError>`, which looks at everything that
/// the learner takes for granted. A generic one says its parameters first: `image!([S: Scorer] Calibrated<S>, 1)`.
macro_rules! image {
    ([$($generics:tt)*] $learner:ty, $version:literal) => {
        impl<$($generics)*> streamgauge_sketches::Codec for $learner {
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
                let learner: Self = content.value(<Self as streamgauge_sketches::Summary>::NAME)?;
                learner.check()?;
                Ok(learner)
            }
        }
    };
    ($learner:ty, $version:literal) => {
        $crate::image::image!([] $learner, $version);
    };
}

pub(crate) use image;
