//! The builder of specs.

use serde::{Serialize, de::DeserializeOwned};

use super::path::{Borrowed, Each, Identity, Mapped, Path, Then, When};
use super::spec::{Feed, Of};
use super::{Absorb, Summary};
use crate::exact::{Addend, Count, Covariance, Max, Mean, Min, Moments, Ordered};
use crate::frequency::HeavyHitters;
use crate::hash::PortableHash;
use crate::key::{Key, OwnedKey};
use crate::{CountMin, HyperLogLog, TDigest};

/// Builds specs over a record whose type it knows.
///
/// A stream hands one to the closure of `summarize`; on its own it is made with [`On::records`]. Closures return a
/// part of the record (`distinct`, `top`, `frequencies`) or a number (`sum`, `min`, `max`, `moments`, `quantiles`). An item
/// that has to be made is made with [`map`](On::map) first.
///
/// ```
/// use streamgauge_sketches::{On, Spec, Summary};
///
/// struct Visit { host: String, bytes: u64, status: u16 }
///
/// let on = On::records::<Visit>();
/// let spec = (
///     on.count(),
///     on.when(|v| v.status >= 400).count(),
///     on.distinct(|v| v.host.as_str()),
///     on.quantiles(|v| v.bytes as f64),
///     (on.max(|v| v.bytes), on.moments(|v| v.bytes)),
/// );
/// let mut state = spec.start();
/// for i in 0..1000_u64 {
///     spec.absorb(&mut state, &Visit { host: format!("host{}", i % 10), bytes: i, status: 200 + 300 * (i % 2) as u16 });
/// }
/// let (visits, errors, hosts, bytes, (most, moments)) = state.read();
/// assert_eq!((visits.value, errors.value, hosts.value), (1000.0, 500.0, 10.0));
/// assert!((bytes.at(0.5).value - 500.0).abs() < 10.0);
/// assert_eq!((most, moments.mean()), (Some(999), 499.5));
/// ```
#[derive(Clone, Debug)]
pub struct On<P> {
    path: P,
    seed: u64,
}

impl On<()> {
    /// A builder over records of type `T`.
    pub fn records<T: ?Sized + 'static>() -> On<Identity<T>> {
        On { path: Identity::NEW, seed: crate::hash::DEFAULT_SEED }
    }
}

