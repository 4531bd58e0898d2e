use super::super::TextFiles;
use super::super::ends::Ends;
use super::*;

const QUOTED: Ends = Ends::Unquoted(b'"');

/// Records with quotes around anything, delimiters and line ends too.
fn records(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = Vec::new();
    for _ in 0..random.below(40) {
        for _ in 0..random.below(4) {
            let quoted = random.below(2) == 0;
            text.extend(quoted.then_some(b'"'));
            for _ in 0..random.below(12) {
                match (random.below(6), quoted) {
                    (0, true) => text.push(b'\n'),
                    (1, true) => text.extend(b"\"\""),
                    (2, _) => text.extend("é".as_bytes()),
                    _ => text.push(b'x'),
                }
            }
            text.extend(quoted.then_some(b'"'));
            text.push(b',');
        }
        text.push(b'\n');
    }
    if random.below(2) == 0 {
        text.extend(b"unfinished");
    }
    text
}

/// Where records end, found as simply as can be.
fn record_ends(text: &[u8]) -> Vec<usize> {
    let is_end = |at: &usize| {
        let quotes = text[..*at].iter().filter(|byte| **byte == b'"').count();
        text[at - 1] == b'\n' && quotes % 2 == 0
    };
    (1..=text.len()).filter(is_end).collect()
}

/// Where records begin.
fn beginnings(text: &[u8]) -> Vec<usize> {
    let begin = std::iter::once(0).chain(record_ends(text));
    begin.filter(|at| *at < text.len()).collect()
}

#[test]
fn batches_and_partitions_begin_with_records_wherever_they_are_cut() {
    let scratch = Scratch::new();
    for seed in 0..60 {
        let text = records(seed);
        let path = scratch.write("records", &text, 0);
        let begin = beginnings(&text);
        for (max_bytes, partition) in [(1, 1), (9, 4), (64, 20), (1_000, 17), (1 << 20, 64)] {
            let mut source = TextFiles::new(&path).unwrap().max_bytes_per_batch(max_bytes);
            (source.partition, source.ends) = (partition, QUOTED);
            let blocks: Vec<_> = batches(&mut source, WAIT).into_iter().flat_map(|batch| batch.blocks).collect();
            let case = format!("seed {seed}, {max_bytes}, {partition}");
            assert_eq!(blocks.iter().map(TextBlock::as_str).collect::<String>().as_bytes(), text, "{case}");
            let mut at = 0;
            for block in &blocks {
                assert!(begin.contains(&at), "{case}: a block begins at byte {at}");
                at += block.as_str().len();
            }
            if max_bytes == 1 {
                assert_eq!(blocks.len(), begin.len(), "{case}: a record is never put together with the next");
            }
        }
    }
}

#[test]
fn cuts_of_bytes_are_those_of_files() {
    for seed in 0..60 {
        let text = records(seed);
        let begin = beginnings(&text);
        for size in [1, 10, 100, 10_000] {
            let cuts = QUOTED.cuts(&text, size);
            assert!(cuts.iter().all(|(from, to)| from < to && begin.contains(from)));
            assert_eq!(cuts.iter().map(|(from, to)| to - from).sum::<usize>(), text.len());
            let ends = record_ends(&text);
            let within = ends.iter().copied().take_while(|end| *end <= size).last();
            let expected = within.or(ends.first().copied());
            assert_eq!(QUOTED.whole(&text, size), expected, "seed {seed}, size {size}");
        }
    }
    assert_eq!(QUOTED.whole(b"\"a\nb\"\nc\n", 1), Some(6));
    assert_eq!(QUOTED.whole(b"\"a\nb\"\nc\n", 100), Some(8));
    assert_eq!(QUOTED.whole(b"\"a\nb", 100), None);
}

#[test]
fn a_quote_that_is_never_closed_is_an_error_not_a_loss_of_memory() {
    let scratch = Scratch::new();
    let path = scratch.write("records", format!("a\n\"{}", "b\n".repeat(1_000)), 0);
    let mut source = TextFiles::new(&path).unwrap().max_bytes_per_batch(10);
    (source.longest_line, source.ends) = (500, QUOTED);
    let one = first(&mut source, WAIT).unwrap();
    assert_eq!(lines(&one.blocks), ["a"]);
    let error = batch(&mut source, &one.to, WAIT).map(drop).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: the line at byte 2 is longer than 500 bytes", path.display()));
}
