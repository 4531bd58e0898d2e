//! A receiver that a test gives orders to, a job that has it, and a disk that is watched.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use streamgauge_stream::recovery::{Append, Storage};
use streamgauge_stream::source::Stopped;
use streamgauge_stream::testing::{FaultyDisk, TestJob};
use streamgauge_stream::{
    ContextBuilder, DStream, MemorySink, Receiver, ReceiverHandle, ReceiverSource, SourceError, State,
};

pub(crate) enum Order {
    /// Stores as one block, durably.
    Store(Vec<u64>),
    /// Stores one by one, without waiting.
    Buffer(Vec<u64>),
    Sync,
}

/// The receiver.
pub(crate) struct Told {
    orders: mpsc::Receiver<Order>,
    answers: Sender<Result<(), Stopped>>,
}

/// The one who gives the orders. Dropped, it ends the input.
pub(crate) struct Teller {
    orders: Sender<Order>,
    answers: mpsc::Receiver<Result<(), Stopped>>,
}

pub(crate) fn told() -> (Teller, Told) {
    let (orders, inbox) = channel();
    let (outbox, answers) = channel();
    (Teller { orders, answers }, Told { orders: inbox, answers: outbox })
}

impl Teller {
    /// Gives an order and waits; tells whether it was done.
    pub(crate) fn tell(&self, order: Order) -> bool {
        // A job that could not start has no receiver.
        self.orders.send(order).is_ok() && matches!(self.answers.recv(), Ok(Ok(())))
    }

    pub(crate) fn store(&self, record: u64) -> bool {
        self.tell(Order::Store(vec![record]))
    }
}

impl Receiver for Told {
    type Item = u64;

    fn name(&self) -> String {
        "told".to_owned()
    }

    fn receive(&mut self, handle: &ReceiverHandle<u64>) -> Result<(), SourceError> {
        while let Ok(order) = self.orders.recv() {
            let answer = match order {
                Order::Store(records) => handle.store_many(records),
                Order::Buffer(records) => records.into_iter().try_for_each(|record| handle.store(record)),
                Order::Sync => handle.sync(),
            };
            // The test may have ended.
            let _ = self.answers.send(answer);
        }
        Ok(())
    }
}

/// What a job has written: a target that outlives it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) rows: MemorySink<u64>,
    /// By key: how many records of it there were.
    counts: MemorySink<(u64, u64)>,
}

impl Target {
    pub(crate) fn new() -> Self {
        Self { rows: MemorySink::all(), counts: MemorySink::all() }
    }

    /// Describes the job: all records, and state by key.
    pub(crate) fn describe(&self, records: &DStream<u64>) {
        records.map(|n| n).write_to(self.rows.clone());
        let keyed = records.map(|n| n % 3).key_by(|key| key).named("counts");
        let counts = keyed.map_with_state(|key, count: &mut State<'_, u64, u64>| {
            *count.or_default() += 1;
            (key, *count.or_default())
        });
        counts.write_to(self.counts.clone());
    }

    /// How many records state has seen.
    pub(crate) fn counted(&self) -> u64 {
        let last: BTreeMap<u64, u64> = self.counts.rows().into_iter().collect();
        last.values().sum()
    }

    /// That each of these is among the rows, none of them or of others twice, and that state has seen what the rows are.
    #[track_caller]
    pub(crate) fn has_once(&self, acknowledged: &[u64], when: &str) {
        let mut times: BTreeMap<u64, u64> = BTreeMap::new();
        self.rows.rows().into_iter().for_each(|n| *times.entry(n).or_default() += 1);
        let lost: Vec<_> = acknowledged.iter().filter(|n| !times.contains_key(n)).collect();
        assert!(lost.is_empty(), "{when}: {lost:?} were acknowledged, and are lost");
        let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{when}: {twice:?}");
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for (key, count) in self.counts.rows() {
            let before = counts.insert(key, count).unwrap_or_default();
            assert_eq!(count, before + 1, "{when}: the state of key {key}");
        }
        assert_eq!(self.counted(), times.len() as u64, "{when}: the records that state has seen");
    }
}

/// A job with a receiver, small segments, and a checkpoint every three batches.
pub(crate) fn job(
    storage: impl Storage,
    target: &Target,
    settings: impl FnOnce(ContextBuilder) -> ContextBuilder,
) -> (TestJob, Teller) {
    let job = TestJob::with(|it| settings(it.checkpoint_storage(storage).checkpoint_every(3).max_pending_bytes(1_600)));
    let (teller, receiver) = told();
    target.describe(&job.context().source(ReceiverSource::new(receiver).block_records(4).logged()));
    (job, teller)
}

/// The segments on a disk, and their lengths.
pub(crate) fn segments(disk: &FaultyDisk) -> Vec<(String, usize)> {
    disk.files().into_iter().filter(|(name, _)| name.starts_with("wal-")).collect()
}

/// A disk that counts the syncs of segments, and on which they can be made to wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    pub(crate) disk: FaultyDisk,
    synced: Arc<AtomicU64>,
    is_shut: Arc<(Mutex<bool>, Condvar)>,
}

impl Watched {
    pub(crate) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Waits for another sync than those that were counted.
    pub(crate) fn await_sync(&self, counted: u64) {
        while self.synced() == counted {
            thread::yield_now();
        }
    }

    /// Lets syncs wait, or go on.
    pub(crate) fn shut(&self, shut: bool) {
        *self.is_shut.0.lock().unwrap() = shut;
        self.is_shut.1.notify_all();
    }
}

impl Storage for Watched {
    fn place(&self) -> String {
        self.disk.place()
    }

    fn open(&self) -> io::Result<()> {
        self.disk.open()
    }

    fn close(&self) {
        self.disk.close();
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.disk.read(name)
    }

    fn write(&self, name: &str, pieces: &[&[u8]]) -> io::Result<()> {
        self.disk.write(name, pieces)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let file = self.disk.create(name)?;
        Ok(if name.starts_with("wal-") { Box::new(WatchedFile { file, disk: self.clone() }) } else { file })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
}

struct WatchedFile {
    file: Box<dyn Append>,
    disk: Watched,
}

impl Append for WatchedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let (shut, changed) = &*self.disk.is_shut;
        drop(changed.wait_while(shut.lock().unwrap(), |shut| *shut).unwrap());
        self.file.sync()?;
        self.disk.synced.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}
