//! A summary and its exact twin, and how both slide.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Mismatch;
use crate::summary::{Merge, Sliding, Summary};

/// A summary, and where it is audited the exact twin that has absorbed the same.
///
/// Merged with one that is not audited it is not audited any more: the exact answer would lack what the other has
/// absorbed. So the state of a window is audited if all of its panes are.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Twins<S: Summary, E: Summary> {
    pub(super) approximate: S,
    pub(super) exact: Option<E>,
    length_ms: Option<i64>,
}

/// The reading of a summary, and where it is audited the exact one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited<A, E> {
    /// What the summary says.
    pub approximate: A,
    /// What is exact; none where nothing is audited.
    pub exact: Option<E>,
    /// The length of the window that was summarized, in milliseconds; none for what runs from the beginning on.
    pub length_ms: Option<i64>,
}

impl<S: Summary, E: Summary> Twins<S, E> {
    pub(super) fn new(approximate: S, exact: Option<E>, length_ms: Option<i64>) -> Self {
        Self { approximate, exact, length_ms }
    }

    /// The summary.
    pub fn approximate(&self) -> &S {
        &self.approximate
    }

    /// Its exact twin; none where nothing is audited.
    pub fn exact(&self) -> Option<&E> {
        self.exact.as_ref()
    }
}

impl<S: Summary, E: Summary> fmt::Debug for Twins<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audited = if self.exact.is_some() { "audited" } else { "not audited" };
        write!(f, "Twins<{}, {}>({audited})", S::NAME, E::NAME)
    }
}

impl<S: Summary, E: Summary> Summary for Twins<S, E> {
    type Reading = Audited<S::Reading, E::Reading>;

    const NAME: &'static str = "audited";

    fn schema() -> String {
        format!("audited({}, {})", S::schema(), E::schema())
    }

    fn read(&self) -> Self::Reading {
        let exact = self.exact.as_ref().map(Summary::read);
        Audited { approximate: self.approximate.read(), exact, length_ms: self.length_ms }
    }

    fn memory_bytes(&self) -> usize {
        let exact = self.exact.as_ref().map_or(0, |exact| exact.memory_bytes().saturating_sub(size_of::<E>()));
        self.approximate.memory_bytes() + size_of::<Option<E>>() + size_of::<Option<i64>>() + exact
    }

    fn end_batch(&mut self) {
        self.approximate.end_batch();
        if let Some(exact) = &mut self.exact {
            exact.end_batch();
        }
    }
}

impl<S: Merge, E: Merge> Merge for Twins<S, E> {
    type Window = TwinWindow<S, E>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        self.approximate.compatible(&other.approximate)?;
        match (&self.exact, &other.exact) {
            (Some(ours), Some(theirs)) => ours.compatible(theirs),
            _ => Ok(()),
        }
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)?;
        self.approximate.merge(&other.approximate)?;
        match (&mut self.exact, &other.exact) {
            (Some(ours), Some(theirs)) => ours.merge(theirs)?,
            (exact, _) => *exact = None,
        }
        self.length_ms = self.length_ms.or(other.length_ms);
        Ok(())
    }
}

/// The window of a summary and its exact twin: each slides as it does alone, and the exact one is there while all panes
/// have it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct TwinWindow<S: Merge, E: Merge> {
    approximate: S::Window,
    exact: E::Window,
    /// The panes that are not audited.
    without: u32,
    length_ms: Option<i64>,
}

impl<S: Merge, E: Merge> fmt::Debug for TwinWindow<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TwinWindow<{}, {}>({} panes not audited)", S::NAME, E::NAME, self.without)
    }
}

impl<S: Merge, E: Merge> Sliding<Twins<S, E>> for TwinWindow<S, E> {
    type Ticket = (<S::Window as Sliding<S>>::Ticket, Option<<E::Window as Sliding<E>>::Ticket>);

    const SETTLES: bool = S::Window::SETTLES || E::Window::SETTLES;

    fn new(panes: u32, phase: u64) -> Self {
        Self {
            approximate: S::Window::new(panes, phase),
            exact: E::Window::new(panes, phase),
            without: 0,
            length_ms: None,
        }
    }

    fn push(&mut self, twins: Twins<S, E>) -> Result<Self::Ticket, Mismatch> {
        let approximate = self.approximate.push(twins.approximate)?;
        let exact = twins.exact.map(|exact| self.exact.push(exact)).transpose()?;
        self.without = self.without.saturating_add(u32::from(exact.is_none()));
        self.length_ms = twins.length_ms.or(self.length_ms);
        Ok((approximate, exact))
    }

    fn expire(&mut self, (approximate, exact): Self::Ticket) -> Result<(), Mismatch> {
        self.approximate.expire(approximate)?;
        match exact {
            Some(exact) => self.exact.expire(exact),
            None => {
                self.without = self.without.saturating_sub(1);
                Ok(())
            }
        }
    }

    fn settle(&mut self, after: i64, until: i64) -> Result<(), Mismatch> {
        self.approximate.settle(after, until)?;
        self.exact.settle(after, until)
    }

