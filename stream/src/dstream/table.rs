//! A stream beside a table that is looked things up in, and that may be loaded again.

use std::fmt::{Debug, Display, Formatter};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use streamgauge_sketches::{Key, OwnedKey, Table};

use super::{DStream, Node, Shared};
use crate::batch::{BatchRun, Input, Partitions};
use crate::error::{Error, panic_message};
use crate::source::Record;
use crate::time::Time;

/// What to do when a table that was loaded cannot be loaded again: its file is gone, or malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnBadTable {
    /// Go on with the table as it is, and try again at the next refresh. [`ReferenceTable::last_failure`] tells why.
    #[default]
    Keep,
    /// Fail the batch.
    Fail,
}

type Load<K, V> = dyn Fn() -> Result<Vec<(K, V)>, String> + Send + Sync;

/// A table to look things up in: what is known of a user, a host, a product.
///
/// It is loaded when it is [joined](DStream::join_table), and again at intervals of batch time if it is to be
/// refreshed. It is read as a whole: a table of which a part is malformed is not used at all. The first load must
/// succeed for the job to [start](crate::StreamingContext::start).
///
/// Of a key that is there several times the last entry counts. Memory: all keys and values, twice during a refresh.
pub struct ReferenceTable<K, V> {
    name: String,
    load: Arc<Load<K, V>>,
    refresh: Option<Duration>,
    on_bad: OnBadTable,
    failure: Arc<Mutex<Option<String>>>,
}

impl<K, V> Clone for ReferenceTable<K, V> {
    fn clone(&self) -> Self {
        let Self { name, load, refresh, on_bad, failure } = self;
        let (name, load, failure) = (name.clone(), load.clone(), failure.clone());
        Self { name, load, refresh: *refresh, on_bad: *on_bad, failure }
    }
}

impl<K, V> Debug for ReferenceTable<K, V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReferenceTable({:?}, {:?}, {:?})", self.name, self.refresh, self.on_bad)
    }
}

impl<K: OwnedKey, V: Record> ReferenceTable<K, V> {
    /// A table that a function loads, with a name for errors.
    pub fn from_fn<E: Display>(
        name: impl Into<String>,
        load: impl Fn() -> Result<Vec<(K, V)>, E> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            load: Arc::new(move || load().map_err(|error| error.to_string())),
            refresh: None,
            on_bad: OnBadTable::default(),
            failure: Arc::default(),
        }
    }

    /// A table of the lines of a file, each made into a key and a value. Empty lines are passed over.
    pub fn from_file<E: Display>(
        path: impl Into<PathBuf>,
        parse: impl Fn(&str) -> Result<(K, V), E> + Send + Sync + 'static,
    ) -> Self {
        let path = path.into();
        Self::from_fn(path.display().to_string(), move || {
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
            lines
                .map(|(i, line)| parse(line).map_err(|error| format!("line {}: {error}", i + 1)))
                .collect::<Result<Vec<_>, _>>()
        })
    }

    /// A table of the rows of a CSV file, whose columns are found by the names in its first row.
    #[cfg(feature = "csv")]
    pub fn from_csv<R: serde::de::DeserializeOwned>(
        path: impl Into<PathBuf>,
        entry: impl Fn(R) -> (K, V) + Send + Sync + 'static,
    ) -> Self {
        let path = path.into();
        Self::from_fn(path.display().to_string(), move || {
            let mut rows = csv::Reader::from_path(&path)?;
            rows.deserialize().map(|row| row.map(&entry)).collect::<Result<Vec<_>, csv::Error>>()
        })
    }

    /// Loads the table again in the first batch that is so much later, by batch time, than the one of the last load.
    pub fn refresh_every(mut self, interval: Duration) -> Self {
        self.refresh = Some(interval);
        self
    }

    /// What to do when it cannot be loaded again; [`OnBadTable::Keep`] unless set.
    pub fn on_bad(mut self, on_bad: OnBadTable) -> Self {
        self.on_bad = on_bad;
        self
    }

    /// Why the last refresh has failed, with the name of the table and the time of the batch; `None` if it has not.
    pub fn last_failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn load(&self) -> Result<Table<K, V>, String> {
        let load = std::panic::AssertUnwindSafe(|| (self.load)());
        let entries = std::panic::catch_unwind(load).unwrap_or_else(|panic| Err(panic_message(&*panic)));
        let mut table = Table::default();
        for (key, value) in entries.map_err(|cause| format!("{}: {cause}", self.name))? {
            let mut value = Some(value);
            let held = table.entry_owned(key, || value.take());
            if value.is_some() {
                *held = value;
            }
        }
        let entries = table.into_entries().into_iter().filter_map(|(key, value)| Some((key, value?)));
        Ok(Table::from_entries(entries.collect()))
    }
}

