use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::TextFiles;
use super::*;

pub(super) fn compressed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn open(path: &Path, max_bytes: u64, partition: usize) -> TextFiles {
    let mut source = TextFiles::new(path).unwrap().max_bytes_per_batch(max_bytes);
    source.stream_partition = partition;
    source
}

/// A text that does not get much smaller.
fn numbers(lines: usize) -> Vec<u8> {
    let mut random = Random(1);
    (0..lines).flat_map(|_| format!("{}-{}\n", random.below(1 << 30), random.below(1 << 30)).into_bytes()).collect()
}

#[test]
fn compressed_text_is_the_same_text() {
    let scratch = Scratch::new();
    for seed in 0..40 {
        let text = unpleasant_text(seed);
        // Two members, and a cut anywhere.
        let (a, b) = text.split_at(text.len() / 3);
        let path = scratch.write("log.gz", [compressed(a), compressed(b)].concat(), 0);
        for (max_bytes, partition) in [(1, 1), (64, 7), (1_000, 100), (1 << 20, 64)] {
            for limit in [WAIT, NOW] {
                let batches = batches(&mut open(&path, max_bytes, partition), limit);
                assert_eq!(all_lines(&batches), plain_lines(&text), "seed {seed}, {max_bytes}, {partition}");
                assert_numbered(&batches);
            }
        }
    }
}

#[test]
fn a_batch_that_waits_depends_on_the_text_alone() {
    let scratch = Scratch::new();
    let path = scratch.write("log.gz", compressed(&numbers(20_000)), 0);
    let run = || {
        let batches = batches(&mut open(&path, 50_000, 10_000), WAIT);
        batches.iter().map(|batch| (batch.next, contents(&batch.blocks))).collect::<Vec<_>>()
    };
    let first = run();
    assert!(first.iter().all(|(_, blocks)| !blocks.is_empty()));
    assert_eq!(run(), first);
}

#[test]
fn a_logged_range_gives_the_same_blocks_again() {
    let scratch = Scratch::new();
    let path = scratch.write("log.gz", compressed(&numbers(20_000)), 0);
    let mut source = open(&path, 50_000, 10_000);
    let batches = batches(&mut source, NOW);
    for source in [&mut source, &mut open(&path, 1, 10_000)] {
        for batch in batches.iter().rev().chain(&batches) {
            let partitions = source.read(&batch.from, &batch.to).unwrap();
            assert_eq!(contents(&blocks(&partitions).unwrap()), contents(&batch.blocks));
        }
    }
    // And a new source goes on in the middle.
    let middle = &batches[batches.len() / 2];
    let plan = open(&path, 50_000, 10_000).plan(&middle.from, WAIT).unwrap();
    assert_ne!(plan.to, middle.from);
}

#[test]
fn a_truncated_file_gives_its_good_lines_first() {
    let scratch = Scratch::new();
    let text = numbers(50_000);
    let whole = compressed(&text);
    let path = scratch.write("log.gz", &whole[..whole.len() / 2], 0);
    for limit in [WAIT, NOW] {
        let mut source = open(&path, 100_000, 10_000);
        let mut at = source.start();
        let mut read = Vec::new();
        let error = loop {
            match batch(&mut source, &at, limit) {
                Ok(batch) => {
                    at = batch.to;
                    read.extend(lines(&batch.blocks));
                }
                Err(error) => break error,
            }
        };
        assert!(read.len() > 20_000);
        assert_eq!(read, plain_lines(&text)[..read.len()]);
        assert_eq!(error.what, path.display().to_string());
        assert!(error.why.contains(&format!("line {}", read.len() + 1)), "{error}");
        // It says so again, and goes on if the file was repaired.
        assert!(source.plan(&at, WAIT).is_err());
    }
    let mut source = open(&path, 100_000, 10_000);
    let first = first(&mut source, WAIT).unwrap();
    scratch.write("log.gz", &whole, 0);
    let mut source = open(&path, 1 << 30, 10_000);
    let rest = batch(&mut source, &first.to, WAIT).unwrap();
    assert_eq!(lines(&first.blocks).len() + lines(&rest.blocks).len(), 50_000);
    assert_eq!(rest.next, Next::Finished);
}

#[test]
fn damage_is_an_error() {
    let scratch = Scratch::new();
    let mut bytes = compressed(&numbers(50_000));
    let middle = bytes.len() / 2;
    bytes[middle..middle + 50].fill(0xFF);
    let path = scratch.write("log.gz", &bytes, 0);
    let mut source = open(&path, 1 << 30, 10_000);
    let mut at = source.start();
    let error = loop {
        match batch(&mut source, &at, WAIT) {
            Ok(batch) => at = batch.to,
            Err(error) => break error,
        }
    };
    assert!(error.why.starts_with("byte "), "{error}");
}

#[test]
fn what_is_not_compressed_is_an_error() {
    let scratch = Scratch::new();
    for text in ["", "plain text\n", "\x1f"] {
        let path = scratch.write("log.gz", text, 0);
        let error = TextFiles::new(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: not a gzip file", path.display()));
    }
}

#[test]
fn an_endless_line_is_an_error() {
    let scratch = Scratch::new();
    let path = scratch.write("log.gz", compressed(format!("ab\n{}", "x".repeat(300_000)).as_bytes()), 0);
    for limit in [WAIT, NOW] {
        let mut source = open(&path, 10, 100);
        source.read_ahead = 10;
        source.longest_line = 1_000;
        let mut at = source.start();
        let error = loop {
            match batch(&mut source, &at, limit) {
                Ok(batch) => at = batch.to,
                Err(error) => break error,
            }
        };
        assert_eq!(error.why, "byte 3 of the text, line 2: a line is longer than 1000 bytes");
    }
}

#[test]
fn a_directory_mixes_compressed_and_plain_files() {
    let scratch = Scratch::new();
    let text = numbers(10_000);
    scratch.write("a", "first\n", 1);
    scratch.write("b.gz", compressed(&text), 2);
    scratch.write("c", "last", 3);
    scratch.write("d.gz", compressed(b""), 4);
    let expected = [plain_lines(b"first"), plain_lines(&text), plain_lines(b"last")].concat();
    for (max_bytes, limit) in [(1_000, WAIT), (1_000, NOW), (1 << 30, WAIT), (1 << 30, NOW)] {
        let mut source = open(&scratch.0, max_bytes, 1_000);
        let batches = batches(&mut source, limit);
        assert_eq!(all_lines(&batches), expected);
        if limit.wait {
            assert_eq!(batches.len() == 1, max_bytes == 1 << 30);
        }
    }
    // What was read to its end is not opened any more.
    let mut source = open(&scratch.0, 1 << 30, 1_000);
    let end = batches(&mut source, WAIT).pop().unwrap().to;
    scratch.write("b.gz", "damaged", 0);
    let plan = open(&scratch.0, 1 << 30, 1_000).plan(&end, WAIT).unwrap();
    assert_eq!((plan.to, plan.next), (end, Next::Finished));
}
