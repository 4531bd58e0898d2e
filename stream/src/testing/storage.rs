//! A disk that fails when it is told to.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::recovery::{Append, Storage};

/// A storage in memory for jobs that are to survive their end. Clones are the same disk.
///
/// Every call that makes something durable is a *sync point*. The disk can be told to break down at one: before it has
/// any effect, or just after, when the job does not learn of it any more. From then on every call fails, until
/// [`restart`](Self::restart) brings back what was durable, and of what was appended but not synced a part.
///
/// ```
/// use streamgauge_stream::testing::{Breakdown, FaultyDisk, TestJob};
///
/// let disk = FaultyDisk::new();
/// let run = || {
///     let mut job = TestJob::with(|settings| settings.checkpoint_storage(disk.clone()));
///     let numbers = job.source([vec![1, 2], vec![3]]);
///     let sums = job.capture(&numbers.window(streamgauge_stream::secs(9), streamgauge_stream::secs(1)).reduce(|n: &i32| *n, |a, b| a + b));
///     job.run().map(|_| sums.rows())
/// };
/// disk.break_down(4, Breakdown::Before);
/// assert!(run().is_err());
/// disk.restart(7);
/// assert_eq!(run()?.last(), Some(&6));
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk(Arc<Mutex<Disk>>);

/// When a disk breaks down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakdown {
    /// Before the sync point has any effect.
    Before,
    /// When all is durable, but the call fails.
    After,
}

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<String, Content>,
    sync_points: u64,
    breakdown: Option<(u64, Breakdown)>,
    is_broken: bool,
    is_open: bool,
    /// The bytes that may still be written.
    space: Option<u64>,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    synced: usize,
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        if self.is_broken { Err(io::Error::other("the disk has broken down")) } else { Ok(()) }
    }

    /// Something that is durable afterwards.
    fn sync_point(&mut self, act: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        self.check()?;
        self.sync_points += 1;
        match self.breakdown {
            Some((at, Breakdown::Before)) if at == self.sync_points => {
                self.is_broken = true;
                self.check()
            }
            Some((at, Breakdown::After)) if at == self.sync_points => {
                act(self)?;
                self.is_broken = true;
                self.check()
            }
            _ => act(self),
        }
    }

    /// Takes up space; as much as there is, if there is too little.
    fn take_space(&mut self, wanted: usize) -> usize {
        let Some(space) = &mut self.space else { return wanted };
        let taken = (*space).min(wanted as u64);
        *space -= taken;
        taken as usize
    }
}

fn full() -> io::Error {
    io::Error::new(ErrorKind::StorageFull, "no space left on the disk")
}

impl FaultyDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sync points there were.
    pub fn sync_points(&self) -> u64 {
        self.disk().sync_points
    }

    /// Breaks down at a sync point, counted from 1.
    pub fn break_down(&self, sync_point: u64, moment: Breakdown) {
        self.disk().breakdown = Some((sync_point, moment));
    }

    /// Has space for so many bytes more, and then none.
    pub fn leave_space(&self, bytes: u64) {
        self.disk().space = Some(bytes);
    }

    /// The computer is started again: what was durable is there, and of the rest of a file a part whose length and last
    /// byte are up to the seed. Nobody uses the storage; it has no faults any more.
    pub fn restart(&self, seed: u64) {
        let mut disk = self.disk();
        let mut random = seed;
        for content in disk.files.values_mut() {
            // SplitMix64's constants.
            random = random.wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(0x9e37_79b9_7f4a_7c15);
            let unsynced = content.bytes.len() - content.synced;
            let left = (random >> 32) as usize % (unsynced + 1);
            content.bytes.truncate(content.synced + left);
            if left > 0
                && random & 1 == 1
                && let Some(last) = content.bytes.last_mut()
            {
                *last ^= (random >> 8) as u8;
            }
            content.synced = content.bytes.len();
        }
        (disk.breakdown, disk.is_broken, disk.is_open, disk.space) = (None, false, false, None);
    }

    /// The names of the files and their lengths.
    pub fn files(&self) -> Vec<(String, usize)> {
        self.disk().files.iter().map(|(name, content)| (name.clone(), content.bytes.len())).collect()
    }

    /// Changes a byte of a file, if there is one.
    pub fn damage(&self, name: &str, at: usize, flip: u8) {
        if let Some(byte) = self.disk().files.get_mut(name).and_then(|content| content.bytes.get_mut(at)) {
            *byte ^= flip;
        }
    }

    /// A disk of its own with the same files.
    pub fn copy(&self) -> Self {
        let disk = self.disk();
        let file = |content: &Content| Content { bytes: content.bytes.clone(), synced: content.synced };
        let files = disk.files.iter().map(|(name, content)| (name.clone(), file(content))).collect();
        Self(Arc::new(Mutex::new(Disk { files, ..Disk::default() })))
    }
}

impl Storage for FaultyDisk {
    fn place(&self) -> String {
        "the disk".to_owned()
    }

    fn open(&self) -> io::Result<()> {
        let mut disk = self.disk();
        disk.check()?;
        if std::mem::replace(&mut disk.is_open, true) {
            return Err(io::Error::new(ErrorKind::AddrInUse, "a running job uses it"));
        }
        Ok(())
    }

    fn close(&self) {
        self.disk().is_open = false;
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let disk = self.disk();
        disk.check()?;
        Ok(disk.files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let disk = self.disk();
        disk.check()?;
        let content = disk.files.get(name).ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
        Ok(content.bytes.clone())
    }

    fn write(&self, name: &str, pieces: &[&[u8]]) -> io::Result<()> {
        let bytes = pieces.concat();
        self.disk().sync_point(|disk| {
            if disk.take_space(bytes.len()) < bytes.len() {
                return Err(full());
            }
            let synced = bytes.len();
            disk.files.insert(name.to_owned(), Content { bytes, synced });
            Ok(())
        })
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        self.disk().sync_point(|disk| {
            disk.files.insert(name.to_owned(), Content::default());
            Ok(())
        })?;
        Ok(Box::new(Growing { disk: self.clone(), name: name.to_owned() }))
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.disk().sync_point(|disk| {
            let content = disk.files.get_mut(name).ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
            content.synced = content.bytes.len();
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.disk();
        disk.check()?;
        disk.files.remove(name);
        Ok(())
    }
}

struct Growing {
    disk: FaultyDisk,
    name: String,
}

impl Append for Growing {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.disk();
        disk.check()?;
        let taken = disk.take_space(bytes.len());
        let content = disk.files.get_mut(&self.name).ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
        content.bytes.extend_from_slice(&bytes[..taken]);
        if taken < bytes.len() { Err(full()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.disk().sync_point(|disk| {
            if let Some(content) = disk.files.get_mut(&self.name) {
                content.synced = content.bytes.len();
            }
            Ok(())
        })
    }
}