struct Lookup<K, V> {
    entries: Arc<Table<K, V>>,
    /// The batch in which it was loaded; before the first, none.
    loaded: Option<Time>,
}

struct JoinTable<T, K, V, F> {
    name: String,
    parent: Arc<Shared<T>>,
    table: ReferenceTable<K, V>,
    lookup: Mutex<Lookup<K, V>>,
    key: F,
}

impl<T, K: OwnedKey, V: Record, F> JoinTable<T, K, V, F> {
    fn refresh(&self, run: &BatchRun) -> Result<(), Error> {
        let mut lookup = self.lookup.lock().unwrap_or_else(PoisonError::into_inner);
        let due = match (lookup.loaded, self.table.refresh) {
            (Some(loaded), Some(interval)) => run.time >= loaded.after(interval),
            _ => false,
        };
        if due {
            let loaded = self.table.load();
            let failure = loaded.as_ref().err().map(|cause| format!("{cause} (in the batch of {})", run.time));
            *self.table.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
            match loaded {
                Ok(entries) => lookup.entries = Arc::new(entries),
                Err(_) if self.table.on_bad == OnBadTable::Keep => {}
                Err(cause) => {
                    return Err(Error::Operator { operator: self.name.clone(), partition: 0, time: run.time, cause });
                }
            }
        }
        if due || lookup.loaded.is_none() {
            lookup.loaded = Some(run.time);
        }
        Ok(())
    }
}

impl<T, K, V, Q, F> Node<(T, Option<V>)> for JoinTable<T, K, V, F>
where
    T: Record,
    K: OwnedKey,
    V: Record,
    Q: Key<Owned = K> + ?Sized,
    F: Fn(&T) -> &Q + Send + Sync,
{
    fn inputs(&self) -> Vec<Input> {
        self.parent.inputs()
    }

    fn prepare(&self, run: &BatchRun) -> Result<Option<Partitions>, Error> {
        self.refresh(run)?;
        self.parent.prepare(run)
    }

    fn run(
        &self,
        run: &BatchRun,
        partition: usize,
        out: &mut dyn FnMut(&mut Vec<(T, Option<V>)>),
    ) -> Result<(), Error> {
        let entries = self.lookup.lock().unwrap_or_else(PoisonError::into_inner).entries.clone();
        let mut joined = Vec::new();
        self.parent.run(run, partition, &mut |rows| {
            joined.extend(rows.drain(..).map(|row| {
                let value = entries.get((self.key)(&row)).cloned();
                (row, value)
            }));
            if !joined.is_empty() {
                out(&mut joined);
                joined.clear();
            }
        })
    }
}

impl<T: Record> DStream<T> {
    /// Each row with what a table knows of its key, or `None`. The key is looked up as it stands in the row.
    ///
    /// ```
    /// use streamgauge_stream::{Queue, ReferenceTable, StreamingContext, Trigger, mins};
    ///
    /// let countries = ReferenceTable::from_fn("countries", || {
    ///     Ok::<_, std::io::Error>(vec![("se".into(), "Sweden"), ("no".into(), "Norway")])
    /// });
    /// let ctx = StreamingContext::builder("enrich").trigger(Trigger::Available).build();
    /// let (queue, visits) = Queue::new();
    /// let visits = ctx.source(visits).join_table(&countries.refresh_every(mins(10)), |code: &&'static str| *code);
    /// let visits = visits.collect_to_memory();
    /// queue.push(vec!["no", "xx"]);
    /// ctx.run()?;
    /// assert_eq!(visits.rows(), [("no", Some("Norway")), ("xx", None)]);
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn join_table<Q, V: Record>(
        &self,
        table: &ReferenceTable<Q::Owned, V>,
        key: impl Fn(&T) -> &Q + Send + Sync + 'static,
    ) -> DStream<(T, Option<V>)>
    where
        Q: Key + ?Sized + 'static,
    {
        let graph = self.graph.clone();
        let name = graph.name(None, "join_table");
        if table.refresh.is_some_and(|interval| interval.is_zero()) {
            graph.problem(format!("{name}: the table is refreshed every 0 s; give an interval or leave it out"));
        }
        let entries = table.load().unwrap_or_else(|cause| {
            graph.problem(format!("{name}: the table cannot be loaded: {cause}"));
            Table::default()
        });
        let lookup = Mutex::new(Lookup { entries: Arc::new(entries), loaded: None });
        let operator = graph.named_operator(&name, "join_table", [self.operator()]);
        DStream::new(
            graph,
            operator,
            JoinTable { name, parent: self.read_by_one_more(), table: table.clone(), lookup, key },
        )
    }
}
