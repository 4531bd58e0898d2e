//! Files of comma-separated values.

use serde::{Deserialize, Serialize};
use streamgauge_stream::Time;
use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::sink::{Csv, Files};

use super::Scratch;
use super::files::{below_a_file, time_of};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Visit {
    page: String,
    bytes: Option<u64>,
    #[serde(rename = "time taken")]
    taken: f64,
}

fn visit(n: u64) -> Visit {
    Visit { page: format!("/a,\"b\"\n{n}"), bytes: n.is_multiple_of(2).then_some(n), taken: n as f64 / 4.0 }
}

struct Folder(Scratch);

impl Subject for Folder {
    type Row = Visit;
    type Sink = Files<Csv>;

    fn sink(&mut self) -> Files<Csv> {
        Files::csv(self.0.path("visits"))
    }

    fn row(&self, n: u64) -> Visit {
        visit(n)
    }

    fn visible(&mut self) -> Vec<(Time, Vec<Visit>)> {
        let read = |name: &str| {
            let text = self.0.read(name);
            csv::Reader::from_reader(text.as_bytes()).deserialize().map(|visit| visit.unwrap()).collect()
        };
        self.0.names().iter().map(|name| (time_of(name), read(name))).collect()
    }

    fn broken(&mut self) -> Option<Files<Csv>> {
        Some(Files::csv(below_a_file(&self.0)))
    }
}

#[test]
fn conforms() {
    check(&mut Folder(Scratch::new()));
}

#[test]
fn one_line_of_names_above_the_rows_of_all_partitions() {
    let scratch = Scratch::new();
    super::partitions(vec![vec![], vec![visit(1)], vec![visit(2)]], |visits| {
        let prefix = scratch.path("visits");
        visits.write_to(Files::csv(&prefix));
        visits.write_to(Files::of(&prefix, Csv::default().delimiter(b';').without_names()).suffix("txt"));
        visits.map(|visit| (visit.taken, visit.bytes)).write_to(Files::csv(scratch.path("pairs")));
        visits.filter(|_| false).write_to(Files::csv(scratch.path("none")));
    })
    .unwrap();
    let rows = "\"/a,\"\"b\"\"\n1\",,0.25\n\"/a,\"\"b\"\"\n2\",2,0.5\n";
    assert_eq!(scratch.read("visits-1000.csv"), format!("page,bytes,time taken\n{rows}"));
    assert_eq!(scratch.read("visits-1000.txt"), rows.replace(",,", ";;").replace(",2,", ";2;").replace("1\",", "1\";"));
    assert_eq!(scratch.read("pairs-1000.csv"), "0.25,\n0.5,2\n");
    assert_eq!(scratch.read("none-1000.csv"), "");
}

#[test]
fn rows_that_make_no_table_are_an_error_and_leave_no_file() {
    #[derive(Clone, Serialize)]
    struct Loose {
        #[serde(skip_serializing_if = "Option::is_none")]
        a: Option<u32>,
        b: u32,
    }
    let (with, without) = (Loose { a: Some(1), b: 2 }, Loose { a: None, b: 2 });
    let scratch = Scratch::new();
    let error = |partitions: Vec<Vec<Loose>>| {
        let job = super::partitions(partitions, |rows| rows.write_to(Files::csv(scratch.path("rows"))));
        job.unwrap_err().to_string()
    };
    let between = error(vec![vec![with.clone()], vec![without.clone()]]);
    assert!(between.contains("rows have different fields: \"a,b\" and \"b\""), "{between}");
    let within = error(vec![vec![with, without]]);
    assert!(within.contains("partition 0: ") && within.contains("found record with 1 fields"), "{within}");
    let nested = super::batches(vec![vec![(1, vec![(1, 2)], visit(1))]], |rows| {
        rows.map(|(n, _, visit)| std::collections::BTreeMap::from([(n, visit)]))
            .write_to(Files::csv(scratch.path("rows")));
    });
    let nested = nested.unwrap_err().to_string();
    assert!(nested.contains("serializing maps is not supported"), "{nested}");
    assert!(scratch.names().is_empty());
}
