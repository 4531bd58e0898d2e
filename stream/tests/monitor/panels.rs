//! What the page is told of its panels: how they are set, their points, and what of them outlives the job.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use streamgauge_stream::monitor::dashboard::Dashboard;
use streamgauge_stream::testing::{Breakdown, FaultyDisk, Recorder, Script, SimulatedClock, TestJob};
use streamgauge_stream::{
    CheckpointInfo, ContextBuilder, DStream, Error, Listener, StreamingContext, Window, millis, secs,
};

use crate::client::{FREE, hello_text};

fn panels(dashboard: &Dashboard) -> Value {
    let hello: Value = serde_json::from_str(&hello_text(dashboard.address())).unwrap();
    hello["panels"].clone()
}

fn served(job: &TestJob) -> Dashboard {
    let dashboard = job.context().dashboard();
    dashboard.listen(FREE);
    dashboard
}

/// The times of the points of a panel, in seconds.
fn seconds(panel: &Value) -> Vec<i64> {
    panel["points"].as_array().unwrap().iter().map(|point| point["t"].as_i64().unwrap() / 1_000).collect()
}

#[test]
fn a_panel_says_how_it_is_set() {
    let mut job = TestJob::new();
    let numbers = job.source([vec![3.0_f64]]);
    let dashboard = served(&job);
    dashboard
        .line("Latency", &numbers, |n| *n)
        .unit("ms")
        .threshold(250.0, "SLO")
        .threshold(-1.5, "")
        .page("Details")
        .group("Web");
    dashboard.number("Plain", &numbers, |n| *n);
    job.tick().unwrap();
    let panels = panels(&dashboard);
    let mut first = panels[0].clone();
    let points = first.as_object_mut().unwrap().remove("points").unwrap();
    assert_eq!(
        first,
        json!({
            "id": 0, "kind": "line", "title": "Latency", "unit": "ms", "page": "Details", "group": "Web",
            "series": [],
            "thresholds": [{ "value": 250.0, "label": "SLO" }, { "value": -1.5, "label": "" }],
        })
    );
    assert_eq!((&points[0]["t"], &points[0]["e"]["value"]), (&json!(1_000), &json!(3.0)));
    let plain = &panels[1];
    assert_eq!((&plain["unit"], &plain["page"], &plain["group"]), (&json!(""), &json!(""), &json!("")));
    assert_eq!(plain["thresholds"], json!([]));
}

