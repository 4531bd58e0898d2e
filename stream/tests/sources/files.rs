//! Text files in jobs: what is new, what vanishes.

use std::fs;
use std::io::Write;

use streamgauge_stream::{TextFiles, secs};

use crate::support::{Scratch, every_second, tick};

#[test]
fn only_what_is_new_is_read() {
    let scratch = Scratch::new();
    let grows = scratch.write("grows.log", "old\nhalf a li", 1);
    scratch.write("old.log", "old\n", 2);
    scratch.write("old.log.gz", "not even compressed", 3);
    let (ctx, clock) = every_second();
    let rows = ctx.text(TextFiles::new(&scratch.0).unwrap().only_new()).lines().collect_to_memory();
    ctx.start().unwrap();
    tick(&ctx, &clock);
    assert!(rows.rows().is_empty());
    fs::OpenOptions::new().append(true).open(&grows).unwrap().write_all(b"ne\nnew\n").unwrap();
    scratch.write("new.log", "another\n", 0);
    tick(&ctx, &clock);
    // Rotated: what is there now was never passed over.
    fs::write(&grows, "again\n").unwrap();
    tick(&ctx, &clock);
    ctx.stop();
    ctx.await_termination().unwrap();
    assert_eq!(rows.rows(), ["half a line", "new", "another", "again"]);
}

#[test]
fn a_directory_that_was_empty_has_only_new_files() {
    let scratch = Scratch::new();
    let (ctx, clock) = every_second();
    let rows = ctx.text(TextFiles::new(&scratch.0).unwrap().only_new()).lines().collect_to_memory();
    ctx.start().unwrap();
    tick(&ctx, &clock);
    scratch.write("new.log", "new\n", 0);
    tick(&ctx, &clock);
    ctx.stop();
    ctx.await_termination().unwrap();
    assert_eq!(rows.rows(), ["new"]);
}

#[test]
fn a_directory_that_vanishes_ends_the_job_with_its_name() {
    let scratch = Scratch::new();
    let folder = scratch.path("logs");
    fs::create_dir(&folder).unwrap();
    let (ctx, clock) = every_second();
    ctx.text(TextFiles::new(&folder).unwrap().follow()).lines().for_each_batch(|_, _| ());
    ctx.start().unwrap();
    tick(&ctx, &clock);
    fs::remove_dir(&folder).unwrap();
    clock.advance(secs(1));
    let error = ctx.await_termination().unwrap_err().to_string();
    assert_eq!(error, format!("{}: no such file", folder.display()));
}

#[test]
fn a_file_that_vanishes_half_read_ends_the_job_with_its_name() {
    let scratch = Scratch::new();
    scratch.write("a.log", "one\ntwo\n", 1);
    scratch.write("b.log", "three\nfour\n", 2);
    let (ctx, clock) = every_second();
    let files = TextFiles::new(&scratch.0).unwrap().max_bytes_per_batch(14);
    let rows = ctx.text(files).lines().collect_to_memory();
    ctx.start().unwrap();
    tick(&ctx, &clock);
    fs::remove_file(scratch.path("b.log")).unwrap();
    clock.advance(secs(1));
    let error = ctx.await_termination().unwrap_err().to_string();
    assert_eq!(error, format!("{}: no such file", scratch.path("b.log").display()));
    assert_eq!(rows.rows(), ["one", "two", "three"]);
}
