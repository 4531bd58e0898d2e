//! Malformed records: skipped, fatal, or a stream of their own.

use std::num::ParseIntError;

use streamgauge_stream::{Error, Malformed, OnMalformed, TextFiles};

use crate::support::{Scratch, available};

fn number(line: &str) -> Result<Option<u32>, ParseIntError> {
    line.parse().map(Some)
}

/// Ten thousand lines, of which every hundredth is no number; and those.
fn text() -> (String, Vec<(u64, String)>) {
    let line = |n: u64| if n % 100 == 7 { format!("bad {n}") } else { n.to_string() };
    let text = (1..=10_000).map(|n| line(n) + "\n").collect();
    (text, (1..=10_000).filter(|n| n % 100 == 7).map(|n| (n, line(n))).collect())
}

fn numbered(malformed: &[Malformed]) -> Vec<(u64, String)> {
    malformed.iter().map(|line| (line.line, line.text.clone())).collect()
}

#[test]
fn malformed_lines_are_a_stream_of_their_own() {
    let scratch = Scratch::new();
    let (text, expected) = text();
    let path = scratch.write("numbers", text, 0);
    for (threads, bytes) in [(1, 1_000), (2, 1_000), (8, 1_000), (2, 1 << 20)] {
        let ctx = available(threads);
        let lines = ctx.text(TextFiles::new(&path).unwrap().max_bytes_per_batch(bytes));
        let (good, bad) = lines.parse_or_divert(number);
        let good = good.collect_to_memory();
        let bad = bad.collect_to_memory();
        let report = ctx.run().unwrap();
        assert_eq!(good.rows(), (1..=10_000).filter(|n| n % 100 != 7).collect::<Vec<_>>());
        assert_eq!(numbered(&bad.rows()), expected);
        assert!(bad.rows().iter().all(|line| line.input == path.to_str().unwrap()));
        assert!(bad.rows().iter().all(|line| line.cause == "invalid digit found in string"));
        assert_eq!((report.records, report.malformed), (10_000, 100));
    }
}

#[test]
fn either_stream_may_be_read_alone_or_first() {
    let scratch = Scratch::new();
    let (text, expected) = text();
    let path = scratch.write("numbers", text, 0);
    let run = |good_first: bool, both: bool| {
        let ctx = available(2);
        let (good, bad) = ctx.text_files(&path).unwrap().parse_or_divert(number);
        let mut sums = None;
        if good_first && both {
            sums = Some(good.collect_to_memory());
        }
        let lines = bad.collect_to_memory();
        if !good_first && both {
            sums = Some(good.collect_to_memory());
        }
        ctx.run().unwrap();
        assert_eq!(numbered(&lines.rows()), expected);
        sums.map(|sums| sums.rows())
    };
    assert_eq!(run(true, true).unwrap().len(), 9_900);
    assert_eq!(run(true, true), run(false, true));
    assert_eq!(run(false, false), None);

    let ctx = available(2);
    let (good, _) = ctx.text_files(&path).unwrap().parse_or_divert(number);
    let good = good.collect_to_memory();
    assert_eq!(ctx.run().unwrap().malformed, 100);
    assert_eq!(good.rows().len(), 9_900);
}

#[test]
fn skipped_lines_are_counted_and_a_strict_stream_names_the_first() {
    let scratch = Scratch::new();
    let path = scratch.write("numbers", "1\n2\nthree\n4\nfive\n", 0);
    let ctx = available(2);
    let rows = ctx.text_files(&path).unwrap().parse(number).collect_to_memory();
    let report = ctx.run().unwrap();
    assert_eq!((rows.rows(), report.malformed), (vec![1, 2, 4], 2));

    let ctx = available(2);
    ctx.text_files(&path).unwrap().on_malformed(OnMalformed::Fail).parse(number).collect_to_memory();
    let error = ctx.run().unwrap_err();
    assert_eq!(error.to_string(), format!("{}:3: invalid digit found in string", path.display()));
    assert!(matches!(error, Error::Malformed(line) if line.text == "three"));
}
