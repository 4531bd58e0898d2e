//! The answers in JSON, and their description.

use serde_json::{Value, json};
use streamgauge_stream::source::{Lag, Limit, Next, Plan};

use crate::client::{Answer, Asked, get, request};

const STREAMING: &str = "/api/v1/applications/test/streaming";

fn description() -> Value {
    serde_json::from_str(include_str!("../../src/monitor/api/openapi.json")).unwrap()
}

/// An answer is as the description says for this path and method.
#[track_caller]
fn described(answer: &Answer, method: &str, path: &str) {
    let description = description();
    let of_path = &description["paths"][path][method]["responses"];
    let response = &of_path[answer.status.to_string()];
    assert!(!response.is_null(), "{method} {path} answers {}, which is not described", answer.status);
    let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
    let schema = &response["content"][kind]["schema"];
    assert!(!schema.is_null(), "{method} {path} answers with {kind:?}, which is not described");
    if kind != "application/json" {
        return;
    }
    let mut schema = schema.clone();
    schema["components"] = description["components"].clone();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let body = answer.json();
    let wrong: Vec<String> = validator.iter_errors(&body).map(|e| format!("{} at {}", e, e.instance_path)).collect();
    assert!(wrong.is_empty(), "{method} {path}: {wrong:#?} in {body:#}");
}

#[test]
fn every_path_answers_as_its_description_says() {
    let mut asked = Asked::new(3);
    asked.job.ticks(3).unwrap();
    let address = asked.address();
    let batches = get(address, &format!("{STREAMING}/batches")).json();
    let batch = batches[1]["batchId"].to_string();
    let mut paths = 0;
    for (path, methods) in description()["paths"].as_object().unwrap() {
        let real = path
            .replace("{app}", "test")
            .replace("{stream}", "0")
            .replace("{batch}", &batch)
            .replace("{operation}", "1");
        for method in methods.as_object().unwrap().keys() {
            described(&request(address, &method.to_uppercase(), &real, &[]), method, path);
            paths += 1;
        }
        // What is not there is said to be not there.
        if path.contains('{') {
            let missing = real.replace("test", "nothing");
            for method in methods.as_object().unwrap().keys() {
                let answer = request(address, &method.to_uppercase(), &missing, &[]);
                assert_eq!(answer.status, 404, "{missing}");
                described(&answer, method, path);
            }
        }
    }
    assert!(paths >= 18, "{paths}");
    let operation = format!("batches/{batch}/operations/9");
    let missing = ["receivers/7", "receivers/x", "batches/1", "batches/x", "batches/1/operations", "nothing"];
    for missing in missing.into_iter().chain(["batches/1/operators", "batches/1/operations/0", &operation]) {
        let answer = get(address, &format!("{STREAMING}/{missing}"));
        assert_eq!(answer.status, 404, "{missing}");
        assert!(answer.json()["error"].is_string(), "{missing}");
    }
}

