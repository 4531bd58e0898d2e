//! What a batch takes at most: every source holds to it, and loses nothing for it.

use std::fs;
use std::io::{Cursor, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use streamgauge_stream::source::conformance::Kit;
use streamgauge_stream::source::{Limit, Next, Restart};
use streamgauge_stream::testing::same_for_any_threads;
use streamgauge_stream::{
    Constant, DStream, Error, ManualClock, Queue, Rate, ReceiverSource, Source, Stdin, StreamingContext, TcpLines,
    TextBlock, TextFiles, Time, Trigger, millis, secs,
};

use crate::support::{batches, job, pushes};

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("streamgauge-rates-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The rows of each batch of a job that takes all there is, the same for any number of threads.
#[track_caller]
fn by_batch(describe: impl Fn(&StreamingContext) -> DStream<u64>) -> Vec<Vec<u64>> {
    same_for_any_threads(|threads| {
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(threads).build();
        let rows = describe(&ctx).collect_to_memory();
        ctx.start().unwrap();
        ctx.await_termination().unwrap();
        rows.batches().into_iter().map(|(_, rows)| rows).collect()
    })
}

/// Checks that the numbers below `end` came, seven a batch.
#[track_caller]
fn assert_sevens(batches: &[Vec<u64>], end: u64) {
    let rows: Vec<u64> = batches.concat();
    assert_eq!(rows, (0..end).collect::<Vec<_>>());
    // What ends may need one more batch to see that it does.
    let full: Vec<usize> = batches.iter().map(Vec::len).filter(|rows| *rows > 0).collect();
    let (last, full) = full.split_last().unwrap();
    assert!(full.iter().all(|rows| *rows == 7) && *last <= 7, "{full:?}, {last}");
}

fn lines(end: u64) -> String {
    // Of different lengths, so that bytes say little.
    (0..end).map(|n| format!("{n}{}\n", " ".repeat((n * n % 90) as usize))).collect()
}

fn parsed(ctx: &StreamingContext, source: impl Source<Item = TextBlock>) -> DStream<u64> {
    ctx.text(source).parse(|line| line.trim().parse::<u64>().map(Some))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_queue_holds_to_it() {
    let run = |one_at_a_time: bool| {
        by_batch(|ctx| {
            let (queue, source) = Queue::new();
            for push in [0..3, 3..20, 20..20, 20..25] {
                queue.push(push.collect());
            }
            queue.close();
            ctx.source(if one_at_a_time { source.one_at_a_time() } else { source }.max_rate(7))
        })
    };
    assert_sevens(&run(false), 25);
    let sizes: Vec<usize> = run(true).iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 7, 7, 3, 0, 5]);
}

#[test]
fn a_pipe_holds_to_it() {
    assert_sevens(&by_batch(|ctx| parsed(ctx, Stdin::reading("pipe", Cursor::new(lines(100))).max_rate(7))), 100);
    let unfinished = || Cursor::new(lines(14) + "14");
    assert_sevens(&by_batch(|ctx| parsed(ctx, Stdin::reading("pipe", unfinished()).max_rate(7))), 15);
}

#[test]
fn tcp_holds_to_it() {
    let sevens = by_batch(|ctx| {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap().to_string();
        thread::spawn(move || server.accept().and_then(|(mut to, _)| to.write_all(lines(100).as_bytes())));
        parsed(ctx, TcpLines::connect(address).restart(Restart::never()).max_rate(7))
    });
    assert_sevens(&sevens, 100);
}

#[test]
fn text_files_hold_to_it() {
    let scratch = Scratch::new();
    let file = scratch.write("plain.txt", lines(100));
    let compressed = scratch.write("compressed.txt.gz", gzip(&lines(100)));
    for path in [file, compressed] {
        assert_sevens(&by_batch(|ctx| parsed(ctx, TextFiles::new(&path).unwrap().max_rate(7))), 100);
        // The bytes of a batch are limited as well: the first that is reached counts.
        let both = || TextFiles::new(&path).unwrap().max_bytes_per_batch(150).max_rate(7);
        let batches = by_batch(|ctx| parsed(ctx, both()));
        assert_eq!(batches.concat(), (0..100).collect::<Vec<_>>());
        assert!(batches.iter().all(|batch| batch.len() <= 7) && batches.iter().any(|batch| batch.len() < 4));
    }
}

#[test]
fn a_directory_holds_to_it_over_all_its_files() {
    let scratch = Scratch::new();
    for n in 0..10 {
        // Written one after the other, and named so: the order in which they are read.
        let text: String = (10 * n..10 * n + 10).map(|n| format!("{n}\n")).collect();
        // The last line of a file need not end.
        scratch.write(&format!("{n}"), text.trim_end());
    }
    assert_sevens(&by_batch(|ctx| parsed(ctx, TextFiles::new(&scratch.0).unwrap().max_rate(7))), 100);
}

#[cfg(feature = "csv")]
#[test]
fn csv_holds_to_it_and_cuts_no_quoted_field() {
    use streamgauge_stream::source::CsvFiles;
    let scratch = Scratch::new();
    let rows: String = (0..50).map(|n| format!("{n},\"one\n\"\"two\"\"\nthree\"\n")).collect();
    let path = scratch.write("a.csv", format!("n,text\n{rows}"));
    let batches = by_batch(|ctx| {
        let rows = ctx.csv(CsvFiles::new(&path).unwrap().max_rate(7)).parse::<(u64, String)>();
        rows.map(|(n, text)| if text == "one\n\"two\"\nthree" { n } else { u64::MAX })
    });
    assert_eq!(batches.concat(), (0..50).collect::<Vec<_>>());
    // The header is a record of the limit.
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [6, 7, 7, 7, 7, 7, 7, 2]);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_holds_to_it_and_reads_the_rest_of_a_row_group_later() {
    use streamgauge_stream::source::ParquetFiles;

    let scratch = Scratch::new();
    let path = scratch.0.join("a.parquet");
    let column = arrow_array::UInt64Array::from_iter_values(0..100);
    let batch = arrow_array::RecordBatch::try_from_iter([("n", Arc::new(column) as arrow_array::ArrayRef)]).unwrap();
    let settings = parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(30)).build();
    let file = fs::File::create(&path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(settings)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    #[derive(Clone, Debug, PartialEq, serde::Deserialize)]
    struct Row {
        n: u64,
    }
    let open = || ParquetFiles::<Row>::new(&path).unwrap();
    assert_sevens(&by_batch(|ctx| ctx.source(open().max_rate(7)).map(|row: Row| row.n)), 100);
    let whole = by_batch(|ctx| ctx.source(open().max_rate(30)).map(|row: Row| row.n));
    assert_eq!(whole.iter().map(Vec::len).collect::<Vec<_>>(), [30, 30, 30, 10]);
    for records in [1, 7, 30, 31, 1_000] {
        assert_eq!(Kit::default().records_per_batch(records).check(open).len(), 100);
    }
}

#[test]
fn a_receiver_holds_to_it() {
    for (buffer, block) in [(1_000, 8), (1_000, 3), (10, 100), (7, 7), (3, 100)] {
        let batches = by_batch(|ctx| {
            let receiver = pushes(|handle| {
                (0..50).try_for_each(|n| handle.store(n))?;
                handle.store_many((50..90).collect())?;
                (90..100).try_for_each(|n| handle.store(n))?;
                Ok(())
            });
            ctx.source(ReceiverSource::new(receiver).buffer_records(buffer).block_records(block).max_rate(7))
        });
        assert_eq!(batches.concat(), (0..100).collect::<Vec<_>>());
        assert!(batches.iter().all(|batch| batch.len() <= 7), "buffer {buffer}, block {block}");
        let full = batches.iter().filter(|batch| batch.len() == 7).count();
        assert!(buffer < 1_000 || full == 14, "buffer {buffer}, block {block}: {full}");
    }
}

#[test]
fn a_rate_holds_to_it_and_makes_the_rest_later() {
    let unlimited =
        by_batch(|ctx| ctx.source(Rate::per_second(10).records(50)).map(|(n, at)| n * 1_000 + at.secs() as u64));
    let limited = by_batch(|ctx| {
        ctx.source(Rate::per_second(10).records(50).max_rate(7)).map(|(n, at)| n * 1_000 + at.secs() as u64)
    });
    assert_eq!(unlimited.concat(), limited.concat(), "each with the time at which it happens");
    assert_eq!(limited.iter().map(Vec::len).collect::<Vec<_>>(), [0, 7, 7, 7, 7, 7, 7, 7, 1]);
}

#[test]
fn what_is_the_same_in_every_batch_is_never_cut() {
    let batches = by_batch(|ctx| ctx.source(Constant::new((0..9).collect()).batches(3).max_rate(7)));
    assert_eq!(batches, vec![(0..9).collect::<Vec<u64>>(); 3]);
}

#[test]
fn input_without_partitions_counts_as_one_and_the_lowest_limit_holds() {
    let sizes = |limit: fn(QueueOf) -> LimitedOf| {
        let batches = by_batch(|ctx| {
            let (queue, source) = Queue::new();
            queue.push((0..20).collect());
            queue.close();
            ctx.source(limit(source))
        });
        batches.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(sizes(|source| source.max_rate(12).max_rate_per_partition(8)), [8, 8, 4]);
    assert_eq!(sizes(|source| source.max_rate(9).max_rate_per_partition(10)), [9, 9, 2]);
}

type QueueOf = streamgauge_stream::QueueSource<u64>;
type LimitedOf = streamgauge_stream::source::Limited<streamgauge_stream::source::Limited<QueueOf>>;

#[test]
fn a_rate_below_one_a_batch_gives_one_every_so_many_batches() {
    let (ctx, _) = job(|it| it.batch_interval(millis(250)));
    let (queue, source) = Queue::new();
    let rows = ctx.source(source.max_rate(2)).collect_to_memory();
    queue.push(vec![1, 2, 3]);
    queue.close();
    let records: Vec<u64> = batches(&ctx).iter().map(|batch| batch.records).collect();
    assert_eq!(records, [0, 1, 0, 1, 0, 1]);
    assert_eq!(rows.rows(), [1, 2, 3]);
}

#[test]
fn as_soon_as_possible_a_batch_has_the_share_of_the_time_since_the_last() {
    let (_, clock) = job(|it| it);
    let ctx = StreamingContext::builder("test").clock(clock).trigger(Trigger::AsSoonAsPossible).threads(2).build();
    let (queue, source) = Queue::new();
    let rows = ctx.source(source.max_rate(50)).collect_to_memory();
    queue.push((0..100_u64).collect());
    queue.close();
    let batches = batches(&ctx);
    assert_eq!(rows.rows(), (0..100).collect::<Vec<_>>());
    // An interval's share at first; then one every twenty milliseconds, and no batch without records.
    assert_eq!(batches.iter().map(|batch| batch.records).collect::<Vec<_>>(), [&[50][..], &[1; 50]].concat());
    let took = batches[50].time.since(batches[0].time);
    assert!((millis(1_000)..millis(1_100)).contains(&took), "{took:?}");
}

#[test]
fn the_kit_passes_whatever_the_limit() {
    let scratch = Scratch::new();
    let (plain, compressed) = (scratch.write("a.txt", lines(200)), scratch.write("b.txt.gz", gzip(&lines(200))));
    for records in [1, 3, 64, 10_000] {
        let kit = Kit::default().most_batches(1_000).records_per_batch(records);
        assert_eq!(kit.check(|| Rate::per_second(50).records(200)).len(), 200);
        for path in [&plain, &compressed, &scratch.0] {
            let text = |blocks: &[TextBlock]| blocks.iter().map(TextBlock::as_str).collect::<String>();
            let blocks = kit.check_as(|| TextFiles::new(path).unwrap(), text);
            assert_eq!(text(&blocks).len() % lines(200).len(), 0);
        }
        let receiver = pushes(|handle| Ok((0..200_u64).try_for_each(|n| handle.store(n))?));
        assert_eq!(kit.check_once(ReceiverSource::new(receiver)).len(), 200);
    }
}

#[test]
fn what_is_left_of_a_limit_is_ready() {
    let mut pipe = Stdin::reading("pipe", Cursor::new("1\n2\n3\n"));
    let limit = Limit::new(Time::from_secs(1), true).records(2);
    let first = pipe.plan(&0, limit).unwrap();
    assert_eq!((first.to, first.next), (4, Next::Ready));
    let second = pipe.plan(&4, limit).unwrap();
    assert_eq!((second.to, second.next), (6, Next::Finished));
}

#[test]
fn a_stop_works_off_what_was_taken_in_within_the_rate_and_at_once() {
    let (stored, told) = std::sync::mpsc::channel();
    let clock = Arc::new(ManualClock::new(Time::from_secs(1_000)));
    let ctx = StreamingContext::builder("test").clock(clock).threads(2).build();
    let receiver = pushes(move |handle| {
        (0..100_u64).try_for_each(|n| handle.store(n))?;
        let _ = stored.send(());
        while handle.wait(secs(1)) {}
        Ok(())
    });
    let rows = ctx.source(ReceiverSource::new(receiver).max_rate(7)).collect_to_memory();
    ctx.start().unwrap();
    told.recv().unwrap();
    ctx.stop();
    ctx.await_termination().unwrap();
    assert_eq!(rows.rows(), (0..100).collect::<Vec<_>>());
    assert!(rows.batches().iter().all(|(_, rows)| rows.len() <= 7));
}

#[test]
fn a_rate_of_zero_is_refused() {
    let (ctx, _) = job(|it| it);
    ctx.source(Rate::per_second(1).max_rate(0)).for_each_batch(|_, _| ());
    let Err(Error::Graph(problems)) = ctx.start() else { panic!("it starts") };
    let expected = "rate of 1 a second: a maximum rate of 0 records a second would read nothing; write 1 at least";
    assert_eq!(problems, [expected]);
}
