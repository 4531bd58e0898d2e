//! Files of text, and what all files have in common.

use std::fs;

use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::sink::{Files, Text};
use streamgauge_stream::{Queue, StreamingContext, Time, Trigger, secs};

use super::Scratch;

struct Folder(Scratch);

impl Subject for Folder {
    type Row = u64;
    type Sink = Files<Text>;

    fn sink(&mut self) -> Files<Text> {
        Files::text(self.0.path("numbers"))
    }

    fn row(&self, n: u64) -> u64 {
        n
    }

    fn visible(&mut self) -> Vec<(Time, Vec<u64>)> {
        let names = self.0.names().into_iter();
        names.map(|name| (time_of(&name), self.0.read(&name).lines().map(|n| n.parse().unwrap()).collect())).collect()
    }

    fn broken(&mut self) -> Option<Files<Text>> {
        Some(Files::text(below_a_file(&self.0)))
    }
}

/// The batch of a file.
pub(crate) fn time_of(name: &str) -> Time {
    let (_, rest) = name.split_once('-').unwrap();
    let (time, _) = rest.split_once('.').unwrap();
    Time::from_millis(time.parse().unwrap())
}

/// A prefix that nobody can write, root neither.
pub(crate) fn below_a_file(scratch: &Scratch) -> std::path::PathBuf {
    fs::create_dir_all(&scratch.0).unwrap();
    fs::write(scratch.path(".file"), "").unwrap();
    scratch.path(".file/folder/numbers")
}

#[test]
fn conforms() {
    check(&mut Folder(Scratch::new()));
}

#[test]
fn conforms_without_files_of_empty_batches() {
    struct Skipping(Folder);

    impl Subject for Skipping {
        type Row = u64;
        type Sink = Files<Text>;

        fn sink(&mut self) -> Files<Text> {
            self.0.sink().skip_empty()
        }

        fn row(&self, n: u64) -> u64 {
            n
        }

        fn visible(&mut self) -> Vec<(Time, Vec<u64>)> {
            let visible = self.0.visible();
            assert!(visible.iter().all(|(_, rows)| !rows.is_empty()), "{visible:?}");
            visible
        }
    }

    check(&mut Skipping(Folder(Scratch::new())));
}

#[test]
fn a_file_a_batch_of_all_its_partitions() {
    let scratch = Scratch::new();
    let words = vec![vec!["to", "be"], vec![], vec!["or"]];
    super::partitions(words, |words| words.write_to(Files::text(scratch.path("deep/down/words")))).unwrap();
    assert_eq!(scratch.read("deep/down/words-1000.txt"), "to\nbe\nor\n");
}

#[test]
fn names_with_another_suffix_or_none() {
    let scratch = Scratch::new();
    super::batches(vec![vec![1], vec![], vec![2]], |numbers| {
        let prefix = scratch.path("n");
        numbers.write_to(Files::text(&prefix).suffix(""));
        numbers.write_to(Files::text(&prefix).suffix("log"));
        numbers.write_to(Files::text(&prefix).suffix(".tar.txt").skip_empty());
    })
    .unwrap();
    let expected =
        ["n-1000", "n-1000.log", "n-1000.tar.txt", "n-2000", "n-2000.log", "n-3000", "n-3000.log", "n-3000.tar.txt"];
    assert_eq!(scratch.names(), expected);
    assert_eq!((scratch.read("n-2000"), scratch.read("n-3000.tar.txt")), (String::new(), "2\n".to_owned()));
}

#[test]
fn a_windowed_stream_has_a_file_a_slide() {
    let scratch = Scratch::new();
    super::batches(vec![vec![1], vec![2], vec![3], vec![4]], |numbers| {
        let sums = numbers.window(secs(2), secs(2)).summarize(|on| on.sum(|n: &i32| *n));
        sums.map(|sum| sum.to_string()).write_to(Files::text(scratch.path("sums")));
    })
    .unwrap();
    assert_eq!(scratch.names(), ["sums-2000.txt", "sums-4000.txt"]);
    assert!(scratch.read("sums-4000.txt").starts_with('7'), "{}", scratch.read("sums-4000.txt"));
}

