//! A place for checkpoints on an object store.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::requests::Requests;
use super::storage::{Append, Storage};

/// A place on an object store: S3, Google Cloud Storage, Azure, or whatever else the `object_store` crate has a store
/// for.
///
/// ```
/// use std::sync::Arc;
/// use object_store::memory::InMemory;
/// use streamgauge_stream::recovery::ObjectStorage;
/// use streamgauge_stream::source::Constant;
/// use streamgauge_stream::{StreamingContext, Trigger};
///
/// let bucket = Arc::new(InMemory::new());
/// let run = || {
///     let settings = StreamingContext::builder("counts").trigger(Trigger::Available);
///     let ctx = settings.checkpoint_storage(ObjectStorage::new(bucket.clone(), "jobs/counts")?).build();
///     ctx.source(Constant::new(vec![1, 2]).batches(3)).print();
///     ctx.run()
/// };
/// assert_eq!(run()?.batches, 3);
/// // Another run of the same job: all has been done.
/// assert_eq!(run()?.batches, 0);
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
///
/// Objects cannot grow: a file that is appended to is a folder of parts, one for each [`sync`](Append::sync), of which
/// none is ever changed. So **the batch log costs a put a batch**, some 10 to 100 ms with the stores of the clouds, and
/// a batch cannot be shorter than that.
///
/// **The last run that was started has the place.** No lock on an object store ends with its owner's process, so a run
/// that is started takes the place over, after `kill -9` at once and without anybody's help. A run before that which
/// still lives is shut out: all objects are made with *put if absent*, and the new run closes the log of the old one by
/// a part of its own. The old run ends with an error at its next batch. (A batch that it was just writing may reach its
/// outputs from both runs, with the same time and the same rows.)
///
/// The store has to have put-if-absent (`PutMode::Create`), and to list and read at once what was put: the stores
/// of the clouds do, unless it is set otherwise. State over 16 MiB goes up in parts of 8 MiB; a rule of the
/// bucket should clear away uploads that were never completed. Time-outs and retries are settings of the store.
///
/// Memory: what is written, once more. Requests run on a thread of the storage's own.
pub struct ObjectStorage {
    objects: Objects,
}

/// The parts of a put that is not made at once.
const UPLOAD_PART: usize = 8 << 20;
/// From which size on a put is made in parts.
const LARGE: usize = 2 * UPLOAD_PART;
/// Requests at the same time.
const AT_ONCE: usize = 16;
/// The object that says who has the place.
const OWNER: &str = "owner";

/// The objects of a place, for whoever writes them.
#[derive(Clone)]
struct Objects {
    store: Arc<dyn ObjectStore>,
    root: Path,
    requests: Arc<Requests>,
    /// What the object `owner` has to hold, while the storage is open.
    token: Arc<Mutex<Option<Bytes>>>,
}

impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectStorage({})", self.place())
    }
}

impl ObjectStorage {
    /// The objects below a path of a store. The path is made of names between slashes; it may be empty.
    ///
    /// # Errors
    /// [`Error::Thread`](crate::Error::Thread), if the system refuses the thread that the requests run on.
    pub fn new(store: Arc<dyn ObjectStore>, path: impl AsRef<str>) -> Result<Self, crate::Error> {
        let requests = Requests::begin().map_err(|e| crate::Error::Thread(e.to_string()))?;
        let root = Path::from(path.as_ref());
        Ok(Self { objects: Objects { store, root, requests: Arc::new(requests), token: Arc::default() } })
    }
}

impl Objects {
    fn place(&self) -> String {
        format!("{}/{}", self.store, self.root)
    }

    fn path(&self, name: &str) -> Path {
        self.root.clone().join(name)
    }

    /// A part of a file that grows. The first one says which run has made the file, those after it are its content, and an
    /// empty one closes it.
    fn part(&self, name: &str, number: u64) -> Path {
        self.path(name).join(format!("{number:012}"))
    }

