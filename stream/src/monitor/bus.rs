//! The way from a job to its listeners: a bounded queue, and a thread that empties it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
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
    sender: Option<SyncSender<Message>>,
    /// Events that wait, or a few less.
    waiting: Arc<AtomicUsize>,
    /// Gives the number of listeners that panicked.
    thread: Mutex<Option<JoinHandle<u64>>>,
    dropped: AtomicU64,
}

enum Message {
    Event(Box<Event>),
    /// Whoever waits for all that was told before is answered.
    Flush(SyncSender<()>),
    /// The last event.
    End(Box<Event>),
}

impl Bus {
    /// A bus to these listeners, on a thread of the job.
    pub(crate) fn start(job: &str, thread: JobThread, listeners: Vec<Arc<dyn Listener>>) -> Result<Self, Error> {
        if listeners.is_empty() {
            return Ok(Self::default());
        }
        let (sender, messages) = sync_channel(WAITING);
        let waiting = Arc::new(AtomicUsize::default());
        let waits = waiting.clone();
        let thread = thread::Builder::new()
            .name(format!("{job} listeners"))
            .spawn(move || {
                thread.enter();
                deliver(listeners, &messages, &waits)
            })
            .map_err(|e| Error::Thread(e.to_string()))?;
        Ok(Self { sender: Some(sender), waiting, thread: Mutex::new(Some(thread)), dropped: AtomicU64::default() })
    }

    /// Whether anyone listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.sender.is_some()
    }

    /// Tells what has happened, if anyone listens.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        let is_traced = trace::is_heard();
        if !is_traced && self.sender.is_none() {
            return;
        }
        let event = event();
        if is_traced {
            trace::tell(&event);
        }
        let Some(sender) = &self.sender else {
            return;
        };
        if let Err(TrySendError::Full(_)) = sender.try_send(Message::Event(Box::new(event))) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else if self.waiting.fetch_add(1, Ordering::Relaxed) == WAITING / 2 {
            self.wake();
        }
    }

    /// Ends the rest of the listeners.
    fn wake(&self) {
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.thread().unpark();
        }
    }

    /// Waits until the listeners have heard all that was told before. After the end they have.
    pub(crate) fn flush(&self) {
        let (answer, answered) = sync_channel(1);
        if let Some(sender) = &self.sender
            && sender.send(Message::Flush(answer)).is_ok()
        {
            self.wake();
            // An answer, or nobody is left to give one.
            let _ = answered.recv();
        }
    }

    /// Tells the end, waits until the listeners have heard all, and gives the report with what the bus knows.
    pub(crate) fn end(&self, result: Result<Report, Error>) -> Result<Report, Error> {
        let events_dropped = self.dropped.load(Ordering::Relaxed);
        let mut result = result.map(|report| Report { events_dropped, ..report });
        if trace::is_heard() {
            trace::tell(&Event::Stopped(result.clone()));
        }
        if let Some(sender) = &self.sender {
            // The thread ends with the end only.
            let _ = sender.send(Message::End(Box::new(Event::Stopped(result.clone()))));
            self.wake();
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let failed_listeners = thread.map_or(0, |thread| thread.join().unwrap_or_default());
        if let Ok(report) = &mut result {
            report.failed_listeners = failed_listeners;
        }
        result
    }
}

fn deliver(mut listeners: Vec<Arc<dyn Listener>>, messages: &Receiver<Message>, waiting: &AtomicUsize) -> u64 {
    let all = listeners.len();
    let mut hear = |event: &Event| {
        // One that panics may be in any state: it hears nothing more.
        listeners.retain(|listener| catch_unwind(AssertUnwindSafe(|| listener.on_event(event))).is_ok());
        (all - listeners.len()) as u64
    };
    let mut failed = 0;
    while let Ok(first) = messages.recv() {
        let mut message = Some(first);
        while let Some(next) = message {
            match next {
                Message::Event(event) => failed = hear(&event),
                // Who asked may have stopped waiting.
                Message::Flush(answer) => drop(answer.try_send(())),
                Message::End(event) => return hear(&event),
            }
            message = messages.try_recv().ok();
        }
        waiting.store(0, Ordering::Relaxed);
        thread::park_timeout(REST);
    }
    failed
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
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
