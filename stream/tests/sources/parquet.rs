//! Parquet files.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde::Deserialize;
use streamgauge_stream::source::ParquetFiles;
use streamgauge_stream::source::conformance::check;

use crate::support::{Scratch, available, every_second, tick};

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Reading {
    station: String,
    at: i64,
    celsius: Option<f64>,
}

fn reading(n: i64) -> Reading {
    Reading { station: format!("s{}", n % 3), at: n, celsius: (n % 5 != 0).then_some(n as f64 / 2.0) }
}

/// Writes these readings, in row groups of this many.
fn write(path: &Path, numbers: std::ops::Range<i64>, group: usize) {
    let readings: Vec<_> = numbers.map(reading).collect();
    let columns: [(&str, Arc<dyn Array>, bool); 4] = [
        ("at", Arc::new(Int64Array::from_iter_values(readings.iter().map(|r| r.at))), false),
        ("unused", Arc::new(Int64Array::from_iter_values(readings.iter().map(|r| -r.at))), false),
        ("station", Arc::new(StringArray::from_iter_values(readings.iter().map(|r| &r.station))), false),
        ("celsius", Arc::new(Float64Array::from_iter(readings.iter().map(|r| r.celsius))), true),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn rows_are_found_by_the_names_of_columns_and_row_groups_are_partitions() {
    let scratch = Scratch::new();
    let path = scratch.path("a.parquet");
    write(&path, 0..5_000, 700);
    let expected: Vec<_> = (0..5_000).map(reading).collect();
    for (threads, bytes) in [(1, 1), (2, 30_000), (8, 1 << 30)] {
        let ctx = available(threads);
        let files = ParquetFiles::<Reading>::new(&path).unwrap().max_bytes_per_batch(bytes);
        let rows = ctx.source(files).collect_to_memory();
        let report = ctx.run().unwrap();
        assert!(rows.rows() == expected, "{threads} threads, {bytes} bytes");
        assert_eq!(report.records, 5_000);
        let batches = match bytes {
            1 => 8,
            30_000 => report.batches.clamp(2, 7),
            _ => 1,
        };
        assert_eq!(report.batches, batches);
    }
    let columns = ["celsius", "station", "at"];
    assert_eq!(check(|| ParquetFiles::<Reading>::new(&path).unwrap().max_bytes_per_batch(1)), expected);
    assert_eq!(check(|| ParquetFiles::<Reading>::new(&path).unwrap().columns(columns)), expected);
}

#[test]
fn a_directory_is_followed() {
    let scratch = Scratch::new();
    write(&scratch.path("b.parquet"), 0..10, 100);
    write(&scratch.path(".hidden"), 90..99, 100);
    let (ctx, clock) = every_second();
    let rows = ctx.source(ParquetFiles::<Reading>::new(&scratch.0).unwrap().follow()).collect_to_memory();
    ctx.start().unwrap();
    tick(&ctx, &clock);
    assert_eq!(rows.rows(), (0..10).map(reading).collect::<Vec<_>>());
    fs::rename(scratch.path(".hidden"), scratch.path("a.parquet")).unwrap();
    tick(&ctx, &clock);
    // What was read may be cleared away.
    fs::remove_file(scratch.path("b.parquet")).unwrap();
    tick(&ctx, &clock);
    ctx.stop();
    ctx.await_termination().unwrap();
    assert_eq!(rows.rows(), (0..10).chain(90..99).map(reading).collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_read_is_named() {
    let scratch = Scratch::new();
    let error = ParquetFiles::<Reading>::new("no.parquet").unwrap_err().to_string();
    assert_eq!(error, "no.parquet: no such file");

    let text = scratch.write("text.parquet", "this is no Parquet", 1);
    let error = ParquetFiles::<Reading>::new(&text).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot be read as Parquet: ", text.display())), "{error}");

    let path = scratch.path("a.parquet");
    write(&path, 0..1_000, 100);
    let error = run(ParquetFiles::<Reading>::new(&path).unwrap().columns(["at", "fahrenheit"]));
    let there = "there are at, unused, station, celsius";
    assert_eq!(error, format!("{}: no column \"fahrenheit\"; {there}", path.display()));

    let error = run(ParquetFiles::<Reading>::new(&path).unwrap().columns(["at", "celsius"]));
    assert!(error.starts_with(&format!("{}: row group 0, among rows 0 to 1024 of it: ", path.display())), "{error}");
    assert!(error.contains("station"), "{error}");

    // Damaged in the middle: the footer is sound.
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[4..length / 4].fill(0xAA);
    fs::write(&path, &bytes).unwrap();
    let error = run(ParquetFiles::<Reading>::new(&path).unwrap());
    assert!(error.contains("row group 0") && error.starts_with(path.to_str().unwrap()), "{error}");

    fs::write(&path, &bytes[..length / 2]).unwrap();
    let error = ParquetFiles::<Reading>::new(&path).unwrap_err().to_string();
    assert!(error.contains("cannot be read as Parquet"), "{error}");
}

/// The error that ends a job over these files.
fn run(files: ParquetFiles<Reading>) -> String {
    let ctx = available(2);
    ctx.source(files).collect_to_memory();
    ctx.run().unwrap_err().to_string()
}

#[test]
fn a_file_that_changes_after_it_was_begun_or_vanishes_ends_the_job() {
    for vanishes in [false, true] {
        let scratch = Scratch::new();
        let path = scratch.path("a.parquet");
        write(&path, 0..1_000, 100);
        let (ctx, clock) = every_second();
        let files = ParquetFiles::<Reading>::new(&path).unwrap().max_bytes_per_batch(1);
        ctx.source(files).collect_to_memory();
        ctx.start().unwrap();
        tick(&ctx, &clock);
        match vanishes {
            true => fs::remove_file(&path).unwrap(),
            false => write(&path, 0..900, 100),
        }
        streamgauge_stream::ManualClock::advance(&clock, streamgauge_stream::secs(1));
        let error = ctx.await_termination().unwrap_err().to_string();
        let expected = if vanishes { "no such file" } else { "was changed after it was begun" };
        assert!(error.starts_with(&format!("{}: {expected}", path.display())), "{error}");
    }
}