    /// The paths of all objects, or of the parts of one file.
    fn list(&self, below: Option<&str>) -> io::Result<Vec<Path>> {
        let (store, path) = (self.store.clone(), below.map_or_else(|| self.root.clone(), |name| self.path(name)));
        let listed = async move { store.list(Some(&path)).map_ok(|meta| meta.location).try_collect().await };
        let mut paths: Vec<Path> = self.requests.wait(listed)?;
        paths.sort();
        Ok(paths)
    }

    /// The parts of a file that grows, by number. None if it has no first one: then it is not there, or is over.
    fn parts(&self, name: &str) -> io::Result<Option<Vec<u64>>> {
        let number = |path: &Path| path.filename().and_then(|part| part.parse().ok());
        let mut parts: Vec<u64> = self.list(Some(name))?.iter().filter_map(number).collect();
        parts.sort_unstable();
        Ok((parts.first() == Some(&0)).then_some(parts))
    }

    fn get(&self, path: Path) -> io::Result<Bytes> {
        let store = self.store.clone();
        self.requests.wait(async move { store.get_opts(&path, GetOptions::default()).await?.bytes().await })
    }

    /// Puts an object there that was not. One that is there with this content is the same: the store may have tried
    /// again when only an answer was lost.
    fn create(&self, path: Path, content: PutPayload) -> io::Result<()> {
        let (store, bytes) = (self.store.clone(), Bytes::from(content.clone()));
        let put = path.clone();
        let created = self.requests.wait(async move {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            store.put_opts(&put, content, options).await
        });
        match created {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if self.get(path.clone())? == bytes {
                    Ok(())
                } else {
                    Err(taken_over(&path))
                }
            }
            created => created.map(drop),
        }
    }

    /// Puts an object there in parts.
    fn upload(&self, path: Path, content: Bytes) -> io::Result<()> {
        let store = self.store.clone();
        self.requests.wait(async move {
            let mut upload = store.put_multipart(&path).await?;
            let parts: Vec<_> = (0..content.len())
                .step_by(UPLOAD_PART)
                .map(|from| upload.put_part(content.slice(from..content.len().min(from + UPLOAD_PART)).into()))
                .collect();
            let uploaded = stream::iter(parts).buffer_unordered(AT_ONCE).try_collect::<()>().await;
            match uploaded {
                Ok(()) => upload.complete().await.map(drop),
                Err(e) => {
                    // What is left of it is cleared away by a rule of the bucket.
                    let _ = upload.abort().await;
                    Err(e)
                }
            }
        })
    }

    fn delete(&self, paths: Vec<Path>) -> io::Result<()> {
        let store = self.store.clone();
        self.requests.wait(async move {
            let mut deleted = store.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed());
            while let Some(deleted) = deleted.next().await {
                match deleted {
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(e) => return Err(e),
                }
            }
            Ok(())
        })
    }

    /// The token of this run; an error if one that was started later has taken the place over.
    fn check_owner(&self) -> io::Result<Bytes> {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let token = token.ok_or_else(|| io::Error::other("the storage is not open"))?;
        let path = self.path(OWNER);
        if self.get(path.clone())? == token { Ok(token) } else { Err(taken_over(&path)) }
    }

    /// Takes the place over: nobody before appends to any file after this.
    fn take_over(&self) -> io::Result<()> {
        let token = Bytes::from(new_token());
        let (store, path, content) = (self.store.clone(), self.path(OWNER), PutPayload::from(token.clone()));
        self.requests.wait(async move { store.put(&path, content).await })?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        let mut files: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for path in self.list(None)? {
            if let Some((name, Some(part))) = self.name_of(&path) {
                files.entry(name).or_default().push(part);
            }
        }
        files.into_iter().try_for_each(|(name, parts)| {
            if parts.contains(&0) {
                return self.close_file(&name);
            }
            // It was removed by one that did not get to the end of it.
            self.delete(parts.into_iter().map(|part| self.part(&name, part)).collect())
        })
    }

    /// Adds an empty part behind the last one of a file: whoever appends to it finds the number taken.
    fn close_file(&self, name: &str) -> io::Result<()> {
        loop {
            let Some(next) = self.parts(name)?.and_then(|parts| parts.last().map(|last| last + 1)) else {
                return Ok(());
            };
            if self.get(self.part(name, next - 1))?.is_empty() {
                return Ok(());
            }
            match self.create(self.part(name, next), PutPayload::new()) {
                // The run before was faster: once more.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created,
            }
        }
    }

    /// The file that an object belongs to, and the number of its part if it is one.
    fn name_of(&self, path: &Path) -> Option<(String, Option<u64>)> {
        let below: Vec<_> = path.prefix_match(&self.root)?.collect();
        match &below[..] {
            [name] => Some((name.as_ref().to_owned(), None)),
            [name, part] => Some((name.as_ref().to_owned(), Some(part.as_ref().parse().ok()?))),
            _ => None,
        }
    }
}

