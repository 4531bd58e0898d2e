//! Categories without a list of them.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::hash::DEFAULT_SEED;
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{CompactString, DecodeError, Merge, Mismatch, PortableHash, Summary};

use super::transformer::{Stateless, Transformer};
use crate::error::RowError;
use crate::image::image;
use crate::schema::{Attribute, Schema};

/// A value as it comes, before there are numbers for categories.
///
/// Text of up to 24 bytes takes no heap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Field {
    /// A number.
    Number(f64),
    /// A category by its name.
    Category(CompactString),
    /// There is none.
    Missing,
}

impl From<f64> for Field {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Field {
    fn from(name: &str) -> Self {
        Self::Category(CompactString::new(name))
    }
}

/// Makes numbers of categories that come by their names: each name is hashed to one of so many categories.
///
/// Takes rows of [`Field`]s, and gives rows of the schema that it was made with: an attribute of n categories takes any
/// names, and two of them share a category with probability 1/n. The hash is the same on every machine and in every
/// version. A number in place of a name is hashed as a number. A name in place of a number, and a number that is infinite,
/// become missing; what is missing stays so.
///
/// Learns nothing, so pipelines that begin with it merge.
///
/// **When not to use it.** If the names are known, number them: nothing collides. For texts of many words take a bag of
/// words.
///
/// Source: Weinberger et al., *Feature Hashing for Large Scale Multitask Learning*, ICML 2009.
///
/// ```
/// use streamgauge_ml::preprocess::{Field, HashingEncoder, Transformer};
/// use streamgauge_ml::{Attribute, Classifier, MajorityClass, Schema};
/// let schema = Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 1_000 }], 2)?;
/// let encoder = HashingEncoder::new(&schema);
/// let mut room = Vec::new();
/// let trip = [Field::from(9.5), Field::from("Lisbon")];
/// assert_eq!(encoder.transform_one(&trip, &mut room)?, [9.5, 484.0]);
///
/// let mut learner = encoder.then(MajorityClass::new(schema));
/// learner.learn_one(&[Field::Missing, "Porto".into()], 1)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct HashingEncoder {
    attributes: Vec<Attribute>,
    seed: u64,
}

impl HashingEncoder {
    /// To rows of this schema.
    pub fn new(schema: &Schema) -> Self {
        Self { attributes: schema.attributes().to_vec(), seed: DEFAULT_SEED }
    }

    /// Hashes otherwise: other names share a category.
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    fn check(&self) -> Result<(), DecodeError> {
        match Schema::new(self.attributes.iter().copied(), 1) {
            Ok(_) => Ok(()),
            Err(why) => Err(DecodeError::Value { field: why.parameter, value: why.value }),
        }
    }
}

impl Transformer for HashingEncoder {
    type From = [Field];
    type To = [f64];
    type Room = Vec<f64>;

    #[inline]
    fn learn_one(&mut self, row: &[Field]) -> Result<(), RowError> {
        RowError::check_width(self.attributes.len(), row.len())
    }

    fn transform_one<'a>(&self, row: &'a [Field], room: &'a mut Vec<f64>) -> Result<&'a [f64], RowError> {
        RowError::check_width(self.attributes.len(), row.len())?;
        room.clear();
        // Each attribute has a seed of its own, so that what collides in one does not in the next.
        let columns = (self.seed..).zip(&self.attributes).zip(row);
        room.extend(columns.map(|((seed, attribute), field)| {
            // The high bits of the product: no category is likelier than another by more than 2⁻⁴⁴.
            let bucket = |hash: u64, categories: u32| ((u128::from(hash) * u128::from(categories)) >> 64) as u32;
            match (attribute, field) {
                (Attribute::Numeric, Field::Number(number)) if number.is_finite() => *number,
                (Attribute::Nominal { categories }, Field::Category(name)) => {
                    f64::from(bucket(name.portable_hash(seed), *categories))
                }
                (Attribute::Nominal { categories }, Field::Number(number)) if number.is_finite() => {
                    // The two zeros are one number.
                    f64::from(bucket((number + 0.0).to_bits().portable_hash(seed), *categories))
                }
                _ => f64::NAN,
            }
        }));
        Ok(room)
    }
}

