//! How records enter a state.

use std::marker::PhantomData;
use std::sync::Arc;

use super::path::Visited;
use super::{Absorb, Path, Summary, Weight};
use crate::audit::{Audit, AuditedSpec, Group};

/// How records of one type enter a summary.
///
/// A spec holds what cannot be stored: closures. The state it starts holds everything else. Built by [`On`](super::On);
/// tuples of specs over the same record are specs, and so is an `Option` of one, for what is asked for at run time.
pub trait Spec: Clone + Send + Sync + 'static {
    /// The record.
    type Item: ?Sized;
    /// The state the records enter.
    type State: Summary;
    /// The spec of the exact answers to the same questions.
    type Exact: Spec<Item = Self::Item>;

    /// Whether a state depends on the group that it is begun for: [`start_for`](Self::start_for) is more than
    /// [`start`](Self::start).
    const BY_GROUP: bool = false;

    /// An empty state.
    fn start(&self) -> Self::State;

    /// An empty state for the records of a group.
    fn start_for(&self, group: &Group) -> Self::State {
        let _ = group;
        self.start()
    }

    /// The same summary, with the exact answer beside it on what the audit chooses: a record that is not chosen costs
    /// one look at whether it is. The reading is an [`Audited`](crate::audit::Audited).
    ///
    /// A summary that has no exact twin, such as one fed by a closure, is its own: comparing the two says nothing.
    fn audited(self, audit: Audit) -> AuditedSpec<Self>
    where
        Self: Sized,
    {
        AuditedSpec::new(self, audit)
    }

    /// Absorbs a record.
    fn absorb(&self, state: &mut Self::State, record: &Self::Item);

    /// Absorbs the records of a slice in order: one loop per summary, so that each finds its state in the cache.
    fn absorb_all(&self, state: &mut Self::State, records: &[Self::Item])
    where
        Self::Item: Sized,
    {
        for record in records {
            self.absorb(state, record);
        }
    }

    /// The exact twin: the same questions, answered exactly, in memory that grows with the data.
    fn exact(&self) -> Self::Exact;

    /// The name of the first summary that cannot take weighted records, if there is one. `on.each(…)` is told too,
    /// whatever it feeds: the items of one record are kept or lost together, and no summary knows how their errors add up.
    fn refuses_weights(&self) -> Option<&'static str>;

    /// Absorbs a record that stands for several. A summary that [refuses weights](Self::refuses_weights) absorbs it
    /// as one record: ask first.
    fn absorb_weighted(&self, state: &mut Self::State, record: &Self::Item, weight: Weight);
}

/// A summary of what a path leads to.
#[derive(Clone, Debug)]
pub struct Of<P, S> {
    path: P,
    empty: S,
}

impl<P, S> Of<P, S> {
    pub(super) fn new(path: P, empty: S) -> Self {
        Self { path, empty }
    }
}

impl<P: Path, S: Absorb<P::To>> Spec for Of<P, S> {
    type Item = P::From;
    type State = S;
    type Exact = Of<P, S::Exact>;

    fn start(&self) -> S {
        self.empty.clone()
    }

    #[inline]
    fn absorb(&self, state: &mut S, record: &P::From) {
        self.path.visit(record, |item| state.absorb(item));
    }

    #[inline]
    fn absorb_all(&self, state: &mut S, records: &[P::From])
    where
        P::From: Sized,
    {
        state.absorb_all(Visited { path: &self.path, records });
    }

    fn exact(&self) -> Self::Exact {
        Of::new(self.path.clone(), self.empty.exact())
    }

    fn refuses_weights(&self) -> Option<&'static str> {
        match S::WEIGHTED {
            Some(_) if P::AT_MOST_ONE => None,
            Some(_) => Some("on.each(…)"),
            None => Some(S::NAME),
        }
    }

    #[inline]
    fn absorb_weighted(&self, state: &mut S, record: &P::From, weight: Weight) {
        self.path.visit(record, |item| match S::WEIGHTED {
            Some(absorb) => absorb(state, item, weight),
            None => state.absorb(item),
        });
    }
}

/// A summary fed by a closure: the most general spec.
pub struct Feed<T: ?Sized, S, F> {
    empty: S,
    absorb: Arc<F>,
    record: PhantomData<fn(&T)>,
}

impl<T: ?Sized, S, F> Feed<T, S, F> {
    pub(super) fn new(empty: S, absorb: F) -> Self {
        Self { empty, absorb: Arc::new(absorb), record: PhantomData }
    }
}

impl<T: ?Sized, S: Clone, F> Clone for Feed<T, S, F> {
    fn clone(&self) -> Self {
        Self { empty: self.empty.clone(), absorb: self.absorb.clone(), record: PhantomData }
    }
}

impl<T: ?Sized, S: Summary, F> std::fmt::Debug for Feed<T, S, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Feed({})", S::NAME)
    }
}

impl<T, S, F> Spec for Feed<T, S, F>
where
    T: ?Sized + 'static,
    S: Summary,
    F: Fn(&mut S, &T) + Send + Sync + 'static,
{
    type Item = T;
    type State = S;
    type Exact = Self;

    fn start(&self) -> S {
        self.empty.clone()
    }

    #[inline]
    fn absorb(&self, state: &mut S, record: &T) {
        (self.absorb)(state, record);
    }

    fn exact(&self) -> Self {
        self.clone()
    }

    fn refuses_weights(&self) -> Option<&'static str> {
        Some(S::NAME)
    }

    fn absorb_weighted(&self, state: &mut S, record: &T, _: Weight) {
        (self.absorb)(state, record);
    }
}

/// A spec that is there or not, as a flag says. Its reading is an `Option` too.
impl<S: Spec> Spec for Option<S> {
    type Item = S::Item;
    type State = Option<S::State>;
    type Exact = Option<S::Exact>;

    const BY_GROUP: bool = S::BY_GROUP;

    fn start(&self) -> Self::State {
        self.as_ref().map(Spec::start)
    }

    fn start_for(&self, group: &Group) -> Self::State {
        self.as_ref().map(|spec| spec.start_for(group))
    }

    #[inline]
    fn absorb(&self, state: &mut Self::State, record: &S::Item) {
        if let (Some(spec), Some(state)) = (self, state) {
            spec.absorb(state, record);
        }
    }

    fn absorb_all(&self, state: &mut Self::State, records: &[S::Item])
    where
        S::Item: Sized,
    {
        if let (Some(spec), Some(state)) = (self, state) {
            spec.absorb_all(state, records);
        }
    }

    fn exact(&self) -> Self::Exact {
        self.as_ref().map(Spec::exact)
    }

    fn refuses_weights(&self) -> Option<&'static str> {
        self.as_ref().and_then(Spec::refuses_weights)
    }

    fn absorb_weighted(&self, state: &mut Self::State, record: &S::Item, weight: Weight) {
        if let (Some(spec), Some(state)) = (self, state) {
            spec.absorb_weighted(state, record, weight);
        }
    }
}
