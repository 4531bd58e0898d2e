//! Parquet files, read back by the reader of their own crate.

use std::fs::File;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use streamgauge_stream::Time;
use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::sink::{Files, Parquet};
use streamgauge_stream::source::Record;

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
        bytes: n.is_multiple_of(2).then_some(n),
        taken: n as f64 / 4.0,
        secure: n.is_multiple_of(3),
        method: if n.is_multiple_of(5) { Method::Post } else { Method::Get },
        client: Client { host: format!("host {}", n % 7), port: 80 },
        tags: vec!["tag".to_owned(); n as usize % 3],
        at: Time::from_millis(n as i64),
    }
}

/// The names of the columns, and the rows.
fn read<T: DeserializeOwned>(scratch: &Scratch, name: &str) -> (Vec<String>, Vec<T>) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(scratch.path(name)).unwrap()).unwrap();
    let names = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let batches = builder.build().unwrap();
    let rows = batches.flat_map(|batch| serde_arrow::from_record_batch::<Vec<T>>(&batch.unwrap()).unwrap());
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
    let (names, read_back) = read::<Visit>(&scratch, "visits-1000.parquet");
    assert_eq!(names, ["page", "bytes", "taken", "secure", "method", "client", "tags", "at"]);
    assert!(read_back == rows);
    assert_eq!(read::<Visit>(&scratch, "visits-2000.parquet"), (names, vec![]));
}

/// The error of the start of a job with such rows.
fn error_of_the_start<T>(row: T) -> String
where
    T: Record + Serialize + DeserializeOwned,
{
    let scratch = Scratch::new();
    let error = super::batches(vec![vec![row]], |rows| rows.write_to(Files::parquet(scratch.path("n"))));
    let error = error.unwrap_err().to_string();
    let expected = format!("rows of type {} make no table, as structs do: ", std::any::type_name::<T>());
    assert!(error.starts_with("the job cannot start: write_to 1: ") && error.contains(&expected), "{error}");
    assert!(!scratch.0.exists());
    error
}

#[test]
fn rows_without_a_schema_are_an_error_of_the_start() {
    #[derive(Clone, Serialize, Deserialize)]
    struct WithData {
        shape: Shape,
    }
    #[derive(Clone, Serialize, Deserialize)]
    enum Shape {
        Circle(f64),
        Square { side: f64 },
    }
    #[derive(Clone, Serialize, Deserialize)]
    struct Empty {}
    assert!(error_of_the_start(1_u64).contains("Only struct-like types are supported"));
    let with_data = [Shape::Circle(1.0), Shape::Square { side: 1.0 }];
    for error in with_data.map(|shape| error_of_the_start(WithData { shape })) {
        assert!(error.contains("shape is an enum with data"), "{error}");
    }
    assert!(error_of_the_start(Empty {}).contains("there are no fields"));
}

#[test]
fn tuples_have_numbered_columns() {
    let scratch = Scratch::new();
    let rows = vec![("a".to_owned(), 1_i32), ("b".to_owned(), -2)];
    super::batches(vec![rows.clone()], |pairs| pairs.write_to(Files::parquet(scratch.path("pairs")))).unwrap();
    assert_eq!(read(&scratch, "pairs-1000.parquet"), (vec!["0".to_owned(), "1".to_owned()], rows));
}
