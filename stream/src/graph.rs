//! What a job consists of, collected while it is described.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::summary::{Identity, On};

use crate::batch::exchange::LANES;
use crate::batch::{BatchRun, Input};
use crate::error::Error;
use crate::source::{Limit, Next};
use crate::state::Lanes;

/// The registry of a job: sources, outputs, state, and everything that is wrong with it.
pub(crate) struct Graph {
    seed: u64,
    /// The batch interval; none if batches follow each other as fast as they can.
    interval: Option<Duration>,
    parts: Mutex<Parts>,
}

#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) sources: Vec<Box<dyn AnySource>>,
    pub(crate) outputs: Vec<Box<dyn Output>>,
    /// State by the name of its operator.
    pub(crate) states: Vec<(String, Stateful)>,
    /// By input: what it is derived from; nothing for a source.
    pub(crate) inputs: Vec<Vec<Input>>,
    pub(crate) problems: Vec<String>,
    is_started: bool,
    names: HashSet<String>,
}

impl Graph {
    pub(crate) fn new(seed: u64, interval: Option<Duration>) -> Self {
        Self { seed, interval, parts: Mutex::default() }
    }

    pub(crate) fn parts(&self) -> MutexGuard<'_, Parts> {
        // The graph is only added to; what panicked while adding has added nothing.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the parts to run them. What is added from here on is no part of the job.
    pub(crate) fn start(&self) -> Parts {
        let started = Parts { is_started: true, ..Parts::default() };
        std::mem::replace(&mut *self.parts(), started)
    }

    pub(crate) fn is_started(&self) -> bool {
        self.parts().is_started
    }

    /// Takes note of a mistake; all are told when the job is started.
    pub(crate) fn problem(&self, problem: impl Into<String>) {
        self.parts().problems.push(problem.into());
    }

    /// The name of an operator: the given one, or its kind and a number. State is found again by it.
    pub(crate) fn name(&self, given: Option<String>, kind: &str) -> String {
        let mut parts = self.parts();
        let name = given.unwrap_or_else(|| {
            let taken = |n: &usize| parts.names.contains(&format!("{kind} {n}"));
            let number = (1..).find(|n| !taken(n)).unwrap_or_default();
            format!("{kind} {number}")
        });
        if !parts.names.insert(name.clone()) {
            parts.problems.push(format!("two operators are named \"{name}\"; give each its own name"));
        }
        name
    }

    /// A builder of summaries with the seed of the job.
    pub(crate) fn on<T: 'static>(&self) -> On<Identity<T>> {
        On::records().seeded(self.seed)
    }

    /// The input that a source is.
    pub(crate) fn source_input(&self) -> Input {
        self.derived_input(Vec::new())
    }

    /// The input that a wide operator is: ended when all that it reads have ended.
    pub(crate) fn derived_input(&self, from: Vec<Input>) -> Input {
        let mut parts = self.parts();
        parts.inputs.push(from);
        Input((parts.inputs.len() - 1) as u32)
    }

    pub(crate) fn add_output(&self, output: Box<dyn Output>) {
        self.parts().outputs.push(output);
    }

    pub(crate) fn add_source(&self, source: Box<dyn AnySource>) {
        self.parts().sources.push(source);
    }

    pub(crate) fn add_state(&self, operator: &str, state: Stateful) {
        self.parts().states.push((operator.to_owned(), state));
    }

    /// How many lanes keyed operators have.
    pub(crate) fn lanes(&self) -> usize {
        LANES
    }

    /// The batch interval; none if batches follow each other as fast as they can.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.interval
    }
}

/// What a source is about to give to a batch.
pub(crate) struct Planned {
    /// The range, serialized for the log.
    pub(crate) range: Vec<u8>,
    pub(crate) is_empty: bool,
    pub(crate) next: Next,
}

/// A source as the scheduler drives it.
pub(crate) trait AnySource: Send {
    fn name(&self) -> String;
    fn input(&self) -> Input;

    /// Plans a batch.
    fn plan(&mut self, limit: Limit) -> Result<Planned, Error>;

    /// Makes the planned range the content of the batch.
    fn read(&mut self) -> Result<(), Error>;

    fn close(&mut self);
    fn holds_records(&self) -> bool;

    /// The position, serialized.
    fn save(&self) -> Vec<u8>;
    fn load(&mut self, position: &[u8]) -> Result<(), Error>;
}

/// An output operation: run once a batch, in the order in which the job names them.
pub(crate) trait Output: Send + Sync {
    /// Called once when the job is started: what is wrong with the output's target, if that can be known by then.
    fn open(&self) -> Result<(), String> {
        Ok(())
    }

    fn run(&self, batch: &BatchRun) -> Result<(), Error>;
}

/// State of an operator, as the engine stores and restores it.
pub(crate) struct Stateful {
    /// What the state is, in words: it is not restored as something else.
    pub(crate) schema: String,
    save: Box<dyn Fn() -> Result<Vec<u8>, String> + Send + Sync>,
    load: Box<dyn Fn(&[u8]) -> Result<(), String> + Send + Sync>,
}

impl Stateful {
    /// State that is plain data.
    pub(crate) fn of<S: Serialize + DeserializeOwned + Send + 'static>(schema: String, state: &Arc<Mutex<S>>) -> Self {
        let (saved, loaded) = (state.clone(), state.clone());
        Self {
            schema,
            save: Box::new(move || {
                let state = saved.lock().unwrap_or_else(PoisonError::into_inner);
                postcard::to_allocvec(&*state).map_err(|e| e.to_string())
            }),
            load: Box::new(move |bytes| {
                let state = decode(bytes)?;
                *loaded.lock().unwrap_or_else(PoisonError::into_inner) = state;
                Ok(())
            }),
        }
    }

    /// State by lane.
    pub(crate) fn by_lane<L>(schema: String, lanes: &Arc<Lanes<L>>) -> Self
    where
        L: Serialize + DeserializeOwned + Send + 'static,
    {
        let (saved, loaded) = (lanes.clone(), lanes.clone());
        Self {
            schema,
            save: Box::new(move || postcard::to_allocvec(&*saved).map_err(|e| e.to_string())),
            load: Box::new(move |bytes| loaded.replace(decode(bytes)?)),
        }
    }

    pub(crate) fn save(&self, operator: &str) -> Result<Vec<u8>, Error> {
        (self.save)().map_err(|cause| Error::State { operator: operator.to_owned(), cause })
    }

    pub(crate) fn load(&self, operator: &str, bytes: &[u8]) -> Result<(), Error> {
        (self.load)(bytes).map_err(|cause| Error::State { operator: operator.to_owned(), cause })
    }
}

/// Reads a stored value that is all of the bytes.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(bytes).map_err(|e| e.to_string())? {
        (value, []) => Ok(value),
        (_, rest) => Err(format!("{} surplus bytes", rest.len())),
    }
}
