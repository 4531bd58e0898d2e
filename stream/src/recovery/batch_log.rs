//! The batch log: what a batch reads is written down before it runs, and its completion after its outputs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::frame::{self, Damaged};
use super::numbered::{Numbered, name_of, numbered};
use super::storage::{Append, Storage};
use crate::error::Error;
use crate::time::Time;

/// Where batches are written down.
pub(crate) trait BatchLog: Send {
    /// A batch will read these ranges, one for each source, serialized, and keep this fraction of their records where
    /// it sheds. Durable when this returns.
    fn planned(&mut self, time: Time, ranges: &mut dyn Iterator<Item = &[u8]>, fraction: f64) -> Result<(), Error>;

    /// All outputs of the batch are done. Durable with the next batch, or at the end of the job: to sync twice a batch
    /// would be most of the time of a small one. So the last batch may be run again.
    fn completed(&mut self, time: Time) -> Result<(), Error>;

    /// Goes on in a new file, and gives its number: the old ones are over once the checkpoint of this batch stands.
    fn cut(&mut self) -> Result<u64, Error>;

    /// The job ends in an orderly way.
    fn close(&mut self) -> Result<(), Error>;
}

/// Writes nothing down: a job that is killed begins anew.
pub(crate) struct NoLog;

impl BatchLog for NoLog {
    fn planned(&mut self, _: Time, _: &mut dyn Iterator<Item = &[u8]>, _: f64) -> Result<(), Error> {
        Ok(())
    }

    fn completed(&mut self, _: Time) -> Result<(), Error> {
        Ok(())
    }

    fn cut(&mut self) -> Result<u64, Error> {
        Ok(0)
    }

    fn close(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// The names of log files: this, and a number.
pub(super) const LOG: &str = "log";

/// A record of the log.
#[derive(Debug, Serialize, Deserialize)]
struct Record<'a> {
    /// In the first record of a file: the names of the sources, in the order of the ranges.
    #[serde(borrow)]
    sources: Option<Vec<&'a str>>,
    /// The batch that was complete by then, if one was not before.
    completed: Option<Time>,
    #[serde(borrow)]
    planned: Option<Planned<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Planned<'a> {
    time: Time,
    /// The batch before: a record that is missing between two files is found.
    after: Option<Time>,
    #[serde(borrow)]
    ranges: Vec<&'a [u8]>,
    /// What is kept where the batch sheds; none if all is.
    fraction: Option<f64>,
}

/// A batch that was logged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Logged {
    pub(crate) time: Time,
    /// One for each source, serialized; none for one that was not there.
    pub(crate) ranges: Vec<Option<Vec<u8>>>,
    /// The fraction of the records that was kept where the batch shed.
    pub(crate) fraction: f64,
    pub(crate) is_complete: bool,
}

/// A log in files of a storage. No file is ever appended to by a second run: so a torn record is at the end of one.
pub(crate) struct FileLog {
    storage: Arc<dyn Storage>,
    number: u64,
    file: Box<dyn Append>,
    sources: Vec<String>,
    /// The batch that was planned last.
    last: Option<Time>,
    /// Not yet written.
    completed: Option<Time>,
    record: Vec<u8>,
}

impl FileLog {
    /// Begins a new file behind all others. `last` is the last batch that the job has got to.
    pub(crate) fn begin(storage: Arc<dyn Storage>, last: Option<Time>, sources: Vec<String>) -> Result<Self, Error> {
        let number = super::next_number(&super::list(&*storage)?, LOG);
        let file = create(&*storage, number)?;
        let mut log = Self { storage, number, file, sources, last, completed: None, record: Vec::new() };
        log.name_sources()?;
        Ok(log)
    }

    fn name_sources(&mut self) -> Result<(), Error> {
        let sources = self.sources.iter().map(String::as_str).collect();
        let record = Record { sources: Some(sources), completed: None, planned: None };
        let content = postcard::to_allocvec(&record).map_err(|e| self.failed(&e))?;
        self.write(&content)
    }

    fn write(&mut self, content: &[u8]) -> Result<(), Error> {
        self.record.clear();
        frame::push(content, &mut self.record);
        self.file.append(&self.record).and_then(|()| self.file.sync()).map_err(|e| self.failed(&e))
    }

    fn failed(&self, cause: &dyn std::fmt::Display) -> Error {
        super::failed(&*self.storage, &name_of(LOG, self.number), cause)
    }
}

