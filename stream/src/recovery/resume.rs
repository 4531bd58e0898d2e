//! How a job goes on after another run of it.

use std::collections::VecDeque;
use std::sync::Arc;

use rayon::ThreadPool;

use super::batch_log::{self, FileLog, Logged};
use super::manifest::{MANIFEST, Manifest};
use super::numbered::{Numbered, numbered};
use super::segments::Segments;
use super::storage::Storage;
use crate::error::Error;
use crate::graph::{AnySource, Parts, Stateful, is_shown};
use crate::state::Install;
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
        let (newest, warnings) = self.read_newest(job, &files, pool, parts)?;
        let time = newest.as_ref().map(|(manifest, _)| manifest.time);
        let sources = names(&parts.sources);
        super::wal::all_known(storage, &files, &sources)?;
        let mut replay = batch_log::read(storage, &files, time, &sources)?;
        let last = replay.last().map(|batch| batch.time).or(time);
        let manifest = match newest {
            Some((manifest, states)) => {
                put_back_positions(&manifest, parts)?;
                states.into_iter().for_each(|install| install());
                Some(manifest)
            }
            None => None,
        };
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
        let last = if replay.is_empty() { last } else { time };
        Ok(Resumed { last, manifest, replay: replay.into(), log, warnings })
    }
}

/// What puts the states of a checkpoint back.
type States = Vec<Install>;

impl Durability {
    /// The newest checkpoint of which every byte is right, not after a batch if one is given, with its states; and
    /// warnings of what is wrong with those that are newer. An error if there are checkpoints and none is right, or if
    /// it is none of this job.
    fn read_newest(
        &self,
        job: &str,
        files: &[Numbered],
        pool: &ThreadPool,
        parts: &Parts,
    ) -> Result<(Option<(Manifest, States)>, Vec<String>), Error> {
        let storage = &*self.storage;
        let mut damaged = Vec::new();
        let until = if let Resume::Batch(time) = self.resume { time } else { Time::MAX };
        for file in numbered(files, MANIFEST).rev() {
            let manifest = match Manifest::read(storage, file) {
                Ok(manifest) if manifest.time > until => continue,
                Ok(manifest) => manifest,
                Err(error) => {
                    damaged.push(error);
                    continue;
                }
            };
            if manifest.job != job {
                let stored = &manifest.job;
                let cause =
                    format!("they are of the job {stored:?}, and this is {job:?}; give each a place of its own");
                return Err(super::failed(storage, "the checkpoints", &cause));
            }
            check_sources(storage, &manifest, parts)?;
            let states = match self.resume {
                Resume::IgnoreState => Ok(Default::default()),
                Resume::Latest | Resume::Batch(_) => {
                    let ours = &parts.states;
                    pool.install(|| read_states(storage, &manifest, ours))
                }
            };
            match states {
                Ok((states, new)) => {
                    let mut warnings: Vec<_> =
                        damaged.iter().map(|error| format!("{error}; the checkpoint before it is taken")).collect();
                    warnings.extend(new);
                    return Ok((Some((manifest, states)), warnings));
                }
                Err(error @ Error::Storage { .. }) => damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        match (damaged.is_empty(), self.resume) {
            (false, _) => Err(damaged.swap_remove(0)),
            (true, Resume::Batch(until)) => {
                Err(super::failed(storage, "the checkpoints", &format!("none of them is as old as batch {until}")))
            }
            (true, _) => Ok((None, Vec::new())),
        }
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

fn check_sources(storage: &dyn Storage, manifest: &Manifest, parts: &Parts) -> Result<(), Error> {
    let ours = names(&parts.sources);
    if let Some(gone) = manifest.sources.iter().map(|source| &source.name).find(|name| !ours.contains(name)) {
        let cause = format!(
            "the job has no source {gone:?} any more; begin with an empty place, or bring the source back (the job has \
             {})",
            ours.join(", ")
        );
        return Err(super::failed(storage, "the checkpoints", &cause));
    }
    Ok(())
}

fn put_back_positions(manifest: &Manifest, parts: &mut Parts) -> Result<(), Error> {
    let ours = names(&parts.sources);
    for (name, source) in ours.iter().zip(&mut parts.sources) {
        // A source that is new begins at its start.
        if let Some(stored) = manifest.sources.iter().find(|stored| stored.name == *name) {
            source.load(&stored.position)?;
        }
    }
    Ok(())
}

/// Reads the states of operators. Tells of the operators that are new, and begin empty.
fn read_states(
    storage: &dyn Storage,
    manifest: &Manifest,
    ours: &[(String, Stateful)],
) -> Result<(States, Vec<String>), Error> {
    let mend = "give the operator its old name and type, or resume with Resume::IgnoreState";
    let wrong = |operator: &str, cause: String| Error::State { operator: operator.to_owned(), cause };
    let (states, segments) = (&manifest.states, Segments::of(storage, manifest));
    let mut needed = states.iter().filter(|(_, stored)| !is_shown(&stored.schema)).map(|(name, _)| name);
    if let Some(gone) = needed.find(|stored| ours.iter().all(|(name, _)| name != *stored)) {
        let cause = format!("the job has no operator of this name any more; {mend}");
        return Err(wrong(gone, cause));
    }
    let (mut read, mut new) = (Vec::new(), Vec::new());
    for (name, state) in ours {
        match states.get(name) {
            Some(stored) if stored.schema == state.schema => {
                let chain = |piece: usize| segments.read(name, stored.pieces.get(piece).unwrap_or(&Vec::new()));
                read.push(state.load(name, stored.pieces.len(), &chain)?);
            }
            _ if is_shown(&state.schema) => {}
            Some(stored) => {
                let cause = format!("the checkpoint holds a {}, the job a {}; {mend}", stored.schema, state.schema);
                return Err(wrong(name, cause));
            }
            None => new.push(format!("{name} is not in the checkpoint; it begins empty")),
        }
    }
    Ok((read, new))
}
