//! Generated logs with more hosts and paths than a sketch has places.

use std::path::PathBuf;

use streamgauge::prelude::mins;
use streamgauge_examples::weblog::{Input, Options, Site, run};

use crate::run::{printed, windows};

/// A file that is removed again.
struct Log(PathBuf);

impl Log {
    /// So many seconds of a busy site.
    fn of(name: &str, site: &Site, seconds: u64) -> Self {
        let path = std::env::temp_dir().join(format!("streamgauge-{}-{name}.log", std::process::id()));
        let mut text = String::new();
        (0..seconds).for_each(|second| {
            site.second(second, &mut text);
        });
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn options(&self) -> Options {
        Options { inputs: vec![Input::Path(self.0.clone())], slide: mins(5), threads: 2, ..Options::default() }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn intervals_hold_over_fifty_hash_seeds() {
    const SEEDS: u64 = 50;
    let log = Log::of("seeds", &Site::new(7, 1_000.0).clean(), 600);
    let (exact, summary) = windows(&Options { exact: true, ..log.options() });
    assert_eq!(summary.parsed, summary.lines);
    let exact: Vec<_> = exact.iter().map(|line| line.exact.as_ref().unwrap()).collect();
    assert!(
        exact.iter().all(|exact| exact.hosts >= 50_000.0),
        "{:?}",
        exact.iter().map(|e| e.hosts).collect::<Vec<_>>()
    );

    let (mut hosts, mut top, mut trials, mut top_trials) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let (lines, _) = windows(&Options { seed, ..log.options() });
        assert_eq!(lines.len(), exact.len());
        for (line, exact) in lines.iter().zip(&exact) {
            trials += 1;
            hosts += usize::from(line.hosts.contains(exact.hosts));
            for (path, count) in &exact.top_paths {
                // The ten that are truly the most frequent are found, and their intervals hold.
                let found = line.top_paths.iter().find(|top| top.path == *path);
                top_trials += 1;
                top += usize::from(found.is_some_and(|top| top.count.contains(*count)));
            }
        }
    }
    println!("hosts: {hosts} of {trials} intervals hold; top ten: {top} of {top_trials}");
    // 95 of these 100 hold. Of 100 intervals that each hold with 95 %, fewer than 86 do so once in 10⁴ tries.
    assert!(trials == 100 && hosts >= 86, "{hosts} of {trials}");
    assert_eq!(top, top_trials);
}

#[test]
fn the_same_bytes_for_any_number_of_threads_and_however_the_file_is_cut() {
    let log = Log::of("threads", &Site::new(3, 400.0), 400);
    let one = printed(&Options { threads: 1, exact: true, ..log.options() });
    for threads in [1, 2, 8] {
        assert_eq!(one, printed(&Options { threads, exact: true, ..log.options() }));
    }
}

#[test]
fn checked_answers_keep_their_contracts_and_spoiled_ones_do_not() {
    for seed in 1..=3 {
        let checked = Options { once: true, check: true, seed, threads: 2, ..Options::default() };
        run(&checked, std::io::sink()).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        let failure = run(&Options { spoiled: true, ..checked }, std::io::sink()).unwrap_err();
        assert_eq!(failure.status(), 3, "{failure}");
        assert!(failure.to_string().starts_with("a contract broke: distinct hosts: "), "{failure}");
    }
}
