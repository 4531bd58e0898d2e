//! Which class was taken for which.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{
    Absorb, Decay, DecodeError, Estimate, Merge, Mismatch, ParameterError, Summary, Weight, Weighted,
};

use super::wilson::wilson;
use crate::error::RowError;
use crate::image::image;

/// The confusion matrix: how often each class was predicted for each.
///
/// A row for which nothing was predicted counts as wrong; it has a column of its own.
///
/// | | |
/// |---|---|
/// | answers | accuracy, κ, κ_M, and precision, recall and F₁ of each class and of all |
/// | memory | 8 bytes · classes · (classes + 1) |
/// | absorb, merge, read | O(1), O(classes²), O(classes²) |
/// | guarantee | the counts are exact; intervals of shares are Wilson's, 95 % for independent rows |
/// | merged | as one of everything, to the bit while weights are whole numbers |
///
/// A figure that is nothing by nothing is NaN: the accuracy of no rows, the precision of a class that was never
/// predicted, κ where chance alone is always right.
///
/// **When not to use it.** Accuracy says little where one class is rare: of 1 % fraud, "never" is right 99 times in a
/// hundred. There κ, κ_M, recall and the ranking measures tell more. For regression see
/// [`Deviation`](super::Deviation).
///
/// Sources: Cohen, *A Coefficient of Agreement for Nominal Scales*, 1960; Bifet et al., *Efficient Online Evaluation of
/// Big Data Stream Classifiers*, KDD 2015 (κ_M); Wilson, *Probable Inference, the Law of Succession, and Statistical
/// Inference*, 1927.
///
/// ```
/// use streamgauge_ml::evaluate::Confusion;
/// let mut spam = Confusion::new(2)?;
/// for (actual, predicted, messages) in [(0, 0, 90), (0, 1, 2), (1, 1, 5), (1, 0, 3)] {
///     for _ in 0..messages {
///         spam.add(actual, Some(predicted))?;
///     }
/// }
/// assert_eq!(spam.accuracy().value, 0.95);
/// assert_eq!((spam.recall(1).value, spam.precision(1).value, spam.f1(1)), (0.625, 5.0 / 7.0, 2.0 / 3.0));
/// assert!((spam.kappa() - 0.6398).abs() < 1e-4 && (spam.kappa_m() - 0.375).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Confusion {
    classes: u32,
    /// By actual class, and in that by predicted class; the last column is for no prediction.
    counts: Vec<f64>,
    /// The sum of the squared weights of all rows.
    squares: f64,
}

impl Confusion {
    /// The most classes: the matrix of so many takes 134 MB.
    pub const MOST_CLASSES: usize = 4_096;

    /// The matrix of so many classes, all zero.
    ///
    /// # Errors
    /// [`ParameterError`] unless there are 1 to 4,096 classes.
    pub fn new(classes: usize) -> Result<Self, ParameterError> {
        if !(1..=Self::MOST_CLASSES).contains(&classes) {
            let (allowed, value) = ("1 to 4,096", classes.to_string());
            return Err(ParameterError { summary: Self::NAME, parameter: "classes", allowed, value });
        }
        Ok(Self { classes: classes as u32, counts: vec![0.0; classes * (classes + 1)], squares: 0.0 })
    }

    /// How many classes there are.
    #[inline]
    pub fn classes(&self) -> usize {
        self.classes as usize
    }

    /// Counts a row by its class and what was predicted for it.
    ///
    /// # Errors
    /// [`RowError::Class`] of an unknown class.
    #[inline]
    pub fn add(&mut self, actual: usize, predicted: Option<usize>) -> Result<(), RowError> {
        self.add_weighted(actual, predicted, 1.0)
    }

    /// Counts a row that stands for `weight` rows.
    ///
    /// # Errors
    /// [`RowError`] of an unknown class or a weight that cannot be.
    #[inline]
    pub fn add_weighted(&mut self, actual: usize, predicted: Option<usize>, weight: f64) -> Result<(), RowError> {
        RowError::check_weight(weight)?;
        let cell = self.cell(actual, predicted)?;
        self.counts[cell] += weight;
        self.squares += weight * weight;
        Ok(())
    }

