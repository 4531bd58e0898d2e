//! Fetching beside the batches: a thread that takes from the client what has arrived, up to a bound.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers, Message};

use super::client::{Client, Context, Lost, Trouble, only, partition_failed};
use super::part::Part;
use super::position::{KafkaPosition, Name, Range};
use super::{KafkaRecord, SourceError};
use crate::error::panic_message;

/// How many records are taken from the client at a time.
const CHUNK: usize = 512;

/// How often the client is asked what it has to tell, although it has not said that there is something.
const LOOK: Duration = Duration::from_millis(100);

/// A flag that a thread waits for.
#[derive(Default)]
pub(super) struct Wake {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    pub(super) fn raise(&self) {
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits until it is raised, at most so long, and lowers it.
    fn wait(&self, most: Duration) {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(raised, most, |raised| !*raised);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

type Queue = Arc<PartitionQueue<Context>>;

/// A partition that is fetched.
struct Fetched {
    part: Part,
    queue: Queue,
    /// Another number after it was begun at another place.
    epoch: u64,
}

#[derive(Default)]
pub(super) struct State {
    fetched: BTreeMap<Name, Fetched>,
    /// Where the client puts the records of a partition. They are kept: two for one would take each other's calls.
    queues: BTreeMap<Name, Queue>,
    epochs: u64,
    /// Goes up with everything that arrives.
    arrivals: u64,
    /// What the thread has panicked with.
    broken: Option<String>,
    pub(super) is_over: bool,
}

impl State {
    /// The partitions in their order.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&Name, &Part)> {
        self.fetched.iter().map(|(name, fetched)| (name, &fetched.part))
    }

    pub(super) fn part_mut(&mut self, name: &Name) -> Option<&mut Part> {
        self.fetched.get_mut(name).map(|fetched| &mut fetched.part)
    }
}

/// What the job and the threads share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something has arrived, or is over.
    pub(super) changed: Condvar,
    wake: Arc<Wake>,
    /// How much is taken in ahead, all partitions together.
    bytes: usize,
    /// Nothing is taken in of a partition after its end was reached.
    until_end: bool,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fetching of a job.
pub(super) struct Fetch {
    pub(super) shared: Arc<Shared>,
    // After the queues, which are its own; so for the threads.
    pub(super) client: Client,
    thread: Option<JoinHandle<()>>,
}

impl Fetch {
    /// Begins, without any partition. `wake` is what the client raises.
    pub(super) fn new(client: Client, wake: Arc<Wake>, bytes: usize, until_end: bool) -> Result<Self, SourceError> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), wake, bytes, until_end });
        let fetching = Thread { shared: shared.clone(), client: client.clone() };
        let run = move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| fetching.run())) {
                fetching.shared.lock().broken = Some(panic_message(&*panic));
                fetching.shared.changed.notify_all();
            }
        };
        let thread = thread::Builder::new().name("kafka fetch".to_owned()).spawn(run);
        let thread = thread.map_err(|error| SourceError::new(client.settings.name(), error))?;
        Ok(Self { shared, client, thread: Some(thread) })
    }

    /// How many bytes a batch takes of one of so many partitions.
    pub(super) fn bytes_of(&self, partitions: usize) -> usize {
        self.shared.bytes_of(partitions)
    }

    /// Fetches the partitions of a position, from there on. Those that are fetched from there already go on.
    pub(super) fn align(&self, position: &KafkaPosition) -> Result<(), SourceError> {
        let Client { consumer, settings, .. } = &self.client;
        let failed = |error: KafkaError| SourceError::new(settings.name(), error);
        let mut state = self.shared.lock();
        let State { fetched, queues, epochs, .. } = &mut *state;
        let mut stopped = TopicPartitionList::new();
        fetched.retain(|(topic, partition), fetched| {
            let stays = position.get(topic, *partition).is_some_and(|reached| reached.next == fetched.part.base);
            if !stays {
                stopped.add_partition(topic, *partition);
            }
            stays
        });
        if stopped.count() > 0 {
            consumer.incremental_unassign(&stopped).map_err(failed)?;
        }
        let (mut begun, mut new) = (TopicPartitionList::new(), Vec::new());
        for (topic, partition, reached) in position.iter() {
            let name = (topic.clone(), partition);
            if fetched.contains_key(&name) {
                continue;
            }
            begun.add_partition_offset(topic, partition, rdkafka::Offset::Offset(reached.next)).map_err(failed)?;
            // Before it is assigned: so nothing of it ever goes to the common queue, where ends cannot be told apart.
            let queue = match queues.get(&name) {
                Some(queue) => queue.clone(),
                None => {
                    let queue = consumer.split_partition_queue(topic, partition);
                    let mut queue = queue.ok_or_else(|| partition_failed(topic, partition, "has no queue"))?;
                    let wake = self.shared.wake.clone();
                    queue.set_nonempty_callback(move || wake.raise());
                    queues.entry(name.clone()).or_insert(Arc::new(queue)).clone()
                }
            };
            *epochs += 1;
            new.push((name, Fetched { part: Part::at(reached.next), queue, epoch: *epochs }));
        }
        if begun.count() > 0 {
            consumer.incremental_assign(&begun).map_err(failed)?;
            fetched.extend(new);
        }
        Ok(())
    }

    /// Waits until what arrives later does not change what the next batch takes, but no longer than nothing arrives for
    /// the given time. Tells which.
    pub(super) fn settle(&self, most: &[u64], patience: Duration) -> bool {
        let mut state = self.shared.lock();
        let (mut arrivals, mut since) = (state.arrivals, Instant::now());
        loop {
            let bytes = self.bytes_of(state.fetched.len());
            if state.parts().zip(most).all(|((_, part), most)| part.is_settled(*most, bytes)) {
                return true;
            }
            if state.arrivals != arrivals {
                (arrivals, since) = (state.arrivals, Instant::now());
            }
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() || state.broken.is_some() {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What has arrived so far.
    ///
    /// # Errors
    /// If the thread is no more.
    pub(super) fn state(&self) -> Result<MutexGuard<'_, State>, SourceError> {
        let state = self.shared.lock();
        match &state.broken {
            Some(panic) => Err(SourceError::new(self.client.settings.name(), format!("fetching {panic}"))),
            None => Ok(state),
        }
    }

    /// The records of a range, if they are those that are to be taken next.
    pub(super) fn take(&self, range: &Range) -> Option<Vec<KafkaRecord>> {
        let mut state = self.shared.lock();
        let part = state.part_mut(&(range.topic.clone(), range.partition))?;
        let taken = part.take(range.from, range.to);
        // There is room again.
        self.shared.wake.raise();
        taken
    }
}

impl Shared {
    fn bytes_of(&self, partitions: usize) -> usize {
        self.bytes / partitions.max(1)
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        self.shared.wake.raise();
        if let Some(thread) = self.thread.take() {
            // A panic was told already.
            let _ = thread.join();
        }
    }
}

/// The thread.
struct Thread {
    shared: Arc<Shared>,
    client: Client,
}

impl Thread {
    fn run(&self) {
        loop {
            self.shared.wake.wait(LOOK);
            // What the client has to tell of itself; records go to the queues of their partitions.
            while let Some(event) = self.client.consumer.poll(Duration::ZERO) {
                // One that came before its partition had a queue, if that can be. Errors have been told.
                if let Ok(message) = event {
                    self.strayed(&message);
                }
            }
            while self.take_some() {}
            if self.shared.lock().is_over {
                return;
            }
            self.look_at_suspects();
        }
    }

    /// Takes some records of every partition that has room. Tells whether there may be more.
    fn take_some(&self) -> bool {
        let hungry: Vec<(Name, Queue, u64)> = {
            let state = self.shared.lock();
            if state.is_over {
                return false;
            }
            let bytes = self.shared.bytes_of(state.fetched.len());
            let wants_more = |part: &Part| {
                let is_over = part.lost.is_some() || part.suspect || (part.at_end && self.shared.until_end);
                !is_over && !part.is_full(bytes)
            };
            let hungry = state.fetched.iter().filter(|(_, fetched)| wants_more(&fetched.part));
            hungry.map(|(name, it)| (name.clone(), it.queue.clone(), it.epoch)).collect()
        };
        let mut more = false;
        let mut records = Vec::with_capacity(CHUNK);
        for (name, queue, epoch) in hungry {
            let mut told = None;
            while records.len() < CHUNK {
                match queue.poll(Duration::ZERO) {
                    Some(Ok(message)) => match record(&name.0, &message) {
                        Ok(record) => records.push(record),
                        Err(why) => told = Some(Told::Unreadable(message.offset(), why)),
                    },
                    Some(Err(error)) => told = Some(Told::Error(error)),
                    None => break,
                }
                if told.is_some() {
                    break;
                }
            }
            let arrived = !records.is_empty() || told.is_some();
            more |= arrived;
            if arrived {
                self.arrived(&name, epoch, &mut records, told);
            }
        }
        more
    }

    fn arrived(&self, name: &Name, epoch: u64, records: &mut Vec<KafkaRecord>, told: Option<Told>) {
        let mut state = self.shared.lock();
        state.arrivals += 1;
        // It may have been begun at another place meanwhile.
        if let Some(fetched) = state.fetched.get_mut(name).filter(|fetched| fetched.epoch == epoch) {
            fetched.part.push(records.drain(..));
            match told {
                None => {}
                Some(Told::Unreadable(offset, why)) => {
                    fetched.part.next = offset;
                    fetched.part.lost = Some(Lost::Unreadable(why));
                }
                Some(Told::Error(KafkaError::PartitionEOF(_))) => fetched.part.at_end = true,
                Some(Told::Error(error)) => match Trouble::of(&error) {
                    Trouble::Missing => fetched.part.suspect = true,
                    Trouble::Unreadable(why) => fetched.part.lost = Some(Lost::Unreadable(why)),
                    // It has been told.
                    Trouble::Passing => {}
                },
            }
        }
        drop(state);
        records.clear();
        self.shared.changed.notify_all();
    }

    fn strayed(&self, message: &BorrowedMessage<'_>) {
        let name: Name = (message.topic().into(), message.partition());
        let epoch = self.shared.lock().fetched.get(&name).map(|fetched| fetched.epoch);
        if let Some(epoch) = epoch {
            let (mut records, mut told) = (Vec::new(), None);
            match record(&name.0, message) {
                Ok(record) => records.push(record),
                Err(why) => told = Some(Told::Unreadable(message.offset(), why)),
            }
            self.arrived(&name, epoch, &mut records, told);
        }
    }

    /// Finds out what is wrong with partitions of which something is missing.
    fn look_at_suspects(&self) {
        let suspects: Vec<(Name, i64, u64)> = {
            let state = self.shared.lock();
            let suspects = state.fetched.iter().filter(|(_, fetched)| fetched.part.suspect);
            suspects.map(|(name, fetched)| (name.clone(), fetched.part.next, fetched.epoch)).collect()
        };
        for (name, next, epoch) in suspects {
            let found = match self.client.look_for(&name, next) {
                Ok(found) => found,
                // Asked again the next time.
                Err(error) => {
                    self.client.warnings.add(error);
                    continue;
                }
            };
            let mut state = self.shared.lock();
            let Some(fetched) = state.fetched.get_mut(&name).filter(|fetched| fetched.epoch == epoch) else { continue };
            fetched.part.suspect = false;
            fetched.part.lost = found;
            if fetched.part.lost.is_none()
                && let Err(error) = self.begin_again(&name, next)
            {
                fetched.part.suspect = true;
                self.client.warnings.add(partition_failed(&name.0, name.1, error));
            }
            state.arrivals += 1;
            drop(state);
            self.shared.changed.notify_all();
        }
    }

    /// The client has given up a partition that is there after all.
    fn begin_again(&self, name: &Name, next: i64) -> KafkaResult<()> {
        let list = only(name, next)?;
        self.client.consumer.incremental_unassign(&list)?;
        self.client.consumer.incremental_assign(&list)
    }
}

/// What came instead of a record.
enum Told {
    Error(KafkaError),
    /// The record of this offset is of no use.
    Unreadable(i64, String),
}

/// A record, copied out of the memory of the client.
pub(super) fn record(topic: &Arc<str>, message: &BorrowedMessage<'_>) -> Result<KafkaRecord, String> {
    let copy = || {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        KafkaRecord::new(
            topic.clone(),
            message.partition(),
            message.offset(),
            message.timestamp().to_millis().unwrap_or(-1),
            message.key(),
            message.payload(),
            headers.map(|header| (header.key, header.value)),
        )
    };
    match message.headers() {
        None => Ok(copy()),
        // The client panics at names of headers that are no UTF-8.
        Some(_) => {
            catch_unwind(AssertUnwindSafe(copy)).map_err(|panic| format!("its headers: {}", panic_message(&*panic)))
        }
    }
}
