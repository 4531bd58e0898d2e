//! What a partition sends to the lanes: its records, or summaries of them, whichever is less.

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use streamgauge_sketches::audit::WindowsOfPane;
use streamgauge_sketches::{Merge, Mismatch, OwnedKey, Table};

use super::{Aggregate, Grouping, Node, Outgoing, Shared};
use crate::batch::exchange::{by_lane, key_hash, lane_of};
use crate::batch::{BatchRun, measure};
use crate::error::Error;
use crate::source::Record;

/// What a partition has for a lane.
#[derive(Clone, Debug)]
pub(crate) enum Part<T, K, S> {
    /// Records whose key belongs to the lane.
    Records(Vec<T>),
    /// Keys of the lane, each once, and the summaries of their records.
    States(Vec<(K, S)>),
}

impl<T, K, S> Part<T, K, S> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Records(records) => records.len(),
            Self::States(states) => states.len(),
        }
    }
}

/// Between processes only summaries travel: a record need not be a serde type.
impl<T, K: Serialize, S: Serialize> Serialize for Part<T, K, S> {
    fn serialize<W: Serializer>(&self, serializer: W) -> Result<W::Ok, W::Error> {
        match self {
            Self::Records(_) => Err(W::Error::custom("records stay in their process")),
            Self::States(states) => states.serialize(serializer),
        }
    }
}

impl<'de, T, K: Deserialize<'de>, S: Deserialize<'de>> Deserialize<'de> for Part<T, K, S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::States)
    }
}

/// Absorbs the records of a chunk, which lie in these windows, into their groups.
#[inline]
pub(crate) fn absorb_chunk<T, G, S>(
    (grouping, spec): (&G, &S),
    windows: Option<WindowsOfPane>,
    groups: &mut Table<G::Key, S::Partial>,
    records: &[T],
) where
    T: Record,
    G: Grouping<T>,
    S: Aggregate<T>,
{
    // One group for all: its summaries take the whole chunk, one after the other.
    if G::ONE_GROUP
        && let Some(first) = records.first()
    {
        return grouping.visit(first, |key| {
            spec.absorb_all(groups.entry(key, || spec.begin(key, windows)), records);
        });
    }
    for record in records {
        grouping.visit(record, |key| {
            spec.absorb(groups.entry(key, || spec.begin(key, windows)), record);
        });
    }
}

/// How a partition goes on after its first chunk.
enum Sending<T, K, S> {
    /// Nothing came yet.
    Undecided,
    Records(Vec<Vec<T>>),
    States(Table<K, S>),
}

/// What a partition has for each lane.
///
/// The first chunk decides: if the summaries of its groups take more room than its records, combining them here saves
/// nothing, and the records go as they are. That depends on the data alone.
pub(crate) fn scatter<T, G, S>(
    parent: &Shared<T>,
    run: &BatchRun,
    partition: usize,
    by: (&G, &S),
    windows: Option<WindowsOfPane>,
    lanes: usize,
    outgoing: &Outgoing<T>,
) -> Result<Vec<Part<T, G::Key, S::Partial>>, Error>
where
    T: Record,
    G: Grouping<T>,
    S: Aggregate<T>,
{
    let mut sending = Sending::Undecided;
    parent.run(run, partition, &mut |records| {
        if let Sending::Undecided = sending
            && !records.is_empty()
        {
            let mut groups = Table::default();
            absorb_chunk(by, windows, &mut groups, records);
            sending = if G::ONE_EACH
                && run.is_alone()
                && combining_is_useless(S::bytes, &groups, records.len() * G::RECORD_BYTES)
            {
                Sending::Records(outgoing.room(lanes))
            } else {
                groups.reserve(outgoing.expected().saturating_sub(groups.len()));
                records.clear();
                Sending::States(groups)
            };
        }
        match &mut sending {
            Sending::Undecided => {}
            Sending::States(groups) => {
                absorb_chunk(by, windows, groups, records);
                records.clear();
            }
            Sending::Records(sorted) => {
                for record in records.drain(..) {
                    let mut lane = 0;
                    by.0.visit(&record, |key| lane = lane_of(key_hash(key), lanes));
                    sorted[lane].push(record);
                }
            }
        }
    })?;
    Ok(match sending {
        Sending::Undecided => (0..lanes).map(|_| Part::States(Vec::new())).collect(),
        Sending::Records(sorted) => sorted.into_iter().map(Part::Records).collect(),
        Sending::States(groups) => by_lane(groups.into_entries(), lanes).into_iter().map(Part::States).collect(),
    })
}

fn combining_is_useless<K: OwnedKey, S>(bytes: impl Fn(&S) -> usize, groups: &Table<K, S>, records: usize) -> bool {
    let partials: usize = groups.entries().iter().map(|(_, partial)| size_of::<K>() + bytes(partial)).sum();
    partials > records
}

/// Merges what a partition has for a lane into the groups of the lane.
pub(crate) fn absorb_part<T, G, S>(
    groups: &mut Table<G::Key, S::Partial>,
    part: Part<T, G::Key, S::Partial>,
    by: (&G, &S),
    windows: Option<WindowsOfPane>,
    outgoing: &Outgoing<T>,
) -> Result<(), Mismatch>
where
    T: Record,
    G: Grouping<T>,
    S: Aggregate<T>,
{
    match part {
        Part::Records(records) => {
            absorb_chunk(by, windows, groups, &records);
            outgoing.recycle(records);
        }
        Part::States(states) => {
            let (known, all) = (groups.len(), states.len());
            for (key, state) in states {
                let mut state = Some(state);
                let held = groups.entry_owned(key, || state.take().expect("the state is taken once, here"));
                if let Some(state) = state {
                    by.1.merge(held, state)?;
                }
            }
            count_merged(all, groups.len() - known);
        }
    }
    Ok(())
}

/// Merges summaries into groups.
pub(crate) fn merge_groups<K, S>(groups: &mut Table<K, S>, entries: Vec<(K, S)>) -> Result<(), Mismatch>
where
    K: OwnedKey,
    S: Merge,
{
    let (known, all) = (groups.len(), entries.len());
    for (key, state) in entries {
        let mut state = Some(state);
        let held = groups.entry(&key, || state.take().expect("the state is taken once, here"));
        if let Some(state) = &state {
            held.merge(state)?;
        }
    }
    count_merged(all, groups.len() - known);
    Ok(())
}

/// Of so many summaries some were the first of their key; takes note that all others were merged.
pub(crate) fn count_merged(summaries: usize, first: usize) {
    measure::count_merges((summaries - first) as u64);
}
