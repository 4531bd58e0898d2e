//! Inputs that fall silent.

use streamgauge_stream::{DStream, StreamingContext, Trigger, millis, secs};

use crate::case::Script;

type Counts = Vec<Vec<(i64, u64)>>;

/// Counts of windows of 10 ms, by batch, over two inputs of which each batch is one partition.
fn run(inputs: [Vec<Vec<i64>>; 2], idle_after: Option<u64>) -> (Counts, u64) {
    let ctx = StreamingContext::builder("idle").trigger(Trigger::Available).threads(2).build();
    let streams = inputs.map(|input| ctx.source(Script::new(input.into_iter().map(|records| vec![records]).collect())));
    let mut windows = DStream::union_of(streams).unwrap().event_time(|at| *at, millis(0)).tumbling(millis(10));
    if let Some(batches) = idle_after {
        windows = windows.idle_after(secs(batches));
    }
    let rows = windows.summarize(|on| on.count()).map(|w| (w.end.millis(), w.value.count())).collect_to_memory();
    let late = ctx.run().unwrap().late;
    (rows.batches().into_iter().map(|(_, rows)| rows).collect(), late)
}

#[test]
fn a_silent_input_holds_the_watermark_unless_told_otherwise() {
    let speaking: Vec<Vec<i64>> = (0..6).map(|batch| vec![10 * batch + 5]).collect();
    let silent: Vec<Vec<i64>> = vec![vec![]; 6];
    let (held, _) = run([speaking.clone(), silent.clone()], None);
    assert!(held[..5].iter().all(Vec::is_empty));
    assert_eq!(held[5].len(), 6);
    // Heard of last, if you like, in the first batch: from the third batch after it on it does not count.
    let (free, late) = run([speaking, silent], Some(3));
    assert_eq!(free[..3], [vec![], vec![], vec![]]);
    assert_eq!(free[3], [(10, 1), (20, 1), (30, 1)]);
    assert_eq!((free[4].clone(), late), (vec![(40, 1)], 0));
}

#[test]
fn who_speaks_again_is_late_for_what_was_closed_and_counts_again() {
    let steady: Vec<Vec<i64>> = (0..7).map(|batch| vec![10 * batch + 5]).collect();
    let again = vec![vec![1], vec![], vec![], vec![2, 33], vec![], vec![], vec![]];
    let (rows, late) = run([steady, again], Some(2));
    // Batch 2 closes up to 25 without the silent one. In batch 3 it speaks: 2 is late, 33 is not, and holds at 33.
    assert_eq!(rows[..3], [vec![], vec![], vec![(10, 2), (20, 1)]]);
    assert_eq!(rows[3], [(30, 1)]);
    assert_eq!(rows[4], []);
    // Silent for two batches once more: the steady one alone counts, at 55.
    assert_eq!(rows[5], [(40, 2), (50, 1)]);
    assert_eq!(late, 1);
}

#[test]
fn if_all_are_silent_none_holds_back_another() {
    let ahead = vec![vec![35], vec![], vec![], vec![]];
    let behind = vec![vec![12], vec![], vec![], vec![]];
    let (rows, _) = run([ahead, behind], Some(2));
    assert_eq!(rows[..3], [vec![], vec![], vec![(20, 1)]]);
}