    /// Takes back a row that was counted with weight one.
    #[inline]
    pub(super) fn forget(&mut self, actual: usize, predicted: Option<usize>) -> Result<(), RowError> {
        let cell = self.cell(actual, predicted)?;
        self.counts[cell] = (self.counts[cell] - 1.0).max(0.0);
        self.squares = (self.squares - 1.0).max(0.0);
        Ok(())
    }

    #[inline]
    fn cell(&self, actual: usize, predicted: Option<usize>) -> Result<usize, RowError> {
        let classes = self.classes();
        RowError::check_class(classes, actual)?;
        let column = match predicted {
            None => classes,
            Some(class) => RowError::check_class(classes, class).map(|()| class)?,
        };
        Ok(actual * (classes + 1) + column)
    }

    /// Multiplies all weights: what was counted with weights that grow is so brought back to a size.
    pub(super) fn scale(&mut self, factor: f64) {
        self.counts.iter_mut().for_each(|count| *count *= factor);
        self.squares *= factor * factor;
    }

    /// How often a class was taken for another, or for none; 0 for an unknown class.
    pub fn count(&self, actual: usize, predicted: Option<usize>) -> f64 {
        self.cell(actual, predicted).map_or(0.0, |cell| self.counts[cell])
    }

    /// How many rows were counted.
    pub fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// How many rows are of this class.
    pub fn actual(&self, class: usize) -> f64 {
        let width = self.classes() + 1;
        if class < self.classes() { self.counts[class * width..(class + 1) * width].iter().sum() } else { 0.0 }
    }

    /// How many rows were predicted to be of this class.
    pub fn predicted(&self, class: usize) -> f64 {
        if class < self.classes() { self.counts.iter().skip(class).step_by(self.classes() + 1).sum() } else { 0.0 }
    }

    fn hits(&self, class: usize) -> f64 {
        self.count(class, Some(class))
    }

    fn of_all(&self, share: impl Fn(usize) -> f64) -> f64 {
        (0..self.classes()).map(share).sum()
    }

    /// A share of the rows, with its interval: the weights of all rows count as those of as many equal ones as tell as
    /// much.
    fn share(&self, hits: f64, of: f64) -> Estimate {
        let total = self.total();
        wilson(hits, of, if self.squares > 0.0 { total / self.squares } else { 1.0 })
    }

    /// The share of rows whose class was predicted.
    pub fn accuracy(&self) -> Estimate {
        self.share(self.of_all(|class| self.hits(class)), self.total())
    }

    /// The accuracy above that of `other`, as a share of what is missing there.
    fn above(&self, other: f64) -> f64 {
        (self.accuracy().value - other) / (1.0 - other)
    }

    /// Cohen's κ: how much better than chance with the same frequencies of classes; 1 at best, 0 for chance.
    pub fn kappa(&self) -> f64 {
        let total = self.total();
        self.above(self.of_all(|class| self.actual(class) / total * (self.predicted(class) / total)))
    }

    /// κ_M: how much better than always predicting the most frequent class; 1 at best, 0 for that.
    pub fn kappa_m(&self) -> f64 {
        let most = (0..self.classes()).map(|class| self.actual(class)).fold(0.0, f64::max);
        self.above(most / self.total())
    }

    /// Of the rows that were predicted to be of this class, the share that is.
    pub fn precision(&self, class: usize) -> Estimate {
        self.share(self.hits(class), self.predicted(class))
    }

    /// Of the rows of this class, the share that was found.
    pub fn recall(&self, class: usize) -> Estimate {
        self.share(self.hits(class), self.actual(class))
    }

    /// The harmonic mean of precision and recall of a class; NaN if it neither occurred nor was predicted.
    pub fn f1(&self, class: usize) -> f64 {
        2.0 * self.hits(class) / (self.actual(class) + self.predicted(class))
    }