#[test]
fn the_answers_tell_what_the_job_did() {
    let mut asked = Asked::new(4);
    asked.job.start().unwrap();
    let address = asked.address();
    let before = get(address, &format!("{STREAMING}/statistics")).json();
    assert_eq!((&before["numTotalCompletedBatches"], &before["avgInputRate"]), (&json!(0), &Value::Null));
    assert_eq!(get(address, "/readyz").status, 503);
    asked.job.ticks(3).unwrap();
    assert_eq!(get(address, "/readyz").json()["status"], "running");

    let statistics = get(address, &format!("{STREAMING}/statistics")).json();
    assert_eq!(statistics["numTotalCompletedBatches"], 3);
    assert_eq!(statistics["numProcessedRecords"], 9);
    assert_eq!(statistics["numReceivers"], 1);
    assert_eq!(statistics["batchDuration"], 1_000);
    assert_eq!(statistics["avgInputRate"], 3.0);

    let batches = get(address, &format!("{STREAMING}/batches")).json();
    assert_eq!(batches.as_array().unwrap().len(), 3);
    let failed = &batches[1];
    assert_eq!((&failed["numCompletedOutputOps"], &failed["numFailedOutputOps"]), (&json!(1), &json!(1)));
    assert_eq!(failed["status"], "COMPLETED");
    assert!(failed["firstFailureReason"].as_str().unwrap().contains("the disk is <full> & \"gone\""));
    assert_eq!(failed["sources"][0]["records"], 3);
    let completed = get(address, &format!("{STREAMING}/batches?status=completed")).json();
    assert_eq!(completed, batches);
    assert_eq!(get(address, &format!("{STREAMING}/batches?status=failed")).json(), json!([]));

    let of_batch = format!("{STREAMING}/batches/{}", failed["batchId"]);
    assert_eq!(&get(address, &of_batch).json(), failed);
    let operations = get(address, &format!("{of_batch}/operations")).json();
    assert_eq!(operations.as_array().unwrap().len(), 2);
    assert_eq!(get(address, &format!("{of_batch}/operations/1")).json(), operations[1]);
    assert_eq!(operations[0]["failureReason"], Value::Null);

    let operators = get(address, &format!("{STREAMING}/operators")).json();
    let running = operators.as_array().unwrap().iter().find(|operator| operator["keys"].is_number()).unwrap();
    // Measured after the first batch, which had three keys.
    assert_eq!(running["keys"], 3, "{operators:#}");

    // Every operator comes after those that it reads.
    let all = operators.as_array().unwrap();
    let name = |operator: &Value| operator["name"].as_str().unwrap().to_owned();
    for (at, operator) in all.iter().enumerate() {
        let before: Vec<_> = all[..at].iter().map(name).collect();
        let inputs: Vec<String> = serde_json::from_value(operator["inputs"].clone()).unwrap();
        assert_eq!(inputs.is_empty(), operator["kind"] == "source", "{operator:#}");
        assert!(inputs.iter().all(|input| before.contains(input)), "{operator:#}");
    }
    assert_eq!((all.len(), &all[0]["rowType"], &all[0]["rowsOut"]), (4, &json!("u64"), &json!(9)));

    let report = asked.job.stop();
    assert!(report.is_ok());
    let job = get(address, "/api/v1/applications/test").json();
    assert_eq!(job["attempts"][0]["completed"], true);
    let ready = get(address, "/readyz");
    assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("stopped")));
    assert_eq!(get(address, "/healthz").status, 200);
}

/// A source of one record a batch that is nine records behind, with a limit and a name from elsewhere.
struct Behind;

impl streamgauge_stream::Source for Behind {
    type Item = u64;
    type Position = u64;

    fn name(&self) -> String {
        "<b>behind</b>".to_owned()
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, _: Limit) -> Result<Plan<u64>, streamgauge_stream::SourceError> {
        Ok(Plan { to: from + 1, next: Next::Idle })
    }

    fn read(
        &mut self,
        _: &u64,
        _: &u64,
    ) -> Result<Vec<Box<dyn streamgauge_stream::source::Partition<u64>>>, streamgauge_stream::SourceError> {
        Ok(Vec::new())
    }

    fn lag(&self) -> Option<Lag> {
        Some(Lag { records: Some(9), bytes: Some(99) })
    }

    fn in_words(&self, at: &u64) -> String {
        format!("{at} of {}", "x".repeat(1_000))
    }
}

#[test]
fn positions_lags_limits_and_memory_are_told() {
    let mut job = streamgauge_stream::testing::TestJob::new();
    let context = job.context();
    let lines = context.source(streamgauge_stream::Source::max_rate(Behind, 5));
    drop(job.capture(&lines));
    let (queue, numbers) = streamgauge_stream::Queue::new();
    let counts = context.source(numbers.one_at_a_time()).key_by(|n: &u64| n).running().summarize(|on| on.count());
    drop(job.capture(&counts));
    queue.push(vec![1, 2, 3]);
    queue.push(vec![4, 5]);
    let dashboard = context.dashboard();
    dashboard.listen(crate::client::FREE);
    job.tick().unwrap();

    let receivers = get(dashboard.address(), &format!("{STREAMING}/receivers"));
    described(&receivers, "get", "/api/v1/applications/{app}/streaming/receivers");
    let receivers = receivers.json();
    let behind = &receivers[0];
    assert_eq!((&behind["lagRecords"], &behind["lagBytes"]), (&json!(9), &json!(99)), "{receivers:#}");
    assert_eq!((&behind["rateLimit"], &behind["pendingBytes"]), (&json!(5.0), &Value::Null));
    let position = behind["position"].as_str().unwrap();
    assert!(position.starts_with("1 of xxx") && position.len() == 200, "{position}");
    // A source that says nothing of its lag is behind what it holds.
    let queue = &receivers[1];
    assert_eq!((&queue["lagRecords"], &queue["pendingRecords"]), (&json!(2), &json!(2)), "{receivers:#}");
    assert_eq!((&queue["position"], &queue["lagBytes"]), (&json!("1"), &json!(16)));

    let batch = &get(dashboard.address(), &format!("{STREAMING}/batches")).json()[0];
    assert_eq!((&batch["sources"][0]["lagRecords"], &batch["sources"][0]["finished"]), (&json!(9), &json!(false)));
    assert_eq!(batch["pendingBytes"], 16);
    assert!(batch["stateBytes"].as_u64().unwrap() > 0, "{batch:#}");
    let statistics = get(dashboard.address(), &format!("{STREAMING}/statistics")).json();
    for name in ["residentBytes", "stateBytes", "pendingBytes"] {
        assert_eq!(statistics[name], batch[name], "{name}");
    }
    assert_eq!(statistics["residentBytes"].is_u64(), cfg!(target_os = "linux"));

    let metrics = get(dashboard.address(), "/metrics").body;
    for line in [
        "streamgauge_source_lag_records{application=\"test\",source=\"<b>behind</b>\",id=\"0\"} 9",
        "streamgauge_source_lag_bytes{application=\"test\",source=\"<b>behind</b>\",id=\"0\"} 99",
        "streamgauge_source_lag_records{application=\"test\",source=\"queue\",id=\"1\"} 2",
        "streamgauge_source_rate_limit{application=\"test\",source=\"<b>behind</b>\",id=\"0\"} 5.0",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} is not in {metrics}");
    }
    assert_eq!(metrics.contains("\nprocess_resident_memory_bytes "), cfg!(target_os = "linux"), "{metrics}");
}

