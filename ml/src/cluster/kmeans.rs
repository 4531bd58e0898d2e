//! Streaming k-means.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamgauge_sketches::random::Draws;
use streamgauge_sketches::{Decay, DecodeError, Merge, Mismatch, ParameterError, Summary};

use crate::cluster::batch::{HEAVIEST, KMeansBatch};
use crate::cluster::centres::{Centres, is_known};
use crate::cluster::following::Following;
use crate::cluster::forgetting::{Forgetting, discount};
use crate::cluster::start::{FirstPoints, Start};
use crate::error::RowError;
use crate::image::image;
use crate::learner::Clusterer;

/// The most coordinates of all centres together.
const MOST: usize = 1 << 24;

const DEFAULT_SEED: u64 = 1;

/// k-means over a stream: `k` centres that follow their points, by the update rule of Spark's `StreamingKMeans`.
///
/// Points are assigned to the centres as they were when the mini-batch began. When it is closed, the weights of all
/// centres are multiplied with what is left of the past (`a`), the weight `m` of the new points of each centre is added,
/// `w ← a w + m`, and the centre moves to the weighted mean, `c ← c + Σ (x − c) / w`. What closes a mini-batch, and how
/// fast the past fades, says [`Forgetting`]; by default mini-batches of `100 k` points and a half-life of `200 k` points.
/// A cluster that weighs less than 10⁻⁸ of the heaviest is dead; the heaviest is then split in two along the coordinate in
/// which it is widest (Spark splits by 10⁻¹⁴ along the diagonal, which leaves it to rounding to tell them apart), provided
/// that it weighs at least 10 points.
///
/// It starts by itself: the first points (`20 k + 400` by default) are kept, centres are found among them, and then they
/// are learned as all others. Until then there are no clusters. Or begin [with centres](Self::with_centres) that are known.
///
/// **Missing coordinates.** One that is NaN, infinite or beyond ±10¹⁰⁰ is missing. The nearest centre is then the one that
/// is nearest in the other coordinates, and a point that is learned says nothing about those that it does not have: it is
/// learned as if they were those of its centre (Chi, Chi and Baraniuk, *k-POD*, 2016). A point without any is passed over.
///
/// Learning costs `k · d` multiplications a point and no allocation; memory is `k · (4 d + 2)` numbers of 8 bytes.
/// Coordinates should be of comparable size: the distance is that of Euclid.
///
/// Two of these that were taught apart cannot be merged: their centres have moved apart, and no rule says which belong
/// together. What can be is the statistics of one mini-batch, gathered in parts: see [`gather`](Self::gather).
///
/// ```
/// use streamgauge_ml::{Clusterer, cluster::StreamingKMeans};
/// let mut clusters = StreamingKMeans::new(2, 1)?;
/// for i in 0..1_000 {
///     clusters.learn_one(&[if i % 2 == 0 { 0.0 } else { 100.0 } + f64::from(i % 5)])?;
/// }
/// let (low, high) = (clusters.predict_one(&[1.0])?, clusters.predict_one(&[99.0])?);
/// assert!(low.is_some() && high.is_some() && low != high);
/// assert_eq!(clusters.distance_one(&[112.0])?, Some(10.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct StreamingKMeans {
    k: usize,
    dimension: usize,
    forgetting: Forgetting,
    start: Start,
    start_after: usize,
    draws: Draws,
    phase: Phase,
    /// The number of the step of time that is being gathered.
    clock: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    Starting(FirstPoints),
    Following(Following),
}

/// A cluster as it is seen on a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Where it is.
    pub centre: Vec<f64>,
    /// How many points it stands for: those that are not yet forgotten.
    pub weight: f64,
    /// The standard deviation of its points in each coordinate.
    pub deviations: Vec<f64>,
}

impl Cluster {
    /// How far its points are from the centre: the root of the mean squared distance.
    pub fn radius(&self) -> f64 {
        self.deviations.iter().map(|deviation| deviation * deviation).sum::<f64>().sqrt()
    }
}