impl<P: Path> On<P> {
    /// The seed of the hashes in the summaries built from here on.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn then<Q: Path<From = P::To>>(&self, next: Q) -> Then<P, Q> {
        Then(self.path.clone(), next)
    }

    fn on<Q: Path<From = P::To>>(&self, next: Q) -> On<Then<P, Q>> {
        On { path: self.then(next), seed: self.seed }
    }

    /// Summaries of something made from the record.
    pub fn map<U, F>(&self, f: F) -> On<Then<P, Mapped<P::To, U, F>>>
    where
        U: 'static,
        F: Fn(&P::To) -> U + Send + Sync + 'static,
    {
        self.on(Mapped::new(f))
    }

    /// Summaries of a part of the record, as it stands in it: `on.part(|v| v.host.as_str()).of(summary)`.
    pub fn part<Q, F>(&self, f: F) -> On<Then<P, Borrowed<P::To, Q, F>>>
    where
        Q: ?Sized + 'static,
        F: Fn(&P::To) -> &Q + Send + Sync + 'static,
    {
        self.on(Borrowed::new(f))
    }

    /// Summaries of the records for which a condition holds.
    pub fn when<F>(&self, condition: F) -> On<Then<P, When<P::To, P::To, F>>>
    where
        F: Fn(&P::To) -> bool + Send + Sync + 'static,
    {
        self.on(When::new(condition))
    }

    /// Summaries of each element of a slice in the record.
    pub fn each<U, F>(&self, f: F) -> On<Then<P, Each<P::To, U, F>>>
    where
        U: 'static,
        F: Fn(&P::To) -> &[U] + Send + Sync + 'static,
    {
        self.on(Each::new(f))
    }

    /// Any summary of the record itself, with parameters of your choice.
    pub fn of<S: Absorb<P::To>>(&self, empty: S) -> Of<P, S> {
        Of::new(self.path.clone(), empty)
    }

    /// Any state fed by a closure: what all other methods are short for.
    pub fn feed<S, F>(
        &self,
        empty: S,
        absorb: F,
    ) -> Feed<P::From, S, impl Fn(&mut S, &P::From) + Send + Sync + use<P, S, F>>
    where
        S: Summary,
        F: Fn(&mut S, &P::To) + Send + Sync + 'static,
    {
        let path = self.path.clone();
        Feed::new(empty, move |state: &mut S, record: &P::From| {
            path.visit(record, |item| absorb(state, item));
        })
    }

    /// How many.
    pub fn count(&self) -> Of<P, Count> {
        self.of(Count::default())
    }

    /// The sum of a number, exact for integers.
    pub fn sum<N, F>(&self, number: F) -> Of<Then<P, Mapped<P::To, N, F>>, N::Sum>
    where
        N: Addend,
        F: Fn(&P::To) -> N + Send + Sync + 'static,
    {
        Of::new(self.then(Mapped::new(number)), N::Sum::default())
    }

    /// The lowest of a number, or of any other value that the closure gives.
    ///
    /// A part of the record is compared as it stands in it by `on.part(|v| v.host.as_str()).of(Min::default())`.
    pub fn min<N, F>(&self, value: F) -> Of<Then<P, Mapped<P::To, N, F>>, Min<N>>
    where
        N: Ordered<Owned = N> + Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(&P::To) -> N + Send + Sync + 'static,
    {
        Of::new(self.then(Mapped::new(value)), Min::default())
    }

    /// The highest of a number, or of any other value that the closure gives; see [`min`](Self::min).
    pub fn max<N, F>(&self, value: F) -> Of<Then<P, Mapped<P::To, N, F>>, Max<N>>
    where
        N: Ordered<Owned = N> + Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(&P::To) -> N + Send + Sync + 'static,
    {
        Of::new(self.then(Mapped::new(value)), Max::default())
    }

    /// The mean of a number, with the error of the sampling if the records are a sample: [`Mean`].
    pub fn mean<N, F>(&self, number: F) -> Of<Then<P, Mapped<P::To, N, F>>, Mean>
    where
        Mean: Absorb<N>,
        N: 'static,
        F: Fn(&P::To) -> N + Send + Sync + 'static,
    {
        Of::new(self.then(Mapped::new(number)), Mean::default())
    }

    /// Mean, variance, skewness and kurtosis of a number: [`Moments`].
    pub fn moments<N, F>(&self, number: F) -> Of<Then<P, Mapped<P::To, N, F>>, Moments>
    where
        Moments: Absorb<N>,
        N: 'static,
        F: Fn(&P::To) -> N + Send + Sync + 'static,
    {
        Of::new(self.then(Mapped::new(number)), Moments::default())
    }

    /// Covariance, correlation and regression line of two numbers: [`Covariance`].
    pub fn covariance<F>(&self, pair: F) -> Of<Then<P, Mapped<P::To, (f64, f64), F>>, Covariance>
    where
        F: Fn(&P::To) -> (f64, f64) + Send + Sync + 'static,
    {
        Of::new(self.then(Mapped::new(pair)), Covariance::default())
    }

    /// How many different: a [`HyperLogLog`] of precision 12, ±3.2 % at 95 %, 4 KiB.
    pub fn distinct<Q, F>(&self, item: F) -> Of<Then<P, Borrowed<P::To, Q, F>>, HyperLogLog>
    where
        Q: PortableHash + Key + ?Sized + 'static,
        F: Fn(&P::To) -> &Q + Send + Sync + 'static,
    {
        Of::new(self.then(Borrowed::new(item)), HyperLogLog::default().seeded(self.seed))
    }

    /// How often any given item: a [`CountMin`] sketch of 4 rows of 2,048.
    pub fn frequencies<Q, F>(&self, item: F) -> Of<Then<P, Borrowed<P::To, Q, F>>, CountMin>
    where
        Q: PortableHash + Key + ?Sized + 'static,
        F: Fn(&P::To) -> &Q + Send + Sync + 'static,
    {
        Of::new(self.then(Borrowed::new(item)), CountMin::default().seeded(self.seed))
    }

    /// The `k` most frequent items with guaranteed intervals: [`HeavyHitters`].
    pub fn top<Q, K, F>(&self, k: usize, item: F) -> Of<Then<P, Borrowed<P::To, Q, F>>, HeavyHitters<K>>
    where
        Q: Key<Owned = K> + ?Sized + 'static,
        K: OwnedKey,
        F: Fn(&P::To) -> &Q + Send + Sync + 'static,
    {
        Of::new(self.then(Borrowed::new(item)), HeavyHitters::top(k))
    }

    /// Quantiles of a number: a [`TDigest`] of compression 200.
    pub fn quantiles<F>(&self, number: F) -> Of<Then<P, Mapped<P::To, f64, F>>, TDigest>
    where
        F: Fn(&P::To) -> f64 + Send + Sync + 'static,
    {
        Of::new(self.then(Mapped::new(number)), TDigest::default())
    }
}
