//! Windows of event time: what DStreams say of windows, and where these differ on purpose.

use streamgauge_stream::{DStream, OutputMode, Queue, StreamingContext, Trigger, Window, millis, secs};

/// The rows by batch of a job whose records are pushed a batch at a time.
fn run<R: Clone + Send + Sync + 'static>(
    batches: &[&[(i64, u8)]],
    job: impl FnOnce(DStream<(i64, u8)>) -> DStream<R>,
) -> Vec<Vec<R>> {
    let ctx = StreamingContext::builder("semantics").trigger(Trigger::Available).threads(2).build();
    let (queue, source) = Queue::new();
    let rows = job(ctx.source(source.one_at_a_time())).collect_to_memory();
    batches.iter().for_each(|batch| assert!(queue.push(batch.to_vec())));
    queue.close();
    ctx.run().unwrap();
    rows.batches().into_iter().map(|(_, rows)| rows).collect()
}

fn bounds<R>(window: Window<R>) -> (i64, i64) {
    (window.start.millis(), window.end.millis())
}

/// "Batch times are multiples of the batch interval since the epoch": so are the starts of windows, also before it.
#[test]
fn windows_line_up_with_the_epoch() {
    let rows = run(&[&[(-1, 0), (0, 0), (7, 0)]], |s| {
        s.event_time(|(at, _)| *at, secs(1)).tumbling(millis(5)).summarize(|on| on.count()).map(bounds)
    });
    assert_eq!(rows, [[(-5, 0), (0, 5), (5, 10)]]);
}

/// "Window and slide must both be multiples of the parent's slide": not of event time, which knows no batches.
#[test]
fn windows_need_be_no_multiple_of_the_batch_interval() {
    let rows = run(&[&[(0, 0), (3, 0)]], |s| {
        s.event_time(|(at, _)| *at, secs(1)).window(millis(7), millis(3)).summarize(|on| on.count()).map(bounds)
    });
    assert_eq!(rows, [[(-6, 1), (-3, 4), (0, 7), (3, 10)]]);
}

/// "slide > window is allowed (sampling)".
#[test]
fn a_slide_longer_than_the_window_samples() {
    let records: Vec<_> = (0..20).map(|at| (at, 0)).collect();
    for mode in [OutputMode::Append, OutputMode::Update] {
        let rows = run(&[&records], |s| {
            let windows = s.event_time(|(at, _)| *at, secs(1)).window(millis(2), millis(8)).output_mode(mode);
            windows.summarize(|on| on.count()).map(|w| (w.start.millis(), w.end.millis(), w.value.count()))
        });
        assert_eq!(rows, [[(0, 2, 2), (8, 10, 2), (16, 18, 2)]]);
    }
}

/// "Window at t = union of parent batches in `[t - window + parentSlide, t]`, both ends included": by event time the
/// start is in the window and the end is not.
#[test]
fn the_start_is_in_the_window_and_the_end_is_not() {
    let rows = run(&[&[(0, 0), (9, 0), (10, 0)]], |s| {
        let windows = s.event_time(|(at, _)| *at, secs(1)).tumbling(millis(10)).summarize(|on| on.count());
        windows.map(|w| (w.end.millis(), w.value.count()))
    });
    assert_eq!(rows, [[(10, 2), (20, 1)]]);
}

/// "Keys are never dropped unless filterFunc is given": here a key leaves with its last record, and no row is empty.
#[test]
fn keys_leave_with_their_last_record() {
    let rows = run(&[&[(1, 7), (12, 8)], &[(35, 8)]], |s| {
        let windows = s.event_time(|(at, _)| *at, millis(0)).key_by(|(_, key)| key).window(millis(20), millis(10));
        windows.summarize(|on| on.count()).map(|w| (w.end.millis(), w.value.0, w.value.1.count()))
    });
    let all = rows.concat();
    let of = |key: u8| all.iter().filter(|row| row.1 == key).map(|row| (row.0, row.2)).collect::<Vec<_>>();
    assert_eq!(of(7), [(10, 1), (20, 1)]);
    assert_eq!(of(8), [(20, 1), (30, 1), (40, 1), (50, 1)]);
}

/// "Spark only scans for timeouts in batches that checkpoint": windows and sessions are looked at in every batch, also
/// in one in which their key has no record.
#[test]
fn what_is_over_is_closed_in_the_very_batch() {
    let rows = run(&[&[(1, 1)], &[(11, 2)], &[(12, 2)], &[(40, 2)]], |s| {
        let sessions = s.event_time(|(at, _)| *at, millis(0)).key_by(|(_, key)| key).session(millis(10));
        sessions.summarize(|on| on.count()).map(|w| (w.end.millis(), w.value.0))
    });
    assert_eq!(rows, [vec![], vec![(11, 1)], vec![], vec![(22, 2), (50, 2)]]);
}

/// "`count()` emits exactly one element per batch, 0 for an empty batch": a window without records has no row.
#[test]
fn windows_without_records_give_no_rows() {
    let rows = run(&[&[(1, 0)], &[(1_000, 0)]], |s| {
        s.event_time(|(at, _)| *at, millis(0)).tumbling(millis(10)).summarize(|on| on.count()).map(bounds)
    });
    assert_eq!(rows.concat(), [(0, 10), (1_000, 1_010)]);
}
