//! Files, and directories of files.

use std::collections::HashMap;
use std::fs;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::super::listing::{self, Listed, SlowListing};
use super::super::open;
use super::super::share::Share;
use super::super::{Lag, Limit, Next, Partition, Pending, Plan, Source, SourceError};
use super::ahead::ReadAhead;
use super::block::TextBlock;
use super::ends::Ends;
use super::pace::Pace;
use super::plain::{self, Wanted};
use super::position::{FilePosition, FilesPosition};
use super::taken::Taken;
use super::{LONGEST_LINE, MIB, READ_AHEAD, STREAM_PARTITION, ahead_of};

/// The lines of a file, of a compressed file (`.gz`), or of the files in a directory.
///
/// Files in a directory are read one after the other, the oldest first; hidden ones (`.name`) and sub-directories are
/// passed over. Can replay as long as the files are there and were only appended to.
///
/// Compressed files are read when they are complete: move one into a directory that is followed, or give it a hidden
/// name while it is written.
#[derive(Debug)]
pub struct TextFiles {
    path: String,
    /// The name of the file in positions; none for a directory.
    file: Option<String>,
    follow: bool,
    only_new: bool,
    slow: SlowListing,
    max_bytes: u64,
    pace: Option<Pace>,
    /// The compressed file that is being read.
    reader: Option<(String, ReadAhead)>,
    /// The bytes of the files that are behind the position that was planned last.
    behind: Option<u64>,
    /// What was taken of compressed files for the batch that was planned last.
    planned: Vec<Taken>,
    pub(super) partition: u64,
    pub(super) stream_partition: usize,
    pub(super) read_ahead: usize,
    pub(super) longest_line: u64,
    pub(super) ends: Ends,
}

/// Where a file stands after its part of a batch.
enum Step {
    /// At its end, for now.
    End,
    /// There is more of it.
    More,
    /// There is more, but not now.
    Later,
}

