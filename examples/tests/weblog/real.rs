//! Logs of real servers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use streamgauge_examples::weblog::{Format, Input, Options, Visit, parse};

use crate::run::{WindowLine, printed, quantile, windows};

const WINDOW: i64 = 300;
const SLIDE: i64 = 60;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weblog/data").join(name)
}

fn options(path: &Path) -> Options {
    Options { inputs: vec![Input::Path(path.to_owned())], exact: true, threads: 2, ..Options::default() }
}

/// The windows of all records, computed the plain way.
fn oracle(visits: &[Visit]) -> BTreeMap<i64, Vec<&Visit>> {
    let mut windows: BTreeMap<i64, Vec<&Visit>> = BTreeMap::new();
    for visit in visits {
        let time = visit.time_ms.div_euclid(1_000);
        let mut start = time.div_euclid(SLIDE) * SLIDE;
        while start + WINDOW > time {
            windows.entry(start).or_default().push(visit);
            start -= SLIDE;
        }
    }
    windows
}

/// Holds every window against the oracle; gives how many host intervals hold.
fn check(lines: &[WindowLine], visits: &[Visit]) -> usize {
    let expected = oracle(visits);
    assert_eq!(lines.len(), expected.len());
    let mut hosts_hold = 0;
    for (line, (start, visits)) in lines.iter().zip(expected) {
        let exact = line.exact.as_ref().unwrap();
        assert_eq!((line.window_start, line.window_end), (start, start + WINDOW));
        assert_eq!(line.requests, visits.len() as u64);
        assert_eq!(line.errors, visits.iter().filter(|v| v.status >= 400).count() as u64);

        let hosts: BTreeSet<_> = visits.iter().map(|v| &v.host).collect();
        assert_eq!(exact.hosts, hosts.len() as f64);
        assert_eq!(line.hosts.confidence, 0.95);
        hosts_hold += usize::from(line.hosts.contains(exact.hosts));

        let mut bytes: Vec<_> = visits.iter().map(|v| v.bytes).collect();
        bytes.sort_unstable();
        for (name, q) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            assert_eq!(exact.bytes[name], quantile(&bytes, q));
            assert!(line.bytes[name].lower.is_none() && line.bytes[name].upper.is_none());
            let value = line.bytes[name].value;
            assert!((bytes[0] as f64..=bytes[bytes.len() - 1] as f64).contains(&value));
        }

        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        visits.iter().for_each(|v| *counts.entry(v.path.as_str()).or_default() += 1);
        for top in &line.top_paths {
            // A guaranteed interval: it holds always.
            assert_eq!(top.count.confidence, 1.0);
            assert!(top.count.contains(counts[top.path.as_str()] as f64), "{}", top.path);
        }
        let mut top: Vec<_> = counts.into_iter().collect();
        // By count, and ascending where counts tie.
        top.sort_by_key(|&(path, count)| (std::cmp::Reverse(count), path));
        let exact_top: Vec<_> = exact.top_paths.iter().map(|(path, count)| (path.as_str(), *count as u64)).collect();
        assert_eq!(exact_top, top[..top.len().min(10)]);
        // Fewer paths than counters: the approximate list is the exact one.
        let approximate: Vec<_> =
            line.top_paths.iter().map(|top| (top.path.as_str(), top.count.value as u64)).collect();
        assert_eq!(approximate, exact_top);
    }
    hosts_hold
}

fn visits(path: &Path, format: Option<Format>) -> Vec<Visit> {
    let text = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&text);
    text.lines().filter_map(|line| parse(line, format).unwrap()).collect()
}

#[test]
fn a_day_of_nasa() {
    let Some(folder) = std::env::var_os("STREAMGAUGE_DATA") else {
        println!("skipped: STREAMGAUGE_DATA is not set");
        return;
    };
    let path = Path::new(&folder).join("nasa_19950801.tsv");
    let (lines, summary) = windows(&options(&path));
    assert_eq!((summary.lines, summary.parsed, summary.malformed), (30_970, 30_969, 0));
    assert_eq!((summary.late, summary.windows), (0, lines.len() as u64));
    let hold = check(&lines, &visits(&path, None));
    println!("{hold} of {} host intervals hold", lines.len());
    assert!(hold * 100 >= lines.len() * 95);
    let one_thread = printed(&Options { threads: 1, ..options(&path) });
    assert_eq!(one_thread, printed(&options(&path)), "the same bytes for one thread and for two");
    assert_eq!(one_thread, printed(&Options { threads: 1, ..options(&path) }), "and on every run");
}

/// Logs written by nginx 1.22 and Apache 2.4, asked by browsers, scanners and broken clients: escaped quotes, `-` sizes,
/// IPv6 hosts, requests of binary junk, time-outs, targets that are no path.
#[test]
fn logs_of_nginx_and_apache() {
    for (name, format) in [
        ("nginx_combined.log", Format::Combined),
        ("apache_combined.log", Format::Combined),
        ("apache_common.log", Format::Common),
    ] {
        for format in [None, Some(format)] {
            let path = data(name);
            let (lines, summary) = windows(&Options { format, ..options(&path) });
            assert_eq!((summary.lines, summary.parsed, summary.malformed, summary.late), (78, 78, 0, 0), "{name}");
            let visits = visits(&path, format);
            assert!(visits.iter().any(|v| v.host == "::1"));
            assert!(visits.iter().any(|v| v.path.starts_with("\\x16\\x03\\x01")), "{name}: the junk is the path");
            assert_eq!(check(&lines, &visits), lines.len());
        }
    }
}
