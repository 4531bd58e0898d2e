//! Sessions: windows that last while records come.

use std::sync::{Arc, Mutex, PoisonError};

use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Merge, Mismatch, Spec, Summary as _, Table};

use super::sessions::{Session, SessionLane, Telling, session_of};
use super::{Arrivals, Events, Front, LONGEST, Watermarks, streams};
use crate::batch::exchange::{by_lane, lanes_of};
use crate::batch::{BatchRun, each_lane};
use crate::dstream::{Aggregate as _, DStream, EventSessions, Grouped, Grouping, Reading, Row};
use crate::error::Error;
use crate::graph::Stateful;
use crate::source::Record;
use crate::state::WithLanes;
use crate::time::{Time, millis_of};
use crate::window::Window;

struct Operator<T, G: Grouping<T>, S: Spec<Item = T>, F>
where
    S::State: Merge,
{
    name: String,
    front: Front<T, F>,
    grouping: G,
    spec: S,
    telling: Telling,
    state: Arc<Mutex<State<G::Key, S::State>>>,
}

type State<K, S> = WithLanes<Watermarks, SessionLane<K, S>>;

/// What a partition has for a lane: keys, and the sessions that their records make by themselves.
type Part<K, S> = Vec<(K, Vec<Session<S>>)>;

/// What a partition has for each lane, and what of it was late.
type Absorbed<T, K, S> = (Vec<Part<K, S>>, Vec<T>);

impl<T, G, S, F> Operator<T, G, S, F>
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
    S::State: Merge,
{
    fn mismatch(&self, mismatch: Mismatch) -> Error {
        Error::Mismatch { operator: self.name.clone(), mismatch }
    }

    /// Makes sessions of the records of a partition.
    fn absorb(&self, arrivals: Arrivals<T>, lanes: usize) -> Result<Absorbed<T, G::Key, S::State>, Error> {
        let mut keys = Table::<G::Key, Vec<Session<S::State>>>::default();
        let mut absorbed = Ok(());
        let late = arrivals.in_time(
            |time| time,
            |time, record| {
                self.grouping.visit(&record, |key| {
                    let sessions = keys.entry(key, Vec::new);
                    match session_of(sessions, time, self.telling.gap, || self.spec.begin(key, None)) {
                        Ok(session) => self.spec.absorb(&mut session.state, &record),
                        Err(mismatch) => absorbed = Err(mismatch),
                    }
                });
            },
        );
        absorbed.map_err(|mismatch| self.mismatch(mismatch))?;
        Ok((by_lane(keys.into_entries(), lanes), late))
    }
}

impl<T, G, S, F> Events<Window<Row<T, G, S>>, T> for Operator<T, G, S, F>
where
    T: Record,
    G: Grouping<T>,
    S: Spec<Item = T>,
    S::State: Merge,
    Reading<S>: Record,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    fn compute(&self, run: &BatchRun) -> Result<(Vec<Window<Row<T, G, S>>>, Vec<T>), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let WithLanes { watermarks, lanes } = &mut *state;
        let read = self.front.read(run, &self.name, watermarks)?;
        let reached = watermarks.advance(run, &self.front.inputs, &self.front.tolerance);
        let (watermark, horizon) = (self.front.tolerance.watermark(reached), self.front.tolerance.horizon(reached));
        let absorb = |_, arrivals| self.absorb(arrivals, lanes.len());
        let (parts, late): (_, Vec<_>) = each_lane(run, &self.name, read, true, absorb)?.into_iter().unzip();
        let gathered = run.gather(&self.name, lanes.len(), parts)?;
        let lanes = lanes.iter_mut().zip(gathered).collect();
        let rows = each_lane(run, &self.name, lanes, true, |_, (lane, parts)| {
            let mut sessions = parts.into_iter().flatten();
            let added = sessions.try_for_each(|(key, sessions)| lane.add(key, sessions, self.telling));
            added.map_err(|mismatch| self.mismatch(mismatch))?;
            Ok(lane.rows(self.telling, watermark, horizon))
        })?;
        let mut rows: Vec<_> = rows.into_iter().flatten().collect();
        // Stable: lanes stay in order.
        rows.sort_by_key(|(first, end, ..)| (*end, *first));
        let rows = rows.into_iter().map(|(first, end, key, reading)| Window {
            start: Time::from_millis(first),
            end: Time::from_millis(end),
            value: G::row(key, reading),
        });
        Ok((rows.collect(), late.into_iter().flatten().collect()))
    }
}

impl<T, G, F> Grouped<T, G, EventSessions<F>>
where
    T: Record,
    G: Grouping<T>,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    /// Summaries of the sessions of each group; given out once, when the watermark has passed the session's end by the
    /// [allowed lateness](Self::allow_late), or as the [mode](Self::output_mode) says.
    ///
    /// A record is late if, when it came, it was older than the watermark of its own input by more than the allowed
    /// lateness. Rows come in the order of the ends of their sessions, then of their beginnings. In the modes that
    /// revise, a row stands in the place of all rows of its key that lie within it.
    ///
    /// Memory: a summary for each session that is not over, with two times; a time and a number for each key.
    pub fn summarize<S>(self, spec: impl FnOnce(On<Identity<T>>) -> S) -> DStream<Window<Row<T, G, S>>>
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        self.summarized(spec, false).0
    }

    /// The summaries, and as a stream of their own the records that came too late to be in them.
    pub fn summarize_with_late<S>(
        self,
        spec: impl FnOnce(On<Identity<T>>) -> S,
    ) -> (DStream<Window<Row<T, G, S>>>, DStream<T>)
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        self.summarized(spec, true)
    }

    fn summarized<S>(
        self,
        spec: impl FnOnce(On<Identity<T>>) -> S,
        keeps_late: bool,
    ) -> (DStream<Window<Row<T, G, S>>>, DStream<T>)
    where
        S: Spec<Item = T>,
        S::State: Merge,
        Reading<S>: Record,
    {
        let graph = self.stream.graph.clone();
        let EventSessions { event_time, gap, mode } = self.cut;
        let name = graph.name(self.name, "session");
        if gap.is_zero() || gap.subsec_nanos() % 1_000_000 != 0 || gap > LONGEST {
            graph.problem(format!(
                "{name}: the session's gap is {gap:?}; it must be whole milliseconds, not zero, and at most 100,000 days"
            ));
        }
        let lanes = (0..lanes_of::<G::Key>(graph.lanes())).map(|_| SessionLane::default()).collect();
        let state = Arc::new(Mutex::new(State::<G::Key, S::State> { watermarks: Watermarks::default(), lanes }));
        let (key, summary) = (std::any::type_name::<G::Key>(), S::State::schema());
        let schema = format!("session with a gap of {gap:?} by {key} of {summary}");
        graph.add_state(&name, Stateful::with_lanes(schema, &state));
        let telling = Telling { gap: millis_of(gap).max(1), mode, lateness: millis_of(event_time.lateness) };
        let front = Front::new(&self.stream, event_time);
        let inputs = front.inputs.clone();
        let id = graph.named_operator(&name, "session", [front.parent.operator()]);
        let operator = Operator { name, front, grouping: self.grouping, spec: spec(graph.on()), telling, state };
        streams(&graph, id, inputs, keeps_late, operator)
    }
}
