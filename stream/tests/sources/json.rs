//! JSON lines.

use serde::Deserialize;
use streamgauge_stream::{TextFiles, json};

use crate::support::{Scratch, available};

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Visit {
    page: String,
    ms: Option<u32>,
}

const VISITS: &str = "{\"page\":\"/\",\"ms\":3}\n\n  \n{\"page\":\"/a\\nb\",\"more\":[1]}\r\n{\"page\":\n[1,2]\n";

fn visits() -> Vec<Visit> {
    vec![Visit { page: "/".to_owned(), ms: Some(3) }, Visit { page: "/a\nb".to_owned(), ms: None }]
}

#[test]
fn a_line_is_a_value() {
    let scratch = Scratch::new();
    scratch.write("a.json", VISITS, 1);
    scratch.write("b.json", VISITS, 2);
    let ctx = available(2);
    let rows = ctx.json_files::<Visit>(&scratch.0).unwrap().collect_to_memory();
    let report = ctx.run().unwrap();
    assert_eq!(rows.rows(), [visits(), visits()].concat());
    assert_eq!(report.malformed, 4);
}

#[test]
fn malformed_values_are_told_with_their_column() {
    let scratch = Scratch::new();
    let path = scratch.write("a.json", VISITS, 1);
    let ctx = available(2);
    let lines = ctx.text(TextFiles::new(&path).unwrap().max_bytes_per_batch(30));
    let (good, bad) = lines.parse_or_divert(json::<Visit>);
    let (good, bad) = (good.collect_to_memory(), bad.collect_to_memory());
    ctx.run().unwrap();
    assert_eq!(good.rows(), visits());
    let bad: Vec<_> = bad.rows().into_iter().map(|line| (line.line, line.text, line.cause)).collect();
    assert_eq!((bad[0].0, &*bad[0].1), (5, "{\"page\":"));
    assert_eq!(bad[0].2, "EOF while parsing a value at column 8");
    assert_eq!((bad[1].0, &*bad[1].1), (6, "[1,2]"));
    assert!(bad[1].2.starts_with("invalid type: integer `1`, expected a string at column"), "{}", bad[1].2);
}

#[test]
fn a_missing_folder_is_named() {
    let error = available(1).json_files::<Visit>("no/such/folder").unwrap_err();
    assert_eq!(error.to_string(), "no/such/folder: no such file");
}
