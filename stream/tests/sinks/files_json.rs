//! Files of JSON lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streamgauge_stream::Time;
use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::sink::{Files, JsonLines};

use super::Scratch;
use super::files::{below_a_file, time_of};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Visit {
    page: String,
    bytes: Option<u64>,
    tags: Vec<String>,
}

fn visit(n: u64) -> Visit {
    let page = format!("/\"quoted\"\nand broken/{n}");
    Visit { page, bytes: n.is_multiple_of(2).then_some(n), tags: vec!["é".to_owned(); n as usize % 3] }
}

struct Folder(Scratch);

impl Subject for Folder {
    type Row = Visit;
    type Sink = Files<JsonLines>;

    fn sink(&mut self) -> Files<JsonLines> {
        Files::json(self.0.path("visits"))
    }

    fn row(&self, n: u64) -> Visit {
        visit(n)
    }

    fn visible(&mut self) -> Vec<(Time, Vec<Visit>)> {
        let read = |name: &str| self.0.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        self.0.names().iter().map(|name| (time_of(name), read(name))).collect()
    }

    fn broken(&mut self) -> Option<Files<JsonLines>> {
        Some(Files::json(below_a_file(&self.0)))
    }
}

#[test]
fn conforms() {
    check(&mut Folder(Scratch::new()));
}

#[test]
fn a_line_of_json_a_row() {
    let scratch = Scratch::new();
    super::batches(vec![vec![visit(1)]], |visits| {
        visits.write_to(Files::json(scratch.path("visits")));
        visits.map(|visit| (visit.tags.len(), f64::NAN)).write_to(Files::json(scratch.path("pairs")));
    })
    .unwrap();
    let expected = r#"{"page":"/\"quoted\"\nand broken/1","bytes":null,"tags":["é"]}"#;
    assert_eq!(scratch.read("visits-1000.jsonl"), format!("{expected}\n"));
    assert_eq!(scratch.read("pairs-1000.jsonl"), "[1,null]\n");
}

#[test]
fn what_json_cannot_say_is_an_error_and_leaves_no_file() {
    let scratch = Scratch::new();
    let maps = vec![vec![BTreeMap::new(), BTreeMap::from([((1, 2), 3)])]];
    let error = super::batches(maps, |maps| maps.write_to(Files::json(scratch.path("maps")))).unwrap_err();
    let target = scratch.path("maps-*.jsonl").display().to_string();
    let expected = format!("write_to 1 of batch 1000 ms: {target}: partition 0: key must be a string");
    assert_eq!(error.to_string(), expected);
    assert!(scratch.names().is_empty());
}
