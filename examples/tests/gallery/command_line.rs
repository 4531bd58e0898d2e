//! The programs as their user calls them.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::page;

const PROGRAMS: [&str; 4] = ["fraud", "sensors", "slo", "trending"];

fn program(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples").join(name);
    assert!(program.exists(), "build it first: cargo build -p streamgauge-examples --examples");
    Command::new(program)
}

#[test]
fn bad_flags_are_told_in_one_line() {
    for name in PROGRAMS {
        for (args, named) in [
            (["--rate", "0"], "--rate"),
            (["--readings", "-5"], "-5"),
            (["--listen", "localhost"], "--listen"),
            (["--rate", "max"], "--readings"),
            (["--wat", "1"], "--wat"),
        ] {
            let output = program(name).arg("--no-dashboard").args(args).output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{name} {args:?}: {told}");
            assert!(told.lines().count() == 1 && told.contains(named), "{name} {args:?}: {told}");
            assert!(output.stdout.is_empty());
        }
    }
}

#[test]
fn a_reader_that_goes_is_no_failure_and_progress_is_silent_without_a_terminal() {
    for name in PROGRAMS {
        let mut child = program(name)
            .args(["--no-dashboard", "--readings", "100000", "--rate", "max", "--progress"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let status = child.wait().unwrap();
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(status.success() && told.is_empty(), "{name}: {status}, {told}");
    }
}

#[test]
fn at_the_end_all_programs_say_what_they_did() {
    for name in PROGRAMS {
        let flags = ["--no-dashboard", "--readings", "20000", "--rate", "max", "--check", "--progress"];
        let output = program(name).args(flags).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{name}: {told}");
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(lines.len(), 3, "{name}: {told}");
        assert!(lines[0].starts_with("20,000 records in ") && lines[0].contains("0 malformed"), "{name}: {told}");
        assert!(lines[1].starts_with("checked: "), "{name}: {told}");
    }
}

#[test]
fn every_panel_of_the_dashboards_shows_something() {
    let kinds: [(&str, &str, &[(&str, usize)]); 4] = [
        (
            "fraud",
            "40000",
            &[
                ("table", 1),
                ("top", 2),
                ("line", 2),
                ("number", 2),
                ("quantiles", 1),
                ("distribution", 1),
                ("samples", 1),
            ],
        ),
        ("sensors", "20000", &[("accuracy", 2), ("confusion", 1), ("line", 7), ("heat", 1)]),
        ("slo", "300000", &[("table", 1), ("line", 4), ("quantiles", 4)]),
        ("trending", "30000", &[("table", 1), ("heat", 1), ("line", 2), ("top", 1)]),
    ];
    for (name, readings, kinds) in kinds {
        let (_, hello) = page::of(name, &["--readings", readings, "--rate", "max"]);
        let panels = hello["panels"].as_array().unwrap();
        let of_kind = |kind: &str| panels.iter().filter(|panel| panel["kind"] == kind).count();
        for (kind, count) in kinds {
            assert_eq!(of_kind(kind), *count, "{name}: {kind}");
        }
        assert_eq!(panels.len(), kinds.iter().map(|(_, count)| count).sum::<usize>(), "{name}");
        for panel in panels {
            let title = &panel["title"];
            assert!(!panel["points"].as_array().unwrap().is_empty(), "{name}: {title} shows nothing");
            assert!(panel["group"].as_str().is_some_and(|group| !group.is_empty()), "{name}: {title} is in no group");
        }
    }
}
