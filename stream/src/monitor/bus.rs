//! The way from a job to its listeners: a bounded queue, and a thread that empties it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Event, Listener, Report, trace};
use crate::error::Error;
use crate::schedule::JobThread;

/// Events that may wait for the listeners.
const WAITING: usize = 10_000;
/// How long the listeners rest when they have heard all: a batch has dozens of events, and to wake a thread for each would
/// cost it more than all else.
const REST: Duration = Duration::from_millis(50);

/// Where a job tells what happens to it. Telling never waits.
#[derive(Default)]
pub(crate) struct Bus {
    /// None if nobody listens.
    queue: Option<Arc<Queue>>,
    /// Gives the number of listeners that panicked.
    thread: Mutex<Option<JoinHandle<u64>>>,
    dropped: AtomicU64,
}

/// What was told and not heard yet.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// There is something that the listeners wait for.
    told: Condvar,
    /// The listeners have heard all that waited.
    heard: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// In one piece of memory that is used again: a piece for each event would be taken by threads that run batches, and
    /// given back by another.
    events: Vec<Event>,
    /// All events so far, those that were dropped aside.
    told: u64,
    heard: u64,
    /// Whether the listeners have heard all, and wait for more.
    is_idle: bool,
    /// Whether the listeners are to rest no longer.
    is_urgent: bool,
    has_ended: bool,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that can panic runs under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False if it is full.
    fn tell(&self, event: Event) -> bool {
        let mut waiting = self.waiting();
        if waiting.events.len() >= WAITING {
            return false;
        }
        waiting.add(event);
        waiting.is_urgent |= waiting.events.len() == WAITING / 2;
        // To wake the thread is a call of the system.
        if std::mem::take(&mut waiting.is_idle) || waiting.events.len() == WAITING / 2 {
            self.told.notify_one();
        }
        true
    }

    /// Waits for events, and takes them all; says whether they are the last ones.
    fn take(&self, events: &mut Vec<Event>) -> bool {
        let mut waiting = self.waiting();
        waiting.is_idle = waiting.events.is_empty();
        let empty = |waiting: &mut Waiting| waiting.events.is_empty();
        let mut waiting = self.told.wait_while(waiting, empty).unwrap_or_else(PoisonError::into_inner);
        (waiting.is_idle, waiting.is_urgent) = (false, false);
        std::mem::swap(&mut waiting.events, events);
        waiting.has_ended
    }

    /// Takes note that so many events were heard, and rests unless somebody waits for the listeners.
    fn rest(&self, heard: usize) {
        let mut waiting = self.waiting();
        waiting.heard += heard as u64;
        self.heard.notify_all();
        // Woken or not: it has rested.
        drop(self.told.wait_timeout_while(waiting, REST, |waiting| !waiting.is_urgent && !waiting.has_ended));
    }
}

impl Waiting {
    fn add(&mut self, event: Event) {
        self.events.push(event);
        self.told += 1;
    }
}

impl Bus {
    /// A bus to these listeners, on a thread of the job.
    pub(crate) fn start(job: &str, thread: JobThread, listeners: Vec<Arc<dyn Listener>>) -> Result<Self, Error> {
        if listeners.is_empty() {
            return Ok(Self::default());
        }
        let queue = Arc::<Queue>::default();
        let told = queue.clone();
        let thread = thread::Builder::new()
            .name(format!("{job} listeners"))
            .spawn(move || {
                thread.enter();
                deliver(listeners, &told)
            })
            .map_err(|e| Error::Thread(e.to_string()))?;
        Ok(Self { queue: Some(queue), thread: Mutex::new(Some(thread)), dropped: AtomicU64::default() })
    }

    /// Whether anyone listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.queue.is_some()
    }

    /// Tells what has happened, if anyone listens.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        let is_traced = trace::is_heard();
        if !is_traced && self.queue.is_none() {
            return;
        }
        let event = event();
        if is_traced {
            trace::tell(&event);
        }
        if let Some(queue) = &self.queue
            && !queue.tell(event)
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until the listeners have heard all that was told before. After the end they have.
    pub(crate) fn flush(&self) {
        let Some(queue) = &self.queue else { return };
        let mut waiting = queue.waiting();
        let told = waiting.told;
        waiting.is_urgent = true;
        queue.told.notify_one();
        drop(queue.heard.wait_while(waiting, |waiting| waiting.heard < told));
    }

    /// Tells the end, waits until the listeners have heard all, and gives the report with what the bus knows.
    pub(crate) fn end(&self, result: Result<Report, Error>) -> Result<Report, Error> {
        let events_dropped = self.dropped.load(Ordering::Relaxed);
        let mut result = result.map(|report| Report { events_dropped, ..report });
        if trace::is_heard() {
            trace::tell(&Event::Stopped(result.clone()));
        }
        if let Some(queue) = &self.queue {
            // Also if it is full.
            let mut waiting = queue.waiting();
            waiting.add(Event::Stopped(result.clone()));
            waiting.has_ended = true;
            queue.told.notify_one();
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let failed_listeners = thread.map_or(0, |thread| thread.join().unwrap_or_default());
        if let Ok(report) = &mut result {
            report.failed_listeners = failed_listeners;
        }
        result
    }
}

fn deliver(mut listeners: Vec<Arc<dyn Listener>>, queue: &Queue) -> u64 {
    let all = listeners.len();
    let mut events = Vec::new();
    loop {
        let is_last = queue.take(&mut events);
        for event in &events {
            // One that panics may be in any state: it hears nothing more.
            listeners.retain(|listener| catch_unwind(AssertUnwindSafe(|| listener.on_event(event))).is_ok());
        }
        let heard = events.len();
        events.clear();
        queue.rest(heard);
        if is_last {
            return (all - listeners.len()) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::*;
    use crate::monitor::BatchInfo;

    /// Says that it has begun, then waits until it may go on.
    struct Slow {
        begun: Mutex<Sender<()>>,
        go_on: Mutex<Receiver<()>>,
        heard: AtomicU64,
    }

    impl Listener for Slow {
        fn on_event(&self, _: &Event) {
            if self.heard.fetch_add(1, Ordering::Relaxed) == 0 {
                self.begun.lock().unwrap().send(()).unwrap();
                self.go_on.lock().unwrap().recv().unwrap();
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted_but_never_the_end() {
        let ((begun, has_begun), (may_go_on, go_on)) = (channel(), channel());
        let slow = Arc::new(Slow { begun: Mutex::new(begun), go_on: Mutex::new(go_on), heard: AtomicU64::new(0) });
        let bus = Bus::start("test", JobThread::new(), vec![slow.clone()]).unwrap();
        bus.tell(|| Event::BatchCompleted(BatchInfo::default()));
        has_begun.recv_timeout(Duration::from_secs(60)).unwrap();
        (0..WAITING + 7).for_each(|_| bus.tell(|| Event::BatchCompleted(BatchInfo::default())));
        may_go_on.send(()).unwrap();
        let report = bus.end(Ok(Report::default())).unwrap();
        assert_eq!((report.events_dropped, report.failed_listeners), (7, 0));
        assert_eq!(slow.heard.load(Ordering::Relaxed) as usize, 1 + WAITING + 1);
    }

    #[test]
    fn a_bus_without_listeners_makes_no_events() {
        let bus = Bus::start("test", JobThread::new(), Vec::new()).unwrap();
        bus.tell(|| unreachable!("nobody listens"));
        bus.flush();
        assert!(bus.end(Err(Error::NotStarted)).is_err());
        bus.flush();
    }
}
