//! Two streams joined by key and time.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::{Key, OwnedKey};

use super::buffers::{Bounds, JoinLane};
use super::front::{Part, scatter};
use super::{Events, Front, Watermarks, streams};
use crate::batch::{BatchRun, each_lane};
use crate::dstream::{By, DStream, EventTime, Grouped};
use crate::error::Error;
use crate::graph::Stateful;
use crate::source::Record;
use crate::state::WithLanes;

struct Operator<A, B, K: OwnedKey, L, R, V> {
    name: String,
    left: A,
    right: B,
    bounds: Bounds,
    /// Makes a row of a pair, or of a record that has found none: which of them it makes is the kind of the join.
    row: fn(Option<&L>, Option<&R>) -> Option<V>,
    state: Arc<Mutex<State<K, L, R>>>,
}

/// The lanes, and the watermarks of the left stream and of the right one.
type State<K, L, R> = WithLanes<[Watermarks; 2], JoinLane<K, L, R>>;

/// One of the two streams.
struct Side<T, Q: ?Sized, K, F> {
    front: Front<T, F>,
    key: K,
    borrowed: PhantomData<fn(&Q)>,
}

impl<T, Q, K, F> Side<T, Q, K, F>
where
    T: Record + Serialize + DeserializeOwned,
    Q: Key + ?Sized + 'static,
    K: Fn(&T) -> &Q + Send + Sync + 'static,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    fn of(grouped: Grouped<T, By<Q, K>, EventTime<F>>) -> Self {
        let front = Front::new(&grouped.stream, grouped.cut);
        Self { front, key: grouped.grouping.into_key(), borrowed: PhantomData }
    }

    /// What every lane gets of a batch, by partition, and the horizon after it.
    fn read(
        &self,
        run: &BatchRun,
        operator: &str,
        lanes: usize,
        watermarks: &mut Watermarks,
    ) -> Result<(Vec<Vec<Part<T>>>, i64), Error> {
        let read = self.front.read(run, operator, watermarks)?;
        let reached = watermarks.advance(run, &self.front.inputs, &self.front.tolerance);
        let scatter = |_, arrivals| Ok(scatter(arrivals, &self.key, lanes));
        let (parts, late): (_, Vec<_>) = each_lane(run, operator, read, true, scatter)?.into_iter().unzip();
        run.count_late(late.iter().map(|late| late.len() as u64).sum());
        Ok((run.gather(operator, lanes, parts)?, self.front.tolerance.horizon(reached)))
    }
}

impl<L, R, QL, QR, KL, KR, FL, FR, K, V> Events<(K, V), ()>
    for Operator<Side<L, QL, KL, FL>, Side<R, QR, KR, FR>, K, L, R, V>
where
    L: Record + Serialize + DeserializeOwned,
    R: Record + Serialize + DeserializeOwned,
    K: OwnedKey,
    QL: Key<Owned = K> + ?Sized + 'static,
    QR: Key<Owned = K> + ?Sized + 'static,
    KL: Fn(&L) -> &QL + Send + Sync + 'static,
    KR: Fn(&R) -> &QR + Send + Sync + 'static,
    FL: Fn(&L) -> i64 + Send + Sync + 'static,
    FR: Fn(&R) -> i64 + Send + Sync + 'static,
    V: Record,
{
    fn compute(&self, run: &BatchRun) -> Result<(Vec<(K, V)>, Vec<()>), Error> {
        let Self { name, left, right, bounds, row, state } = self;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let WithLanes { watermarks: [left_watermarks, right_watermarks], lanes } = &mut *state;
        let (from_left, left_horizon) = left.read(run, name, lanes.len(), left_watermarks)?;
        let (from_right, right_horizon) = right.read(run, name, lanes.len(), right_watermarks)?;
        let lanes = lanes.iter_mut().zip(from_left.into_iter().zip(from_right)).collect();
        let rows = each_lane(run, name, lanes, true, |_, (lane, (from_left, from_right))| {
            let mut rows = Vec::new();
            let mut out = |key: &K, left: Option<&L>, right: Option<&R>| {
                rows.extend(row(left, right).map(|value| (key.clone(), value)));
            };
            for (time, record) in from_left.into_iter().flatten() {
                let slot = lane.slot((left.key)(&record));
                lane.add_left(slot, time, record, *bounds, |key, left, right| out(key, Some(left), Some(right)));
            }
            for (time, record) in from_right.into_iter().flatten() {
                let slot = lane.slot((right.key)(&record));
                lane.add_right(slot, time, record, *bounds, |key, left, right| out(key, Some(left), Some(right)));
            }
            lane.forget(left_horizon, right_horizon, *bounds, out);
            Ok(rows)
        })?;
        Ok((rows.into_iter().flatten().collect(), Vec::new()))
    }
}

