//! Something in place of what is missing.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{DecodeError, Merge, Mismatch, ParameterError, Summary};

use super::columns::is_known;
use super::quartiles::Quartiles;
use super::transformer::Transformer;
use crate::error::RowError;
use crate::image::image;
use crate::schema::{Attribute, Schema};

/// What takes the place of a missing value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fill {
    /// The mean of the numbers seen so far.
    Mean,
    /// Their median, from a quantile sketch: see [`RobustScaler`](super::RobustScaler).
    Median,
    /// The most frequent category so far, the lowest of several.
    MostFrequent,
    /// Always this number or category.
    Constant(f64),
    /// Nothing: it stays missing.
    Nothing,
}

/// Puts something in place of what is missing: by default the mean of numbers, and the most frequent category.
///
/// Missing are NaN, infinite numbers, numbers beyond ±10¹⁴⁰ and unknown categories. As long as nothing is known of an
/// attribute, what is missing stays so. Merges as one of everything: means but for rounding, categories to the bit, medians
/// as their sketches do.
///
/// **When not to use it.** The learners of this crate take missing values as they are, and what they do is mostly better:
/// a tree or naive Bayes leaves the attribute out, where an imputer makes up a typical value. It is for learners that need
/// all values, such as clusters and distances. That a value is missing may itself tell something: no filling keeps that.
///
/// ```
/// use streamgauge_ml::preprocess::{Fill, Imputer, Transformer};
/// use streamgauge_ml::{Attribute, Schema};
/// let schema = Schema::new([Attribute::Numeric, Attribute::Nominal { categories: 3 }, Attribute::Numeric], 2)?;
/// let mut imputer = Imputer::new(&schema).fill(2, Fill::Constant(-1.0))?;
/// for row in [[1.0, 2.0, 5.0], [2.0, 2.0, 5.0], [f64::NAN, 0.0, 5.0]] {
///     imputer.learn_one(&row)?;
/// }
/// assert_eq!(imputer.transform_one(&[f64::NAN; 3], &mut Vec::new())?, [1.5, 2.0, -1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Imputer {
    attributes: Vec<Attribute>,
    columns: Vec<Column>,
}

/// What is known of an attribute.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Column {
    Mean { count: f64, mean: f64 },
    Median(Box<Quartiles>),
    MostFrequent { counts: Vec<u64>, most: u32 },
    Constant(f64),
    Nothing,
}

impl Column {
    fn new(fill: Fill, attribute: Attribute) -> Option<Self> {
        Some(match (fill, attribute) {
            (Fill::Mean, Attribute::Numeric) => Self::Mean { count: 0.0, mean: 0.0 },
            (Fill::Median, Attribute::Numeric) => Self::Median(Box::default()),
            (Fill::MostFrequent, Attribute::Nominal { categories }) => {
                Self::MostFrequent { counts: vec![0; categories as usize], most: 0 }
            }
            (Fill::Constant(value), attribute) if is_there(attribute, value) => Self::Constant(value),
            (Fill::Nothing, _) => Self::Nothing,
            _ => return None,
        })
    }

    #[inline]
    fn learn(&mut self, value: f64) {
        match self {
            Self::Mean { count, mean } => {
                *count += 1.0;
                *mean += (value - *mean) / *count;
            }
            Self::Median(quartiles) => quartiles.learn(value),
            Self::MostFrequent { counts, most } => {
                let category = value as usize;
                counts[category] = counts[category].saturating_add(1);
                let (ours, theirs) = (counts[category], counts[*most as usize]);
                if ours > theirs || (ours == theirs && category < *most as usize) {
                    *most = category as u32;
                }
            }
            Self::Constant(_) | Self::Nothing => {}
        }
    }

    #[inline]
    fn fill(&self) -> f64 {
        match self {
            Self::Mean { count, mean } if *count > 0.0 => *mean,
            Self::Median(quartiles) => quartiles.known().map_or(f64::NAN, |[_, median, _]| median),
            Self::MostFrequent { counts, most } if counts[*most as usize] > 0 => f64::from(*most),
            Self::Constant(value) => *value,
            _ => f64::NAN,
        }
    }

    fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Mean { count, mean }, Self::Mean { count: more, mean: other }) if *more > 0.0 => {
                *count += more;
                *mean += (other - *mean) * (more / *count);
            }
            (Self::Median(ours), Self::Median(theirs)) => {
                // All sketches are of one size and seed, so they merge.
                let _ = ours.merge(theirs);
            }
            (Self::MostFrequent { counts, most }, Self::MostFrequent { counts: others, .. }) => {
                for (ours, theirs) in counts.iter_mut().zip(others) {
                    *ours = ours.saturating_add(*theirs);
                }
                *most = most_frequent(counts);
            }
            _ => {}
        }
    }

    fn can_be(&self, attribute: Attribute) -> bool {
        match (self, attribute) {
            (Self::Mean { count, mean }, Attribute::Numeric) => count.is_finite() && *count >= 0.0 && is_known(*mean),
            (Self::Median(quartiles), Attribute::Numeric) => quartiles.can_be(),
            (Self::MostFrequent { counts, most }, Attribute::Nominal { categories }) => {
                counts.len() == categories as usize && *most == most_frequent(counts)
            }
            (Self::Constant(value), attribute) => is_there(attribute, *value),
            (Self::Nothing, _) => true,
            _ => false,
        }
    }

    /// Its parameters, for what is told when two do not fit.
    fn fills(&self) -> Fill {
        match self {
            Self::Mean { .. } => Fill::Mean,
            Self::Median(_) => Fill::Median,
            Self::MostFrequent { .. } => Fill::MostFrequent,
            Self::Constant(value) => Fill::Constant(*value),
            Self::Nothing => Fill::Nothing,
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Median(quartiles) => size_of::<Quartiles>() + quartiles.heap_bytes(),
            Self::MostFrequent { counts, .. } => counts.capacity() * size_of::<u64>(),
            _ => 0,
        }
    }
}

fn most_frequent(counts: &[u64]) -> u32 {
    let most = counts.iter().enumerate().rev().max_by_key(|(_, count)| **count);
    most.map_or(0, |(category, _)| category as u32)
}

#[inline]
fn is_there(attribute: Attribute, value: f64) -> bool {
    match attribute {
        Attribute::Numeric => is_known(value),
        Attribute::Nominal { .. } => attribute.category(value).is_some(),
    }
}

impl Imputer {
    /// Means of numbers, and the most frequent category.
    pub fn new(schema: &Schema) -> Self {
        let attributes = schema.attributes().to_vec();
        let column = |attribute: &Attribute| match attribute {
            Attribute::Numeric => Column::Mean { count: 0.0, mean: 0.0 },
            Attribute::Nominal { categories } => {
                Column::MostFrequent { counts: vec![0; *categories as usize], most: 0 }
            }
        };
        Self { columns: attributes.iter().map(column).collect(), attributes }
    }

    /// Fills this attribute otherwise. What was learned of it is forgotten.
    ///
    /// # Errors
    /// [`ParameterError`] if there is no such attribute, or it cannot be filled so: the mean and the median are of
    /// numbers, the most frequent is of categories, and a constant is finite or a category of the attribute.
    pub fn fill(mut self, attribute: usize, fill: Fill) -> Result<Self, ParameterError> {
        let wrong = |allowed, value| ParameterError { summary: Self::NAME, parameter: "filling", allowed, value };
        let Some((known, column)) = self.attributes.get(attribute).zip(self.columns.get_mut(attribute)) else {
            return Err(wrong("of an attribute of the schema", format!("of attribute {attribute}")));
        };
        match Column::new(fill, *known) {
            Some(new) => *column = new,
            None => return Err(wrong("one for this kind of attribute", format!("{fill:?} of {known:?}"))),
        }
        Ok(self)
    }

    fn check(&self) -> Result<(), DecodeError> {
        Schema::new(self.attributes.iter().copied(), 1)
            .map_err(|why| DecodeError::Value { field: why.parameter, value: why.value })?;
        DecodeError::unless(self.columns.len() == self.attributes.len(), "filled attributes", self.columns.len())?;
        let wrong = self.columns.iter().zip(&self.attributes).position(|(column, known)| !column.can_be(*known));
        DecodeError::unless(wrong.is_none(), "the filling of attribute", wrong.unwrap_or_default())
    }
}

impl Transformer for Imputer {
    type From = [f64];
    type To = [f64];
    type Room = Vec<f64>;

    #[inline]
    fn learn_one(&mut self, row: &[f64]) -> Result<(), RowError> {
        RowError::check_width(self.attributes.len(), row.len())?;
        for ((column, attribute), &value) in self.columns.iter_mut().zip(&self.attributes).zip(row) {
            if is_there(*attribute, value) {
                column.learn(value);
            }
        }
        Ok(())
    }