impl TextFiles {
    /// The text of a file or directory that is there.
    ///
    /// # Errors
    /// [`SourceError`] if it is not, or cannot be read.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, SourceError> {
        let path: PathBuf = path.into();
        let path = path
            .into_os_string()
            .into_string()
            .map_err(|path| SourceError::new(path.display(), "the path is no UTF-8"))?;
        let metadata = open::metadata(&path)?;
        let mut file = None;
        if metadata.is_dir() {
            listing::list(&path)?;
        } else if !metadata.is_file() {
            return Err(SourceError::new(path, "neither a file nor a directory"));
        } else {
            match open::is_gzip(&path) {
                true => drop(open::gzip(&path)?),
                false => drop(open::plain(&path)?),
            }
            // Without its directory, which may have another name after a restart.
            let name = Path::new(&path).file_name().and_then(|name| name.to_str());
            file = Some(name.unwrap_or(&path).to_owned());
        }
        Ok(Self {
            path,
            file,
            follow: false,
            only_new: false,
            slow: SlowListing::default(),
            max_bytes: 32 * MIB as u64,
            pace: None,
            reader: None,
            behind: None,
            planned: Vec::new(),
            partition: 2 * MIB as u64,
            stream_partition: STREAM_PARTITION,
            read_ahead: READ_AHEAD,
            longest_line: LONGEST_LINE as u64,
            ends: Ends::default(),
        })
    }

    /// Goes on when files grow, and when files are added to a directory: the input never ends.
    ///
    /// A last line is read when its line end is there. A file that became shorter, or was away for a while, is read from
    /// its beginning: logs may be rotated. In a directory a file under a new name is a new file.
    pub fn follow(mut self) -> Self {
        self.follow = true;
        self
    }

    /// [Follows](Self::follow), and passes over what is there at the first batch: reads the lines and the files that come
    /// after it. A job that goes on from a snapshot goes on where it was.
    pub fn only_new(mut self) -> Self {
        self.only_new = true;
        self.follow()
    }

    /// About how much one batch reads at most; 32 MiB by default. A line that goes beyond is read to its end.
    ///
    /// For a number of lines a second there is [`max_rate`](Source::max_rate); a batch holds to both.
    pub fn max_bytes_per_batch(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes.max(1);
        self
    }

    /// Replays a recorded log in its own time, or so many times faster.
    ///
    /// `event_time` finds the milliseconds since the epoch in a line. The first event time belongs to the time of the
    /// batch that reads it; a line is read when as much time has passed since then as its event time is later, divided
    /// by `speed`. Lines without a time go along with those before. Without effect on batches that wait for a full share
    /// ([`Limit::wait`]).
    pub fn paced(mut self, event_time: impl Fn(&str) -> Option<i64> + Send + Sync + 'static, speed: f64) -> Self {
        self.pace = Some(Pace::new(event_time, speed));
        self
    }

    /// The files that are there, and their lengths: those that were there before, in their order; then the others.
    fn there(&self, from: &FilesPosition) -> Result<Vec<(FilePosition, u64)>, SourceError> {
        let mut listed = self.list()?;
        let mut there = Vec::with_capacity(listed.len());
        let lengths: HashMap<&str, u64> = listed.iter().map(|file| (file.name.as_str(), file.length)).collect();
        for known in &from.files {
            match lengths.get(known.name.as_str()) {
                Some(length) => there.push((known.clone(), *length)),
                // One that was rotated away, or cleared away after it was read, is forgotten.
                None if self.follow || known.finished => {}
                None => return Err(SourceError::new(self.path_of(&known.name), "no such file")),
            }
        }
        let known = from.by_name();
        listed.retain(|file| !known.contains_key(file.name.as_str()));
        there.extend(listed.into_iter().map(|file| (FilePosition::start(file.name), file.length)));
        Ok(there)
    }

    fn list(&self) -> Result<Vec<Listed>, SourceError> {
        let Some(name) = &self.file else {
            return listing::list(&self.path);
        };
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(vec![Listed { name: name.clone(), length: metadata.len() }]),
            // It is being rotated.
            Err(error) if self.follow && error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(open::failed(&self.path, &error)),
        }
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        match self.file {
            Some(_) => self.path.clone(),
            None => Path::new(&self.path).join(name).to_string_lossy().into_owned(),
        }
    }

    /// The position after all that is there. What is not ended yet, such as half a line, is not passed over.
    fn pass_over(&self, there: Vec<(FilePosition, u64)>) -> Result<Plan<FilesPosition>, SourceError> {
        let mut to = FilesPosition { files: Vec::with_capacity(there.len()), passed_over: true };
        for (mut at, length) in there {
            if open::is_gzip(&at.name) {
                at.finished = true;
            } else {
                let path = self.path_of(&at.name);
                let wanted = Wanted {
                    from: 0,
                    length,
                    share: length,
                    unfinished: true,
                    longest_line: self.longest_line,
                    ends: self.ends,
                };
                at.bytes = plain::end_of_lines(&path, &mut open::plain(&path)?, &wanted)?;
                at.passed_over = at.bytes;
            }
            to.files.push(at);
        }
        Ok(Plan { to, next: Next::Idle })
    }

    /// Moves on in a file by about a share, and takes from it what the file has of it.
    fn advance(
        &mut self,
        at: &mut FilePosition,
        length: u64,
        share: &mut Share,
        limit: Limit,
    ) -> Result<Step, SourceError> {
        let path = self.path_of(&at.name);
        if open::is_gzip(&at.name) {
            return match (at.finished, share.is_used_up()) {
                (true, _) => Ok(Step::End),
                (false, true) => Ok(Step::More),
                (false, false) => self.advance_gzip(path, at, share, limit),
            };
        }
        if length < at.bytes {
            if !self.follow {
                let why = format!("became shorter: {length} bytes, but {} were read", at.bytes);
                return Err(SourceError::new(path, why));
            }
            (at.bytes, at.passed_over) = (0, 0);
        }
        match (length - at.bytes, share.is_used_up()) {
            (0, _) => Ok(Step::End),
            (_, true) => Ok(Step::More),
            _ => self.advance_plain(&path, at, length, share, limit),
        }
    }

    fn advance_plain(
        &mut self,
        path: &str,
        at: &mut FilePosition,
        length: u64,
        share: &mut Share,
        limit: Limit,
    ) -> Result<Step, SourceError> {
        let from = at.bytes;
        let (most, unfinished, ends) = (share.bytes, self.follow, self.ends);
        let wanted = Wanted { from, length, share: most, unfinished, longest_line: self.longest_line, ends };
        let failed = |error| open::failed(path, &error);
        let mut file = open::plain(path)?;
        let whole = plain::end_of_lines(path, &mut file, &wanted)?;
        let (mut end, mut records) = (whole, 0);
        if share.counts_records() {
            (end, records) = ends.first_in_file(&mut file, from, whole, share.records).map_err(failed)?;
        }
        share.take(end - from, records);
        if let Some(pace) = self.pace.as_mut().filter(|_| !limit.wait) {
            file.seek(SeekFrom::Start(from)).map_err(failed)?;
            let lines = BufReader::with_capacity(MIB / 16, file.take(end - from));
            let (through, held_back) = pace.let_through(lines, limit.time).map_err(failed)?;
            if held_back {
                at.bytes += through;
                return Ok(Step::Later);
            }
        }
        at.bytes = end;
        // What is left within the share is a line that may still grow.
        let is_end = end == length || end == whole && length - from <= most || end == from;
        Ok(if is_end { Step::End } else { Step::More })
    }

    fn advance_gzip(
        &mut self,
        path: String,
        at: &mut FilePosition,
        share: &mut Share,
        limit: Limit,
    ) -> Result<Step, SourceError> {
        let mut reader = self.reader_at(path, at)?;
        let most = share.bytes.min(self.read_ahead as u64) as usize;
        let mut lines = reader.whole_lines(most, limit.wait)?;
        let mut records = 0;
        if share.counts_records() {
            (lines, records) = reader.first_records(lines, share.records);
        }
        share.take(lines as u64, records);
        let mut held_back = false;
        if let Some(pace) = self.pace.as_mut().filter(|_| !limit.wait) {
            let through = reader.look(|bytes| pace.let_through(&bytes[..lines], limit.time));
            let through = through.map_err(|error| open::failed(&at.name, &error))?;
            (lines, held_back) = (through.0 as usize, through.1);
        }
        let taken = reader.take(lines);
        at.bytes = taken.end();
        at.finished = reader.is_finished();
        if lines > 0 {
            self.planned.push(taken);
        }
        if at.finished {
            return Ok(Step::End);
        }
        self.reader = Some((at.name.clone(), reader));
        Ok(if held_back || lines == 0 { Step::Later } else { Step::More })
    }

    /// The reader of a compressed file, at this position: the one that is there, or a new one.
    fn reader_at(&mut self, path: String, at: &FilePosition) -> Result<ReadAhead, SourceError> {
        match self.reader.take() {
            Some((name, reader)) if name == at.name && reader.offset() == at.bytes => Ok(reader),
            _ => {
                let text = open::gzip(&path)?;
                let mut reader = ReadAhead::new(path.into(), text, at.bytes, self.read_ahead);
                reader.longest_line = self.longest_line as usize;
                reader.ends = self.ends;
                reader.begin();
                Ok(reader)
            }
        }
    }

    /// A range of a compressed file: what was planned, or read again.
    fn take_gzip(&mut self, path: String, from: FilePosition, to: u64) -> Result<Taken, SourceError> {
        let is_it = |taken: &Taken| *taken.origin == *path && taken.offset == from.bytes && taken.end() == to;
        if let Some(found) = self.planned.iter().position(is_it) {
            return Ok(self.planned.swap_remove(found));
        }
        let mut reader = self.reader_at(path, &from)?;
        let taken = reader.take_exactly((to - from.bytes) as usize)?;
        self.reader = Some((from.name, reader));
        Ok(taken)
    }
}

