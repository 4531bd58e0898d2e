//! Parquet files, read back by the reader of their own crate.

use std::fs::File;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};
use streamgauge_stream::Time;
use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::sink::{Files, Parquet};

use super::Scratch;
use super::files::{below_a_file, time_of};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Method {
    Get,
    Post,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Client {
    host: String,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Visit {
    page: String,
    bytes: Option<u64>,
    taken: f64,
    secure: bool,
    method: Method,
    client: Client,
    tags: Vec<String>,
    at: Time,
}

fn visit(n: u64) -> Visit {
    Visit {
        page: format!("/{n}"),
        bytes: (n % 2 == 0).then_some(n),
        taken: n as f64 / 4.0,
        secure: n % 3 == 0,
        method: if n % 5 == 0 { Method::Post } else { Method::Get },
        client: Client { host: format!("host {}", n % 7), port: 80 },
        tags: vec!["tag".to_owned(); n as usize % 3],
        at: Time::from_millis(n as i64),
    }
}

/// The names of the columns, and the rows.
fn read(scratch: &Scratch, name: &str) -> (Vec<String>, Vec<Visit>) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(scratch.path(name)).unwrap()).unwrap();
    let names = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let batches = builder.build().unwrap();
    let rows = batches.flat_map(|batch| serde_arrow::from_record_batch::<Vec<Visit>>(&batch.unwrap()).unwrap());
    (names, rows.collect())
}

struct Folder(Scratch);

impl Subject for Folder {
    type Row = Visit;
    type Sink = Files<Parquet>;

    fn sink(&mut self) -> Files<Parquet> {
        Files::parquet(self.0.path("visits"))
    }

    fn row(&self, n: u64) -> Visit {
        visit(n)
    }

    fn visible(&mut self) -> Vec<(Time, Vec<Visit>)> {
        self.0.names().iter().map(|name| (time_of(name), read(&self.0, name).1)).collect()
    }

    fn broken(&mut self) -> Option<Files<Parquet>> {
        Some(Files::parquet(below_a_file(&self.0)))
    }
}

#[test]
fn conforms() {
    check(&mut Folder(Scratch::new()));
}

#[test]
fn many_rows_and_none_have_the_same_columns() {
    let scratch = Scratch::new();
    // More than are encoded at once, and not in the chunks that they come in.
    let rows: Vec<_> = (0..150_001).map(visit).collect();
    super::batches(vec![rows.clone(), vec![]], |visits| visits.write_to(Files::parquet(scratch.path("visits"))))
        .unwrap();
    let (names, read_back) = read(&scratch, "visits-1000.parquet");
    assert_eq!(names, ["page", "bytes", "taken", "secure", "method", "client", "tags", "at"]);
    assert!(read_back == rows);
    assert_eq!(read(&scratch, "visits-2000.parquet"), (names, vec![]));
}

#[test]
fn rows_without_a_schema_are_an_error_of_the_start() {
    let scratch = Scratch::new();
    let error = super::batches(vec![vec![1_u64]], |numbers| numbers.write_to(Files::parquet(scratch.path("n"))));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("the job cannot start: write_to 1: "), "{error}");
    assert!(error.contains("rows of type u64 have no Parquet schema: "), "{error}");
    assert!(!scratch.0.exists());
}
