//! Learners in streams.

use std::ops::Deref;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::summary::{Path, TwoStacks};
use streamgauge_sketches::{Decay, Merge, Mismatch, On, Spec, Summary};

use crate::error::RowError;
use crate::learner::{Classifier, Clusterer, Detector};

/// Builds specs of learners: extends [`On`].
///
/// ```
/// use streamgauge_ml::{Classifier, Learn, Learning, MajorityClass, Schema};
/// use streamgauge_sketches::{On, Spec, Summary};
///
/// struct Reading { celsius: [f64; 2], is_night: bool }
///
/// let on = On::records::<Reading>();
/// let spec = on.learn(MajorityClass::new(Schema::numeric(2, 2)?), |r| (&r.celsius[..], r.is_night.into()));
/// let mut state = spec.start();
/// for i in 0..100 {
///     let is_night = i % 4 != 0;
///     let warm = if is_night { 8.0 } else { 21.0 };
///     spec.absorb(&mut state, &Reading { celsius: [warm, warm + f64::from(i % 5)], is_night });
/// }
/// assert_eq!(state.predict_one(&[9.0, 10.0])?, Some(1));
/// assert_eq!(state.refused(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Learn<P: Path> {
    /// A classifier of rows: the closure gives the row and its class.
    fn learn<L, F>(
        &self,
        learner: L,
        example: F,
    ) -> impl Spec<Item = P::From, State = Learning<L>> + use<Self, P, L, F>
    where
        L: Classifier,
        F: Fn(&P::To) -> (&L::Row, usize) + Send + Sync + 'static;

    /// Clusters of points: the closure gives the point.
    fn cluster<L, F>(
        &self,
        learner: L,
        point: F,
    ) -> impl Spec<Item = P::From, State = Learning<L>> + use<Self, P, L, F>
    where
        L: Clusterer,
        F: Fn(&P::To) -> &L::Point + Send + Sync + 'static;

    /// A detector of strange items: the closure gives the item.
    fn detect<L, F>(&self, learner: L, item: F) -> impl Spec<Item = P::From, State = Learning<L>> + use<Self, P, L, F>
    where
        L: Detector,
        F: Fn(&P::To) -> &L::Item + Send + Sync + 'static;
}

impl<P: Path> Learn<P> for On<P> {
    fn learn<L, F>(&self, learner: L, example: F) -> impl Spec<Item = P::From, State = Learning<L>> + use<P, L, F>
    where
        L: Classifier,
        F: Fn(&P::To) -> (&L::Row, usize) + Send + Sync + 'static,
    {
        self.feed(Learning::new(learner), move |learning: &mut Learning<L>, record: &P::To| {
            let (row, class) = example(record);
            let learned = learning.learner.learn_one(row, class);
            learning.note(learned);
        })
    }

    fn cluster<L, F>(&self, learner: L, point: F) -> impl Spec<Item = P::From, State = Learning<L>> + use<P, L, F>
    where
        L: Clusterer,
        F: Fn(&P::To) -> &L::Point + Send + Sync + 'static,
    {
        self.feed(Learning::new(learner), move |learning: &mut Learning<L>, record: &P::To| {
            let learned = learning.learner.learn_one(point(record));
            learning.note(learned);
        })
    }

    fn detect<L, F>(&self, learner: L, item: F) -> impl Spec<Item = P::From, State = Learning<L>> + use<P, L, F>
    where
        L: Detector,
        F: Fn(&P::To) -> &L::Item + Send + Sync + 'static,
    {
        self.feed(Learning::new(learner), move |learning: &mut Learning<L>, record: &P::To| {
            let learned = learning.learner.learn_one(item(record));
            learning.note(learned);
        })
    }
}

/// A learner that is fed by a stream: the learner, and how many rows it refused.
///
/// Merges and decays if the learner does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Learning<L> {
    learner: L,
    refused: u64,
    why: Option<RowError>,
}

impl<L> Learning<L> {
    /// A learner that has refused nothing.
    pub fn new(learner: L) -> Self {
        Self { learner, refused: 0, why: None }
    }

    /// How many rows were refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Why the first of the refused rows was.
    pub fn why_refused(&self) -> Option<RowError> {
        self.why
    }

    #[inline]
    fn note(&mut self, learned: Result<(), RowError>) {
        if let Err(error) = learned {
            self.refused = self.refused.saturating_add(1);
            self.why.get_or_insert(error);
        }
    }
}

impl<L> Deref for Learning<L> {
    type Target = L;

    fn deref(&self) -> &L {
        &self.learner
    }
}

impl<L: Summary> Summary for Learning<L> {
    type Reading = Self;

    const NAME: &'static str = L::NAME;
    const DECAY: Option<fn(&mut Self, f64)> = if L::DECAY.is_some() {
        Some(|learning, factor| {
            if let Some(decay) = L::DECAY {
                decay(&mut learning.learner, factor);
            }
        })
    } else {
        None
    };

    fn schema() -> String {
        L::schema()
    }

    fn read(&self) -> Self {
        self.clone()
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<L>() + self.learner.memory_bytes()
    }

    fn end_batch(&mut self) {
        self.learner.end_batch();
    }
}

impl<L: Decay> Decay for Learning<L> {
    fn decay(&mut self, factor: f64) {
        self.learner.decay(factor);
    }
}

impl<L: Merge> Merge for Learning<L> {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.learner.compatible(&other.learner)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.learner.merge(&other.learner)?;
        self.refused = self.refused.saturating_add(other.refused);
        self.why = self.why.or(other.why);
        Ok(())
    }
}
