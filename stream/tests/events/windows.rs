//! Tumbling, sliding and session windows, in all modes, with late records.

use std::collections::BTreeSet;
use std::ops::Range;

use proptest::prelude::*;
use streamgauge_sketches::summary::{Identity, On};
use streamgauge_sketches::{Estimate, Merge, Spec};
use streamgauge_stream::{DStream, OutputMode, Window, millis};

use crate::case::{ALL, Input, Past, Record, Seen, at_once, batches, inputs, run, run_every_way, sorted};

const MODES: [OutputMode; 4] = [OutputMode::Append, OutputMode::Update, OutputMode::Revise, OutputMode::Complete];

#[derive(Clone, Copy, Debug)]
enum Cut {
    Window { length: i64, slide: i64 },
    Session { gap: i64 },
}

#[derive(Clone, Debug)]
struct Case {
    inputs: Vec<Input>,
    cut: Cut,
    delay: i64,
    lateness: i64,
    mode: OutputMode,
}

fn cases() -> impl Strategy<Value = Case> {
    let cut = prop_oneof![
        2 => (1..90_i64, 1..40_i64).prop_map(|(length, slide)| Cut::Window { length, slide }),
        1 => (1..90_i64).prop_map(|length| Cut::Window { length, slide: length }),
        3 => (1..60_i64).prop_map(|gap| Cut::Session { gap }),
    ];
    let lateness = prop_oneof![Just(0_i64), 0..200_i64];
    (inputs(1..4), cut, 0..50_i64, lateness, 0..4_usize).prop_map(|(inputs, cut, delay, lateness, mode)| Case {
        inputs,
        cut,
        delay,
        lateness,
        mode: MODES[mode],
    })
}

/// Window, key, count, distinct values, sum.
type Row = (i64, i64, u8, u64, u64, i128);

/// A window of a key as it stands after a batch.
struct Cell {
    start: i64,
    end: i64,
    key: u8,
    values: Vec<u16>,
    changed: bool,
}

impl Cell {
    fn row(&self) -> Row {
        let distinct = self.values.iter().collect::<BTreeSet<_>>().len() as u64;
        let sum = self.values.iter().map(|&value| i128::from(value)).sum();
        (self.start, self.end, self.key, self.values.len() as u64, distinct, sum)
    }
}

/// The windows that records lie in, after a batch.
fn cells(cut: Cut, records: &[Seen], batch: usize) -> Vec<Cell> {
    let keys: BTreeSet<_> = records.iter().map(|record| record.key).collect();
    let mut cells = Vec::new();
    for key in keys {
        let mut of_key: Vec<_> = records.iter().filter(|record| record.key == key && record.batch <= batch).collect();
        of_key.sort_by_key(|record| record.time);
        let cell = |Range { start, end }: Range<i64>| {
            let inside = || of_key.iter().filter(|record| (start..end).contains(&record.time));
            Cell {
                start,
                end,
                key,
                values: inside().map(|record| record.value).collect(),
                changed: inside().any(|record| record.batch == batch),
            }
        };
        match cut {
            Cut::Window { length, slide } => {
                let starts = of_key.iter().flat_map(|record| {
                    let last = record.time.div_euclid(slide) * slide;
                    let starts = (0..).map(move |n| last - n * slide);
                    starts.take_while(|start| start + length > record.time)
                });
                let starts: BTreeSet<_> = starts.collect();
                cells.extend(starts.into_iter().map(|start| cell(start..start + length)));
            }
            Cut::Session { gap } => {
                let mut stretches: Vec<Range<i64>> = Vec::new();
                for record in &of_key {
                    match stretches.last_mut().filter(|last| record.time < last.end) {
                        Some(last) => last.end = record.time + gap,
                        None => stretches.push(record.time..record.time + gap),
                    }
                }
                cells.extend(stretches.into_iter().map(cell));
            }
        }
    }
    cells
}

fn pane(cut: Cut) -> i64 {
    match cut {
        Cut::Session { .. } => 1,
        Cut::Window { length, slide } => (1..=length).rev().find(|n| length % n == 0 && slide % n == 0).unwrap(),
    }
}