#[test]
fn the_same_bytes_whatever_the_number_of_threads() {
    let written = |threads| {
        let scratch = Scratch::new();
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).threads(threads).build();
        let (queue, source) = Queue::new();
        ctx.source(source).map(|n: u64| n * n).write_to(Files::text(scratch.path("n")));
        (0..40).for_each(|part| assert!(queue.push((part * 2_000..(part + 1) * 2_000).collect())));
        queue.close();
        ctx.start().unwrap();
        ctx.await_termination().unwrap();
        scratch.read("n-1000.txt")
    };
    let one = written(1);
    let expected: String = (0..80_000_u64).map(|n| format!("{}\n", n * n)).collect();
    assert!(one == expected);
    assert!(one == written(2) && one == written(8));
}

/// The error of a job that writes there.
fn error_of(sink: Files<Text>) -> String {
    super::batches(vec![vec![1]], |numbers| numbers.write_to(sink)).unwrap_err().to_string()
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_of_the_start() {
    let scratch = Scratch::new();
    let prefix = below_a_file(&scratch);
    let error = error_of(Files::text(&prefix));
    assert!(error.starts_with("the job cannot start: write_to 1: "), "{error}");
    let folder = prefix.parent().unwrap().display().to_string();
    assert!(error.contains(&format!("making the folder {folder}: ")) && error.contains("Not a directory"), "{error}");
    assert!(scratch.names().is_empty());
}

#[test]
fn a_prefix_that_names_no_file_is_an_error_of_the_start() {
    let scratch = Scratch::new();
    for prefix in ["out/", "", "/", "out/..", "."] {
        let error = error_of(Files::text(prefix));
        assert!(error.contains("the prefix must end with a name"), "{prefix}: {error}");
    }
    let error = error_of(Files::text(scratch.path("n")).suffix("a/b"));
    assert!(error.contains("the suffix \".a/b\" is no part of a name"), "{error}");
    assert!(!scratch.0.exists());
}

#[test]
fn a_folder_that_vanishes_is_an_error_of_the_batch() {
    let scratch = Scratch::new();
    let prefix = scratch.path("gone/n");
    let folder = scratch.path("gone");
    let error = super::batches(vec![vec![1], vec![2], vec![3]], |numbers| {
        numbers.write_to(Files::text(scratch.path("n")));
        let watched = folder.clone();
        numbers.for_each_batch(move |time, _| match time.secs() {
            2 => fs::remove_dir_all(&watched),
            _ => Ok(()),
        });
        numbers.write_to(Files::text(&prefix));
    });
    let error = error.unwrap_err().to_string();
    let hidden = folder.join(".n-2000.txt.tmp").display().to_string();
    let expected = format!("write_to 2 of batch 2000 ms: {}-*.txt: creating {hidden}: ", prefix.display());
    assert!(error.starts_with(&expected), "{error}\n{expected}");
    // What was written before is as it was.
    assert_eq!(scratch.names(), ["n-1000.txt", "n-2000.txt"]);
    assert_eq!(scratch.read("n-1000.txt"), "1\n");
}

#[test]
fn two_outputs_of_one_name_are_an_error_of_the_start() {
    let scratch = Scratch::new();
    let job = || {
        super::batches(vec![vec![1]], |numbers| {
            numbers.write_to(Files::text(scratch.path("n")));
            numbers.write_to(Files::text(scratch.path("m")));
            numbers.write_to(Files::text(scratch.path("n")));
        })
    };
    let error = job().unwrap_err().to_string();
    assert!(error.contains("write_to 3: ") && error.contains("give it another prefix"), "{error}");
    assert!(!error.contains("write_to 2: ") && scratch.names().is_empty(), "{error}");
}

#[test]
fn an_ended_job_lets_go_of_its_files_though_its_context_lives() {
    let scratch = Scratch::new();
    let job = |row: i32| {
        let ctx = StreamingContext::builder("test").trigger(Trigger::Available).build();
        let (queue, source) = Queue::new();
        ctx.source(source).write_to(Files::text(scratch.path("n")));
        queue.push(vec![row]);
        queue.close();
        ctx.start().unwrap();
        ctx.await_termination().unwrap();
        ctx
    };
    let _first = job(1);
    let _second = job(2);
    assert_eq!((scratch.names(), scratch.read("n-1000.txt")), (vec!["n-1000.txt".to_owned()], "2\n".to_owned()));
}
