//! Streams grouped by a key, cut into windows, or both: what is summarized.

use std::marker::PhantomData;
use std::time::Duration;

use streamgauge_sketches::{Key, OwnedKey, Spec, Summary};

use super::{ByEventTime, DStream, EndsByEventTime, EventSessions, EventTime, EventWindows, PerBatch, Windows};
use crate::event::OutputMode;
use crate::source::Record;

/// How records are assigned to groups.
pub trait Grouping<T>: Send + Sync + 'static {
    /// The key of a group, owned.
    type Key: OwnedKey;
    /// The key as it stands in the record.
    type Borrowed: Key<Owned = Self::Key> + ?Sized;
    /// A row of the result: the reading alone, or with its key.
    type Row<R: Record>: Record;

    /// Whether all records are in one group: it then takes them a chunk at a time.
    const ONE_GROUP: bool = false;

    /// Whether every record is in exactly one group: a record can then be sent to where its group is.
    const ONE_EACH: bool = false;

    /// The bytes of a record, without what the engine adds to it.
    const RECORD_BYTES: usize = size_of::<T>();

    /// Calls `group` with the key of every group the record belongs to.
    fn visit(&self, record: &T, group: impl FnMut(&Self::Borrowed));

    /// Makes a row.
    fn row<R: Record>(key: Self::Key, reading: R) -> Self::Row<R>;

    /// Makes the reading of a row into another.
    fn map_row<R: Record, S: Record>(row: Self::Row<R>, f: impl FnOnce(R) -> S) -> Self::Row<S>;
}

/// What reading the state of a spec gives.
pub type Reading<S> = <<S as Spec>::State as Summary>::Reading;

/// A row of summaries `S` of records `T` grouped by `G`.
pub type Row<T, G, S> = <G as Grouping<T>>::Row<Reading<S>>;

/// All records in one group; a row is the reading.
#[derive(Clone, Copy, Debug)]
pub struct All;

/// Records grouped by a key that is a part of them; a row is `(key, reading)`.
#[derive(Clone, Debug)]
pub struct By<Q: ?Sized, F> {
    key: F,
    borrowed: PhantomData<fn(&Q)>,
}

impl<Q: ?Sized, F> By<Q, F> {
    pub(crate) fn new(key: F) -> Self {
        Self { key, borrowed: PhantomData }
    }

    pub(crate) fn into_key(self) -> F {
        self.key
    }
}

/// Records that belong to none, one or several groups; a row is `(key, reading)`.
#[derive(Clone, Debug)]
pub struct ByEach<Q: ?Sized, F> {
    keys: F,
    borrowed: PhantomData<fn(&Q)>,
}

impl<T: Record> Grouping<T> for All {
    const ONE_GROUP: bool = true;

    type Key = ();
    type Borrowed = ();
    type Row<R: Record> = R;

    #[inline]
    fn visit(&self, _: &T, mut group: impl FnMut(&())) {
        group(&());
    }

    fn row<R: Record>((): (), reading: R) -> R {
        reading
    }

    fn map_row<R: Record, S: Record>(row: R, f: impl FnOnce(R) -> S) -> S {
        f(row)
    }
}

impl<T, Q, F> Grouping<T> for By<Q, F>
where
    T: Record,
    Q: Key + ?Sized + 'static,
    F: Fn(&T) -> &Q + Send + Sync + 'static,
{
    const ONE_EACH: bool = true;

    type Key = Q::Owned;
    type Borrowed = Q;
    type Row<R: Record> = (Q::Owned, R);

    #[inline]
    fn visit(&self, record: &T, mut group: impl FnMut(&Q)) {
        group((self.key)(record));
    }

    fn row<R: Record>(key: Q::Owned, reading: R) -> (Q::Owned, R) {
        (key, reading)
    }

    fn map_row<R: Record, S: Record>((key, reading): (Q::Owned, R), f: impl FnOnce(R) -> S) -> (Q::Owned, S) {
        (key, f(reading))
    }
}

impl<T, Q, F> Grouping<T> for ByEach<Q, F>
where
    T: Record,
    Q: Key + ?Sized + 'static,
    F: Fn(&T, &mut dyn FnMut(&Q)) + Send + Sync + 'static,
{
    type Key = Q::Owned;
    type Borrowed = Q;
    type Row<R: Record> = (Q::Owned, R);

    #[inline]
    fn visit(&self, record: &T, mut group: impl FnMut(&Q)) {
        (self.keys)(record, &mut group);
    }

    fn row<R: Record>(key: Q::Owned, reading: R) -> (Q::Owned, R) {
        (key, reading)
    }

    fn map_row<R: Record, S: Record>((key, reading): (Q::Owned, R), f: impl FnOnce(R) -> S) -> (Q::Owned, S) {
        (key, f(reading))
    }
}

/// A stream that is grouped by `G` and cut by `W`, to be summarized.
pub struct Grouped<T, G, W> {
    pub(crate) stream: DStream<T>,
    pub(crate) grouping: G,
    pub(crate) cut: W,
    pub(crate) name: Option<String>,
}

impl<T, G, W> std::fmt::Debug for Grouped<T, G, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Grouped({:?}, {:?})", self.stream, self.name)
    }
}

impl<T: Record> DStream<T> {
    pub(crate) fn per_batch(&self) -> Grouped<T, All, PerBatch> {
        Grouped { stream: self.clone(), grouping: All, cut: PerBatch, name: None }
    }

    /// Grouped by a key that is a part of the record: `key_by(|v| v.path.as_str())` allocates once per distinct key,
    /// not per record.
    pub fn key_by<Q, F>(&self, key: F) -> Grouped<T, By<Q, F>, PerBatch>
    where
        Q: Key + ?Sized + 'static,
        F: Fn(&T) -> &Q + Send + Sync + 'static,
    {
        self.per_batch().key_by(key)
    }