    #[inline]
    fn transform_one<'a>(&self, row: &'a [f64], room: &'a mut Vec<f64>) -> Result<&'a [f64], RowError> {
        RowError::check_width(self.attributes.len(), row.len())?;
        let missing = |(attribute, value): (&Attribute, &f64)| !is_there(*attribute, *value);
        if !self.attributes.iter().zip(row).any(missing) {
            return Ok(row);
        }
        let columns = self.columns.iter().zip(&self.attributes).zip(row);
        room.clear();
        room.extend(columns.map(
            |((column, attribute), &value)| {
                if is_there(*attribute, value) { value } else { column.fill() }
            },
        ));
        Ok(room)
    }
}

impl Summary for Imputer {
    type Reading = Self;

    const NAME: &'static str = "Imputer";

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(Column::heap_bytes).sum();
        let lists = self.attributes.capacity() * size_of::<Attribute>() + self.columns.capacity() * size_of::<Column>();
        size_of::<Self>() + lists + columns
    }
}

impl Merge for Imputer {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        let filled = |imputer: &Self| -> Vec<(Attribute, Fill)> {
            imputer.attributes.iter().copied().zip(imputer.columns.iter().map(Column::fills)).collect()
        };
        let (ours, theirs) = (filled(self), filled(other));
        if ours == theirs {
            return Ok(());
        }
        let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
        Err(Mismatch { summary: Self::NAME, parameter: "filled attributes", ours, theirs })
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.columns.iter_mut().zip(&other.columns).for_each(|(ours, theirs)| ours.merge(theirs));
        Ok(())
    }
}

image!(Imputer, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::Codec;

    use super::*;
    use crate::preprocess::tests::{hostile, merges, mixed, rows};

    fn filled(imputer: &Imputer) -> Vec<String> {
        imputer.transform_one(&[f64::NAN; 3], &mut Vec::new()).unwrap().iter().map(|x| format!("{x:.9}")).collect()
    }

    #[test]
    fn holds_the_laws() {
        let others = Imputer::new(&mixed()).fill(0, Fill::Median).unwrap().fill(2, Fill::Nothing).unwrap();
        for imputer in [Imputer::new(&mixed()), others] {
            crate::laws::transforms(&imputer, &rows(100));
            hostile(&imputer);
            merges(&imputer, filled);
        }
    }

    #[test]
    fn fills_as_it_says() {
        let mut imputer = Imputer::new(&mixed()).fill(2, Fill::Median).unwrap();
        assert_eq!(filled(&imputer), ["NaN", "NaN", "NaN"]);
        for row in [[1.0, 2.0, 1.0], [2.0, 1.0, 2.0], [6.0, 1.0, 1e6], [f64::NAN, 7.0, f64::INFINITY], [3.0, 2.0, 3.0]]
        {
            imputer.learn_one(&row).unwrap();
        }
        // Of two categories that are as frequent, the lower; the median of four lies beside their middle.
        let filled = imputer.transform_one(&[f64::NEG_INFINITY, 9.0, f64::NAN], &mut Vec::new()).unwrap().to_vec();
        assert_eq!(filled[..2], [3.0, 1.0]);
        assert!((2.0..=3.0).contains(&filled[2]), "{filled:?}");
        // What is there stays, and takes no room.
        let mut room = Vec::new();
        assert_eq!(imputer.transform_one(&[4.0, 0.0, 4.0], &mut room), Ok(&[4.0, 0.0, 4.0][..]));
        assert_eq!(room.capacity(), 0);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let told = |attribute, fill| Imputer::new(&mixed()).fill(attribute, fill).unwrap_err().to_string();
        assert_eq!(told(3, Fill::Mean), "Imputer: filling must be of an attribute of the schema, not of attribute 3");
        for (attribute, fill) in [
            (1, Fill::Mean),
            (1, Fill::Median),
            (0, Fill::MostFrequent),
            (0, Fill::Constant(f64::NAN)),
            (1, Fill::Constant(3.0)),
            (1, Fill::Constant(0.5)),
        ] {
            assert!(told(attribute, fill).contains("one for this kind of attribute"), "{fill:?}");
        }
        let mut damaged = Imputer::new(&mixed());
        damaged.columns[1] = Column::MostFrequent { counts: vec![1, 2, 3], most: 1 };
        assert!(Imputer::from_bytes(&damaged.to_bytes()).is_err());
        damaged.columns[1] = Column::MostFrequent { counts: vec![], most: 0 };
        assert!(Imputer::from_bytes(&damaged.to_bytes()).is_err());
        damaged.columns[1] = Column::Mean { count: 0.0, mean: 0.0 };
        assert!(Imputer::from_bytes(&damaged.to_bytes()).is_err());
        let mean = Imputer::new(&mixed());
        assert!(mean.clone().merge(&mean.clone().fill(0, Fill::Median).unwrap()).is_err());
    }
}
