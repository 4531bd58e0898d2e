//! What is in a place of checkpoints, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::io::ErrorKind;

use serde::Serialize;

use super::batch_log::{Content, LOG};
use super::manifest::{MANIFEST, Manifest, Piece, SEGMENT, checksum};
use super::numbered::{Numbered, name_of, number_in};
use super::storage::Storage;
use crate::time::Time;

/// What is in a place of checkpoints: see [`inspect`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The place in words.
    pub place: String,
    /// Oldest first.
    pub checkpoints: Vec<InspectedCheckpoint>,
    /// The files of the batch log, oldest first.
    pub logs: Vec<InspectedLog>,
    /// Segments that no checkpoint refers to: what a crash has left behind, cleared away by the next checkpoint.
    pub unused: Vec<InspectedFile>,
    /// Files of which nothing is known here.
    pub others: Vec<InspectedFile>,
    /// Files that are not as they were written.
    pub damaged: Vec<DamagedFile>,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectedCheckpoint {
    /// Its manifest.
    pub file: String,
    /// The name of the job.
    pub job: String,
    /// The last batch that is in it.
    pub time: Time,
    /// The log file that goes on behind it.
    pub log: String,
    /// In the order in which the job names them.
    pub sources: Vec<InspectedSource>,
    /// By name.
    pub operators: Vec<InspectedOperator>,
    /// The bytes of all pieces.
    pub bytes: u64,
    /// Whether every byte of it is right.
    pub is_whole: bool,
}

/// How far a source was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectedSource {
    /// The name by which it is found again.
    pub name: String,
    /// The position, as its type shows itself for debugging.
    pub position: String,
}

/// The state of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectedOperator {
    /// The name by which it is found again.
    pub name: String,
    /// What the state is, in words: it is restored as nothing else.
    pub schema: String,
    /// How many keys it has, if it is kept by key.
    pub keys: Option<u64>,
    /// The bytes of all pieces.
    pub bytes: u64,
    /// As a rule one for each lane.
    pub pieces: Vec<InspectedPiece>,
}

/// A piece of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectedPiece {
    /// The segment that has all of it as it was at some time.
    pub file: String,
    /// The bytes of that.
    pub bytes: u64,
    /// The segments that have what changed after it, in their order, and the bytes of each.
    pub changes: Vec<(String, u64)>,
}

/// A file of the batch log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectedLog {
    /// Its name.
    pub file: String,
    /// The names of the sources whose ranges it has.
    pub sources: Vec<String>,
    /// The first batch and the last one.
    pub batches: Option<(Time, Time)>,
    /// How many there are.
    pub count: usize,
    /// Those behind the newest checkpoint that are known to be complete: they are run again for their state alone.
    pub complete: usize,
    /// Those behind it that are not: they are run again, with their outputs.
    pub pending: Vec<Time>,
}

/// A file and its length in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectedFile {
    /// Its name.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A file that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DamagedFile {
    /// Its name.
    pub file: String,
    /// What is wrong with it.
    pub cause: String,
}

