//! When checkpoints are taken, and the thread that writes them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use rayon::prelude::*;

use super::batch_log::BatchLog;
use super::checkpoint::{self, Due, Taken, TakenState};
use super::manifest::{Manifest, SourceAt};
use super::resume::Durability;
use super::storage::Storage;
use crate::error::Error;
use crate::graph::{Parts, Stateful};
use crate::monitor::CheckpointInfo;
use crate::time::Time;

/// Takes a checkpoint every so many batches. State is turned into bytes between two batches, by all threads of the job;
/// the bytes are written beside the batches that follow.
pub(crate) struct Checkpointer {
    storage: Arc<dyn Storage>,
    job: String,
    every: u32,
    /// The batches since the last one was taken.
    batches: u32,
    pool: Arc<ThreadPool>,
    /// The last one that stands.
    last: Option<Manifest>,
    writing: Option<JoinHandle<Result<Written, Error>>>,
    /// Those that were written since they were last told of.
    untold: Vec<CheckpointInfo>,
}

/// A checkpoint that stands.
struct Written {
    manifest: Manifest,
    info: CheckpointInfo,
}

impl Checkpointer {
    pub(crate) fn new(durability: &Durability, job: &str, pool: Arc<ThreadPool>, last: Option<Manifest>) -> Self {
        let Durability { storage, every, .. } = durability;
        Self {
            storage: storage.clone(),
            job: job.to_owned(),
            every: *every,
            batches: 0,
            pool,
            last,
            writing: None,
            untold: Vec::new(),
        }
    }

    /// A batch is complete: takes a checkpoint if it is time, and the one before has been written.
    pub(crate) fn after_batch(&mut self, time: Time, parts: &Parts, log: &mut dyn BatchLog) -> Result<(), Error> {
        self.batches += 1;
        if self.writing.as_ref().is_some_and(JoinHandle::is_finished) {
            self.wait()?;
        }
        if self.batches < self.every || self.writing.is_some() {
            return Ok(());
        }
        let (taken, taking) = self.take(time, parts, log)?;
        let (storage, last) = (self.storage.clone(), self.last.take());
        let write = move || write(&*storage, taken, taking, last.as_ref());
        let spawned = thread::Builder::new().name(format!("{} checkpoint", self.job)).spawn(write);
        self.writing = Some(spawned.map_err(|e| Error::Thread(e.to_string()))?);
        Ok(())
    }

    /// The job ends in an orderly way: what has run since the last checkpoint need not be run again.
    pub(crate) fn finish(&mut self, time: Time, parts: &Parts, log: &mut dyn BatchLog) -> Result<(), Error> {
        self.wait()?;
        if self.batches > 0 { self.write_now(time, parts, log) } else { Ok(()) }
    }

    /// Takes a checkpoint and waits for it, while none is being written.
    pub(crate) fn write_now(&mut self, time: Time, parts: &Parts, log: &mut dyn BatchLog) -> Result<(), Error> {
        let (taken, taking) = self.take(time, parts, log)?;
        let written = write(&*self.storage, taken, taking, self.last.as_ref())?;
        self.stands(written);
        Ok(())
    }

    fn stands(&mut self, Written { manifest, info }: Written) {
        self.last = Some(manifest);
        self.untold.push(info);
    }

    /// The checkpoints that were written since this was asked last.
    pub(crate) fn written(&mut self) -> Vec<CheckpointInfo> {
        std::mem::take(&mut self.untold)
    }

    /// Waits for the checkpoint that is being written.
    pub(crate) fn wait(&mut self) -> Result<(), Error> {
        if let Some(writing) = self.writing.take() {
            let written = writing.join().map_err(|panic| Error::Panicked(crate::error::panic_message(&*panic)))?;
            self.stands(written?);
        }
        Ok(())
    }

    /// The state as bytes, and how long that took.
    fn take(&mut self, time: Time, parts: &Parts, log: &mut dyn BatchLog) -> Result<(Taken, Duration), Error> {
        let begun = Instant::now();
        self.batches = 0;
        let log = log.cut()?;
        let names = super::resume::names(&parts.sources);
        let sources = names.into_iter().zip(&parts.sources);
        let at = sources.map(|(name, it)| SourceAt { name, position: it.save(), in_words: it.position() });
        let sources = at.collect();
        let due = Due::after(self.last.as_ref());
        let state = |(name, state): &(String, Stateful)| {
            let saved = state.save(name, &|piece| due.is_whole(name, piece))?;
            Ok((name.clone(), TakenState { schema: state.schema.clone(), saved }))
        };
        let states = &parts.states;
        let states = self.pool.install(|| states.par_iter().map(state).collect::<Result<BTreeMap<_, _>, Error>>())?;
        Ok((Taken { job: self.job.clone(), time, log, sources, states }, begun.elapsed()))
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        // Nobody else may use the storage before.
        let _ = self.wait();
        self.storage.close();
    }
}

fn write(storage: &dyn Storage, taken: Taken, taking: Duration, last: Option<&Manifest>) -> Result<Written, Error> {
    let begun = Instant::now();
    let manifest = checkpoint::write(storage, taken, last)?;
    checkpoint::tidy(storage)?;
    let is_old = |segment: &u64| last.is_some_and(|last| last.segments.contains_key(segment));
    let new = manifest.segments.iter().filter(|(segment, _)| !is_old(segment));
    let info = CheckpointInfo {
        time: manifest.time,
        taking,
        writing: begun.elapsed(),
        written_bytes: new.map(|(_, length)| length).sum(),
        state_bytes: manifest.pieces().map(|piece| piece.length).sum(),
    };
    Ok(Written { manifest, info })
}
