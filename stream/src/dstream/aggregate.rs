//! How records become partial results, and these one result.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::audit::{Group, WindowsOfPane};
use streamgauge_sketches::{Key, Merge, Mismatch, Spec, Summary, key_hash};

use crate::source::Record;

/// How the records of a group are put together: by a summary, or by functions of the user.
pub(crate) trait Aggregate<T>: Send + Sync + 'static {
    /// A partial result: of a partition, or of a pane.
    type Partial: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Whether a partial result depends on the group that it is begun for.
    const BY_GROUP: bool = false;

    /// The partial result of no records.
    fn start(&self) -> Self::Partial;

    /// The partial result of no records of a group.
    fn start_for(&self, group: &Group) -> Self::Partial {
        let _ = group;
        self.start()
    }

    /// The partial result of no records of a key, in a pane that lies in these windows.
    #[inline]
    fn begin<Q: Key + ?Sized>(&self, key: &Q, windows: Option<WindowsOfPane>) -> Self::Partial {
        if Self::BY_GROUP { self.start_for(&group(key, windows)) } else { self.start() }
    }

    fn absorb(&self, partial: &mut Self::Partial, record: &T);

    fn absorb_all(&self, partial: &mut Self::Partial, records: &[T]) {
        records.iter().for_each(|record| self.absorb(partial, record));
    }

    fn merge(&self, partial: &mut Self::Partial, other: Self::Partial) -> Result<(), Mismatch>;

    /// The bytes that a partial result holds, itself and its heap.
    fn bytes(partial: &Self::Partial) -> usize;

    /// What a partial result is, in words.
    fn schema() -> String;
}

/// The group of a key, in a pane that lies in these windows.
fn group<Q: Key + ?Sized>(key: &Q, windows: Option<WindowsOfPane>) -> Group {
    let key = (size_of::<Q::Owned>() > 0).then(|| key_hash(key));
    Group { key, windows }
}

impl<T: Record, S> Aggregate<T> for S
where
    S: Spec<Item = T>,
    S::State: Merge,
{
    type Partial = S::State;

    const BY_GROUP: bool = S::BY_GROUP;

    #[inline]
    fn start(&self) -> S::State {
        Spec::start(self)
    }

    fn start_for(&self, group: &Group) -> S::State {
        Spec::start_for(self, group)
    }

    #[inline]
    fn absorb(&self, partial: &mut S::State, record: &T) {
        Spec::absorb(self, partial, record);
    }

    #[inline]
    fn absorb_all(&self, partial: &mut S::State, records: &[T]) {
        Spec::absorb_all(self, partial, records);
    }

    #[inline]
    fn merge(&self, partial: &mut S::State, other: S::State) -> Result<(), Mismatch> {
        partial.merge(&other)
    }

    fn bytes(partial: &S::State) -> usize {
        partial.memory_bytes()
    }

    fn schema() -> String {
        S::State::schema()
    }
}

/// A value that lives in state.
pub trait Value: Record + Serialize + DeserializeOwned {}

impl<V: Record + Serialize + DeserializeOwned> Value for V {}

/// A function put together from two values: the records' values reduced by a function.
pub(crate) struct Reduce<T, V, P, F> {
    /// The value of a record.
    pub(crate) value: P,
    /// Shared with the window of the values, which has need of it too.
    pub(crate) reduce: Arc<F>,
    pub(crate) of: PhantomData<fn(&T) -> V>,
}

impl<T, V, P, F> Aggregate<T> for Reduce<T, V, P, F>
where
    T: Record,
    V: Value,
    P: Fn(&T) -> V + Send + Sync + 'static,
    F: Fn(V, V) -> V + Send + Sync + 'static,
{
    type Partial = Option<V>;

    #[inline]
    fn start(&self) -> Option<V> {
        None
    }

    #[inline]
    fn absorb(&self, partial: &mut Option<V>, record: &T) {
        add(partial, (self.value)(record), &*self.reduce);
    }

    #[inline]
    fn merge(&self, partial: &mut Option<V>, other: Option<V>) -> Result<(), Mismatch> {
        if let Some(value) = other {
            add(partial, value, &*self.reduce);
        }
        Ok(())
    }

    fn bytes(partial: &Option<V>) -> usize {
        size_of_val(partial)
    }

    fn schema() -> String {
        format!("reduced {}", std::any::type_name::<V>())
    }
}

/// Reduces one more value into what there is.
#[inline]
pub(crate) fn add<V>(reduced: &mut Option<V>, value: V, reduce: impl Fn(V, V) -> V) {
    *reduced = Some(match reduced.take() {
        Some(before) => reduce(before, value),
        None => value,
    });
}

/// How many records there are: in eight bytes, so that many groups fit in the cache.
pub(crate) struct Counting;

impl<T: Record> Aggregate<T> for Counting {
    type Partial = u64;

    #[inline]
    fn start(&self) -> u64 {
        0
    }

    #[inline]
    fn absorb(&self, count: &mut u64, _: &T) {
        *count = count.saturating_add(1);
    }

    fn absorb_all(&self, count: &mut u64, records: &[T]) {
        *count = count.saturating_add(records.len() as u64);
    }

    #[inline]
    fn merge(&self, count: &mut u64, other: u64) -> Result<(), Mismatch> {
        *count = count.saturating_add(other);
        Ok(())
    }

    fn bytes(count: &u64) -> usize {
        size_of_val(count)
    }

    fn schema() -> String {
        "count".to_owned()
    }
}

/// The values of the records, as they are.
pub(crate) struct Gather<T, V, P> {
    pub(crate) value: P,
    pub(crate) of: PhantomData<fn(&T) -> V>,
}

impl<T, V, P> Aggregate<T> for Gather<T, V, P>
where
    T: Record,
    V: Value,
    P: Fn(&T) -> V + Send + Sync + 'static,
{
    type Partial = Vec<V>;

    fn start(&self) -> Vec<V> {
        Vec::new()
    }

    fn absorb(&self, partial: &mut Vec<V>, record: &T) {
        partial.push((self.value)(record));
    }

    fn merge(&self, partial: &mut Vec<V>, other: Vec<V>) -> Result<(), Mismatch> {
        partial.extend(other);
        Ok(())
    }

    fn bytes(partial: &Vec<V>) -> usize {
        size_of_val(partial) + size_of_val(partial.as_slice())
    }

    fn schema() -> String {
        format!("values {}", std::any::type_name::<V>())
    }
}