/// Looks at all that a job has written down, and checks every byte that it would read.
///
/// Reads only, and asks for no lock: it can be called beside a job that runs. Of files that the job removes or renames
/// meanwhile nothing is told.
///
/// ```
/// use streamgauge_stream::recovery::inspect;
/// use streamgauge_stream::testing::{FaultyDisk, TestJob};
///
/// let disk = FaultyDisk::new();
/// let mut job = TestJob::with(|settings| settings.checkpoint_storage(disk.clone()));
/// let numbers = job.source([vec![1, 2], vec![3]]);
/// job.capture(&numbers.key_by(|n: &i32| n).named("numbers").running().summarize(|on| on.count()));
/// job.run()?;
/// let found = inspect(&disk)?;
/// let newest = found.checkpoints.last().unwrap();
/// assert_eq!((newest.operators[0].name.as_str(), newest.operators[0].keys), ("numbers", Some(3)));
/// assert!(newest.is_whole && found.damaged.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Whatever the storage says when it is asked for its files. What is wrong with a file is told in
/// [`damaged`](Inspection::damaged).
pub fn inspect(storage: &dyn Storage) -> std::io::Result<Inspection> {
    let mut names = storage.list()?;
    names.sort();
    let mut seen = Inspector { storage, damaged: Vec::new(), segments: BTreeMap::new() };
    let (mut checkpoints, mut logs, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let (mut segments, mut used) = (Vec::new(), Vec::new());
    for name in &names {
        if let Some(number) = number_in(name, MANIFEST) {
            if let Some((manifest, found)) = seen.checkpoint(&Numbered { number, name: name.clone() }) {
                used.extend(manifest.segments.into_keys());
                checkpoints.push(found);
            }
        } else if number_in(name, LOG).is_some() {
            logs.extend(seen.log(name).map(|content| (name.clone(), content)));
        } else if let Some(number) = number_in(name, SEGMENT) {
            segments.push((number, name));
        } else {
            others.extend(seen.file(name));
        }
    }
    let unused = segments.into_iter().filter(|(number, _)| !used.contains(number));
    let unused = unused.filter_map(|(_, name)| seen.file(name)).collect();
    let covered = checkpoints.iter().filter(|it| it.is_whole).map(|it| it.time).max();
    let completed: BTreeSet<Time> = logs.iter().flat_map(|(_, content)| &content.completed).copied().collect();
    let logs = logs.into_iter().map(|(file, Content { sources, planned, .. })| {
        let behind = planned.iter().filter(|time| Some(**time) > covered);
        let (complete, pending): (Vec<_>, _) = behind.partition(|time| completed.contains(time));
        let (batches, count) = (planned.first().copied().zip(planned.last().copied()), planned.len());
        InspectedLog { file, sources, batches, count, complete: complete.len(), pending }
    });
    let logs = logs.collect();
    let mut damaged = seen.damaged;
    damaged.sort();
    damaged.dedup();
    Ok(Inspection { place: storage.place(), checkpoints, logs, unused, others, damaged })
}

struct Inspector<'a> {
    storage: &'a dyn Storage,
    damaged: Vec<DamagedFile>,
    /// By segment: the pieces that were checked, and whether they are right. One checkpoint after another has the same.
    segments: BTreeMap<u64, BTreeMap<(u64, u64, u64), bool>>,
}

impl Inspector<'_> {
    fn damaged(&mut self, file: &str, cause: &dyn Display) {
        self.damaged.push(DamagedFile { file: file.to_owned(), cause: cause.to_string() });
    }

    /// Whether there is such a file now: a job that runs removes some.
    fn is_there(&self, name: &str) -> bool {
        self.storage.list().is_ok_and(|names| names.iter().any(|other| other == name))
    }

    /// The content of a file that is there.
    fn read(&mut self, name: &str) -> Option<Vec<u8>> {
        match self.storage.read(name) {
            Ok(content) => Some(content),
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    self.damaged(name, &error);
                }
                None
            }
        }
    }

    fn file(&mut self, name: &str) -> Option<InspectedFile> {
        Some(InspectedFile { file: name.to_owned(), bytes: self.read(name)?.len() as u64 })
    }

    fn log(&mut self, name: &str) -> Option<Content> {
        Content::of(&self.read(name)?).map_err(|cause| self.damaged(name, &cause)).ok()
    }

    fn checkpoint(&mut self, file: &Numbered) -> Option<(Manifest, InspectedCheckpoint)> {
        let content = self.read(&file.name)?;
        let manifest = match Manifest::decode(&content) {
            Ok(manifest) => manifest,
            Err(cause) => {
                self.damaged(&file.name, &cause);
                return None;
            }
        };
        let mut is_whole = true;
        let mut by_segment: BTreeMap<u64, Vec<(&String, &Piece)>> = BTreeMap::new();
        for (operator, state) in &manifest.states {
            for piece in state.pieces.iter().flatten() {
                by_segment.entry(piece.segment).or_default().push((operator, piece));
            }
        }
        for (segment, pieces) in by_segment {
            is_whole &= self.check(file, segment, &pieces)?;
        }
        let operators: Vec<_> = manifest
            .states
            .iter()
            .map(|(name, state)| {
                let pieces = state.pieces.iter().filter_map(|chain| {
                    let (first, changes) = chain.split_first()?;
                    let segment = |piece: &Piece| name_of(SEGMENT, piece.segment);
                    let changes = changes.iter().map(|piece| (segment(piece), piece.length)).collect();
                    Some(InspectedPiece { file: segment(first), bytes: first.length, changes })
                });
                InspectedOperator {
                    name: name.clone(),
                    schema: state.schema.clone(),
                    keys: state.keys,
                    bytes: state.pieces.iter().flatten().map(|piece| piece.length).sum(),
                    pieces: pieces.collect(),
                }
            })
            .collect();
        let sources = manifest.sources.iter();
        let sources = sources.map(|it| InspectedSource { name: it.name.clone(), position: it.in_words.clone() });
        let found = InspectedCheckpoint {
            file: file.name.clone(),
            job: manifest.job.clone(),
            time: manifest.time,
            log: name_of(LOG, manifest.log),
            sources: sources.collect(),
            bytes: operators.iter().map(|operator| operator.bytes).sum(),
            operators,
            is_whole,
        };
        Some((manifest, found))
    }

    /// Whether pieces of a segment are right. None if the checkpoint itself is gone.
    fn check(&mut self, manifest: &Numbered, segment: u64, pieces: &[(&String, &Piece)]) -> Option<bool> {
        let known = self.segments.remove(&segment).unwrap_or_default();
        let place = |piece: &Piece| (piece.at, piece.length, piece.checksum);
        let mut checked = known;
        let name = name_of(SEGMENT, segment);
        if pieces.iter().any(|(_, piece)| !checked.contains_key(&place(piece))) {
            let content = self.read(&name);
            if content.is_none() && !self.is_there(&manifest.name) {
                return None;
            }
            if content.is_none() {
                self.damaged(&name, &format!("is not there, and {} needs it", manifest.name));
            }
            for (operator, piece) in pieces {
                let end = piece.at.saturating_add(piece.length);
                let range = usize::try_from(piece.at).ok().zip(usize::try_from(end).ok());
                let bytes = content.as_ref().zip(range).and_then(|(content, (from, to))| content.get(from..to));
                let is_right = bytes.is_some_and(|bytes| checksum(bytes) == piece.checksum);
                if !is_right && content.is_some() {
                    let cause = format!("is damaged in the state of {operator}, bytes {} to {end}", piece.at);
                    self.damaged(&name, &cause);
                }
                checked.insert(place(piece), is_right);
            }
        }
        let all = pieces.iter().all(|(_, piece)| checked.get(&place(piece)) == Some(&true));
        self.segments.insert(segment, checked);
        Some(all)
    }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

