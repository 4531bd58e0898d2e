//! What a job consists of, collected while it is described.

mod operators;

pub(crate) use operators::OperatorId;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streamgauge_sketches::summary::{Identity, On};

use self::operators::{Name, Operators};
use crate::batch::exchange::SHARDS;
use crate::batch::{BatchRun, Input};
use crate::clock::Clock;
use crate::error::Error;
use crate::monitor::{OperatorNode, OutputInfo};
use crate::rate::RateControl;
use crate::schedule::Fraction;
use crate::source::{Lag, Limit, Next, Pending, SourceError};
#[cfg(feature = "dashboard")]
pub(crate) use crate::state::encode;
pub(crate) use crate::state::{Kept, StateSize, Stateful, decode, is_shown};

/// The registry of a job: sources, outputs, state, and everything that is wrong with it.
pub(crate) struct Graph {
    seed: u64,
    /// The batch interval; none if batches follow each other as fast as they can.
    interval: Option<Duration>,
    lanes: usize,
    parts: Mutex<Parts>,
}

#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) sources: Vec<Box<dyn AnySource>>,
    pub(crate) outputs: Vec<Box<dyn Output>>,
    operators: Operators,
    /// The operators that sources and outputs are, in the order of these.
    pub(crate) source_operators: Vec<OperatorId>,
    pub(crate) output_operators: Vec<OperatorId>,
    /// State by the name of its operator.
    pub(crate) states: Vec<(String, Stateful)>,
    /// By input: what it is derived from; nothing for a source.
    pub(crate) inputs: Vec<Vec<Input>>,
    pub(crate) problems: Vec<String>,
    /// The write-ahead logs, and which source each is of.
    pub(crate) logs: Vec<(usize, Box<dyn Log>)>,
    /// The operators that ask for a checkpoint every so many batches.
    pub(crate) checkpoints: Vec<(String, u32)>,
    /// The floors of the operators that shed, and the fraction that they keep.
    pub(crate) floors: Vec<f64>,
    /// The operators that shed.
    shedding: Vec<OperatorId>,
    pub(crate) fraction: Arc<Mutex<Fraction>>,
    is_started: bool,
    names: HashSet<String>,
}

impl Graph {
    pub(crate) fn new(seed: u64, interval: Option<Duration>, lanes: usize) -> Self {
        // What is wrong with the number is told at the start.
        Self { seed, interval, lanes: lanes.clamp(1, SHARDS), parts: Mutex::default() }
    }

    pub(crate) fn parts(&self) -> MutexGuard<'_, Parts> {
        // The graph is only added to; what panicked while adding has added nothing.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the parts to run them. What is added from here on is no part of the job: a mistake that ends it.
    pub(crate) fn start(&self) -> Parts {
        let mut parts = self.parts();
        let names = parts.names.clone();
        let started = Parts { is_started: true, names, ..Parts::default() };
        std::mem::replace(&mut *parts, started)
    }

    /// What was added after the start, or was wrong with what was.
    pub(crate) fn changes_after_start(&self) -> Vec<String> {
        let parts = self.parts();
        if parts.outputs.is_empty() && parts.sources.is_empty() && parts.problems.is_empty() {
            return Vec::new();
        }
        let sources = parts.sources.iter().map(|source| source.name());
        let added = sources.chain(parts.outputs.iter().map(|output| output.name().to_owned()));
        let added = added.map(|name| {
            format!(
                "{name}: it was added to a job that runs, and would never run; describe the whole job before start()"
            )
        });
        added.chain(parts.problems.iter().cloned()).collect()
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

    /// This name, with a number if an operator has it already.
    #[cfg(feature = "dashboard")]
    pub(crate) fn unique_name(&self, wanted: &str) -> String {
        let mut parts = self.parts();
        let numbered = (2_usize..).map(|n| format!("{wanted} {n}"));
        let free = std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !parts.names.contains(name));
        // There are fewer names than numbers.
        let name = free.unwrap_or_default();
        parts.names.insert(name.clone());
        name
    }

    /// An operator that reads these, without a name of its own.
    pub(crate) fn operator(
        &self,
        kind: &'static str,
        inputs: impl IntoIterator<Item = Option<OperatorId>>,
    ) -> OperatorId {
        self.parts().operators.add(Name::Numbered, kind, inputs.into_iter().flatten().collect())
    }

    /// An operator that reads these, by the name that it has got.
    pub(crate) fn named_operator(
        &self,
        name: &str,
        kind: &'static str,
        inputs: impl IntoIterator<Item = Option<OperatorId>>,
    ) -> OperatorId {
        self.parts().operators.add(Name::Own(name.to_owned()), kind, inputs.into_iter().flatten().collect())
    }

