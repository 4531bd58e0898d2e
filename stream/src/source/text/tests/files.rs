use super::super::{FilesPosition, TextFiles, newline};
use super::*;

fn open(path: &Path, max_bytes: u64, partition: u64) -> TextFiles {
    let mut source = TextFiles::new(path).unwrap().max_bytes_per_batch(max_bytes);
    source.partition = partition;
    source
}

#[test]
fn every_line_is_read_once_whatever_the_cuts() {
    let scratch = Scratch::new();
    for seed in 0..40 {
        let text = unpleasant_text(seed);
        let path = scratch.write("log", &text, 0);
        for (max_bytes, partition) in [(1, 1), (7, 3), (64, 5), (100, 1_000), (1_000, 17), (1 << 20, 64)] {
            let batches = batches(&mut open(&path, max_bytes, partition), WAIT);
            assert_eq!(all_lines(&batches), plain_lines(&text), "seed {seed}, {max_bytes}, {partition}");
            assert_numbered(&batches);
        }
    }
}

#[test]
fn lines_longer_than_a_step_of_the_search() {
    let scratch = Scratch::new();
    let long = |byte: &str| byte.repeat(200_000);
    let text = format!("short\n{}\n\n{}\nshort\n{}", long("a"), long("b"), long("c"));
    let path = scratch.write("log", &text, 0);
    for max_bytes in [1, 1_000, 70_000, 199_999, 200_007, 1 << 20] {
        let batches = batches(&mut open(&path, max_bytes, 50_000), NOW);
        assert_eq!(all_lines(&batches), plain_lines(text.as_bytes()));
    }
}

#[test]
fn a_logged_range_gives_the_same_blocks_again() {
    let scratch = Scratch::new();
    let text = unpleasant_text(5);
    let path = scratch.write("log", &text, 0);
    let batches = batches(&mut open(&path, 100, 30), WAIT);
    let mut again = open(&path, 1_000, 30);
    for batch in &batches {
        let position: FilesPosition = postcard::from_bytes(&postcard::to_stdvec(&batch.to).unwrap()).unwrap();
        assert_eq!(position, batch.to);
        let partitions = again.read(&batch.from, &position).unwrap();
        assert_eq!(contents(&blocks(&partitions).unwrap()), contents(&batch.blocks));
    }
}

#[test]
fn a_partition_may_be_read_twice() {
    let scratch = Scratch::new();
    let path = scratch.write("log", "a\nb\nc\n", 0);
    let mut source = open(&path, 100, 3);
    let plan = source.plan(&source.start(), WAIT).unwrap();
    let partitions = source.read(&source.start(), &plan.to).unwrap();
    assert_eq!(contents(&blocks(&partitions).unwrap()), contents(&blocks(&partitions).unwrap()));
}

#[test]
fn an_empty_file_ends_at_once() {
    let scratch = Scratch::new();
    let batches = batches(&mut open(&scratch.write("log", "", 0), 10, 10), WAIT);
    assert_eq!(batches.len(), 1);
    assert!(batches[0].blocks.is_empty());
}

#[test]
fn what_cannot_be_read_is_named() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing.log");
    let error = TextFiles::new(&missing).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: no such file", missing.display()));
    let error = TextFiles::new("/dev/null").unwrap_err();
    assert_eq!(error.to_string(), "/dev/null: neither a file nor a directory");
    assert!(TextFiles::new("nul\0byte").is_err());
}