    /// The mean over the classes that occurred or were predicted; where one has no figure, it counts as 0.
    fn macro_mean(&self, of: impl Fn(usize) -> f64) -> f64 {
        let met = (0..self.classes()).filter(|&class| self.actual(class) + self.predicted(class) > 0.0);
        let (sum, n) = met.fold((0.0, 0.0), |(sum, n), class| {
            let figure = of(class);
            (sum + if figure.is_nan() { 0.0 } else { figure }, n + 1.0)
        });
        sum / n
    }

    /// The mean precision of the classes, each as important as the others.
    pub fn macro_precision(&self) -> f64 {
        self.macro_mean(|class| self.hits(class) / self.predicted(class))
    }

    /// The mean recall of the classes: the balanced accuracy, if all classes occurred.
    pub fn macro_recall(&self) -> f64 {
        self.macro_mean(|class| self.hits(class) / self.actual(class))
    }

    /// The mean F₁ of the classes.
    pub fn macro_f1(&self) -> f64 {
        self.macro_mean(|class| self.f1(class))
    }

    pub(super) fn check(&self) -> Result<(), DecodeError> {
        let classes = self.classes();
        DecodeError::unless((1..=Self::MOST_CLASSES).contains(&classes), "classes", classes)?;
        DecodeError::unless(self.counts.len() == classes * (classes + 1), "counts", self.counts.len())?;
        let numbers = self.counts.iter().chain([&self.squares]);
        let wrong = numbers.into_iter().find(|count| !(count.is_finite() && **count >= 0.0));
        DecodeError::unless(wrong.is_none(), "a count of", wrong.copied().unwrap_or_default())
    }
}

impl Summary for Confusion {
    type Reading = Self;

    const NAME: &'static str = "Confusion";
    const DECAY: Option<fn(&mut Self, f64)> = Some(Decay::decay);

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.counts.capacity() * size_of::<f64>()
    }
}

/// Pairs of the actual and the predicted class. A pair of an unknown class is left out.
impl Absorb<(usize, Option<usize>)> for Confusion {
    type Exact = Self;

    const WEIGHTED: Option<fn(&mut Self, &(usize, Option<usize>), Weight)> = Some(Weighted::absorb_weighted);

    #[inline]
    fn absorb(&mut self, &(actual, predicted): &(usize, Option<usize>)) {
        // What is refused changes nothing.
        let _ = self.add(actual, predicted);
    }

    fn exact(&self) -> Self {
        Self { counts: vec![0.0; self.counts.len()], squares: 0.0, ..*self }
    }
}

impl Weighted<(usize, Option<usize>)> for Confusion {
    #[inline]
    fn absorb_weighted(&mut self, &(actual, predicted): &(usize, Option<usize>), weight: Weight) {
        let _ = self.add_weighted(actual, predicted, weight.get());
    }
}

impl Decay for Confusion {
    fn decay(&mut self, factor: f64) {
        self.scale(factor);
    }
}

impl Merge for Confusion {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "classes", &self.classes, &other.classes)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.counts.iter_mut().zip(&other.counts).for_each(|(ours, theirs)| *ours += theirs);
        self.squares += other.squares;
        Ok(())
    }
}

