//! The output that hands whole batches to a function.

use std::sync::{Arc, Mutex, PoisonError};

use super::output::describe;
use super::{DStream, Node as _, Outcome, Shared};
use crate::batch::{Batch, BatchRun, Env, EnvOf, Input, Partitions};
use crate::error::{Error, panic_message};
use crate::graph::{Output, Place, Rest};
use crate::source::Record;
use crate::time::Time;

struct ForEach<T, F> {
    env: EnvOf,
    is_state: bool,
    parent: Arc<Shared<T>>,
    callback: Mutex<F>,
}

impl<T, F, O> Output for ForEach<T, F>
where
    T: Record,
    F: FnMut(Time, Batch<T>) -> O + Send,
    O: Outcome,
{
    fn name(&self) -> &str {
        &self.env.operator
    }

    fn place(&self) -> Place {
        Place::Reads(self.parent.operator(), std::any::type_name::<T>())
    }

    fn description(&self) -> String {
        describe::<T>(&self.env.operator)
    }

    fn is_state(&self) -> bool {
        self.is_state
    }

    fn prepare<'a>(&'a self, run: &'a BatchRun) -> Result<Option<Rest<'a>>, Error> {
        let partitions = self.parent.prepare(run)?;
        Ok(partitions.map(|partitions| -> Rest<'a> { Box::new(move || self.call(run, partitions)) }))
    }
}

impl<T, F, O> ForEach<T, F>
where
    T: Record,
    F: FnMut(Time, Batch<T>) -> O + Send,
    O: Outcome,
{
    fn call(&self, run: &BatchRun, partitions: Partitions) -> Result<(), Error> {
        let batch = Batch::of_stream(Env::new(&self.env, run), self.parent.clone(), partitions);
        let mut callback = self.callback.lock().unwrap_or_else(PoisonError::into_inner);
        let call = std::panic::AssertUnwindSafe(|| callback(run.time, batch).outcome());
        std::panic::catch_unwind(call)
            .unwrap_or_else(|panic| Err(panic_message(&*panic)))
            .map_err(|cause| Error::Output { output: self.env.operator.clone(), time: run.time, cause })
    }
}

impl<T: Record> DStream<T> {
    /// Calls a function with every [`Batch`], also with empty ones; of a windowed stream, at every slide.
    ///
    /// The rows are computed when the function asks for them: what it does not ask for is not computed, nor counted as
    /// read. It may return nothing, or a `Result` whose error ends the job.
    ///
    /// ```
    /// # use streamgauge_stream::{DStream, Error};
    /// # fn stream(lines: DStream<String>) {
    /// lines.for_each_batch(|time, batch| {
    ///     let lines = batch.collect()?;
    ///     println!("{time}: {} lines", lines.len());
    ///     Ok::<_, Error>(())
    /// });
    /// # }
    /// ```
    pub fn for_each_batch<O: Outcome>(&self, callback: impl FnMut(Time, Batch<T>) -> O + Send + 'static) {
        self.output(self.graph.name(None, "for_each_batch"), false, callback);
    }

    /// [`for_each_batch`](Self::for_each_batch) under a name that the graph has given, to a function that writes to state
    /// of the job.
    #[cfg(feature = "dashboard")]
    pub(crate) fn output_to_state<O: Outcome>(
        &self,
        name: String,
        callback: impl FnMut(Time, Batch<T>) -> O + Send + 'static,
    ) {
        self.output(name, true, callback);
    }

    pub(super) fn output<O: Outcome>(
        &self,
        name: String,
        is_state: bool,
        callback: impl FnMut(Time, Batch<T>) -> O + Send + 'static,
    ) {
        // An output is read by nobody, so it is no input of its own.
        let env = EnvOf::new(&self.graph, name, Input(0));
        let parent = self.read_by_one_more();
        self.graph.add_output(Box::new(ForEach { env, is_state, parent, callback: Mutex::new(callback) }));
    }
}
