//! Windows whose records are put together by functions: reduced, with or without an inverse, or gathered.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use streamgauge_sketches::OwnedKey;

use super::slide::{Gathered, Invertible, Reduced};
use crate::dstream::{Counting, DStream, Gather, Grouped, Grouping, Reduce, Value, Windows};
use crate::source::Record;

impl<T: Record, G: Grouping<T>> Grouped<T, G, Windows> {
    /// The values of each group over the window, reduced by an associative function, at every slide.
    ///
    /// At most three calls a slide and key, whatever the length of the window; `reduce` gets older values first.
    pub fn reduce<V, P, F>(self, value: P, reduce: F) -> DStream<G::Row<V>>
    where
        V: Value,
        P: Fn(&T) -> V + Send + Sync + 'static,
        F: Fn(V, V) -> V + Send + Sync + 'static,
    {
        let reduce = Arc::new(reduce);
        let aggregate = Reduce { value, reduce: reduce.clone(), of: PhantomData };
        self.slide("reduced window", aggregate, Reduced { reduce, of: PhantomData })
    }

    /// The values of each group over the window, reduced by one function while another takes out what has left:
    /// `inverse(reduce(x, y), y) = x`, exactly. Two calls a slide and key.
    ///
    /// For integers. Floating sums drift, and one NaN stays in them until its key has left the window: use
    /// [`reduce`](Self::reduce) for those.
    pub fn reduce_with_inverse<V, P, F, I>(self, value: P, reduce: F, inverse: I) -> DStream<G::Row<V>>
    where
        V: Value,
        P: Fn(&T) -> V + Send + Sync + 'static,
        F: Fn(V, V) -> V + Send + Sync + 'static,
        I: Fn(V, V) -> V + Send + Sync + 'static,
    {
        let reduce = Arc::new(reduce);
        let aggregate = Reduce { value, reduce: reduce.clone(), of: PhantomData };
        self.slide("invertible window", aggregate, Invertible { reduce, inverse, of: PhantomData })
    }

    /// How many records each group has in the window, at every slide: what has left is subtracted. A pane keeps four
    /// bytes for each of its records, or sixteen for each of its keys where those have many.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use streamgauge_stream::DStream;
    /// # fn stream(visits: DStream<(String, u32)>) {
    /// let minute = Duration::from_secs(60);
    /// let visits_a_minute = visits.key_by(|(page, _)| page.as_str()).window(minute, minute / 60).count();
    /// # }
    /// ```
    pub fn count(self) -> DStream<G::Row<u64>> {
        self.slide("window count", Counting, Counting)
    }

    /// All values of each group in the window, in the order of the stream. Memory and time grow with the records in
    /// the window: where a summary will do, [`summarize`](Self::summarize).
    pub fn gather<V, P>(self, value: P) -> DStream<G::Row<Vec<V>>>
    where
        V: Value,
        P: Fn(&T) -> V + Send + Sync + 'static,
    {
        self.slide("gathered window", Gather { value, of: PhantomData }, Gathered(PhantomData))
    }
}

impl<T: Value> DStream<T> {
    /// The rows of the last `length` reduced by an associative function, at every multiple of `slide`; none for an
    /// empty window.
    pub fn reduce_by_window<F>(&self, reduce: F, length: Duration, slide: Duration) -> DStream<T>
    where
        F: Fn(T, T) -> T + Send + Sync + 'static,
    {
        self.window(length, slide).reduce(T::clone, reduce)
    }

    /// [`reduce_by_window`](Self::reduce_by_window) with a function that takes out what has left the window.
    pub fn reduce_by_window_with_inverse<F, I>(
        &self,
        reduce: F,
        inverse: I,
        length: Duration,
        slide: Duration,
    ) -> DStream<T>
    where
        F: Fn(T, T) -> T + Send + Sync + 'static,
        I: Fn(T, T) -> T + Send + Sync + 'static,
    {
        self.window(length, slide).reduce_with_inverse(T::clone, reduce, inverse)
    }
}

impl<T: OwnedKey> DStream<T> {
    /// How often each value was in the last `length`, at every multiple of `slide`. Values that have left give no row.
    pub fn count_by_value_and_window(&self, length: Duration, slide: Duration) -> DStream<(T, u64)> {
        self.key_by(|value: &T| value).window(length, slide).count()
    }
}

impl<K: OwnedKey, V: Value> DStream<(K, V)> {
    /// The values of each key in the last `length` reduced by an associative function, at every multiple of `slide`.
    pub fn reduce_by_key_and_window<F>(&self, reduce: F, length: Duration, slide: Duration) -> DStream<(K, V)>
    where
        F: Fn(V, V) -> V + Send + Sync + 'static,
    {
        self.key_by(|(key, _): &(K, V)| key).window(length, slide).reduce(|(_, value)| value.clone(), reduce)
    }

    /// [`reduce_by_key_and_window`](Self::reduce_by_key_and_window) with a function that takes out what has left the
    /// window. A key that has left gives no row and holds no memory.
    pub fn reduce_by_key_and_window_with_inverse<F, I>(
        &self,
        reduce: F,
        inverse: I,
        length: Duration,
        slide: Duration,
    ) -> DStream<(K, V)>
    where
        F: Fn(V, V) -> V + Send + Sync + 'static,
        I: Fn(V, V) -> V + Send + Sync + 'static,
    {
        let grouped = self.key_by(|(key, _): &(K, V)| key).window(length, slide);
        grouped.reduce_with_inverse(|(_, value)| value.clone(), reduce, inverse)
    }

    /// All values of each key in the last `length`, at every multiple of `slide`.
    pub fn group_by_key_and_window(&self, length: Duration, slide: Duration) -> DStream<(K, Vec<V>)> {
        self.key_by(|(key, _): &(K, V)| key).window(length, slide).gather(|(_, value)| value.clone())
    }
}
