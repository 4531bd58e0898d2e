//! The spans and events of `tracing`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Mutex, OnceLock};

use streamgauge_stream::testing::Script;
use streamgauge_stream::{Batch, DStream, StreamingContext, Trigger};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// A span that is over: its name and its fields, and those of the spans that it is in, from within.
type Chain = Vec<(&'static str, BTreeMap<String, String>)>;

#[derive(Default)]
struct Seen {
    spans: Vec<Chain>,
    events: Vec<(Level, BTreeMap<String, String>, Chain)>,
}

/// Of all jobs of this process: a subscriber is one for all threads.
static SEEN: OnceLock<Mutex<Seen>> = OnceLock::new();

struct Collect;

#[derive(Clone, Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collect {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        ctx.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, ctx: Context<'_, S>) {
        record.record(ctx.span(id).unwrap().extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let chain = ctx
            .event_scope(event)
            .into_iter()
            .flatten()
            .map(|span| (span.name(), span.extensions().get::<Fields>().unwrap().0.clone()));
        let chain = chain.collect();
        seen().lock().unwrap().events.push((*event.metadata().level(), fields.0, chain));
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let chain = ctx
            .span(&id)
            .unwrap()
            .scope()
            .map(|span| (span.name(), span.extensions().get::<Fields>().unwrap().0.clone()));
        let chain = chain.collect();
        seen().lock().unwrap().spans.push(chain);
    }
}

fn seen() -> &'static Mutex<Seen> {
    SEEN.get_or_init(Mutex::default)
}

fn subscribe() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| tracing::subscriber::set_global_default(Registry::default().with(Collect)).unwrap());
}

fn is_of(chain: &Chain, job: &str) -> bool {
    chain.last().is_some_and(|(name, fields)| *name == "streamgauge.batch" && fields["job"] == job)
}

/// Runs a job of one batch of six numbers in three partitions; gives its spans, and its events in spans.
fn traced(name: &str, threads: usize, outputs: usize, describe: impl FnOnce(&DStream<u64>)) -> Seen {
    subscribe();
    let settings = StreamingContext::builder(name).trigger(Trigger::Available).threads(threads).attempts(2);
    let ctx = settings.concurrent_outputs(outputs).build();
    describe(&ctx.source(Script::new([vec![1, 2, 3, 4, 5, 6]]).in_partitions(3).source()));
    let _ = ctx.run();
    let all = seen().lock().unwrap();
    let spans = all.spans.iter().filter(|chain| is_of(chain, name)).cloned().collect();
    let events = all.events.iter().filter(|(.., chain)| is_of(chain, name)).cloned().collect();
    Seen { spans, events }
}

fn describe(numbers: &DStream<u64>) {
    let even = numbers.filter(|n| {
        tracing::info!(n, "looked at");
        n % 2 == 0
    });
    even.key_by(|n| n).named("sums").reduce(|n| *n, |a, b| a + b).for_each_batch(|_, batch| batch.count().map(drop));
    even.for_each_partition(|_, _, rows| drop(rows));
}

#[test]
fn spans_nest_by_batch_operator_and_partition() {
    let mut shapes = Vec::new();
    for (threads, outputs) in [(1, 1), (8, 1), (8, 2)] {
        let name = format!("nested {threads} {outputs}");
        let Seen { spans, events } = traced(&name, threads, outputs, describe);
        let with = |wanted: &str| spans.iter().filter(|chain| chain[0].0 == wanted).collect::<Vec<_>>();
        let [batch] = with("streamgauge.batch")[..] else { panic!("{spans:?}") };
        let fields = &batch[0].1;
        assert_eq!((&*fields["time"], &*fields["records"]), ("1000", "6"));
        let operators: BTreeSet<_> =
            with("streamgauge.operator").iter().map(|it| it[0].1["operator"].clone()).collect();
        let expected = ["filter 1", "for_each_batch 1", "for_each_partition 1", "script", "sums"];
        assert_eq!(operators, expected.map(str::to_owned).into());
        let mut shape = BTreeSet::new();
        for partition in with("streamgauge.partition") {
            let [(_, own), (within, of), ..] = &partition[..] else { panic!("{partition:?}") };
            assert_eq!(*within, "streamgauge.operator");
            shape.insert((own["operator"].clone(), own["partition"].clone(), of["operator"].clone()));
        }
        // The filter has two readers: its rows are kept, three partitions of them.
        let of_filter: Vec<_> = shape.iter().filter(|(.., of)| of == "filter 1").map(|it| &*it.1).collect();
        assert_eq!(of_filter, ["0", "1", "2"]);
        shapes.push(shape);
        // What functions of users trace is in the span of their operator, on whatever thread.
        let own: Vec<_> = events.iter().filter(|(_, fields, _)| fields["message"] == "looked at").collect();
        assert_eq!(own.len(), 6);
        for (.., chain) in own {
            assert_eq!((chain[0].0, &*chain[1].1["operator"]), ("streamgauge.partition", "filter 1"));
        }
        let measured = events.iter().find(|(_, it, _)| it.get("operator").is_some_and(|it| it == "sums"));
        let (level, fields, _) = measured.unwrap();
        assert_eq!((*level, &*fields["rows_in"], &*fields["rows_out"]), (Level::DEBUG, "3", "3"));
    }
    assert!(shapes.windows(2).all(|two| two[0] == two[1]), "{shapes:#?}");
}

#[test]
fn what_goes_wrong_is_an_event_in_its_span() {
    let Seen { events, .. } = traced("broken", 8, 1, |numbers| {
        let calls = std::sync::atomic::AtomicU64::new(0);
        let map = numbers.map(move |n| {
            assert!(n != 3 || calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0, "only once");
            n
        });
        map.for_each_batch(|_, batch: Batch<u64>| {
            drop(batch.collect()?);
            Err::<(), streamgauge_stream::Error>(streamgauge_stream::Error::NotStarted)
        });
    });
    let told = |level, message: &str| {
        let found = events.iter().find(|(l, fields, _)| *l == level && fields["message"] == message);
        found.unwrap_or_else(|| {
            panic!("no {message:?} among {events:#?}", events = events.iter().map(|e| &e.1).collect::<Vec<_>>())
        })
    };
    let (_, again, within) = told(Level::WARN, "the partition is run again");
    assert!(again["error"].contains("only once") && again["partition"] == "1", "{again:?}");
    assert_eq!(within[0].1["operator"], "for_each_batch 1");
    let (_, output, within) = told(Level::ERROR, "an output has failed");
    assert_eq!((&*output["output"], &*within[0].1["operator"]), ("for_each_batch 1", "for_each_batch 1"));
    let (.., within) = told(Level::ERROR, "the batch has failed");
    assert_eq!(within[0].0, "streamgauge.batch");
}
