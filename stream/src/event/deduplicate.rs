//! Each event once, however often it is delivered.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::{Key, PortableHash, ScalableBloom};

use super::front::{Part, scatter};
use super::seen::{Approximate, Exact, SeenKeys};
use super::{Events, Front, Watermarks, streams};
use crate::batch::{BatchRun, each_lane};
use crate::dstream::{All, DStream, EventTime, Grouped};
use crate::error::Error;
use crate::graph::{Kept, Stateful};
use crate::source::Record;
use crate::state::{Stored, WithLanes};

struct Operator<T, F, K, L> {
    name: String,
    front: Front<T, F>,
    key: K,
    /// How far apart in time duplicates may be.
    distance: i64,
    state: Arc<Mutex<WithLanes<Watermarks, L>>>,
}

/// The operator with the type of its keys.
struct By<Q: ?Sized, O>(O, std::marker::PhantomData<fn(&Q)>);

impl<T, F, Q, K, L> Events<T, T> for By<Q, Operator<T, F, K, L>>
where
    T: Record + Serialize + DeserializeOwned,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
    Q: Key + ?Sized,
    K: Fn(&T) -> &Q + Send + Sync,
    L: SeenKeys<Q>,
{
    fn compute(&self, run: &BatchRun) -> Result<(Vec<T>, Vec<T>), Error> {
        let Operator { name, front, key, distance, state } = &self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let WithLanes { watermarks, lanes } = &mut *state;
        let read = front.read(run, name, watermarks)?;
        let horizon = front.tolerance.horizon(watermarks.advance(run, &front.inputs, &front.tolerance));
        let count = lanes.len();
        let scatter = |_, arrivals| Ok(scatter(arrivals, key, count));
        let (parts, late): (_, Vec<_>) = each_lane(run, name, read, true, scatter)?.into_iter().unzip();
        let gathered = run.gather(name, count, parts)?;
        let lanes = lanes.iter_mut().zip(gathered).collect();
        let rows = each_lane(run, name, lanes, true, |_, (lane, parts): (&mut L, Vec<Part<T>>)| {
            let records = parts.into_iter().flatten();
            let first = records.filter(|(time, record)| lane.is_first(key(record), *time, *distance));
            let first: Vec<_> = first.map(|(_, record)| record).collect();
            lane.forget(horizon, *distance);
            Ok(first)
        })?;
        Ok((rows.into_iter().flatten().collect(), late.into_iter().flatten().collect()))
    }
}

impl<T, F> Grouped<T, All, EventTime<F>>
where
    T: Record + Serialize + DeserializeOwned,
    F: Fn(&T) -> i64 + Send + Sync + 'static,
{
    /// Each event once: of records with the same key whose times are no further apart than the delay and the allowed
    /// lateness together, the one that came first.
    ///
    /// Exact. A key is remembered from the record that passed until no duplicate of it can come any more: until the
    /// watermark is, by the allowed lateness, that distance past its time. So a duplicate with the same time, as
    /// at-least-once delivery makes it, never passes: it is dropped or it is late. Late records are dropped and counted.
    ///
    /// Records come by lane of their key, and within a lane in the order in which they came. Memory: a key and
    /// some 60 bytes for each key that is remembered.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, StreamingContext, Trigger, secs};
    ///
    /// let ctx = StreamingContext::builder("orders").trigger(Trigger::Available).build();
    /// let (queue, orders) = Queue::new();
    /// let once = ctx
    ///     .source(orders)
    ///     .event_time(|(at, _): &(i64, u32)| *at, secs(10))
    ///     .deduplicate(|(_, id)| id)
    ///     .collect_to_memory();
    /// queue.push(vec![(1_000, 7), (2_000, 8), (1_000, 7), (60_000, 7)]);
    /// queue.close();
    /// ctx.run()?;
    /// let mut once = once.rows();
    /// once.sort();
    /// assert_eq!(once, [(1_000, 7), (2_000, 8), (60_000, 7)]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn deduplicate<Q, K>(self, key: K) -> DStream<T>
    where
        Q: Key + ?Sized + 'static,
        K: Fn(&T) -> &Q + Send + Sync + 'static,
    {
        let name = self.stream.graph.name(self.name.clone(), "deduplicate");
        let schema = format!("keys seen of {}", std::any::type_name::<Q::Owned>());
        self.deduplicated("deduplicate", name, schema, key, |_| Exact::<Q::Owned>::default())
    }

    /// Each event once, in less memory: keys are remembered by Bloom filters, one for each *pane* of time as long as the
    /// delay and the allowed lateness together.
    ///
    /// Guaranteed: what [`deduplicate`](Self::deduplicate) drops is dropped here too. Not guaranteed: that every first
    /// record passes. One whose key was in no pane that is asked is dropped by mistake with a probability of at most
    /// `rate`; and one whose key did pass further than that distance away, but in a pane next to its own, is dropped as
    /// well.
    ///
    /// `items_per_pane` is how many different keys a pane is expected to have. More are taken, at more memory: the rate
    /// holds. Memory: at 1 % about 20 bits a key, in at most two panes more than the distance has; see
    /// [`ScalableBloom`].
    pub fn deduplicate_approx<Q, K>(self, key: K, items_per_pane: u64, rate: f64) -> DStream<T>
    where
        Q: Key + PortableHash + ?Sized + 'static,
        K: Fn(&T) -> &Q + Send + Sync + 'static,
    {
        /// A record is looked for in its own pane and in those beside it.
        const ASKED: f64 = 3.0;
        let graph = self.stream.graph.clone();
        let name = graph.name(self.name.clone(), "deduplicate_approx");
        let items = items_per_pane.div_ceil(graph.lanes() as u64);
        let empty = ScalableBloom::for_items(items, rate / ASKED);
        let empty = empty.map_err(|wrong| graph.problem(format!("{name}: {wrong}"))).ok();
        let schema = format!("keys seen by Bloom filters of {items_per_pane} keys at {rate}");
        // Without a filter the job does not start.
        self.deduplicated("deduplicate_approx", name, schema, key, |_| Approximate::new(empty.clone()))
    }

    fn deduplicated<Q, K, L>(
        self,
        kind: &'static str,
        name: String,
        schema: String,
        key: K,
        lane: impl Fn(usize) -> L,
    ) -> DStream<T>
    where
        Q: Key + ?Sized + 'static,
        K: Fn(&T) -> &Q + Send + Sync + 'static,
        L: SeenKeys<Q> + Kept + Stored,
    {
        let graph = self.stream.graph.clone();
        let lanes = (0..graph.lanes()).map(lane).collect();
        let state = Arc::new(Mutex::new(WithLanes { watermarks: Watermarks::default(), lanes }));
        let front = Front::new(&self.stream, self.cut);
        let distance = front.tolerance.total();
        graph.add_state(&name, Stateful::with_lanes(format!("{schema} within {distance} ms"), &state));
        let inputs = front.inputs.clone();
        let id = graph.named_operator(&name, kind, [front.parent.operator()]);
        let operator = Operator { name, front, key, distance, state };
        streams(&graph, id, inputs, false, By(operator, std::marker::PhantomData)).0
    }
}