impl Stateless for HashingEncoder {}

impl Summary for HashingEncoder {
    type Reading = Self;

    const NAME: &'static str = "HashingEncoder";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.attributes.capacity() * size_of::<Attribute>()
    }
}

impl Merge for HashingEncoder {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "seed", &self.seed, &other.seed)?;
        if self.attributes == other.attributes {
            return Ok(());
        }
        let (ours, theirs) = (format!("{:?}", self.attributes), format!("{:?}", other.attributes));
        Err(Mismatch { summary: Self::NAME, parameter: "attributes", ours, theirs })
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)
    }
}

image!(HashingEncoder, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::laws;

    use super::*;
    use crate::{Classifier, MajorityClass};

    fn schema(categories: u32) -> Schema {
        Schema::new([Attribute::Numeric, Attribute::Nominal { categories }], 2).unwrap()
    }

    fn category(encoder: &HashingEncoder, field: Field) -> f64 {
        encoder.transform_one(&[Field::Missing, field], &mut Vec::new()).unwrap()[1]
    }

    #[test]
    fn categories_are_evenly_filled() {
        let encoder = HashingEncoder::new(&schema(10));
        let mut counts = [0_u32; 10];
        (0..10_000).for_each(|i| counts[category(&encoder, format!("name {i}").as_str().into()) as usize] += 1);
        let chi_square: f64 = counts.iter().map(|&n| (f64::from(n) - 1_000.0).powi(2) / 1_000.0).sum();
        // 9 degrees of freedom: above 33.7 once in 10⁴ seeds.
        assert!(chi_square < 33.7, "{counts:?}");
        let other = encoder.clone().seeded(1);
        let same = (0..1_000).filter(|i| {
            let name = || Field::from(format!("name {i}").as_str());
            category(&encoder, name()) == category(&other, name())
        });
        // A tenth of them by chance, with a deviation of 9.5.
        assert!((60..140).contains(&same.count()));
    }

    #[test]
    fn every_field_has_a_meaning() {
        let encoder = HashingEncoder::new(&schema(1_000));
        let row = |a: Field, b: Field| encoder.transform_one(&[a, b], &mut Vec::new()).unwrap().to_vec();
        assert!(row("name".into(), Field::Missing).iter().all(|value| value.is_nan()));
        assert!(row(f64::INFINITY.into(), f64::NAN.into()).iter().all(|value| value.is_nan()));
        assert_eq!(category(&encoder, (-0.0).into()), category(&encoder, 0.0.into()));
        assert_ne!(category(&encoder, 1.0.into()), category(&encoder, 2.0.into()));
        assert_eq!(encoder.transform_one(&[], &mut Vec::new()), Err(RowError::Width { expected: 2, found: 0 }));
    }

    #[test]
    fn pipelines_that_begin_with_it_merge() {
        let learner = || HashingEncoder::new(&schema(5)).then(MajorityClass::new(schema(5)));
        let (mut ours, mut theirs) = (learner(), learner());
        ours.learn_one(&[1.0.into(), "a".into()], 0).unwrap();
        (0..2).for_each(|_| theirs.learn_one(&[2.0.into(), "b".into()], 1).unwrap());
        ours.merge(&theirs).unwrap();
        assert_eq!(ours.predict_one(&[Field::Missing, Field::Missing]), Ok(Some(1)));
        laws::storing(&ours);
        laws::image_holds(&ours);
        let others = HashingEncoder::new(&schema(5)).seeded(3).then(MajorityClass::new(schema(5)));
        laws::refuses(&ours, &others);
        laws::refuses(ours.transformer(), &HashingEncoder::new(&schema(6)));
    }
}