impl Source for TextFiles {
    type Item = TextBlock;
    type Position = FilesPosition;

    fn name(&self) -> String {
        self.path.clone()
    }

    fn start(&self) -> FilesPosition {
        FilesPosition::default()
    }

    fn plan(&mut self, from: &FilesPosition, limit: Limit) -> Result<Plan<FilesPosition>, SourceError> {
        self.planned.clear();
        let begun = Instant::now();
        let there = self.there(from)?;
        self.slow.listed(&self.path, begun.elapsed(), limit);
        if self.only_new && !from.passed_over {
            self.behind = Some(0);
            return self.pass_over(there);
        }
        let mut to = FilesPosition { files: Vec::with_capacity(there.len()), passed_over: self.only_new };
        let mut share = Share::new(self.max_bytes, limit);
        let (mut stopped, mut behind) = (None, 0);
        for (mut at, length) in there {
            if stopped.is_none() {
                match self.advance(&mut at, length, &mut share, limit) {
                    Ok(Step::End) => {}
                    Ok(Step::More) => stopped = Some(Next::Ready),
                    Ok(Step::Later) => stopped = Some(Next::Idle),
                    // What was found before is read first.
                    Err(_) if share.bytes < self.max_bytes => stopped = Some(Next::Ready),
                    Err(error) => return Err(error),
                }
            }
            behind += behind_in(&at, length);
            to.files.push(at);
        }
        self.behind = Some(behind);
        let end = if self.follow { Next::Idle } else { Next::Finished };
        let next = stopped.unwrap_or(end);
        Ok(Plan { to, next })
    }

