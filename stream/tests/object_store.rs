//! Jobs whose checkpoints are on an object store that fails at every request in turn.

#![cfg(feature = "object-store")]
#![allow(clippy::unwrap_used)]

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use streamgauge_stream::recovery::{ObjectStorage, Storage};
use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::sink::{Objects, Text};
use streamgauge_stream::testing::{Script, TestJob};
use streamgauge_stream::{Error, MemorySink, State, Time, secs};

/// When a request fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// It has no effect.
    Before,
    /// It is done, and the answer does not come any more.
    After,
}

#[derive(Debug, Default)]
struct Faults {
    /// The requests that change something, so far.
    changes: u64,
    /// Those of them that put something.
    puts: u64,
    /// From which one on nothing works any more.
    breaks: Option<(u64, Moment)>,
    is_broken: bool,
    /// Every put is sent twice, as a store does that has not heard an answer.
    repeats: bool,
}

/// A store that breaks down when it is told to.
#[derive(Debug, Clone)]
struct Faulty {
    inner: Arc<dyn ObjectStore>,
    faults: Arc<Mutex<Faults>>,
}

fn broken() -> StoreError {
    StoreError::Generic { store: "faulty", source: "the store is gone".into() }
}

impl Faulty {
    fn new(inner: Arc<dyn ObjectStore>, breaks: Option<(u64, Moment)>) -> Self {
        Self { inner, faults: Arc::new(Mutex::new(Faults { breaks, ..Faults::default() })) }
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.faults.lock().unwrap().is_broken { Err(broken()) } else { Ok(()) }
    }

    /// A request that changes something is about to be made. Gives whether its answer is lost.
    fn change(&self) -> Result<bool, StoreError> {
        self.check()?;
        let mut faults = self.faults.lock().unwrap();
        faults.changes += 1;
        match faults.breaks {
            Some((at, moment)) if at == faults.changes => {
                faults.is_broken = true;
                if moment == Moment::Before { Err(broken()) } else { Ok(true) }
            }
            _ => Ok(false),
        }
    }

