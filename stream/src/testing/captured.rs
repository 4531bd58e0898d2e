//! What a job under test has given out and told.

use std::sync::{Arc, Mutex, PoisonError};

use crate::monitor::{BatchInfo, Event, Listener, OutputInfo};
use crate::sink::MemorySink;
use crate::time::Time;

/// The rows that a stream has given, by batch.
#[derive(Clone, Debug)]
pub struct Captured<T> {
    sink: MemorySink<T>,
}

impl<T: Clone> Captured<T> {
    pub(super) fn new(sink: MemorySink<T>) -> Self {
        Self { sink }
    }

    /// The batches in which the stream gave rows or none, each with its time. Batches in which a stream does not come
    /// about, as between the slides of a window, are not among them.
    pub fn batches(&self) -> Vec<(Time, Vec<T>)> {
        self.sink.batches()
    }

    /// All rows, in order.
    pub fn rows(&self) -> Vec<T> {
        self.sink.rows()
    }

    /// The rows of the last batch; none before the first.
    pub fn last(&self) -> Vec<T> {
        self.batches().pop().map(|(_, rows)| rows).unwrap_or_default()
    }

    /// The rows of the batch of this time, if there was one.
    pub fn at(&self, time: Time) -> Option<Vec<T>> {
        self.batches().into_iter().find(|(at, _)| *at == time).map(|(_, rows)| rows)
    }

    /// The times of the batches, in seconds.
    pub fn seconds(&self) -> Vec<i64> {
        self.batches().iter().map(|(time, _)| time.secs()).collect()
    }
}

/// Hears everything that happens to a job, and keeps it: a listener for tests.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Mutex<Vec<Event>>,
}

impl Listener for Recorder {
    fn on_event(&self, event: &Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}

impl Recorder {
    /// One that has heard nothing yet, for [`add_listener`](crate::StreamingContext::add_listener).
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// All that happened, in order.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The batches that were completed.
    pub fn batches(&self) -> Vec<BatchInfo> {
        let events = self.events().into_iter();
        events.filter_map(|event| if let Event::BatchCompleted(batch) = event { Some(batch) } else { None }).collect()
    }

    /// The output operations that were completed, or have failed.
    pub fn outputs(&self) -> Vec<OutputInfo> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| if let Event::OutputCompleted(output) = event { Some(output) } else { None })
            .collect()
    }
}