#[test]
fn mistakes_are_told_at_the_start_by_the_title() {
    let mut job = TestJob::new();
    let numbers = job.source([vec![3.0_f64]]);
    let dashboard = served(&job);
    dashboard.line("Latency", &numbers, |n| *n).threshold(f64::NAN, "SLO");
    let chart = (0..9).fold(dashboard.chart("Nine"), |chart, n| chart.line(&format!("line {n}"), &numbers, |n| *n));
    chart.unit("ms");
    dashboard.chart("Twice").line("a", &numbers, |n| *n).line("a", &numbers, |n| *n);
    let error = job.start().unwrap_err().to_string();
    for part in [
        "dashboard: Latency: the threshold \"SLO\" is NaN; give the level as a finite number",
        "dashboard: Nine: the line \"line 8\" is there already, or one too many",
        "dashboard: Twice: the line \"a\" is there already, or one too many",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn outputs_have_the_titles_of_their_panels() {
    let mut job = TestJob::new();
    let numbers = job.source([vec![3_u64]]);
    let dashboard = served(&job);
    dashboard.number("Distinct hosts", &numbers, |n| *n);
    dashboard.line("Distinct hosts", &numbers, |n| *n);
    dashboard.chart("Requests").line("ok", &numbers, |n| *n);
    numbers.for_each_batch(|_, _| ());
    let recorder = job.record();
    job.tick().unwrap();
    let names: Vec<_> = recorder.batches()[0].outputs.iter().map(|output| output.name.to_string()).collect();
    assert_eq!(
        names,
        ["dashboard: Distinct hosts", "dashboard: Distinct hosts 2", "dashboard: Requests: ok", "for_each_batch 1"]
    );
}

#[test]
fn lines_of_several_streams_share_their_times() {
    let mut job = TestJob::new();
    let numbers = job.source((1..=3_u64).map(|n| vec![n, 10 * n]));
    let dashboard = served(&job);
    let all = numbers.summarize(|on| on.count());
    let large = numbers.filter(|n| *n > 15).summarize(|on| on.count());
    dashboard.chart("Records").line("all", &all, |n| *n).line("large", &large, |n| *n).unit("a batch");
    job.ticks(3).unwrap();
    let panel = &panels(&dashboard)[0];
    assert_eq!((&panel["kind"], &panel["unit"]), (&json!("line"), &json!("a batch")));
    assert_eq!(panel["series"], json!(["all", "large"]));
    assert_eq!(seconds(panel), [1, 2, 3]);
    let lines = |point: &Value| -> Vec<(String, f64)> {
        let series = point["series"].as_array().unwrap().iter();
        series.map(|one| (one["name"].as_str().unwrap().to_owned(), one["e"]["value"].as_f64().unwrap())).collect()
    };
    // The first batch has no large number, hence no row of them.
    assert_eq!(lines(&panel["points"][0]), [("all".to_owned(), 2.0)]);
    for at in [1, 2] {
        assert_eq!(lines(&panel["points"][at]), [("all".to_owned(), 2.0), ("large".to_owned(), 1.0)]);
    }
}

#[test]
fn a_chart_has_a_line_for_each_of_the_first_eight_keys() {
    let mut job = TestJob::new();
    // Keys 5, 6 and 7, then 0 to 9.
    let keys = job.source([(5..8_u64).collect::<Vec<_>>(), (0..10).collect()]);
    let dashboard = served(&job);
    let by_key = keys.map(|n| (n, n)).key_by(|(key, _)| key).summarize(|on| on.sum(|(_, n)| *n));
    dashboard.lines("By key", &by_key, |(_, sum)| *sum);
    job.ticks(2).unwrap();
    let panel = &panels(&dashboard)[0];
    let points = &panel["points"];
    assert_eq!(panel["series"], json!(["5", "6", "7", "0", "1", "2", "3", "4"]));
    let names = |point: &Value| -> Vec<String> {
        point["series"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&points[0]), ["5", "6", "7"]);
    assert_eq!(points[0]["more"], Value::Null);
    assert_eq!(names(&points[1]), ["5", "6", "7", "0", "1", "2", "3", "4"], "each keeps its place");
    assert_eq!(points[1]["more"], 2, "8 and 9 are not drawn, and that is said");
}

fn script() -> Script<u64> {
    Script::new((0..40_u64).map(|n| vec![n, n * n]))
}

/// A job of forty batches with three panels, whose dashboard is looked at when it has ended.
fn run(
    settings: impl FnOnce(ContextBuilder) -> ContextBuilder,
    describe: impl FnOnce(&Dashboard, &DStream<u64>),
) -> (Result<(), Error>, Value) {
    let mut job = TestJob::with(|it| settings(it.checkpoint_every(7)));
    let numbers = job.script(script());
    let dashboard = served(&job);
    describe(&dashboard, &numbers);
    let ended = job.run().map(|_| ());
    let panels = if dashboard.address().port() == 0 { Value::Null } else { panels(&dashboard) };
    (ended, panels)
}

fn three_panels(dashboard: &Dashboard, numbers: &DStream<u64>) {
    let sums = numbers.window(secs(3), secs(1)).summarize(|on| on.sum(|n| *n));
    dashboard.line("Sums", &sums, |sum| *sum).unit("a window");
    dashboard.chart("Both").line("sums", &sums, |sum| *sum).line("numbers", &numbers.filter(|n| n % 3 == 0), |n| *n);
    dashboard.number("Both", &numbers.summarize(|on| on.distinct(|n| n)), |distinct| *distinct);
}

#[test]
fn a_job_that_is_killed_anywhere_shows_the_same_when_it_has_gone_on() {
    let (ended, expected) = run(|it| it, three_panels);
    ended.unwrap();
    assert_eq!(seconds(&expected[0]), (1..=expected[0]["points"].as_array().unwrap().len() as i64).collect::<Vec<_>>());
    assert!(seconds(&expected[0]).len() >= 40);
    let disk = FaultyDisk::new();
    run(|it| it.checkpoint_storage(disk.clone()), three_panels).0.unwrap();
    let all = disk.sync_points();
    let mut killed = 0;
    for at in (3..all).step_by(4) {
        let disk = FaultyDisk::new();
        disk.break_down(at, Breakdown::After);
        killed += usize::from(run(|it| it.checkpoint_storage(disk.clone()), three_panels).0.is_err());
        disk.restart(at);
        let (ended, shown) = run(|it| it.checkpoint_storage(disk.clone()), three_panels);
        ended.unwrap();
        assert!(shown == expected, "killed at sync point {at} of {all}");
    }
    assert!(killed > 8, "{killed}");
}

#[test]
fn panels_come_and_go_from_one_run_to_the_next() {
    let disk = FaultyDisk::new();
    let mut job = TestJob::with(|it| it.checkpoint_storage(disk.clone()));
    let numbers = job.script(script());
    three_panels(&served(&job), &numbers);
    job.ticks(20).unwrap();
    job.stop().unwrap();
    // Another panel of the title, the other ones gone, a new one.
    let (disk_without, disk_other) = (disk.copy(), disk.copy());
    let (ended, shown) = run(
        |it| it.checkpoint_storage(disk_other),
        |dashboard, numbers| {
            let sums = numbers.window(secs(3), secs(1)).summarize(|on| on.sum(|n| *n));
            dashboard.number("Sums", &sums, |sum| *sum);
            dashboard.number("New", &sums, |sum| *sum);
            dashboard.line("Sums", &sums, |sum| *sum).unit("a second");
        },
    );
    ended.unwrap();
    let from: Vec<_> = (0..3).map(|panel| seconds(&shown[panel])[0]).collect();
    assert_eq!(from, [21, 21, 1], "found by kind and title");
    assert_eq!(shown[2]["unit"], "a second");
    // No dashboard any more, and then again.
    let without = |it: ContextBuilder| it.checkpoint_storage(disk_without.clone());
    let describe = |numbers: &DStream<u64>| {
        let sums = numbers.window(secs(3), secs(1)).summarize(|on| on.sum(|n| *n));
        sums.for_each_batch(|_, _| ());
        drop(numbers.summarize(|on| on.distinct(|n| n)).collect_to_memory());
    };
    let mut job = TestJob::with(|it| without(it.checkpoint_every(7)));
    let numbers = job.script(script());
    describe(&numbers);
    let recorder = job.record();
    job.run().unwrap();
    assert!(recorder.batches().len() < 40);
    let (ended, shown) = run(without, three_panels);
    ended.unwrap();
    assert_eq!(shown[0]["points"], json!([]), "it was not there when the job ended");
}

#[test]
fn a_snapshot_has_the_past_and_needs_none() {
    let job = |dashboard: bool| {
        let mut job = TestJob::new();
        let numbers = job.source((0..5_u64).map(|n| vec![n]));
        numbers.for_each_batch(|_, _| ());
        let dashboard = dashboard.then(|| served(&job));
        dashboard.iter().for_each(|dashboard| drop(dashboard.line("Numbers", &numbers, |n| *n)));
        (job, dashboard)
    };
    let [mut with, mut without] = [true, false].map(|dashboard| job(dashboard).0);
    let snapshots = [&mut with, &mut without].map(|job| {
        job.ticks(5).unwrap();
        job.stop().unwrap();
        job.snapshot().unwrap()
    });
    for (snapshot, shown) in snapshots.iter().zip([vec![1, 2, 3, 4, 5], vec![]]) {
        let (mut again, dashboard) = job(true);
        again.start_from(snapshot).unwrap();
        again.stop().unwrap();
        assert_eq!(seconds(&panels(&dashboard.unwrap())[0]), shown);
        job(false).0.start_from(snapshot).unwrap();
    }
}

#[test]
fn an_output_that_fails_is_skipped_as_without_a_dashboard() {
    // State that is shown only is none that lacks a batch.
    let mut job = TestJob::with(|it| it.on_failure(streamgauge_stream::OnFailure::SkipOutput));
    let numbers = job.source((0..3_u64).map(|n| vec![n]));
    let shared = numbers.map(|n| if n == 1 { panic!("no") } else { n });
    let dashboard = served(&job);
    dashboard.line("Numbers", &shared, |n| *n);
    dashboard.number("The same", &shared, |n| *n);
    job.ticks(3).unwrap();
    assert_eq!(seconds(&panels(&dashboard)[0]), [1, 3]);
}

#[test]
fn panels_behind_an_operator_that_shed_say_so() {
    let clock = SimulatedClock::new();
    let ctx = StreamingContext::builder("shedding").threads(2).clock(clock.clone()).build();
    let recorder = Recorder::new();
    ctx.add_listener(recorder.clone());
    // 4,000 records of half a millisecond are two seconds of work a second; then there is hardly any.
    let sizes = (0..40_u64).map(|batch| if batch < 20 { 4_000 } else { 40 });
    let script: Vec<Vec<u64>> = sizes.map(|size| (0..size).collect()).collect();
    let work = clock.clone();
    let all = ctx.source(Script::new(script).source());
    let sampled = all.shed(|n| n, 0.05).map(move |n| {
        work.work(Duration::from_micros(500));
        n
    });
    let counts = sampled.window(secs(2), secs(1)).summarize(|on| on.count());
    let other = all.summarize(|on| on.distinct(|n| n));
    let dashboard = ctx.dashboard();
    dashboard.listen(FREE);
    dashboard.number("Sampled", &counts, |n| *n);
    dashboard.number("Whole", &other, |n| *n);
    ctx.run().unwrap();
    let panels = panels(&dashboard);
    let batches = recorder.batches();
    let mut widened = 0;
    for point in panels[0]["points"].as_array().unwrap() {
        let batch = batches.iter().find(|batch| batch.time.millis() == point["t"].as_i64().unwrap()).unwrap();
        let sampled = batch.sampled.unwrap();
        match point["kept"].as_f64() {
            Some(kept) => assert!((kept - sampled).abs() < 1e-4 && kept < 1.0, "{kept} of {sampled}"),
            None => assert_eq!(sampled, 1.0),
        }
        widened += usize::from(sampled < 1.0);
    }
    assert!((10..35).contains(&widened), "{widened} of {} batches", batches.len());
    assert!(panels[1]["points"].as_array().unwrap().iter().all(|point| point.get("kept").is_none()));
}

/// What checkpoints took.
#[derive(Default)]
struct Checkpoints(Mutex<Vec<CheckpointInfo>>);

impl Listener for Checkpoints {
    fn on_checkpoint_completed(&self, checkpoint: &CheckpointInfo) {
        self.0.lock().unwrap().push(checkpoint.clone());
    }
}

#[test]
fn thirty_full_panels_are_a_few_megabytes_to_a_page_and_a_checkpoint() {
    const POINTS: usize = 1_000;
    let mut job = TestJob::with(|it| it.checkpoint_storage(FaultyDisk::new()).checkpoint_every(500));
    let batch = |n: u64| (0..20).map(|i| n.wrapping_mul(i)).collect::<Vec<_>>();
    let numbers = job.script(Script::new((0..POINTS as u64).map(batch)));
    let dashboard = served(&job);
    let distinct = numbers.summarize(|on| on.distinct(|n| n));
    for panel in 0..30 {
        dashboard.line(&format!("Distinct {panel}"), &distinct, |it| *it).unit("numbers");
    }
    let checkpoints = Arc::new(Checkpoints::default());
    job.context().add_listener(checkpoints.clone());
    job.ticks(POINTS).unwrap();
    job.stop().unwrap();
    let text = hello_text(dashboard.address());
    let shown: Value = serde_json::from_str(&text).unwrap();
    for panel in shown["panels"].as_array().unwrap() {
        let points = panel["points"].as_array().unwrap();
        assert_eq!(points.len(), POINTS);
        let contracts = points.iter().filter(|point| point["e"]["contract"].is_string()).count();
        assert_eq!((contracts, points[POINTS - 1]["e"]["contract"].is_string()), (1, true));
    }
    let last = checkpoints.0.lock().unwrap().last().unwrap().clone();
    println!("30 panels of {POINTS} points: hello of {} bytes; the checkpoint: {last:?}", text.len());
    assert!(text.len() < 5_000_000 && last.written_bytes < 5_000_000, "{}, {last:?}", text.len());
}

#[test]
fn windows_of_event_time_by_key_are_drawn_at_their_ends() {
    let mut job = TestJob::new();
    let records = job.source([vec![(0_i64, 'a'), (1_500, 'b'), (2_500, 'a')], vec![(9_000, 'a')]]);
    let dashboard = served(&job);
    let windows = records
        .event_time(|(at, _)| *at, millis(0))
        .key_by(|(_, key)| key)
        .tumbling(secs(2))
        .summarize(|on| on.count())
        .map(|Window { start, end, value: (key, count) }| (key, Window { start, end, value: count }));
    dashboard.lines("By key", &windows, |(_, window)| window.point(window.value));
    job.run().unwrap();
    let points = panels(&dashboard)[0]["points"].clone();
    let shown: Vec<_> = points
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            let names = point["series"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap());
            (point["t"].as_i64().unwrap(), names.collect::<String>())
        })
        .collect();
    let expected = [(2_000, "ab"), (4_000, "a"), (10_000, "a")].map(|(t, names)| (t, names.to_owned()));
    assert_eq!(shown, expected);
}