fn create(storage: &dyn Storage, number: u64) -> Result<Box<dyn Append>, Error> {
    let name = name_of(LOG, number);
    storage.create(&name).map_err(|e| super::failed(storage, &name, &e))
}

impl BatchLog for FileLog {
    fn planned(&mut self, time: Time, ranges: &mut dyn Iterator<Item = &[u8]>, fraction: f64) -> Result<(), Error> {
        let fraction = (fraction < 1.0).then_some(fraction);
        let planned = Planned { time, after: self.last, ranges: ranges.collect(), fraction };
        let record = Record { sources: None, completed: self.completed.take(), planned: Some(planned) };
        let content = postcard::to_allocvec(&record).map_err(|e| self.failed(&e))?;
        self.write(&content)?;
        self.last = Some(time);
        Ok(())
    }

    fn completed(&mut self, time: Time) -> Result<(), Error> {
        self.completed = Some(time);
        Ok(())
    }

    fn cut(&mut self) -> Result<u64, Error> {
        self.close()?;
        self.number += 1;
        self.file = create(&*self.storage, self.number)?;
        self.name_sources()?;
        Ok(self.number)
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(time) = self.completed.take() else { return Ok(()) };
        let record = Record { sources: None, completed: Some(time), planned: None };
        let content = postcard::to_allocvec(&record).map_err(|e| self.failed(&e))?;
        self.write(&content)
    }
}

/// The batches after a checkpoint, in their order; all that are logged, if there is none. Their ranges are those of the
/// given sources, empty for one that was not there.
pub(super) fn read(
    storage: &dyn Storage,
    files: &[Numbered],
    after: Option<Time>,
    sources: &[String],
) -> Result<Vec<Logged>, Error> {
    let mut batches: Vec<Logged> = Vec::new();
    let mut last = None;
    for file in numbered(files, LOG) {
        let failed = |cause: &dyn std::fmt::Display| super::failed(storage, &file.name, cause);
        let bytes = storage.read(&file.name).map_err(|e| failed(&e))?;
        let records = frame::read(&bytes).map_err(|Damaged { at }| failed(&format!("is damaged at byte {at}")))?;
        let mut named: Vec<&str> = Vec::new();
        for record in records {
            let (record, rest) = postcard::take_from_bytes::<Record<'_>>(record).map_err(|e| failed(&e))?;
            if !rest.is_empty() {
                return Err(failed(&"has a record with surplus bytes"));
            }
            if let Some(sources) = record.sources {
                named = sources;
            }
            if let Some(batch) = batches.iter_mut().rfind(|batch| Some(batch.time) == record.completed) {
                batch.is_complete = true;
            }
            let Some(planned) = record.planned else { continue };
            let time = planned.time;
            // Every record names the one before; the first that is left, one that the checkpoint covers.
            let follows = match last {
                Some(last) => planned.after == Some(last) && time > last,
                None => planned.after <= after,
            };
            if !follows {
                return Err(failed(&format!("goes on with batch {time}, and a record before that is lost")));
            }
            last = Some(time);
            if after.is_some_and(|after| time <= after) {
                continue;
            }
            if let Some(gone) = named.iter().find(|name| !sources.iter().any(|ours| ours == *name)) {
                return Err(failed(&format!("has a source {gone:?}, and the job has none of that name any more")));
            }
            let range =
                |name: &String| named.iter().position(|named| named == name).and_then(|at| planned.ranges.get(at));
            let ranges = sources.iter().map(|name| range(name).map(|range| range.to_vec())).collect();
            let fraction = planned.fraction.unwrap_or(1.0);
            batches.push(Logged { time, ranges, fraction, is_complete: false });
        }
    }
    Ok(batches)
}

/// What a file has: the sources that it names, the batches that were planned, and those that were complete by then.
pub(super) struct Content {
    pub(super) sources: Vec<String>,
    pub(super) planned: Vec<Time>,
    pub(super) completed: Vec<Time>,
}

impl Content {
    /// What the bytes of a file have, or what is wrong with them.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        let records = frame::read(bytes).map_err(|Damaged { at }| format!("is damaged at byte {at}"))?;
        let mut content = Self { sources: Vec::new(), planned: Vec::new(), completed: Vec::new() };
        for record in records {
            let record: Record<'_> = postcard::from_bytes(record).map_err(|e| e.to_string())?;
            content.sources.extend(record.sources.into_iter().flatten().map(str::to_owned));
            content.planned.extend(record.planned.map(|planned| planned.time));
            content.completed.extend(record.completed);
        }
        Ok(content)
    }
}
