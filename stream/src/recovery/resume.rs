//! How a job goes on after another run of it.

use std::collections::VecDeque;
use std::sync::Arc;

use rayon::ThreadPool;

use super::batch_log::{self, FileLog, Logged};
use super::checkpoint::{self, Manifest, Restored};
use super::numbered::numbered;
use super::storage::Storage;
use crate::error::Error;
use crate::graph::{AnySource, Parts, Stateful};
use crate::time::Time;

/// Where a job begins that has run before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// With the newest checkpoint, and the batches that were logged after it.
    #[default]
    Latest,
    /// With the last checkpoint that is not after this batch, and the batches that were logged after it. There are the
    /// last two to choose from; [`Error::Storage`] if none is that old.
    Batch(Time),
    /// Where the newest checkpoint and the batches after it end, without any state: windows and keys begin anew. For a
    /// job that was changed so much that its state says nothing any more. Meant for one start: from then on there is a
    /// checkpoint without the old state, but a program that keeps saying so ignores state at every start.
    IgnoreState,
}

/// Where and how often a job is written down.
#[derive(Clone, Debug)]
pub(crate) struct Durability {
    pub(crate) storage: Arc<dyn Storage>,
    /// The batches from one checkpoint to the next.
    pub(crate) every: u32,
    pub(crate) resume: Resume,
}

/// A job that goes on.
pub(crate) struct Resumed {
    /// The last batch before those that are run again; none if there was none.
    pub(crate) last: Option<Time>,
    /// The checkpoint that it goes on from.
    pub(crate) manifest: Option<Manifest>,
    /// The batches to run once more.
    pub(crate) replay: VecDeque<Logged>,
    pub(crate) log: FileLog,
    /// What was found that is not as it should be, but does no harm.
    pub(crate) warnings: Vec<String>,
}

impl Durability {
    /// Opens the storage, puts positions and states back, and begins a new log.
    pub(crate) fn resume(&self, job: &str, pool: &ThreadPool, parts: &mut Parts) -> Result<Resumed, Error> {
        let storage = &*self.storage;
        storage.open().map_err(|e| super::failed(storage, "the checkpoints", &e))?;
        // A job that is refused uses it no longer.
        self.resume_opened(job, pool, parts).inspect_err(|_| storage.close())
    }

    fn resume_opened(&self, job: &str, pool: &ThreadPool, parts: &mut Parts) -> Result<Resumed, Error> {
        let storage = &*self.storage;
        let files = super::list(storage)?;
        let until = if let Resume::Batch(time) = self.resume { Some(time) } else { None };
        let (restored, damaged) = checkpoint::read_newest(storage, &files, until)?;
        let mut warnings: Vec<String> =
            damaged.iter().map(|error| format!("{error}; the checkpoint before it is taken")).collect();
        if let Some(restored) = &restored
            && restored.manifest.job != job
        {
            let cause = format!(
                "they are of the job {:?}, and this is {job:?}; give each a place of its own",
                restored.manifest.job
            );
            return Err(super::failed(storage, "the checkpoints", &cause));
        }
        let time = restored.as_ref().map(|restored| restored.manifest.time);
        let sources = names(&parts.sources);
        super::wal::all_known(storage, &files, &sources)?;
        let mut replay = batch_log::read(storage, &files, time, &sources)?;
        let last = replay.last().map(|batch| batch.time).or(time);
        if let Some(restored) = &restored {
            put_back_positions(storage, &restored.manifest, parts)?;
            if self.resume != Resume::IgnoreState {
                let states = &parts.states;
                warnings.extend(pool.install(|| put_back_states(restored, states))?);
            }
        }
        if self.resume == Resume::IgnoreState {
            // Only to where they went.
            for batch in std::mem::take(&mut replay) {
                for (source, range) in parts.sources.iter_mut().zip(&batch.ranges) {
                    source.replay(range.as_deref())?;
                }
            }
        }
        if let Some(last) = numbered(&files, batch_log::LOG).next_back() {
            // A process that was killed may have left a record that can be read and is not durable. Now it counts.
            storage.sync(&last.name).map_err(|e| super::failed(storage, &last.name, &e))?;
        }
        let log = FileLog::begin(self.storage.clone(), last, sources)?;
        let manifest = restored.map(|restored| restored.manifest);
        let last = if replay.is_empty() { last } else { time };
        Ok(Resumed { last, manifest, replay: replay.into(), log, warnings })
    }
}

/// The names of sources; of several with the same name, with a number.
pub(super) fn names(sources: &[Box<dyn AnySource>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for source in sources {
        names.push(unique(source.name(), &names));
    }
    names
}

/// A name that none of the others is: with a number, if need be.
fn unique(name: String, others: &[String]) -> String {
    let numbered = (2..).map(|n| format!("{name} {n}"));
    let mut candidates = std::iter::once(name.clone()).chain(numbered);
    // There are fewer names than candidates.
    candidates.find(|candidate| !others.contains(candidate)).unwrap_or(name)
}

/// The name by which a source is found again that comes behind these.
pub(crate) fn unique_name(name: String, sources: &[Box<dyn AnySource>]) -> String {
    unique(name, &names(sources))
}

fn put_back_positions(storage: &dyn Storage, manifest: &Manifest, parts: &mut Parts) -> Result<(), Error> {
    let ours = names(&parts.sources);
    if let Some((gone, _)) = manifest.sources.iter().find(|(name, _)| !ours.contains(name)) {
        let cause = format!(
            "the job has no source {gone:?} any more; begin with an empty place, or bring the source back (the job has \
             {})",
            ours.join(", ")
        );
        return Err(super::failed(storage, "the checkpoints", &cause));
    }
    for (name, source) in ours.iter().zip(&mut parts.sources) {
        // A source that is new begins at its start.
        if let Some((_, position)) = manifest.sources.iter().find(|(stored, _)| stored == name) {
            source.load(position)?;
        }
    }
    Ok(())
}

/// Puts the states of operators back. Gives the operators that are new, and begin empty.
fn put_back_states(restored: &Restored, ours: &[(String, Stateful)]) -> Result<Vec<String>, Error> {
    let mend = "give the operator its old name and type, or resume with Resume::IgnoreState";
    let wrong = |operator: &str, cause: String| Error::State { operator: operator.to_owned(), cause };
    let states = &restored.states;
    if let Some(gone) = states.keys().find(|stored| ours.iter().all(|(name, _)| name != *stored)) {
        let cause = format!("the job has no operator of this name any more; {mend}");
        return Err(wrong(gone, cause));
    }
    let mut new = Vec::new();
    for (name, state) in ours {
        match states.get(name) {
            Some((schema, pieces)) if *schema == state.schema => state.load(name, pieces)?,
            Some((schema, _)) => {
                let cause = format!("the checkpoint holds a {schema}, the job a {}; {mend}", state.schema);
                return Err(wrong(name, cause));
            }
            None => new.push(format!("{name} is not in the checkpoint; it begins empty")),
        }
    }
    Ok(new)
}