    /// Takes note of the type of the rows that an operator gives.
    pub(crate) fn gives<T>(&self, operator: OperatorId) {
        self.parts().operators.gives(operator, std::any::type_name::<T>());
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

    /// Whether any of these inputs is the other one, or derived from it.
    pub(crate) fn derives(&self, inputs: &[Input], from: Input) -> bool {
        let parts = self.parts();
        let mut waiting = inputs.to_vec();
        while let Some(input) = waiting.pop() {
            if input == from {
                return true;
            }
            waiting.extend(parts.inputs.get(input.0 as usize).into_iter().flatten());
        }
        false
    }

    pub(crate) fn add_output(&self, output: Box<dyn Output>) {
        let mut parts = self.parts();
        let operator = match output.place() {
            Place::Reads(input, rows) => {
                let name = Name::Own(output.name().to_owned());
                let operator = parts.operators.add(name, OUTPUT, input.into_iter().collect());
                parts.operators.gives(operator, rows);
                operator
            }
            Place::Is(operator) => operator,
        };
        parts.output_operators.push(operator);
        parts.outputs.push(output);
    }

    /// Adds a source; gives the operator that it is.
    pub(crate) fn add_source(&self, source: Box<dyn AnySource>) -> OperatorId {
        let mut parts = self.parts();
        let operator = parts.operators.add(Name::Wanted(source.name()), "source", Vec::new());
        parts.source_operators.push(operator);
        parts.sources.push(source);
        operator
    }

    /// Adds the log of the source that is added next.
    pub(crate) fn add_log(&self, log: Box<dyn Log>) {
        let mut parts = self.parts();
        let source = parts.sources.len();
        parts.logs.push((source, log));
    }

    /// Takes note that an operator asks for a checkpoint every so many batches.
    pub(crate) fn ask_for_checkpoints(&self, operator: String, every: u32) {
        self.parts().checkpoints.push((operator, every));
    }

    /// Takes note that an operator sheds, down to this fraction. A job that goes on begins with the fraction that it had;
    /// it is one for all operators, and kept as the state of the first.
    pub(crate) fn sheds(&self, name: &str, operator: OperatorId, floor: f64) {
        let mut parts = self.parts();
        parts.shedding.push(operator);
        if parts.floors.is_empty() {
            let state = Stateful::of("fraction that is kept".to_owned(), &parts.fraction);
            parts.states.push((name.to_owned(), state));
        }
        parts.floors.push(floor);
    }

    /// The operators that shed which this one's rows have gone through.
    #[cfg(feature = "dashboard")]
    pub(crate) fn shedding_above(&self, operator: Option<OperatorId>) -> Vec<OperatorId> {
        let parts = self.parts();
        let above = parts.operators.above(operator);
        parts.shedding.iter().copied().filter(|operator| above.contains(operator)).collect()
    }

    pub(crate) fn add_state(&self, operator: &str, state: Stateful) {
        self.parts().states.push((operator.to_owned(), state));
    }

    /// The seed of everything random in the job.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// How many lanes keyed operators have.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    /// The batch interval; none if batches follow each other as fast as they can.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.interval
    }
}

impl Parts {
    /// The operators, each after all that it reads.
    pub(crate) fn operators(&self) -> Arc<[OperatorNode]> {
        self.operators.nodes(&self.names).into()
    }

    /// What is told of each output in every batch.
    pub(crate) fn output_infos(&self) -> Vec<OutputInfo> {
        let mut infos = Vec::with_capacity(self.outputs.len());
        for (id, output) in self.outputs.iter().enumerate() {
            let (name, description) = (output.name().into(), output.description().into());
            infos.push(OutputInfo { id, name, description, ..OutputInfo::default() });
        }
        infos
    }

    /// All that was logged has been run: sources that are written ahead may give more.
    pub(crate) fn begin_logs(&self) -> Result<(), Error> {
        let mut logs = self.logs.iter().filter_map(|(source, log)| Some((self.sources.get(*source)?, log)));
        logs.try_for_each(|(source, log)| log.begin(&source.save()))
    }

    /// Nothing more is written ahead.
    pub(crate) fn end_logs(&self) {
        self.logs.iter().for_each(|(_, log)| log.end());
    }
}

/// The write-ahead log of a source.
pub(crate) trait Log: Send {
    /// The source may give more than there is. Its saved position is that of the last batch.
    fn begin(&self, position: &[u8]) -> Result<(), Error>;

    /// Nothing more is written when this returns.
    fn end(&self);
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