fn wrong<T>(parameter: &'static str, allowed: &'static str, value: impl ToString) -> Result<T, ParameterError> {
    Err(ParameterError { summary: StreamingKMeans::NAME, parameter, allowed, value: value.to_string() })
}

impl StreamingKMeans {
    /// `k` clusters of points with so many coordinates.
    ///
    /// # Errors
    /// [`ParameterError`] if one of them is 0, or `k · dimension` above 2²⁴.
    pub fn new(k: usize, dimension: usize) -> Result<Self, ParameterError> {
        if k == 0 {
            return wrong("clusters", "at least 1", k);
        }
        if dimension == 0 {
            return wrong("dimension", "at least 1", dimension);
        }
        if k.checked_mul(dimension).is_none_or(|numbers| numbers > MOST) {
            return wrong("clusters times dimension", "at most 2^24", format!("{k} times {dimension}"));
        }
        Ok(Self {
            k,
            dimension,
            forgetting: Forgetting::Points { half_life: 200.0 * k as f64, batch: 100 * k as u64 },
            start: Start::PlusPlus,
            start_after: 20 * k + 400,
            draws: Draws::new(DEFAULT_SEED),
            phase: Phase::Starting(FirstPoints::NONE),
            clock: None,
        })
    }

    /// Clusters around these centres, each of which weighs as much as `weight` points: 0 to leave them where their first
    /// points are.
    ///
    /// # Errors
    /// [`ParameterError`] if there are none, if they are not of one dimension, if a coordinate is missing, or if the weight
    /// is negative or above 2⁵³.
    pub fn with_centres(centres: &[impl AsRef<[f64]>], weight: f64) -> Result<Self, ParameterError> {
        let dimension = centres.first().map_or(0, |centre| centre.as_ref().len());
        let clusters = Self::new(centres.len(), dimension)?;
        if !(0.0..=HEAVIEST).contains(&weight) {
            return wrong("weight of a centre", "0 to 2^53", weight);
        }
        let mut coordinates = Vec::with_capacity(centres.len() * dimension);
        for centre in centres.iter().map(AsRef::as_ref) {
            if centre.len() != dimension {
                return wrong("dimension of a centre", "that of the first", centre.len());
            }
            if let Some(x) = centre.iter().find(|x| !is_known(**x)) {
                return wrong("coordinate of a centre", "-10^100 to 10^100", x);
            }
            coordinates.extend_from_slice(centre);
        }
        let following = Following::new(Centres { dimension, coordinates }, weight);
        Ok(Self { phase: Phase::Following(following), ..clusters })
    }

    /// How fast the past fades, and what closes a mini-batch.
    ///
    /// # Errors
    /// [`ParameterError`] if a half-life is negative or no number, or a mini-batch takes nothing.
    pub fn forgetting(self, forgetting: Forgetting) -> Result<Self, ParameterError> {
        Ok(Self { forgetting: forgetting.checked()?, ..self })
    }

    /// How the centres are found among the first points.
    #[must_use]
    pub fn start(self, start: Start) -> Self {
        Self { start, ..self }
    }

    /// How many points are kept before the centres are found among them. More of them give a better start; all of them are
    /// held in memory until then.
    ///
    /// # Errors
    /// [`ParameterError`] if that is fewer than clusters.
    pub fn start_after(self, points: usize) -> Result<Self, ParameterError> {
        if points < self.k {
            return wrong("points to start after", "at least the number of clusters", points);
        }
        Ok(Self { start_after: points, ..self })
    }

