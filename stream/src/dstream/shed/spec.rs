//! Records with weights, and how they enter summaries.

use streamgauge_sketches::audit::Group;
use streamgauge_sketches::summary::{Borrowed, Identity, Then};
use streamgauge_sketches::{On, Spec, Weight};

use crate::dstream::Grouping;
use crate::source::Record;

/// A record of a stream that may have been sampled, and for how many it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampled<T> {
    record: T,
    weight: Weight,
}

impl<T> Sampled<T> {
    pub(super) fn new(record: T, weight: Weight) -> Self {
        Self { record, weight }
    }

    /// The record.
    pub fn record(&self) -> &T {
        &self.record
    }

    /// The record itself.
    pub fn into_record(self) -> T {
        self.record
    }

    /// For how many records it stands: one by the probability with which it was kept.
    pub fn weight(&self) -> Weight {
        self.weight
    }

    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Sampled<U> {
        Sampled { record: f(self.record), weight: self.weight }
    }
}

impl<T> Sampled<Option<T>> {
    pub(super) fn transposed(self) -> Option<Sampled<T>> {
        self.record.map(|record| Sampled { record, weight: self.weight })
    }
}

/// The path from a sampled record to the record.
pub type SampledPart<T> = Then<Identity<Sampled<T>>, Borrowed<Sampled<T>, T, fn(&Sampled<T>) -> &T>>;

/// A row of summaries `S` of sampled records `T` grouped by `G`.
pub type SampledRow<T, G, S> = <G as Grouping<T>>::Row<crate::dstream::Reading<S>>;

/// Builds summaries of the record in a sampled record.
pub(super) fn part<T: Record>(on: &On<Identity<Sampled<T>>>) -> On<SampledPart<T>> {
    on.part(Sampled::record as fn(&Sampled<T>) -> &T)
}

/// Summaries of sampled records: each enters with its weight, one of weight one as if there were none.
#[derive(Clone, Debug)]
pub(super) struct Scaled<S>(pub(super) S);

impl<T, S> Spec for Scaled<S>
where
    T: Record,
    S: Spec<Item = Sampled<T>>,
{
    type Item = Sampled<T>;
    type State = S::State;
    type Exact = Scaled<S::Exact>;

    const BY_GROUP: bool = S::BY_GROUP;

    fn start(&self) -> S::State {
        self.0.start()
    }

    fn start_for(&self, group: &Group) -> S::State {
        self.0.start_for(group)
    }

    #[inline]
    fn absorb(&self, state: &mut S::State, record: &Sampled<T>) {
        if record.weight == Weight::ONE {
            self.0.absorb(state, record);
        } else {
            self.0.absorb_weighted(state, record, record.weight);
        }
    }

    fn absorb_all(&self, state: &mut S::State, records: &[Sampled<T>]) {
        // Runs of whole records are absorbed in bulk: the same to the bit as if the stream could not be sampled.
        for run in records.chunk_by(|a, b| a.weight == Weight::ONE && b.weight == Weight::ONE) {
            match run {
                [one] => self.absorb(state, one),
                whole => self.0.absorb_all(state, whole),
            }
        }
    }

    fn exact(&self) -> Self::Exact {
        Scaled(self.0.exact())
    }

    fn refuses_weights(&self) -> Option<&'static str> {
        self.0.refuses_weights()
    }

    fn absorb_weighted(&self, state: &mut S::State, record: &Sampled<T>, weight: Weight) {
        self.0.absorb_weighted(state, record, weight);
    }
}

/// Sampled records grouped as the records in them are.
#[derive(Clone, Debug)]
pub(super) struct OfRecord<G>(pub(super) G);

impl<T: Record, G: Grouping<T>> Grouping<Sampled<T>> for OfRecord<G> {
    const ONE_GROUP: bool = G::ONE_GROUP;
    const ONE_EACH: bool = G::ONE_EACH;
    // What is done with records is not to depend on whether they could be sampled.
    const RECORD_BYTES: usize = G::RECORD_BYTES;

    type Key = G::Key;
    type Borrowed = G::Borrowed;
    type Row<R: Record> = G::Row<R>;

    #[inline]
    fn visit(&self, record: &Sampled<T>, group: impl FnMut(&G::Borrowed)) {
        self.0.visit(&record.record, group);
    }

    fn row<R: Record>(key: G::Key, reading: R) -> G::Row<R> {
        G::row(key, reading)
    }

    fn map_row<R: Record, S: Record>(row: G::Row<R>, f: impl FnOnce(R) -> S) -> G::Row<S> {
        G::map_row(row, f)
    }
}