impl Storage for ObjectStorage {
    fn place(&self) -> String {
        self.objects.place()
    }

    fn open(&self) -> io::Result<()> {
        self.objects.take_over()
    }

    fn close(&self) {
        self.objects.token.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let named = self.objects.list(None)?.into_iter().filter_map(|path| self.objects.name_of(&path));
        let is_file = |(name, part): &(String, Option<u64>)| name != OWNER && part.is_none_or(|part| part == 0);
        Ok(named.filter(is_file).map(|(name, _)| name).collect())
    }

    /// What can be read is durable.
    fn sync(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let Some(parts) = self.objects.parts(name)? else {
            return Ok(self.objects.get(self.objects.path(name))?.into());
        };
        if let Some(missing) = (0..).zip(&parts).find_map(|(number, part)| (number != *part).then_some(number)) {
            let path = self.objects.part(name, missing);
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("its part {path} is missing")));
        }
        let store = self.objects.store.clone();
        let paths: Vec<_> = parts[1..].iter().map(|number| self.objects.part(name, *number)).collect();
        let read = async move {
            let get = |path| {
                let store = store.clone();
                async move { store.get(&path).await?.bytes().await }
            };
            stream::iter(paths).map(get).buffered(AT_ONCE).try_collect::<Vec<Bytes>>().await
        };
        Ok(self.objects.requests.wait(read)?.concat())
    }

    fn write(&self, name: &str, pieces: &[&[u8]]) -> io::Result<()> {
        self.objects.check_owner()?;
        let content = Bytes::from(pieces.concat());
        let path = self.objects.path(name);
        if content.len() > LARGE {
            self.objects.upload(path, content)
        } else {
            self.objects.create(path, content.into())
        }
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let token = self.objects.check_owner()?;
        self.objects.create(self.objects.part(name, 0), token.into())?;
        Ok(Box::new(Parts { objects: self.objects.clone(), name: name.to_owned(), next: 1, bytes: Vec::new() }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.objects.check_owner()?;
        let Some(parts) = self.objects.parts(name)? else {
            return self.objects.delete(vec![self.objects.path(name)]);
        };
        // The first one first: without it there is no file.
        self.objects.delete(vec![self.objects.part(name, 0)])?;
        self.objects.delete(parts[1..].iter().map(|number| self.objects.part(name, *number)).collect())
    }
}

/// A file that grows by a part at every sync.
struct Parts {
    objects: Objects,
    name: String,
    next: u64,
    /// Not yet put.
    bytes: Vec<u8>,
}

impl Append for Parts {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if !self.bytes.is_empty() {
            let content = Bytes::from(std::mem::take(&mut self.bytes));
            self.objects.create(self.objects.part(&self.name, self.next), content.into())?;
            self.next += 1;
        }
        Ok(())
    }
}

fn taken_over(path: &Path) -> io::Error {
    let cause = format!("{path} is of another run of the job: it was started later, and has taken the place over");
    io::Error::new(io::ErrorKind::AlreadyExists, cause)
}

/// What no other run has: where and when it was started.
fn new_token() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), now);
    format!("process {} at {} ms, {count}, {random:016x}", std::process::id(), now.as_millis())
}