image!(Confusion, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::{Codec, laws};

    use super::*;

    fn pairs(n: usize) -> Vec<(usize, Option<usize>)> {
        // The last is of no class.
        (0..n).map(|i| (i * i % 4, (i % 5 != 0).then_some(i % 3))).chain([(9, Some(0))]).collect()
    }

    #[test]
    fn holds_the_laws_to_the_bit() {
        let empty = Confusion::new(4).unwrap();
        laws::hold(&empty, &[pairs(50), pairs(7), vec![], pairs(200)], Codec::to_bytes);
        let mut filled = empty.clone();
        filled.absorb_all(&pairs(100));
        assert_eq!(filled.total(), 100.0);
        laws::image_holds(&filled);
        laws::refuses(&filled, &Confusion::new(3).unwrap());
    }

    #[test]
    fn figures_are_those_of_the_definitions() {
        // Actual by predicted: [[5, 1, 0], [2, 3, 1], [0, 0, 2]], and one row without a prediction.
        let mut confusion = Confusion::new(3).unwrap();
        for (actual, row) in [[5, 1, 0], [2, 3, 1], [0, 0, 2]].iter().enumerate() {
            for (predicted, &n) in row.iter().enumerate() {
                (0..n).for_each(|_| confusion.add(actual, Some(predicted)).unwrap());
            }
        }
        confusion.add(2, None).unwrap();
        let near = |ours: f64, by_hand: f64| assert!((ours - by_hand).abs() < 1e-12, "{ours} {by_hand}");
        near(confusion.accuracy().value, 10.0 / 15.0);
        let chance = (6.0 * 7.0 + 6.0 * 4.0 + 3.0 * 3.0) / 225.0;
        near(confusion.kappa(), (10.0 / 15.0 - chance) / (1.0 - chance));
        near(confusion.kappa_m(), (10.0 / 15.0 - 6.0 / 15.0) / (1.0 - 6.0 / 15.0));
        near(confusion.precision(0).value, 5.0 / 7.0);
        near(confusion.recall(2).value, 2.0 / 3.0);
        near(confusion.f1(1), 2.0 * 0.75 * 0.5 / 1.25);
        near(confusion.macro_recall(), (5.0 / 6.0 + 0.5 + 2.0 / 3.0) / 3.0);
        near(confusion.macro_precision(), (5.0 / 7.0 + 0.75 + 2.0 / 3.0) / 3.0);
        near(confusion.macro_f1(), (10.0 / 13.0 + 0.6 + 2.0 / 3.0) / 3.0);
        // Wilson's interval of 10 of 15.
        let accuracy = confusion.accuracy();
        assert!((accuracy.lower - 0.417_14).abs() < 1e-5 && (accuracy.upper - 0.848_23).abs() < 1e-5, "{accuracy:?}");
    }

    #[test]
    fn nothing_by_nothing_is_nan() {
        let mut confusion = Confusion::new(2).unwrap();
        assert!(confusion.accuracy().value.is_nan() && confusion.kappa().is_nan() && confusion.macro_f1().is_nan());
        confusion.add(0, Some(0)).unwrap();
        assert_eq!(confusion.accuracy().value, 1.0);
        assert!(confusion.kappa().is_nan() && confusion.precision(1).value.is_nan() && confusion.f1(1).is_nan());
        assert_eq!((confusion.macro_f1(), confusion.macro_recall()), (1.0, 1.0));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let told = |classes| Confusion::new(classes).unwrap_err().to_string();
        assert_eq!(told(0), "Confusion: classes must be 1 to 4,096, not 0");
        assert_eq!(told(4_097), "Confusion: classes must be 1 to 4,096, not 4097");
        let mut confusion = Confusion::new(2).unwrap();
        assert_eq!(confusion.add(2, None), Err(RowError::Class { class: 2, classes: 2 }));
        assert_eq!(confusion.add(0, Some(7)), Err(RowError::Class { class: 7, classes: 2 }));
        assert_eq!(confusion.add_weighted(0, None, 0.0), Err(RowError::Weight(0.0)));
        assert_eq!(confusion, Confusion::new(2).unwrap());
        let damaged = Confusion { counts: vec![f64::NAN; 6], ..confusion.clone() };
        assert!(Confusion::from_bytes(&damaged.to_bytes()).is_err());
        let short = Confusion { counts: vec![1.0; 5], ..confusion };
        assert!(Confusion::from_bytes(&short.to_bytes()).is_err());
    }

    #[test]
    fn faded_rows_widen_the_interval() {
        let mut confusion = Confusion::new(2).unwrap();
        (0..100).for_each(|_| confusion.add(0, Some(0)).unwrap());
        let wide = |confusion: &Confusion| 1.0 - confusion.accuracy().lower;
        let before = wide(&confusion);
        confusion.decay(0.5);
        // A hundred rows of half the weight tell as much as a hundred ...
        assert!((wide(&confusion) - before).abs() < 1e-12);
        // ... and one heavy row makes them tell less.
        confusion.add_weighted(0, Some(0), 50.0).unwrap();
        assert!(wide(&confusion) > 5.0 * before, "{} {before}", wide(&confusion));
    }
}