#[test]
fn a_query_that_cannot_be_read_is_an_error_in_json() {
    let mut asked = Asked::new(1);
    asked.job.tick().unwrap();
    for limit in ["x", "-1", "99999999999999999999999"] {
        let answer = get(asked.address(), &format!("{STREAMING}/batches?limit={limit}"));
        assert_eq!(answer.status, 400, "{limit}");
        described(&answer, "get", "/api/v1/applications/{app}/streaming/batches");
    }
    assert_eq!(get(asked.address(), &format!("{STREAMING}/batches?limit=0")).json(), json!([]));
}

#[test]
fn a_job_that_has_failed_is_not_well() {
    let mut job = streamgauge_stream::testing::TestJob::new();
    let numbers = job.source([vec![1_u64]]);
    numbers.for_each_batch(|_, _: streamgauge_stream::Batch<u64>| Err::<(), _>("no"));
    let dashboard = job.context().dashboard();
    dashboard.listen(crate::client::FREE);
    assert!(job.tick().is_err());
    let health = get(dashboard.address(), "/healthz");
    assert_eq!((health.status, &health.json()["status"]), (503, &json!("failed")));
    let batches = get(dashboard.address(), &format!("{STREAMING}/batches?status=FAILED")).json();
    assert_eq!(batches.as_array().unwrap().len(), 1);
}

#[test]
fn only_the_latest_batches_are_kept() {
    let mut asked = Asked::new(0);
    asked.job.ticks(1_100).unwrap();
    let address = asked.address();
    let batches = get(address, &format!("{STREAMING}/batches")).json();
    assert_eq!(batches.as_array().unwrap().len(), 1_000);
    let statistics = get(address, &format!("{STREAMING}/statistics")).json();
    assert_eq!(statistics["numTotalCompletedBatches"], 1_100);
    assert_eq!(statistics["numRetainedCompletedBatches"], 1_000);
}

#[test]
fn checkpoints_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    let mut job =
        streamgauge_stream::testing::TestJob::with(move |settings| settings.checkpoint_dir(path).checkpoint_every(2));
    let numbers = job.source((0..6).map(|n| vec![n, n + 1]));
    let counts = numbers.key_by(|n: &u64| n).running().summarize(|on| on.count());
    drop(job.capture(&counts));
    let dashboard = job.context().dashboard();
    dashboard.listen(crate::client::FREE);
    job.ticks(6).unwrap();
    job.stop().unwrap();
    let checkpoints = get(dashboard.address(), &format!("{STREAMING}/checkpoints"));
    described(&checkpoints, "get", "/api/v1/applications/{app}/streaming/checkpoints");
    let checkpoints = checkpoints.json();
    let all = checkpoints.as_array().unwrap();
    assert!(!all.is_empty());
    assert!(all.iter().all(|it| it["stateBytes"].as_u64().unwrap() > 0), "{checkpoints:#}");
    assert!(all.windows(2).all(|pair| pair[0]["batchId"].as_i64() > pair[1]["batchId"].as_i64()));
}