    /// The seed of what is random in the start.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { draws: Draws::new(seed), ..self }
    }

    /// How many coordinates a point has.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many clusters there will be.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The clusters as of the last mini-batch that was closed; empty before the start.
    pub fn clusters(&self) -> Vec<Cluster> {
        let Phase::Following(following) = &self.phase else { return Vec::new() };
        let variances = following.variances.chunks_exact(self.dimension);
        let rows = following.batch.centres().zip(variances).zip(&following.weights);
        let clusters = rows.map(|((centre, variances), weight)| Cluster {
            centre: centre.to_vec(),
            weight: *weight,
            deviations: variances.iter().map(|variance| variance.sqrt()).collect(),
        });
        clusters.collect()
    }

    /// The centres as of the last mini-batch that was closed; none before the start.
    pub fn centres(&self) -> impl Iterator<Item = &[f64]> + Clone {
        self.following().into_iter().flat_map(|following| following.batch.centres())
    }

    /// What each cluster weighs in points that are not yet forgotten; empty before the start.
    pub fn weights(&self) -> &[f64] {
        self.following().map_or(&[], |following| &following.weights)
    }

    fn following(&self) -> Option<&Following> {
        match &self.phase {
            Phase::Following(following) => Some(following),
            Phase::Starting(_) => None,
        }
    }

    /// How far a point is from the nearest centre. Where coordinates are missing, the others stand for them: the square is
    /// scaled up to all coordinates. None before the start, and for a point of which nothing is known.
    ///
    /// # Errors
    /// [`RowError::Width`].
    #[inline]
    pub fn distance_one(&self, point: &[f64]) -> Result<Option<f64>, RowError> {
        RowError::check_width(self.dimension, point.len())?;
        let nearest = self.following().and_then(|following| following.batch.centres.nearest(point));
        Ok(nearest.map(|nearest| (nearest.squared * (self.dimension as f64 / nearest.known as f64)).sqrt()))
    }

    /// Learns a point at its event time, in milliseconds. A point that is late counts as of the newest time.
    ///
    /// Only [`Forgetting::Time`] looks at the time. A point without one, learned by `learn_one`, counts as of the newest.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the point; nothing is learned.
    #[inline]
    pub fn learn_at(&mut self, point: &[f64], time_ms: i64) -> Result<(), RowError> {
        RowError::check_width(self.dimension, point.len())?;
        self.advance(time_ms);
        self.learn_one(point)
    }

    /// The event time has come so far, in milliseconds, also without a point: closes the mini-batch of an earlier step, and
    /// lets the past fade by the time that went by. Only for [`Forgetting::Time`].
    pub fn advance(&mut self, time_ms: i64) {
        let Forgetting::Time { half_life, step } = self.forgetting else { return };
        let millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        let now = time_ms.div_euclid(millis.max(1));
        if let Some(clock) = self.clock.filter(|clock| *clock < now)
            && let Phase::Following(following) = &mut self.phase
        {
            let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
            let elapsed = now.abs_diff(clock) as f64 * millis as f64;
            following.close(1.0);
            following.fade(discount(elapsed, ms(half_life)));
        }
        self.clock = self.clock.max(Some(now));
    }

    /// An empty mini-batch around the centres as they are: for a part of the points, on another thread or machine. None
    /// before the start.
    pub fn gather(&self) -> Option<KMeansBatch> {
        self.following().map(|following| KMeansBatch::new(following.batch.centres.clone()))
    }

    /// Takes points into the open mini-batch that were [gathered](Self::gather) around these very centres.
    ///
    /// # Errors
    /// [`Mismatch`] if they were gathered around others, because a mini-batch was closed since; or before the start.
    pub fn learn_gathered(&mut self, gathered: &KMeansBatch) -> Result<(), Mismatch> {
        let (ours, theirs) = ("not found yet".to_owned(), "found".to_owned());
        let unknown = Mismatch { summary: Self::NAME, parameter: "centres", ours, theirs };
        let Phase::Following(following) = &mut self.phase else { return Err(unknown) };
        following.batch.merge(gathered)?;
        close_if_full(following, self.forgetting);
        Ok(())
    }

    /// Finds the centres among the first points, then learns these.
    #[cold]
    fn begin(&mut self, first: &FirstPoints) {
        let centres = first.centres(self.start, self.k, self.dimension, &mut self.draws);
        let mut following = Following::new(centres, 0.0);
        for (point, weight) in first.coordinates.chunks_exact(self.dimension).zip(&first.weights) {
            following.batch.gather(point, *weight);
            close_if_full(&mut following, self.forgetting);
        }
        self.phase = Phase::Following(following);
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        let numbers = self.k.checked_mul(self.dimension).unwrap_or(0);
        DecodeError::unless((1..=MOST).contains(&numbers), "coordinates of centres", numbers)?;
        DecodeError::unless(self.start_after >= self.k, "points to start after", self.start_after)?;
        let forgetting = self.forgetting.checked();
        DecodeError::unless(forgetting.is_ok(), "forgetting", format!("{:?}", self.forgetting))?;
        match &self.phase {
            Phase::Starting(first) => first.check(self.dimension, self.start_after),
            Phase::Following(following) => {
                let centres = &following.batch.centres;
                DecodeError::unless(centres.dimension == self.dimension, "dimension of centres", centres.dimension)?;
                following.check()?;
                DecodeError::unless(centres.len() == self.k, "centres", centres.len())
            }
        }
    }
}

