//! Those who know the formats judge: the parser of Prometheus' own client, and a validator of OpenAPI. Both are Python's;
//! `STREAMGAUGE_PYTHON` names an interpreter that has them, without it these tests say that they are skipped.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::client::{Asked, get};

/// Runs a program over an input; false if there is no Python for it.
#[track_caller]
fn judged(program: &str, input: &str) -> bool {
    let Some(python) = std::env::var_os("STREAMGAUGE_PYTHON") else {
        eprintln!("skipped: STREAMGAUGE_PYTHON names no interpreter");
        return false;
    };
    let mut judge = Command::new(python)
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.trim_end().ends_with("fine"), "{said}");
    true
}

#[test]
fn prometheus_reads_the_metrics() {
    let mut asked = Asked::new(3);
    asked.job.ticks(3).unwrap();
    let text = get(asked.address(), "/metrics").body;
    let program = "import sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as read\n\
        families = list(read(sys.stdin.read()))\n\
        samples = sum(len(family.samples) for family in families)\n\
        assert len(families) > 25 and samples > 60, (len(families), samples)\n\
        print('fine')";
    if judged(program, &text) {
        // A text that is damaged is not read: the judge does look.
        let damaged = text.replace("# EOF", "streamgauge_up{ 1");
        assert!(std::panic::catch_unwind(|| judged(program, &damaged)).is_err());
    }
}

#[test]
fn the_description_is_openapi() {
    let mut asked = Asked::new(1);
    asked.job.tick().unwrap();
    let description = get(asked.address(), "/api/v1/openapi.json").body;
    let program = "import json, sys\n\
        from openapi_spec_validator import validate\n\
        validate(json.load(sys.stdin))\n\
        print('fine')";
    if judged(program, &description) {
        let damaged = description.replace("\"responses\"", "\"answers\"");
        assert!(std::panic::catch_unwind(|| judged(program, &damaged)).is_err());
    }
}