    fn total(&self) -> Result<Option<Twins<S, E>>, Mismatch> {
        let Some(approximate) = self.approximate.total()? else {
            return Ok(None);
        };
        let exact = if self.without == 0 { self.exact.total()? } else { None };
        Ok(Some(Twins::new(approximate, exact, self.length_ms)))
    }

    fn reading(&self) -> Result<Option<Audited<S::Reading, E::Reading>>, Mismatch> {
        let Some(approximate) = self.approximate.reading()? else {
            return Ok(None);
        };
        // While a pane lacks it nothing is merged of the others.
        let exact = if self.without == 0 { self.exact.reading()? } else { None };
        Ok(Some(Audited { approximate, exact, length_ms: self.length_ms }))
    }

    fn is_empty(&self) -> bool {
        self.approximate.is_empty()
    }

    fn window_bytes(&self) -> usize {
        self.approximate.window_bytes() + self.exact.window_bytes() + size_of::<(u32, Option<i64>)>()
    }

    fn ticket_bytes((approximate, exact): &Self::Ticket) -> usize {
        S::Window::ticket_bytes(approximate) + exact.as_ref().map_or(size_of_val(exact), E::Window::ticket_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Audit, Group, WindowsOfPane};
    use crate::summary::{On, Panes, Spec};

    /// Windows of three panes, one slide apart, of which one in four is audited: its exact answer is right, and none
    /// is given for a window of which any pane was not.
    #[test]
    fn a_window_is_audited_if_all_of_its_panes_are() {
        let audit = Audit::windows(4);
        let spec = On::records::<u64>().distinct(|n| n).audited(audit);
        let mut window = Panes::new(3, 5);
        let mut audited = 0;
        for pane in 0..200_i64 {
            // The window of number n holds the panes n − 2, n − 1 and n.
            let windows = WindowsOfPane { first: pane, last: pane + 2, length_ms: 3 };
            let mut state = spec.start_for(&Group { key: None, windows: Some(windows) });
            let records: Vec<u64> = (0..50).map(|n| (pane * 20 + n).cast_unsigned()).collect();
            spec.absorb_all(&mut state, &records);
            window.push(pane, state).unwrap();
            window.evict(pane - 2).unwrap();
            let reading = window.reading().unwrap().unwrap();
            assert_eq!(window.total().unwrap().unwrap().read().exact, reading.exact);
            let chosen = audit
                .chooses(&Group { key: None, windows: Some(WindowsOfPane { first: pane, last: pane, length_ms: 3 }) });
            assert!(!chosen || reading.exact.is_some());
            if let Some(exact) = reading.exact {
                audited += 1;
                assert_eq!(exact.value, if pane >= 2 { 90.0 } else { 50.0 + 20.0 * pane as f64 });
                assert_eq!(reading.length_ms, Some(3));
            }
        }
        assert!((50..150).contains(&audited), "{audited}");
    }

    #[test]
    fn what_is_merged_with_what_is_not_audited_is_not_audited() {
        let spec = On::records::<u64>().distinct(|n| n).audited(Audit::keys(0.5));
        let group = |chosen: bool| {
            let key = (0..).map(|key| Group { key: Some(key), windows: None });
            key.into_iter().find(|group| Audit::keys(0.5).chooses(group) == chosen).unwrap()
        };
        let of = |chosen, n| {
            let mut state = spec.start_for(&group(chosen));
            spec.absorb(&mut state, &n);
            state
        };
        let merged = |mut a: Twins<_, _>, b: &Twins<_, _>| {
            let read_merged = a.read_merged(b).unwrap();
            a.merge(b).unwrap();
            assert_eq!(a.read(), read_merged);
            a.read()
        };
        let both = merged(of(true, 1), &of(true, 2));
        assert_eq!((both.approximate.value, both.exact.map(|e| e.value)), (2.0, Some(2.0)));
        assert_eq!(merged(of(true, 1), &of(false, 2)).exact, None);
        assert_eq!(merged(of(false, 1), &of(true, 2)).exact, None);
        assert_eq!(
            merged(of(true, 1), &spec.start()).exact.map(|e| e.value),
            Some(1.0),
            "an empty state changes nothing"
        );
    }

    #[test]
    fn twins_obey_the_laws() {
        use crate::summary::Absorb;
        use crate::{ExactDistinct, HyperLogLog, laws};
        let spec = On::records::<u64>().distinct(|n| n).audited(Audit::keys(1.0));
        let panes: Vec<_> = [vec![1, 2, 3], vec![], vec![3, 4], (0..500).collect::<Vec<u64>>()]
            .iter()
            .map(|part| {
                let mut state = spec.start();
                spec.absorb_all(&mut state, part);
                state
            })
            .collect();
        panes.iter().for_each(laws::storing);
        laws::sliding(&spec.start(), &panes, Summary::read);
        let _: &ExactDistinct<u64> = panes[0].exact().unwrap();
        let mut alone = HyperLogLog::default();
        alone.absorb(&1_u64);
        laws::refuses(panes[0].approximate(), &HyperLogLog::with_precision(14).unwrap());
    }
}