#[inline]
fn close_if_full(following: &mut Following, forgetting: Forgetting) {
    if let Forgetting::Points { half_life, batch } = forgetting
        && following.batch.points >= batch as f64
    {
        following.close(discount(following.batch.points, half_life));
    }
}

impl Clusterer for StreamingKMeans {
    type Point = [f64];

    #[inline]
    fn learn_weighted(&mut self, point: &[f64], weight: f64) -> Result<(), RowError> {
        RowError::check_width(self.dimension, point.len())?;
        RowError::check_weight(weight)?;
        match &mut self.phase {
            Phase::Following(following) => {
                following.batch.gather(point, weight);
                close_if_full(following, self.forgetting);
            }
            Phase::Starting(first) => {
                first.keep(point, weight);
                if first.weights.len() >= self.start_after {
                    let first = std::mem::replace(first, FirstPoints::NONE);
                    self.begin(&first);
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn predict_one(&self, point: &[f64]) -> Result<Option<usize>, RowError> {
        RowError::check_width(self.dimension, point.len())?;
        let nearest = self.following().and_then(|following| following.batch.centres.nearest(point));
        Ok(nearest.map(|nearest| nearest.cluster))
    }
}

impl Summary for StreamingKMeans {
    type Reading = Vec<Cluster>;

    const NAME: &'static str = "StreamingKMeans";
    const DECAY: Option<fn(&mut Self, f64)> = Some(<Self as Decay>::decay);

    fn read(&self) -> Vec<Cluster> {
        self.clusters()
    }

    fn memory_bytes(&self) -> usize {
        let heap = match &self.phase {
            Phase::Starting(first) => first.heap_bytes(),
            Phase::Following(following) => following.heap_bytes(),
        };
        size_of::<Self>() + heap
    }

    /// Closes a mini-batch under [`Forgetting::Batches`]; for the others the batches of the stream mean nothing.
    fn end_batch(&mut self) {
        if let (Forgetting::Batches { half_life }, Phase::Following(following)) = (self.forgetting, &mut self.phase) {
            following.close(discount(1.0, half_life));
        }
    }
}

impl Decay for StreamingKMeans {
    fn decay(&mut self, factor: f64) {
        match &mut self.phase {
            Phase::Following(following) => following.fade(factor),
            Phase::Starting(first) => first.weights.iter_mut().for_each(|weight| *weight *= factor),
        }
    }
}

image!(StreamingKMeans, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::Codec;

    use super::*;

    fn started() -> StreamingKMeans {
        let mut clusters = StreamingKMeans::new(3, 2).unwrap().start_after(30).unwrap();
        let mut draws = Draws::new(5);
        (0..700).for_each(|i| clusters.learn_one(&[draws.unit() + f64::from(i % 3), draws.unit()]).unwrap());
        clusters
    }

    #[test]
    fn what_cannot_be_is_not_decoded() {
        let told = |change: &dyn Fn(&mut StreamingKMeans, &mut Following)| {
            let mut clusters = started();
            let Phase::Following(mut following) = clusters.phase.clone() else { panic!("it has started") };
            change(&mut clusters, &mut following);
            clusters.phase = Phase::Following(following);
            assert_eq!(StreamingKMeans::from_bytes(&clusters.to_bytes()).is_ok(), clusters.check().is_ok());
            clusters.check().map_err(|e| e.to_string())
        };
        assert_eq!(told(&|_, _| ()), Ok(()));
        let cases: [(&str, &dyn Fn(&mut StreamingKMeans, &mut Following)); 14] = [
            ("coordinates of centres 0", &|c, _| c.k = 0),
            ("coordinates of centres 0", &|c, _| c.dimension = usize::MAX),
            ("centres 3", &|c, _| c.k = 2),
            ("dimension of centres 2", &|c, _| c.dimension = 3),
            ("points to start after 2", &|c, _| c.start_after = 2),
            ("forgetting", &|c, _| c.forgetting = Forgetting::Points { half_life: f64::NAN, batch: 1 }),
            ("forgetting", &|c, _| c.forgetting = Forgetting::never(0)),
            ("dimension of centres 0", &|_, f| f.batch.centres.dimension = 0),
            ("coordinates of centres 5", &|_, f| f.batch.centres.coordinates.truncate(5)),
            ("a centre at NaN", &|_, f| f.batch.centres.coordinates[1] = f64::NAN),
            ("a cluster of weight -1", &|_, f| f.weights[2] = -1.0),
            ("weights 2", &|_, f| f.weights.truncate(2)),
            ("variances 5", &|_, f| f.variances.truncate(5)),
            ("a sum of squares of -1", &|_, f| f.batch.squares[0] = -1.0),
        ];
        for (named, change) in cases {
            let error = told(change).unwrap_err();
            assert!(error.contains(named), "{error}, not {named}");
        }
        let mut starting = StreamingKMeans::new(3, 2).unwrap();
        starting.learn_one(&[1.0, f64::NAN]).unwrap();
        assert_eq!(StreamingKMeans::from_bytes(&starting.to_bytes()).unwrap().to_bytes(), starting.to_bytes());
        for (coordinates, weights) in [(vec![1.0], vec![1.0]), (vec![], vec![1.0]), (vec![1e200, 1.0], vec![1.0])] {
            let wrong =
                StreamingKMeans { phase: Phase::Starting(FirstPoints { coordinates, weights }), ..starting.clone() };
            assert!(StreamingKMeans::from_bytes(&wrong.to_bytes()).is_err());
        }
    }

    /// Whatever is decoded can be used, learned on and stored.
    #[test]
    fn damaged_content_is_refused_or_harmless() {
        let mut draws = Draws::new(6);
        let mut starting = StreamingKMeans::new(3, 2).unwrap().start_after(30).unwrap();
        (0..28).for_each(|i| starting.learn_one(&[f64::from(i), 1.0]).unwrap());
        let mut used = 0;
        for good in [started(), starting] {
            let stored = postcard::to_allocvec(&good).unwrap();
            for _ in 0..20_000 {
                let mut damaged = stored.clone();
                for _ in 0..=draws.below(3) {
                    let at = draws.below(damaged.len() as u64) as usize;
                    damaged[at] = draws.bits() as u8;
                }
                if draws.below(2) == 0 {
                    // The exponent of a number, if it is the end of one.
                    let at = draws.below(damaged.len() as u64) as usize;
                    damaged[at] = 0x7e;
                }
                let Ok(mut clusters) = postcard::from_bytes::<StreamingKMeans>(&damaged) else { continue };
                used += 1;
                let point = vec![0.5; clusters.dimension];
                for time in 0..3 {
                    clusters.learn_at(&point, time).unwrap();
                    clusters.end_batch();
                    clusters.predict_one(&point).unwrap();
                    clusters.distance_one(&point).unwrap();
                }
                assert_eq!(clusters.read().len(), clusters.weights().len());
                let stored = postcard::to_allocvec(&clusters).unwrap();
                postcard::from_bytes::<StreamingKMeans>(&stored).expect("what was restored can be stored");
            }
        }
        assert!(used > 1_000, "{used}");
    }
}