    fn read(
        &mut self,
        from: &FilesPosition,
        to: &FilesPosition,
    ) -> Result<Vec<Box<dyn Partition<TextBlock>>>, SourceError> {
        let begun = from.by_name();
        let mut partitions = Vec::new();
        for at in &to.files {
            let path = self.path_of(&at.name);
            // One that became shorter was begun again.
            let start = begun.get(at.name.as_str()).map_or(at.passed_over, |before| before.bytes);
            let start = if start > at.bytes { 0 } else { start };
            if start == at.bytes {
                continue;
            }
            if open::is_gzip(&at.name) {
                let mut before = FilePosition::start(at.name.clone());
                before.bytes = start;
                let taken = self.take_gzip(path, before, at.bytes)?;
                partitions.extend(taken.partitions(self.stream_partition));
            } else {
                let path: Arc<str> = path.into();
                partitions.extend(plain::partitions(path, start, at.bytes, self.partition, self.ends)?);
            }
        }
        self.planned.clear();
        Ok(partitions)
    }

    fn take_warnings(&mut self) -> Vec<SourceError> {
        self.slow.take()
    }

    fn pending(&self) -> Option<Pending> {
        self.reads_ahead().then(|| self.reader.as_ref().map(|(_, reader)| reader.pending()).unwrap_or_default())
    }

    /// A compressed file counts with what it takes on the disk until all of it is read.
    fn lag(&self) -> Option<Lag> {
        self.behind.map(Lag::bytes)
    }

    fn in_words(&self, at: &FilesPosition) -> String {
        at.to_string()
    }

    /// Only what is compressed is, of which there may be some in a directory.
    fn reads_ahead(&self) -> bool {
        self.file.as_ref().is_none_or(|name| open::is_gzip(name))
    }

    fn bound_pending(&mut self, bytes: u64) {
        self.read_ahead = ahead_of(bytes);
    }
}

/// The bytes of a file of this length that are behind a position.
fn behind_in(at: &FilePosition, length: u64) -> u64 {
    match open::is_gzip(&at.name) {
        true if at.finished => 0,
        // How long its text is only its end tells.
        true => length,
        false => length.saturating_sub(at.bytes),
    }
}