    /// Lets it begin to take records in.
    fn open(&mut self, clock: &Arc<dyn Clock>) -> Result<(), Error>;

    /// Plans a batch; of nothing, without asking the source, if there is no limit because it has nothing to give yet.
    fn plan(&mut self, limit: Option<Limit>) -> Result<Planned, Error>;

    /// Plans a batch of a range that was logged; of nothing, if none was.
    fn replay(&mut self, range: Option<&[u8]>) -> Result<Planned, Error>;

    /// Whether a range can be read again by another run.
    fn replays(&self) -> bool;

    /// Whether the input has ended, and its last batch was planned.
    fn is_finished(&self) -> bool;

    /// Makes the planned range the content of the batch.
    fn read(&mut self) -> Result<(), Error>;

    fn close(&mut self);
    fn holds_records(&self) -> bool;

    /// What went wrong since it was asked last, although the source goes on.
    fn take_warnings(&mut self) -> Vec<SourceError>;

    fn rate(&self) -> &RateControl;
    fn rate_mut(&mut self) -> &mut RateControl;

    /// What was taken in that no batch has planned; none for a source that takes nothing in beside the batches.
    fn pending(&self) -> Option<Pending>;

    /// How far it is behind its input; none if it does not know.
    fn lag(&self) -> Option<Lag>;
    fn reads_ahead(&self) -> bool;
    fn bound_pending(&mut self, bytes: u64);

    /// The position and the learned rate, serialized.
    fn save(&self) -> Vec<u8>;

    /// The position in words.
    fn position(&self) -> String;
    fn load(&mut self, position: &[u8]) -> Result<(), Error>;
}

/// What is left of an output operation after its operators have computed: narrow work, and the sink.
pub(crate) type Rest<'a> = Box<dyn FnOnce() -> Result<(), Error> + Send + 'a>;

/// The kind of an operator that is an output.
const OUTPUT: &str = "output";

/// Where an output stands among the operators.
pub(crate) enum Place {
    /// It reads this one, whose rows are of this type.
    Reads(Option<OperatorId>, &'static str),
    /// It is there for the work of this one alone.
    Is(OperatorId),
}

/// An output operation: run once a batch.
pub(crate) trait Output: Send + Sync {
    /// Called once when the job is started: what is wrong with the output's target, if that can be known by then.
    fn open(&self) -> Result<(), String> {
        Ok(())
    }

    fn name(&self) -> &str;

    fn place(&self) -> Place;

    /// What it is an output of, in words.
    fn description(&self) -> String {
        self.name().to_owned()
    }

    /// Whether what it does is state of the job: then it is done for every batch that brings state up to where it was.
    fn is_state(&self) -> bool {
        false
    }

    /// Gets the batch ready: the stream that is read prepares it, and so wide operators compute. Outputs are prepared
    /// one after another, in the order in which the job names them; what is given back may run at the same time as
    /// that of others. `None` if the stream has no batch at this time.
    fn prepare<'a>(&'a self, batch: &'a BatchRun) -> Result<Option<Rest<'a>>, Error>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestJob;

    #[test]
    fn what_an_operator_keeps_is_asked_after_the_first_batch_and_every_tenth() {
        let mut job = TestJob::new();
        let numbers = job.source([vec![1_u64]]);
        let (asked, kept) = (Arc::new(Mutex::new(0_u64)), Arc::new(Mutex::new(vec![7_u64; 3])));
        let counter = asked.clone();
        let seen = kept.clone();
        let state = Stateful::of("numbers".to_owned(), &kept).sized(move || {
            let kept = seen.lock().unwrap();
            *counter.lock().unwrap() += 1;
            StateSize { keys: kept.len() as u64, bytes: 8 * kept.len() as u64 }
        });
        numbers.graph.named_operator("kept", "state", []);
        numbers.graph.add_state("kept", state);
        let recorder = job.record();
        drop(job.capture(&numbers));
        job.ticks(10).unwrap();
        assert_eq!(*asked.lock().unwrap(), 1);
        kept.lock().unwrap().push(7);
        job.tick().unwrap();
        assert_eq!(*asked.lock().unwrap(), 2);
        let sizes: Vec<_> = recorder.batches().iter().map(|batch| batch.operators[1].clone()).collect();
        assert!(sizes.iter().all(|operator| &*operator.name == "kept" && operator.kind == "state"));
        let bytes: Vec<_> = sizes.iter().map(|operator| operator.state_bytes.unwrap()).collect();
        assert_eq!(bytes, [vec![24; 10], vec![32]].concat());
        assert_eq!(sizes[10].keys, Some(4));
    }
}