#[cfg(unix)]
#[test]
fn what_is_forbidden_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let closed = scratch.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // Nothing is forbidden to a superuser.
    if fs::read_dir(&closed).is_err() {
        let error = TextFiles::new(&closed).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{}: Permission denied", closed.display())), "{error}");
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_file_that_became_shorter_is_an_error() {
    let scratch = Scratch::new();
    let path = scratch.write("log", "one\ntwo\nthree\n", 0);
    let mut source = open(&path, 8, 100);
    let first = first(&mut source, WAIT).unwrap();
    assert_eq!(lines(&first.blocks), ["one", "two"]);

    let plan = source.plan(&first.to, WAIT).unwrap();
    let partitions = source.read(&first.to, &plan.to).unwrap();
    scratch.write("log", "one\ntwo\nth", 0);
    let error = blocks(&partitions).unwrap_err();
    assert!(error.why.starts_with("became shorter while it was read: 10 bytes instead of 14"), "{error}");

    scratch.write("log", "one\n", 0);
    let error = source.plan(&first.to, WAIT).unwrap_err();
    assert_eq!(error.why, "became shorter: 4 bytes, but 8 were read");
    assert!(first.blocks[0].line_number(0).is_ok());
}

#[test]
fn growth_between_plan_and_read_is_for_the_next_batch() {
    let scratch = Scratch::new();
    let path = scratch.write("log", "one\n", 0);
    let mut source = open(&path, 100, 100).follow();
    let plan = source.plan(&source.start(), NOW).unwrap();
    append(&path, "two\n");
    let read = blocks(&source.read(&source.start(), &plan.to).unwrap()).unwrap();
    assert_eq!(lines(&read), ["one"]);
    assert_eq!(lines(&batch(&mut source, &plan.to, NOW).unwrap().blocks), ["two"]);
}

#[test]
fn an_endless_line_is_an_error() {
    let scratch = Scratch::new();
    let path = scratch.write("log", format!("ab\n{}\nend\n", "x".repeat(200)), 0);
    let mut source = open(&path, 10, 100);
    source.longest_line = 100;
    let first = first(&mut source, WAIT).unwrap();
    let error = source.plan(&first.to, WAIT).unwrap_err();
    assert_eq!(error.why, "the line at byte 3 is longer than 100 bytes");
    source.longest_line = 201;
    assert_eq!(lines(&batch(&mut source, &first.to, WAIT).unwrap().blocks), ["x".repeat(200)]);
}

#[test]
fn a_directory_is_read_from_its_oldest_file_on() {
    let scratch = Scratch::new();
    scratch.write("b", "b1\nb2", 10);
    scratch.write("c", "c1\n", 5);
    scratch.write("a", "a1\na2\n", 10);
    scratch.write(".hidden", "no\n", 1);
    scratch.write("empty", "", 1);
    fs::create_dir(scratch.path("inside")).unwrap();
    scratch.write("inside/d", "no\n", 0);
    for max_bytes in [1, 4, 100] {
        let batches = batches(&mut open(&scratch.0, max_bytes, 2), WAIT);
        assert_eq!(all_lines(&batches), ["c1", "a1", "a2", "b1", "b2"]);
        assert_eq!(batches.len() == 1, max_bytes == 100);
        let last = batches.last().unwrap();
        assert!(last.to.files().eq([("empty", 0), ("c", 3), ("a", 6), ("b", 5)]));
    }
    let mut source = open(&scratch.0, 4, 100);
    let first = first(&mut source, WAIT).unwrap();
    fs::remove_file(scratch.path("a")).unwrap();
    let error = source.plan(&first.to, WAIT).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: no such file", scratch.path("a").display()));
}

#[test]
fn what_was_found_before_a_broken_file_is_read_first() {
    let scratch = Scratch::new();
    scratch.write("a", "a1\n", 1);
    scratch.write("b.gz", "not compressed\n", 2);
    let mut source = open(&scratch.0, 100, 100);
    let first = first(&mut source, WAIT).unwrap();
    assert_eq!(lines(&first.blocks), ["a1"]);
    assert_eq!(first.next, Next::Ready);
    let error = source.plan(&first.to, WAIT).unwrap_err();
    assert_eq!(error.why, "not a gzip file");
}

#[test]
fn line_ends_are_counted() {
    for length in [0, 1, 254, 255, 256, 10_000] {
        assert_eq!(newline::count(&vec![b'\n'; length]), length as u64);
        assert_eq!(newline::count(&vec![b'x'; length]), 0);
    }
}

#[test]
fn cuts_cover_a_range_in_equal_parts() {
    assert_eq!(newline::cuts(5, 5, 10).count(), 0);
    assert_eq!(newline::cuts(5, 15, 10).collect::<Vec<_>>(), [(5, 15)]);
    assert_eq!(newline::cuts(5, 16, 10).collect::<Vec<_>>(), [(5, 10), (10, 16)]);
}

#[test]
fn the_position_and_what_is_behind_it_are_told() {
    let scratch = Scratch::new();
    scratch.write("a.log", "one\ntwo\nthree\n", 1);
    scratch.write("b.log", "four\n", 2);
    let mut source = TextFiles::new(scratch.0.as_path()).unwrap().max_bytes_per_batch(8);
    assert_eq!((source.lag(), source.in_words(&source.start())), (None, "at the beginning".to_owned()));
    let mut at = source.start();
    let told: Vec<_> = (0..2)
        .map(|_| {
            at = source.plan(&at, WAIT).unwrap().to;
            (source.lag().unwrap(), source.in_words(&at))
        })
        .collect();
    let expected = [(11, "8 bytes of a.log"), (0, "5 bytes of b.log, after another file")];
    assert_eq!(told, expected.map(|(bytes, words)| (Lag::bytes(bytes), words.to_owned())));
}

#[test]
fn a_compressed_file_is_behind_until_all_of_it_is_read() {
    let scratch = Scratch::new();
    let path = scratch.write("a.gz", gzip::compressed(b"one\ntwo\n"), 1);
    let length = fs::metadata(&path).unwrap().len();
    let mut source = TextFiles::new(&path).unwrap().max_bytes_per_batch(4);
    let first = source.plan(&source.start(), WAIT).unwrap().to;
    assert_eq!(source.lag(), Some(Lag::bytes(length)));
    let mut at = first;
    while source.plan(&at, WAIT).map(|plan| at = plan.to).is_ok() && source.lag() != Some(Lag::bytes(0)) {}
    assert!(at.files().all(|(_, bytes)| bytes == 8));
}
