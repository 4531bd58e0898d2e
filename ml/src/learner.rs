//! What learners have in common.

use streamgauge_sketches::Summary;

use crate::error::RowError;

/// Learns rows with their class, and says the class of others.
///
/// Learning in batches is the fold of learning one by one, to the bit. A row that cannot be learned is refused with an
/// error and changes nothing; missing values are no error.
pub trait Classifier: Summary {
    /// A row: `[f64]` for dense attributes, `[(u32, f64)]` for sparse ones, `str` for a pipeline that begins with text.
    type Row: ?Sized + 'static;

    /// How many classes there are.
    fn classes(&self) -> usize;

    /// Learns a row that stands for `weight` rows.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the row; nothing is learned.
    fn learn_weighted(&mut self, row: &Self::Row, class: usize, weight: f64) -> Result<(), RowError>;

    /// What speaks for each class, as shares that add up to one; all zero as long as nothing is known. `into` is emptied
    /// first.
    ///
    /// # Errors
    /// [`RowError::Width`]; `into` is left empty.
    fn probabilities_one(&self, row: &Self::Row, into: &mut Vec<f64>) -> Result<(), RowError>;

    /// The most probable class, the lowest of several; none as long as nothing was learned.
    ///
    /// # Errors
    /// [`RowError::Width`].
    fn predict_one(&self, row: &Self::Row) -> Result<Option<usize>, RowError>;

    /// Learns a row.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the row; nothing is learned.
    #[inline]
    fn learn_one(&mut self, row: &Self::Row, class: usize) -> Result<(), RowError> {
        self.learn_weighted(row, class, 1.0)
    }

    /// Learns rows in their order: the same as one by one.
    ///
    /// # Errors
    /// The first [`RowError`]; the rows before it are learned, those after it are not.
    fn learn_batch<'a>(&mut self, rows: impl IntoIterator<Item = (&'a Self::Row, usize)>) -> Result<(), RowError>
    where
        Self: Sized,
    {
        rows.into_iter().try_for_each(|(row, class)| self.learn_one(row, class))
    }

    /// Predicts, then learns: the step of a prequential evaluation. The same as the two after each other, and faster
    /// where work can be shared.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the row; nothing is learned.
    #[inline]
    fn predict_and_learn(&mut self, row: &Self::Row, class: usize) -> Result<Option<usize>, RowError> {
        let predicted = self.predict_one(row)?;
        self.learn_one(row, class)?;
        Ok(predicted)
    }
}

/// Groups points, and says the group of others.
pub trait Clusterer: Summary {
    /// A point.
    type Point: ?Sized + 'static;

    /// Learns a point that stands for `weight` points.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the point; nothing is learned.
    fn learn_weighted(&mut self, point: &Self::Point, weight: f64) -> Result<(), RowError>;

    /// The cluster of a point; none before there are clusters.
    ///
    /// # Errors
    /// [`RowError::Width`].
    fn predict_one(&self, point: &Self::Point) -> Result<Option<usize>, RowError>;

    /// Learns a point.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the point; nothing is learned.
    #[inline]
    fn learn_one(&mut self, point: &Self::Point) -> Result<(), RowError> {
        self.learn_weighted(point, 1.0)
    }

    /// Learns points in their order: the same as one by one.
    ///
    /// # Errors
    /// The first [`RowError`]; the points before it are learned, those after it are not.
    fn learn_batch<'a>(&mut self, points: impl IntoIterator<Item = &'a Self::Point>) -> Result<(), RowError>
    where
        Self: Sized,
    {
        points.into_iter().try_for_each(|point| self.learn_one(point))
    }
}

/// Says how strange an item is.
///
/// The contract of all detectors: a score lies in `[0, 1]` and is higher for what is stranger; it is never a NaN. It is
/// calibrated to a tail probability, so that scores of different series and detectors can be held against the same
/// threshold. There is none while the detector warms up, nor for an item that is missing. Scoring never learns; and
/// learning never stops for what is strange, so that a detector finds its way to a new level.
pub trait Detector: Summary {
    /// What is scored: a row `[f64]`, or a value of a series.
    type Item: ?Sized + 'static;

    /// How strange an item is, in `[0, 1]`; none in the warm-up, and for an item that is missing.
    ///
    /// # Errors
    /// [`RowError::Width`].
    fn score_one(&self, item: &Self::Item) -> Result<Option<f64>, RowError>;

    /// Learns an item. One that is missing is passed over.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the item; nothing is learned.
    fn learn_one(&mut self, item: &Self::Item) -> Result<(), RowError>;

    /// Learns items in their order: the same as one by one.
    ///
    /// # Errors
    /// The first [`RowError`]; the items before it are learned, those after it are not.
    fn learn_batch<'a>(&mut self, items: impl IntoIterator<Item = &'a Self::Item>) -> Result<(), RowError>
    where
        Self: Sized,
    {
        items.into_iter().try_for_each(|item| self.learn_one(item))
    }

    /// Scores, then learns. The same as the two after each other, and faster where work can be shared.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the item; nothing is learned.
    #[inline]
    fn score_and_learn(&mut self, item: &Self::Item) -> Result<Option<f64>, RowError> {
        let score = self.score_one(item)?;
        self.learn_one(item)?;
        Ok(score)
    }
}
