//! CSV files.

use std::io::Write;

use serde::Deserialize;
use streamgauge_stream::source::CsvFiles;
use streamgauge_stream::{OnMalformed, StreamingContext};

use crate::support::{Scratch, available, every_second, tick};

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct City {
    name: String,
    people: u32,
    note: Option<String>,
}

fn city(name: &str, people: u32, note: Option<&str>) -> City {
    City { name: name.to_owned(), people, note: note.map(str::to_owned) }
}

fn rows(ctx: &StreamingContext, files: CsvFiles) -> Vec<City> {
    let rows = ctx.csv(files).on_malformed(OnMalformed::Fail).parse().collect_to_memory();
    ctx.run().unwrap();
    rows.rows()
}

#[test]
fn columns_are_found_by_their_names_in_every_file() {
    let scratch = Scratch::new();
    scratch.write("a.csv", "name,people,note\nBern,134,\nRome,2750,\"old, big\"\n", 1);
    scratch.write("b.csv", "\u{feff}note,extra,name,people\r\n\"a \"\"b\"\"\",x,Oslo,709\r\n", 2);
    scratch.write(".c.csv", "nothing", 3);
    let ctx = available(2);
    let rows = ctx.csv_files::<City>(&scratch.0).unwrap().collect_to_memory();
    let report = ctx.run().unwrap();
    let expected = [city("Bern", 134, None), city("Rome", 2_750, Some("old, big")), city("Oslo", 709, Some("a \"b\""))];
    assert_eq!(rows.rows(), expected);
    assert_eq!((report.records, report.malformed), (3, 0));
}

/// Cities whose notes have line ends, delimiters and quotes in them.
fn unpleasant(count: u32) -> (String, Vec<City>) {
    let note = |n: u32| match n % 4 {
        0 => None,
        1 => Some("a\nb\r\n\nc".to_owned()),
        2 => Some(format!("\"{}\",\n", "x".repeat(n as usize % 50))),
        _ => Some("plain".to_owned()),
    };
    let cities: Vec<_> = (0..count).map(|n| City { name: format!("city {n}"), people: n, note: note(n) }).collect();
    let quoted = |note: &Option<String>| format!("\"{}\"", note.clone().unwrap_or_default().replace('"', "\"\""));
    let record = |city: &City| format!("{},{},{}\n", city.name, city.people, quoted(&city.note));
    let text = "name,people,note\n".to_owned() + &cities.iter().map(record).collect::<String>();
    (text, cities)
}

#[test]
fn quoted_line_ends_are_no_ends_of_records_wherever_a_file_is_cut() {
    let scratch = Scratch::new();
    let (text, cities) = unpleasant(300);
    let plain = scratch.write("plain.csv", &text, 1);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let packed = scratch.write("packed.csv.gz", gzip.finish().unwrap(), 1);
    for path in [&plain, &packed] {
        for bytes in [1, 37, 100, 1_000, 1 << 20] {
            let files = CsvFiles::new(path).unwrap().max_bytes_per_batch(bytes);
            assert_eq!(rows(&available(2), files), cities, "{}, {bytes}", path.display());
        }
    }
    let (large, cities) = unpleasant(200_000);
    let large = scratch.write("large.csv", large, 1);
    let one = rows(&available(1), CsvFiles::new(&large).unwrap());
    assert!(one == cities, "several partitions a batch");
    assert!(one == rows(&available(8), CsvFiles::new(&large).unwrap().max_bytes_per_batch(5_000_000)));
}

#[test]
fn malformed_records_have_their_line_their_text_and_the_column() {
    let scratch = Scratch::new();
    let text = "name,people,note\nBern,many,\n\n\"two\nlines\",1\nRome,3,\"a\nb\"\nOslo,-1,\"x\ny\"\n";
    let path = scratch.write("cities.csv", text, 1);
    for bytes in [20, 1_000] {
        let ctx = available(2);
        let csv = ctx.csv(CsvFiles::new(&path).unwrap().max_bytes_per_batch(bytes));
        let (good, bad) = csv.parse_or_divert::<City>();
        let (good, bad) = (good.collect_to_memory(), bad.collect_to_memory());
        let report = ctx.run().unwrap();
        assert_eq!(good.rows(), [city("Rome", 3, Some("a\nb"))]);
        let bad: Vec<_> = bad.rows().into_iter().map(|bad| (bad.line, bad.text, bad.cause)).collect();
        let bad: Vec<_> = bad.iter().map(|(line, text, cause)| (*line, text.as_str(), cause.as_str())).collect();
        assert_eq!(
            bad,
            [
                (2, "Bern,many,", "column \"people\": invalid digit found in string"),
                (4, "\"two\nlines\",1", "2 fields, but 3 in the header"),
                (8, "Oslo,-1,\"x\ny\"", "column \"people\": invalid digit found in string"),
            ],
            "{bytes}"
        );
        assert_eq!((report.records, report.malformed), (4, 3));
    }
    let ctx = available(2);
    ctx.csv(CsvFiles::new(&path).unwrap()).on_malformed(OnMalformed::Fail).parse::<City>().collect_to_memory();
    let error = ctx.run().unwrap_err().to_string();
    assert_eq!(error, format!("{}:2: column \"people\": invalid digit found in string", path.display()));
}

#[test]
fn other_dialects() {
    let scratch = Scratch::new();
    let path = scratch.write("a.csv", "Bern;134;'a;''b'\n", 1);
    let files = CsvFiles::new(&path).unwrap().delimiter(b';').quote(b'\'').without_header();
    assert_eq!(rows(&available(1), files), [city("Bern", 134, Some("a;'b"))]);

    let path = scratch.write("a.tsv", "name\tpeople\tnote\nBern\t134\t5\" wide\nRome\t3\t\"\n", 1);
    let files = CsvFiles::new(&path).unwrap().delimiter(b'\t').without_quotes();
    assert_eq!(rows(&available(1), files), [city("Bern", 134, Some("5\" wide")), city("Rome", 3, Some("\""))]);
}

#[test]
fn a_file_that_grows_is_followed_by_whole_records() {
    let scratch = Scratch::new();
    let path = scratch.write("a.csv", "name,people,note\nBern,1,\"half", 1);
    let (ctx, clock) = every_second();
    let rows = ctx.csv(CsvFiles::new(&path).unwrap().follow()).parse::<City>().collect_to_memory();
    ctx.start().unwrap();
    tick(&ctx, &clock);
    assert_eq!(rows.rows(), []);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"\nway\"\nRome,2,\n").unwrap();
    tick(&ctx, &clock);
    assert_eq!(rows.rows(), [city("Bern", 1, Some("half\nway")), city("Rome", 2, None)]);
    // Begun anew, with another header.
    std::fs::write(&path, "people,name,note\n3,Oslo,\n").unwrap();
    tick(&ctx, &clock);
    ctx.stop();
    ctx.await_termination().unwrap();
    assert_eq!(rows.rows()[2..], [city("Oslo", 3, None)]);
}

#[test]
fn what_is_not_there_is_named() {
    assert_eq!(CsvFiles::new("no.csv").unwrap_err().to_string(), "no.csv: no such file");
    assert_eq!(available(1).csv_files::<City>("no/folder").unwrap_err().to_string(), "no/folder: no such file");
}

#[test]
fn a_header_alone_and_an_empty_file_have_no_rows() {
    let scratch = Scratch::new();
    scratch.write("a.csv", "", 1);
    scratch.write("b.csv", "name,people,note", 2);
    scratch.write("c.csv", "name,people,note\n", 3);
    assert_eq!(rows(&available(2), CsvFiles::new(&scratch.0).unwrap()), []);
}