impl Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.place)?;
        self.checkpoints.iter().try_for_each(|checkpoint| write!(f, "\n{checkpoint}"))?;
        if !self.logs.is_empty() {
            writeln!(f, "\nbatch log")?;
        }
        for log in &self.logs {
            write!(f, "  {}: ", log.file)?;
            match log.batches {
                Some((first, last)) => write!(f, "{} batches, {first} to {last}", log.count)?,
                None => write!(f, "no batches")?,
            }
            if log.complete > 0 {
                write!(f, ", {} complete behind the newest checkpoint", log.complete)?;
            }
            match &log.pending[..] {
                [] => writeln!(f)?,
                [only] => writeln!(f, ", {only} not complete")?,
                [first, .., last] => writeln!(f, ", {} not complete, {first} to {last}", log.pending.len())?,
            }
        }
        for (title, files) in [("no checkpoint needs", &self.unused), ("other files", &self.others)] {
            if !files.is_empty() {
                writeln!(f, "\n{title}")?;
            }
            files.iter().try_for_each(|it| writeln!(f, "  {}: {}", it.file, size(it.bytes)))?;
        }
        if !self.damaged.is_empty() {
            writeln!(f, "\ndamaged")?;
        }
        self.damaged.iter().try_for_each(|it| writeln!(f, "  {} {}", it.file, it.cause))
    }
}

impl Display for InspectedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, job, time, log, sources, operators, bytes, is_whole } = self;
        let damaged = if *is_whole { "" } else { ", DAMAGED" };
        writeln!(f, "{file}: job {job:?} after batch {time}, {}, goes on in {log}{damaged}", size(*bytes))?;
        sources.iter().try_for_each(|source| writeln!(f, "  source {:?} at {}", source.name, source.position))?;
        for operator in operators {
            let InspectedOperator { name, schema, keys, bytes, pieces } = operator;
            let keys = keys.map(|keys| format!("{keys} keys, ")).unwrap_or_default();
            writeln!(f, "  operator {name:?}: {keys}{} in {} pieces\n    {schema}", size(*bytes), pieces.len())?;
            // By segment: how much of the operator is in it.
            let mut by_file: BTreeMap<(&str, bool), (usize, u64)> = BTreeMap::new();
            let mut add = |file, is_changes, bytes| {
                let (pieces, held) = by_file.entry((file, is_changes)).or_default();
                (*pieces, *held) = (*pieces + 1, *held + bytes);
            };
            for piece in pieces {
                add(&piece.file, false, piece.bytes);
                piece.changes.iter().for_each(|(file, bytes)| add(file, true, *bytes));
            }
            for ((file, is_changes), (pieces, bytes)) in by_file {
                let what = if is_changes { "changes in" } else { "all of" };
                writeln!(f, "    {file}: {what} {pieces} pieces, {}", size(bytes))?;
            }
        }
        Ok(())
    }
}
