//! A spec with an exact twin.

use std::fmt;

use super::{Audit, Group, Twins};
use crate::summary::{Spec, Summary, Weight};

/// A spec whose state has an exact twin where an [`Audit`] chooses it: [`Spec::audited`].
#[derive(Clone)]
pub struct AuditedSpec<S: Spec> {
    approximate: S,
    exact: S::Exact,
    audit: Audit,
}

impl<S: Spec> AuditedSpec<S> {
    pub(crate) fn new(approximate: S, audit: Audit) -> Self {
        Self { exact: approximate.exact(), approximate, audit }
    }
}

impl<S: Spec> fmt::Debug for AuditedSpec<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditedSpec<{}>({:?})", S::State::NAME, self.audit)
    }
}

impl<S: Spec> Spec for AuditedSpec<S> {
    type Item = S::Item;
    type State = Twins<S::State, <S::Exact as Spec>::State>;
    type Exact = S::Exact;

    const BY_GROUP: bool = true;

    /// A state of which no group is known is audited.
    fn start(&self) -> Self::State {
        Twins::new(self.approximate.start(), Some(self.exact.start()), None)
    }

    fn start_for(&self, group: &Group) -> Self::State {
        let exact = self.audit.chooses(group).then(|| self.exact.start_for(group));
        Twins::new(self.approximate.start_for(group), exact, group.windows.map(|windows| windows.length_ms))
    }

    #[inline]
    fn absorb(&self, state: &mut Self::State, record: &S::Item) {
        self.approximate.absorb(&mut state.approximate, record);
        if let Some(exact) = &mut state.exact {
            self.exact.absorb(exact, record);
        }
    }

    fn absorb_all(&self, state: &mut Self::State, records: &[S::Item])
    where
        S::Item: Sized,
    {
        self.approximate.absorb_all(&mut state.approximate, records);
        if let Some(exact) = &mut state.exact {
            self.exact.absorb_all(exact, records);
        }
    }

    fn exact(&self) -> S::Exact {
        self.exact.clone()
    }

    /// Of records that were left out nothing exact is known.
    fn refuses_weights(&self) -> Option<&'static str> {
        Some("audited(…)")
    }

    fn absorb_weighted(&self, state: &mut Self::State, record: &S::Item, weight: Weight) {
        self.approximate.absorb_weighted(&mut state.approximate, record, weight);
        // Whoever does so although it is refused gets no comparison, rather than a wrong one.
        state.exact = None;
    }
}