    /// Grouped by none, one or several keys of the record, each given to the function that the closure gets.
    ///
    /// ```
    /// # use streamgauge_stream::DStream;
    /// # fn stream(lines: DStream<String>) {
    /// let words = lines.key_each(|line, key| line.split(' ').for_each(key)).summarize(|on| on.count());
    /// # }
    /// ```
    pub fn key_each<Q, F>(&self, keys: F) -> Grouped<T, ByEach<Q, F>, PerBatch>
    where
        Q: Key + ?Sized + 'static,
        F: Fn(&T, &mut dyn FnMut(&Q)) + Send + Sync + 'static,
    {
        self.per_batch().key_each(keys)
    }

    /// The records of the last `length`, at every multiple of `slide`, by the time of their batch.
    ///
    /// Both must be multiples of the batch interval. The window at time t holds the batches in (t − length, t]. What
    /// came after the last slide is in no window yet when a job ends.
    pub fn window(&self, length: Duration, slide: Duration) -> Grouped<T, All, Windows> {
        self.per_batch().window(length, slide)
    }

    /// Says when a record happened (milliseconds since the epoch), and how much later than newer ones it may arrive.
    ///
    /// The *watermark* of an input is its newest event time less that delay; the stream's is the lowest among its
    /// inputs that have not ended. A window is complete when the watermark passes its end. A record is late, counted
    /// and left out, if its pane had been closed by the watermark of its own input when it came: that depends on the
    /// order of the records in their input, not on how they fell into batches.
    pub fn event_time<F>(&self, time: F, delay: Duration) -> Grouped<T, All, EventTime<F>>
    where
        F: Fn(&T) -> i64 + Send + Sync + 'static,
    {
        let cut = EventTime { time, delay, lateness: Duration::ZERO, idle: None };
        self.per_batch().cut_by(|_| cut)
    }
}

impl<T: Record, G, W> Grouped<T, G, W> {
    /// Names the operator: in errors, on the dashboard, and to find its state again.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl<T, G, W> Grouped<T, G, W> {
    fn cut_by<V>(self, cut: impl FnOnce(W) -> V) -> Grouped<T, G, V> {
        Grouped { stream: self.stream, grouping: self.grouping, cut: cut(self.cut), name: self.name }
    }
}

impl<T: Record, W> Grouped<T, All, W> {
    fn grouped_by<G>(self, grouping: G) -> Grouped<T, G, W> {
        Grouped { stream: self.stream, grouping, cut: self.cut, name: self.name }
    }

    /// Grouped by a key that is a part of the record.
    pub fn key_by<Q, F>(self, key: F) -> Grouped<T, By<Q, F>, W>
    where
        Q: Key + ?Sized + 'static,
        F: Fn(&T) -> &Q + Send + Sync + 'static,
    {
        self.grouped_by(By::new(key))
    }

    /// Grouped by none, one or several keys of the record.
    pub fn key_each<Q, F>(self, keys: F) -> Grouped<T, ByEach<Q, F>, W>
    where
        Q: Key + ?Sized + 'static,
        F: Fn(&T, &mut dyn FnMut(&Q)) + Send + Sync + 'static,
    {
        self.grouped_by(ByEach { keys, borrowed: PhantomData })
    }
}

impl<T: Record, G> Grouped<T, G, PerBatch> {
    /// The records of the last `length`, at every multiple of `slide`, by the time of their batch.
    pub fn window(self, length: Duration, slide: Duration) -> Grouped<T, G, Windows> {
        self.cut_by(|PerBatch| Windows { length, slide })
    }
}

impl<T: Record, G, F> Grouped<T, G, EventTime<F>> {
    /// Sliding windows of event time: `[start, start + length)` for every start that is a multiple of `slide` since
    /// the epoch.
    pub fn window(self, length: Duration, slide: Duration) -> Grouped<T, G, EventWindows<F>> {
        let windows = Windows { length, slide };
        self.cut_by(|event_time| EventWindows { event_time, windows, mode: OutputMode::Append })
    }

    /// Tumbling windows of event time: each begins where the last one ends.
    pub fn tumbling(self, length: Duration) -> Grouped<T, G, EventWindows<F>> {
        self.window(length, length)
    }

    /// Sessions: records of a group less than `gap` apart, from one to the next.
    ///
    /// A session is `[first, last + gap)`; a record at that very end begins another one. A late record, within the
    /// [allowed lateness](Self::allow_late), that lies less than a gap from two sessions makes them one.
    pub fn session(self, gap: Duration) -> Grouped<T, G, EventSessions<F>> {
        self.cut_by(|event_time| EventSessions { event_time, gap, mode: OutputMode::Append })
    }
}

impl<T, G, W: ByEventTime> Grouped<T, G, W> {
    /// Keeps state so much longer than until the watermark has passed it: what a record that comes in that time
    /// changes depends on the operator and its [mode](OutputMode). None unless set.
    pub fn allow_late(mut self, lateness: Duration) -> Self {
        self.cut.set_lateness(lateness);
        self
    }

    /// Lets an input that gave no record for so long, in batch time, hold the watermark no more. Never unless set.
    ///
    /// When it speaks again, what the others have closed stays closed: what is late depends on batch times then.
    pub fn idle_after(mut self, silence: Duration) -> Self {
        self.cut.set_idle(silence);
        self
    }
}

impl<T, G, W: EndsByEventTime> Grouped<T, G, W> {
    /// When windows give rows, and which: [`OutputMode::Append`] unless set.
    pub fn output_mode(mut self, mode: OutputMode) -> Self {
        self.cut.set_mode(mode);
        self
    }
}