impl<L, Q, KL, FL> Grouped<L, By<Q, KL>, EventTime<FL>>
where
    L: Record + Serialize + DeserializeOwned,
    Q: Key + ?Sized + 'static,
    KL: Fn(&L) -> &Q + Send + Sync + 'static,
    FL: Fn(&L) -> i64 + Send + Sync + 'static,
{
    /// Pairs of records with the same key whose times are close: the right one's is `lower..=upper` milliseconds after
    /// the left one's. Both bounds may be negative.
    ///
    /// Late records are dropped and counted, each by the watermark of its own input; all pairs of the others are found,
    /// however they fall into batches. A pair comes in the batch in which its second record is read. Rows come by lane
    /// of their key.
    ///
    /// Memory: the records of each side that one of the other side may still match. A left record is kept until the
    /// watermark of the right stream is, by its allowed lateness, more than `upper` past it; a right one until that of
    /// the left stream is more than `lower` less than it. So a side that stands still makes the other one's records
    /// pile up: see [`idle_after`](Self::idle_after). Finding pairs takes the logarithm of the records held of the key.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger, secs};
    ///
    /// let ctx = StreamingContext::builder("clicks").trigger(Trigger::Available).build();
    /// let ((shown, ads), (clicked, clicks)) = (Queue::new(), Queue::new());
    /// let ads = ctx.source(ads).event_time(|(at, _): &(i64, u32)| *at, secs(5)).key_by(|(_, ad)| ad);
    /// let clicks = ctx.source(clicks).event_time(|(at, _): &(i64, u32)| *at, secs(5)).key_by(|(_, ad)| ad);
    /// // Clicks at most a minute after the ad was shown.
    /// let pairs = ads.join_within(clicks, 0, 60_000).collect_to_memory();
    /// shown.push(vec![(1_000, 7), (2_000, 8)]);
    /// clicked.push(vec![(31_000, 7), (90_000, 8)]);
    /// shown.close();
    /// clicked.close();
    /// ctx.run()?;
    /// assert_eq!(pairs.rows(), [(7, ((1_000, 7), (31_000, 7)))]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn join_within<R, P, KR, FR>(
        self,
        right: Grouped<R, By<P, KR>, EventTime<FR>>,
        lower: i64,
        upper: i64,
    ) -> DStream<(Q::Owned, (L, R))>
    where
        R: Record + Serialize + DeserializeOwned,
        P: Key<Owned = Q::Owned> + ?Sized + 'static,
        KR: Fn(&R) -> &P + Send + Sync + 'static,
        FR: Fn(&R) -> i64 + Send + Sync + 'static,
    {
        self.joined(right, lower, upper, |left, right| Some((left?.clone(), right?.clone())))
    }

    /// As [`join_within`](Self::join_within), and each left record that nothing has matched, once nothing can any more.
    pub fn left_outer_join_within<R, P, KR, FR>(
        self,
        right: Grouped<R, By<P, KR>, EventTime<FR>>,
        lower: i64,
        upper: i64,
    ) -> DStream<(Q::Owned, (L, Option<R>))>
    where
        R: Record + Serialize + DeserializeOwned,
        P: Key<Owned = Q::Owned> + ?Sized + 'static,
        KR: Fn(&R) -> &P + Send + Sync + 'static,
        FR: Fn(&R) -> i64 + Send + Sync + 'static,
    {
        self.joined(right, lower, upper, |left, right| Some((left?.clone(), right.cloned())))
    }

    /// As [`join_within`](Self::join_within), and each right record that nothing has matched, once nothing can any more.
    pub fn right_outer_join_within<R, P, KR, FR>(
        self,
        right: Grouped<R, By<P, KR>, EventTime<FR>>,
        lower: i64,
        upper: i64,
    ) -> DStream<(Q::Owned, (Option<L>, R))>
    where
        R: Record + Serialize + DeserializeOwned,
        P: Key<Owned = Q::Owned> + ?Sized + 'static,
        KR: Fn(&R) -> &P + Send + Sync + 'static,
        FR: Fn(&R) -> i64 + Send + Sync + 'static,
    {
        self.joined(right, lower, upper, |left, right| Some((left.cloned(), right?.clone())))
    }

    /// As [`join_within`](Self::join_within), and each record of either side that nothing has matched, once nothing can
    /// any more.
    pub fn full_outer_join_within<R, P, KR, FR>(
        self,
        right: Grouped<R, By<P, KR>, EventTime<FR>>,
        lower: i64,
        upper: i64,
    ) -> DStream<(Q::Owned, (Option<L>, Option<R>))>
    where
        R: Record + Serialize + DeserializeOwned,
        P: Key<Owned = Q::Owned> + ?Sized + 'static,
        KR: Fn(&R) -> &P + Send + Sync + 'static,
        FR: Fn(&R) -> i64 + Send + Sync + 'static,
    {
        self.joined(right, lower, upper, |left, right| Some((left.cloned(), right.cloned())))
    }

    fn joined<R, P, KR, FR, V>(
        self,
        right: Grouped<R, By<P, KR>, EventTime<FR>>,
        lower: i64,
        upper: i64,
        row: fn(Option<&L>, Option<&R>) -> Option<V>,
    ) -> DStream<(Q::Owned, V)>
    where
        R: Record + Serialize + DeserializeOwned,
        P: Key<Owned = Q::Owned> + ?Sized + 'static,
        KR: Fn(&R) -> &P + Send + Sync + 'static,
        FR: Fn(&R) -> i64 + Send + Sync + 'static,
        V: Record,
    {
        let graph = self.stream.graph.clone();
        let name = graph.name(self.name.clone().or(right.name.clone()), "join within");
        if lower > upper {
            graph.problem(format!(
                "{name}: the lower bound of {lower} ms is above the upper one of {upper} ms; swap them"
            ));
        }
        if !Arc::ptr_eq(&graph, &right.stream.graph) {
            graph.problem(format!("{name}: the streams belong to different contexts; build them from one"));
        }
        let lanes = (0..graph.lanes()).map(|_| JoinLane::default()).collect();
        let state = State { watermarks: Default::default(), lanes };
        let state = Arc::new(Mutex::new(state));
        let key = std::any::type_name::<Q::Owned>();
        let (of_left, of_right) = (std::any::type_name::<L>(), std::any::type_name::<R>());
        let schema = format!("join of {of_left} and {of_right} by {key} within {lower} to {upper} ms");
        graph.add_state(&name, Stateful::with_lanes(schema, &state));
        let (left, right) = (Side::of(self), Side::of(right));
        let inputs = left.front.inputs.iter().chain(&right.front.inputs).copied().collect();
        let id =
            graph.named_operator(&name, "join within", [left.front.parent.operator(), right.front.parent.operator()]);
        let operator = Operator { name, left, right, bounds: Bounds { lower, upper }, row, state };
        streams(&graph, id, inputs, false, operator).0
    }
}