    fn changes(&self) -> u64 {
        self.faults.lock().unwrap().changes
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult, StoreError> {
        let lost = self.change()?;
        let repeats = {
            let mut faults = self.faults.lock().unwrap();
            faults.puts += 1;
            faults.repeats
        };
        if repeats {
            self.inner.put_opts(location, payload.clone(), options.clone()).await.ok();
        }
        let put = self.inner.put_opts(location, payload, options).await;
        if lost { Err(broken()) } else { put }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.change()?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult, StoreError> {
        self.check()?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path, StoreError>>,
    ) -> BoxStream<'static, Result<Path, StoreError>> {
        let this = self.clone();
        let delete = move |location: Result<Path, StoreError>| {
            let this = this.clone();
            async move {
                let location = location?;
                let lost = this.change()?;
                this.inner.delete(&location).await?;
                if lost { Err(broken()) } else { Ok(location) }
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta, StoreError>> {
        match self.check() {
            Ok(()) => self.inner.list(prefix),
            Err(e) => futures_util::stream::once(async { Err(e) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult, StoreError> {
        self.check()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<(), StoreError> {
        self.change()?;
        self.inner.copy_opts(from, to, options).await
    }
}

const BATCHES: u64 = 20;

type Rows = Vec<Vec<(Time, Vec<String>)>>;

/// What the job has written: targets that outlive it.
#[derive(Clone)]
struct Target([MemorySink<String>; 2]);

impl Target {
    fn new() -> Self {
        Self([MemorySink::all(), MemorySink::all()])
    }

    fn rows(&self) -> Rows {
        self.0.iter().map(MemorySink::batches).collect()
    }

    /// A job with windows and state by key.
    fn job(&self, store: Option<Arc<dyn ObjectStore>>) -> TestJob {
        let storage = store.map(|store| ObjectStorage::new(store, "jobs/test").unwrap());
        let mut job = TestJob::with(|it| {
            let it = it.threads(2).checkpoint_every(4);
            match storage {
                Some(storage) => it.checkpoint_storage(storage),
                None => it,
            }
        });
        let batch = |batch: u64| (batch * 10..(batch + 1) * 10).map(|i| (i * 31 % 97, i * i % 5)).collect();
        let records = job.script(Script::new((0..BATCHES).map(batch)).in_partitions(2));
        let windows = records.key_by(|(_, key): &(u64, u64)| key).window(secs(4), secs(2)).named("windows");
        windows
            .summarize(|on| (on.count(), on.distinct(|(n, _)| n)))
            .map(|row| format!("{row:?}"))
            .write_to(self.0[0].clone());
        let sums =
            records.key_by(|(_, key)| key).named("sums").map_with_state(|(n, key), sum: &mut State<'_, u64, u64>| {
                *sum.or_default() += n;
                format!("{key} {}", *sum.or_default())
            });
        sums.write_to(self.0[1].clone());
        job
    }

    fn run(&self, store: &Faulty) -> Result<u64, Error> {
        self.job(Some(Arc::new(store.clone()))).run().map(|report| report.batches)
    }
}

fn undisturbed() -> Rows {
    let target = Target::new();
    target.job(None).run().unwrap();
    assert!(target.rows().iter().all(|rows| rows.len() >= 10));
    target.rows()
}

#[test]
fn a_job_has_nothing_to_do_again_and_a_batch_costs_a_put() {
    let (inner, target) = (Arc::new(InMemory::new()), Target::new());
    let store = Faulty::new(inner.clone(), None);
    assert_eq!(target.run(&store).unwrap(), BATCHES);
    assert!(target.rows() == undisturbed());
    // Beside that of each batch: three at the start, and at each of up to six checkpoints a segment, a manifest, a new log
    // of two parts, and the last part of the one before.
    let puts = store.faults.lock().unwrap().puts;
    assert!((BATCHES..=BATCHES + 3 + 6 * 5).contains(&puts), "{puts} puts");
    assert_eq!(target.run(&Faulty::new(inner, None)).unwrap(), 0);
    assert!(target.rows() == undisturbed());
}

/// Breaks the store at every request that changes something, and runs the job again.
fn break_at_every_request(store: impl Fn() -> Arc<dyn ObjectStore>, step: usize) {
    let expected = undisturbed();
    let whole = Faulty::new(store(), None);
    Target::new().run(&whole).unwrap();
    let (all, mut failed) = (whole.changes(), 0);
    assert!(all > 30, "{all} requests");
    for at in (1..=all).step_by(step) {
        for moment in [Moment::Before, Moment::After] {
            let (inner, target) = (store(), Target::new());
            match target.run(&Faulty::new(inner.clone(), Some((at, moment)))) {
                // Checkpoints are written beside the batches: of the last requests, one run may have fewer.
                Ok(_) => assert!(at > BATCHES, "request {at}"),
                Err(error) => {
                    failed += 1;
                    let error = error.to_string();
                    assert!(error.contains("jobs/test") && error.contains("the store is gone"), "{error}");
                }
            }
            let again = target.run(&Faulty::new(inner, None));
            again.unwrap_or_else(|e| panic!("after a crash {moment:?} request {at}: {e}"));
            assert!(target.rows() == expected, "a crash {moment:?} request {at} of {all} changes the result");
        }
    }
    assert!(failed > BATCHES / step as u64, "{failed} runs failed");
}

#[test]
fn a_crash_at_every_request_loses_nothing_and_doubles_nothing() {
    break_at_every_request(|| Arc::new(InMemory::new()), 1);
}

#[test]
fn a_crash_does_no_harm_with_a_store_of_files() {
    let folders = Mutex::new(Vec::new());
    let store = || -> Arc<dyn ObjectStore> {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        folders.lock().unwrap().push(folder);
        Arc::new(store)
    };
    break_at_every_request(store, 7);
}

#[test]
fn an_answer_that_is_lost_and_asked_for_again_does_no_harm() {
    let (inner, target) = (Arc::new(InMemory::new()), Target::new());
    let repeating = |breaks| {
        let store = Faulty::new(inner.clone(), breaks);
        store.faults.lock().unwrap().repeats = true;
        store
    };
    target.run(&repeating(Some((25, Moment::After)))).unwrap_err();
    target.run(&repeating(None)).unwrap();
    assert!(target.rows() == undisturbed());
}

/// Everything in the store after a crash in the middle of the job.
fn after_a_crash(target: &Target) -> Vec<(Path, Vec<u8>)> {
    let inner = Arc::new(InMemory::new());
    target.run(&Faulty::new(inner.clone(), Some((25, Moment::After)))).unwrap_err();
    wait(async {
        let paths: Vec<_> = inner.list(None).map(|meta| meta.unwrap().location).collect().await;
        let mut objects = Vec::new();
        for path in paths {
            let bytes = inner.get(&path).await.unwrap().bytes().await.unwrap();
            objects.push((path, bytes.to_vec()));
        }
        objects
    })
}

fn wait<R>(future: impl Future<Output = R>) -> R {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn store_of(objects: &[(Path, Vec<u8>)]) -> Faulty {
    let inner = InMemory::new();
    wait(async {
        for (path, bytes) in objects {
            inner.put(path, bytes.clone().into()).await.unwrap();
        }
    });
    Faulty::new(Arc::new(inner), None)
}

#[test]
fn a_damaged_or_missing_object_gives_an_error_that_names_it_or_does_no_harm() {
    let expected = undisturbed();
    let objects = after_a_crash(&Target::new());
    let (mut refused, mut harmless) = (0, 0);
    for (at, (path, bytes)) in objects.iter().enumerate() {
        let file = path.as_ref().split('/').nth(2).unwrap();
        let flips = (0..bytes.len()).step_by(bytes.len() / 40 + 1).map(|byte| {
            let mut damaged = bytes.clone();
            damaged[byte] ^= 1 << (byte % 8);
            Some(damaged)
        });
        for damage in flips.chain([None]) {
            let mut damaged = objects.clone();
            match &damage {
                Some(bytes) => damaged[at].1 = bytes.clone(),
                None => drop(damaged.remove(at)),
            }
            let target = Target::new();
            match target.run(&store_of(&damaged)) {
                Ok(_) => {
                    harmless += 1;
                    // Batches that were complete are not written again.
                    for (found, all) in target.rows().iter().zip(&expected) {
                        let from = found.first().map(|(time, _)| *time);
                        let rest: Vec<_> = all.iter().filter(|(time, _)| Some(*time) >= from).collect();
                        assert!(found.iter().eq(rest), "{path}: a wrong answer");
                    }
                }
                Err(error) => {
                    refused += 1;
                    let error = error.to_string();
                    // A log that is gone is missed by the one after it.
                    assert!(error.contains(file) || (damage.is_none() && error.contains("log-")), "{path}: {error}");
                }
            }
        }
    }
    assert!(refused > 50 && harmless > 50, "{refused} refused, {harmless} harmless");
}

#[test]
fn a_run_that_is_started_takes_the_place_over_and_shuts_the_one_before_out() {
    let (inner, target): (Arc<dyn ObjectStore>, _) = (Arc::new(InMemory::new()), Target::new());
    let mut old = target.job(Some(inner.clone()));
    old.ticks(5).unwrap();
    let mut new = target.job(Some(inner.clone()));
    new.ticks(7).unwrap();
    // Its log is closed: the very next batch does not run, long before its next checkpoint.
    let error = old.tick().unwrap_err().to_string();
    assert!(error.contains("log-"), "{error}");
    assert!(error.contains("of another run of the job: it was started later"), "{error}");
    assert!(error.contains("jobs/test"), "{error}");
    // What the old one has left behind is in nobody's way.
    new.run().unwrap();
    assert!(target.rows() == undisturbed());
    assert_eq!(target.run(&Faulty::new(inner, None)).unwrap(), 0);
}

#[test]
fn files_grow_by_parts_and_are_gone_as_a_whole() {
    let inner = Arc::new(InMemory::new());
    let store = ObjectStorage::new(inner.clone(), "").unwrap();
    assert!(store.create("log-1").is_err(), "not open");
    store.open().unwrap();
    let mut log = store.create("log-1").unwrap();
    assert!(store.read("log-1").unwrap().is_empty());
    for text in ["to ", "be"] {
        log.append(text.as_bytes()).unwrap();
        log.sync().unwrap();
        log.sync().unwrap();
    }
    log.append(b"lost").unwrap();
    assert_eq!(store.read("log-1").unwrap(), b"to be");
    // Over the size from which on it is put in parts.
    let large: Vec<u8> = (0..40_000_000_u32).map(|i| (i % 251) as u8).collect();
    store.write("segment-1", &[&large[..7], &large[7..]]).unwrap();
    assert!(store.read("segment-1").unwrap() == large);
    store.write("manifest-1", &[b"a", b"b"]).unwrap();
    store.write("manifest-1", &[b"ab"]).unwrap();
    assert!(store.write("manifest-1", &[b"other"]).is_err(), "a name is used once");
    let names = || {
        let mut names = store.list().unwrap();
        names.sort();
        names
    };
    assert_eq!(names(), ["log-1", "manifest-1", "segment-1"]);
    assert_eq!(store.read("log-2").unwrap_err().kind(), std::io::ErrorKind::NotFound);

    // A removal that is cut off after its first step.
    let first = "log-1/000000000000";
    wait(inner.delete(&Path::from(first))).unwrap();
    assert_eq!(names(), ["manifest-1", "segment-1"]);
    assert_eq!(store.read("log-1").unwrap_err().kind(), std::io::ErrorKind::NotFound);
    store.open().unwrap();
    let left = wait(inner.list(None).map(|meta| meta.unwrap().location.to_string()).collect::<Vec<_>>());
    assert_eq!(left, ["manifest-1", "owner", "segment-1"]);
    store.remove("segment-1").unwrap();
    store.remove("segment-1").unwrap();
    assert_eq!(names(), ["manifest-1"]);
}

/// Output in a bucket.
struct InBucket(Arc<InMemory>);

impl Subject for InBucket {
    type Row = u64;
    type Sink = Objects<Text>;

    fn sink(&mut self) -> Objects<Text> {
        Objects::text(self.0.clone(), "out/n")
    }

    fn row(&self, n: u64) -> u64 {
        n
    }

    fn visible(&mut self) -> Vec<(Time, Vec<u64>)> {
        let store = self.0.clone();
        wait(async move {
            let paths: Vec<_> = store.list(None).map(|meta| meta.unwrap().location).collect().await;
            let mut batches = Vec::new();
            for path in paths {
                let bytes = store.get(&path).await.unwrap().bytes().await.unwrap();
                let millis = path.as_ref().strip_prefix("out/n-").unwrap().strip_suffix(".txt").unwrap();
                let rows = std::str::from_utf8(&bytes).unwrap().lines().map(|line| line.parse().unwrap()).collect();
                batches.push((Time::from_millis(millis.parse().unwrap()), rows));
            }
            batches
        })
    }

    fn broken(&mut self) -> Option<Objects<Text>> {
        let gone = Faulty::new(Arc::new(InMemory::new()), Some((1, Moment::Before)));
        Some(Objects::text(Arc::new(gone), "out/n"))
    }
}

#[test]
fn output_in_a_bucket_conforms() {
    check(&mut InBucket(Arc::new(InMemory::new())));
    let folder = streamgauge_stream::sink::Sink::<u64>::open(&mut Objects::text(Arc::new(InMemory::new()), "out/"));
    assert!(folder.unwrap_err().to_string().contains("not with a folder"));
}

#[test]
fn a_job_can_be_started_within_an_async_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let batches = runtime.block_on(async {
        let target = Target::new();
        tokio::time::timeout(Duration::from_secs(60), async {
            target.run(&Faulty::new(Arc::new(InMemory::new()), None))
        })
        .await
        .unwrap()
    });
    assert_eq!(batches.unwrap(), BATCHES);
}