/// The rows of a batch, from all records up to it.
fn oracle(case: &Case, past: &Past, batch: usize) -> Vec<Row> {
    let (watermark_before, watermark) = past.watermark(batch);
    let (over_before, over) = past.horizon(batch);
    let cells = cells(case.cut, &past.kept, batch).into_iter();
    let rows = cells.filter(|cell| match case.mode {
        OutputMode::Append => over_before < cell.end && cell.end <= over,
        OutputMode::Update => cell.changed,
        OutputMode::Revise => cell.end <= watermark && (cell.changed || cell.end > watermark_before),
        OutputMode::Complete => cell.end > over_before,
    });
    sorted(rows.map(|cell| cell.row()).collect())
}

fn summaries(
    on: On<Identity<Record>>,
) -> impl Spec<Item = Record, State: Merge<Reading = (Estimate, Estimate, Estimate)>> {
    (on.count(), on.distinct(|(_, _, v)| v).exact(), on.sum(|(_, _, v)| *v))
}

fn row(window: Window<(u8, (Estimate, Estimate, Estimate))>) -> Row {
    let (key, (count, distinct, sum)) = window.value;
    (window.start.millis(), window.end.millis(), key, count.count(), distinct.count(), sum.value as i128)
}

fn job(case: &Case, streams: Vec<DStream<Record>>, with_late: bool) -> (DStream<Row>, Option<DStream<Record>>) {
    let millis = |n: i64| millis(n as u64);
    let events = DStream::union_of(streams)
        .unwrap()
        .event_time(|(time, _, _)| *time, millis(case.delay))
        .allow_late(millis(case.lateness))
        .key_by(|(_, key, _)| key);
    match case.cut {
        Cut::Window { length, slide } => {
            let windows = events.window(millis(length), millis(slide)).output_mode(case.mode);
            if with_late {
                let (rows, late) = windows.summarize_with_late(summaries);
                return (rows.map(row), Some(late));
            }
            (windows.summarize(summaries).map(row), None)
        }
        Cut::Session { gap } => {
            let (rows, late) = events.session(millis(gap)).output_mode(case.mode).summarize_with_late(summaries);
            (rows.map(row), Some(late))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_row_of_every_batch_is_the_oracles(case in cases()) {
        let past = Past::of(&case.inputs, case.delay, case.lateness, pane(case.cut));
        for with_late in [false, true] {
            let ran = run_every_way(&case.inputs, |streams| job(&case, streams, with_late));
            prop_assert_eq!(ran.rows.len(), batches(&case.inputs));
            for (batch, rows) in ran.rows.into_iter().enumerate() {
                prop_assert!(rows.is_sorted_by_key(|row| row.1), "by their ends");
                prop_assert_eq!(sorted(rows), oracle(&case, &past, batch), "batch {} of {:?}", batch, case.mode);
            }
            prop_assert_eq!(ran.counted_late, past.late.len() as u64);
            if with_late {
                prop_assert_eq!(sorted(ran.late), sorted(past.late.clone()));
            }
        }
    }

    #[test]
    fn what_is_in_a_window_does_not_depend_on_batches(case in cases()) {
        let case = Case { mode: OutputMode::Append, ..case };
        let apart = run(&case.inputs, 2, ALL, |streams| job(&case, streams, true));
        let together = run(&at_once(&case.inputs), 2, ALL, |streams| job(&case, streams, true));
        prop_assert_eq!(sorted(apart.rows.concat()), sorted(together.rows.concat()));
        prop_assert_eq!(sorted(apart.late), sorted(together.late));
    }

    #[test]
    fn the_last_row_of_a_window_is_the_same_in_all_modes(case in cases()) {
        // Sessions change their ends: only those of windows stay.
        prop_assume!(matches!(case.cut, Cut::Window { .. }));
        let last_rows = |mode| {
            let case = Case { mode, ..case.clone() };
            let rows = run(&case.inputs, 2, ALL, |streams| job(&case, streams, false)).rows.concat();
            let last = rows.into_iter().map(|row| ((row.0, row.1, row.2), row));
            last.collect::<std::collections::BTreeMap<_, _>>()
        };
        let appended = last_rows(OutputMode::Append);
        for mode in MODES {
            prop_assert_eq!(&last_rows(mode), &appended);
        }
    }
}
