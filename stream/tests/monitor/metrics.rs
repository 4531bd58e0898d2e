//! Metrics for Prometheus.

use crate::client::{Asked, get};

/// The value of a sample, by what stands before it.
fn value(text: &str, sample: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn metrics_follow_the_job() {
    let mut asked = Asked::new(4);
    asked.job.start().unwrap();
    let address = asked.address();
    let job = "application=\"test\"";
    asked.job.ticks(3).unwrap();
    let answer = get(address, "/metrics");
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = answer.body;
    assert!(text.ends_with("# EOF\n"));
    let of = |name: &str, labels: &str| value(&text, &format!("streamgauge_{name}{{{job}{labels}}}"));
    assert_eq!(of("up", ""), Some(1.0), "{text}");
    assert_eq!(of("batches_total", ",status=\"completed\""), Some(3.0), "{text}");
    assert_eq!(of("batch_processing_seconds_count", ""), Some(3.0));
    assert_eq!(of("batch_interval_seconds", ""), Some(1.0));
    let source = text.lines().find(|line| line.starts_with("streamgauge_source_records_total")).unwrap();
    assert!(source.ends_with(" 9"), "{source}");
    let failures = text.lines().find(|line| line.starts_with("streamgauge_output_failures_total")).unwrap();
    assert!(failures.ends_with(" 1"), "{failures}");
    asked.job.stop().unwrap();
    let text = get(address, "/metrics").body;
    assert_eq!(value(&text, &format!("streamgauge_up{{{job}}}")), Some(0.0));
}

/// Every name has its help and type before it, and no sample is there twice.
#[test]
fn the_text_is_well_formed() {
    let mut asked = Asked::new(2);
    asked.job.ticks(2).unwrap();
    let text = get(asked.address(), "/metrics").body;
    let mut samples = std::collections::BTreeSet::new();
    let (mut family, mut families) = (String::new(), 0);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            if let Some(typed) = rest.strip_prefix("TYPE ") {
                family = typed.split(' ').next().unwrap().to_owned();
                families += 1;
            }
            continue;
        }
        assert!(line.starts_with(&family), "{line} is not of {family}");
        let (sample, value) = line.rsplit_once(' ').unwrap();
        assert!(samples.insert(sample.to_owned()), "{sample} twice");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(families > 25, "{families}");
}
