use super::super::TextFiles;
use super::*;

#[test]
fn a_growing_file_is_read_line_by_line() {
    let scratch = Scratch::new();
    let path = scratch.write("log", "one\ntw", 0);
    let mut source = TextFiles::new(&path).unwrap().follow();
    let mut at = source.start();
    let mut next = |expected: &[&str]| {
        let batch = batch(&mut source, &at, NOW).unwrap();
        assert_eq!(lines(&batch.blocks), expected);
        assert_eq!(batch.next, Next::Idle);
        at = batch.to;
    };
    next(&["one"]);
    next(&[]);
    append(&path, "o");
    next(&[]);
    append(&path, "\n\nfour\nfi");
    next(&["two", "", "four"]);
    append(&path, "ve\n");
    next(&["five"]);
}

#[test]
fn more_than_a_share_is_ready() {
    let scratch = Scratch::new();
    let path = scratch.write("log", "one\ntwo\nthree", 0);
    let mut source = TextFiles::new(&path).unwrap().follow().max_bytes_per_batch(5);
    let first = first(&mut source, NOW).unwrap();
    assert_eq!((lines(&first.blocks), first.next), (vec!["one".to_owned()], Next::Ready));
    let second = batch(&mut source, &first.to, NOW).unwrap();
    assert_eq!((lines(&second.blocks), second.next), (vec!["two".to_owned()], Next::Ready));
    let third = batch(&mut source, &second.to, NOW).unwrap();
    assert_eq!((lines(&third.blocks), third.next), (vec![], Next::Idle));
}

#[test]
fn a_file_that_was_cut_off_is_read_from_its_beginning() {
    let scratch = Scratch::new();
    let path = scratch.write("log", "one\ntwo\n", 0);
    let mut source = TextFiles::new(&path).unwrap().follow();
    let first = first(&mut source, NOW).unwrap();
    scratch.write("log", "new\n", 0);
    let second = batch(&mut source, &first.to, NOW).unwrap();
    assert_eq!(lines(&second.blocks), ["new"]);
    let again = blocks(&source.read(&second.from, &second.to).unwrap()).unwrap();
    assert_eq!(lines(&again), ["new"]);

    scratch.write("log", "un", 0);
    let third = batch(&mut source, &second.to, NOW).unwrap();
    assert!(third.blocks.is_empty());
    append(&path, "finished\n");
    let fourth = batch(&mut source, &third.to, NOW).unwrap();
    assert_eq!(lines(&fourth.blocks), ["unfinished"]);
}

#[test]
fn a_file_that_was_replaced_is_read_from_its_beginning() {
    let scratch = Scratch::new();
    let path = scratch.write("log", "one\n", 0);
    let mut source = TextFiles::new(&path).unwrap().follow();
    let first = first(&mut source, NOW).unwrap();
    fs::rename(&path, scratch.path("log.1")).unwrap();
    let second = batch(&mut source, &first.to, NOW).unwrap();
    assert!(second.blocks.is_empty());
    scratch.write("log", "two\nand more\n", 0);
    let third = batch(&mut source, &second.to, NOW).unwrap();
    assert_eq!(lines(&third.blocks), ["two", "and more"]);
}

#[test]
fn files_that_appear_in_a_directory_are_read() {
    let scratch = Scratch::new();
    let mut source = TextFiles::new(&scratch.0).unwrap().follow();
    let mut at = source.start();
    let mut next = |expected: &[&str]| {
        let batch = batch(&mut source, &at, NOW).unwrap();
        assert_eq!(lines(&batch.blocks), expected);
        assert_eq!(batch.next, Next::Idle);
        at = batch.to;
    };
    next(&[]);
    let later = scratch.write("later", "l1\nl", 20);
    scratch.write("early", "e1\n", 10);
    next(&["e1", "l1"]);
    append(&later, "2\n");
    scratch.write("earliest", "x\n", 1);
    // Files that were begun keep their places.
    next(&["l2", "x"]);
    fs::remove_file(&later).unwrap();
    next(&[]);
    scratch.write("later", "back\n", 2);
    next(&["back"]);
}

#[test]
fn a_restarted_job_goes_on_where_it_was() {
    let scratch = Scratch::new();
    let path = scratch.write("log", "one\ntwo\n", 0);
    let source = || TextFiles::new(&path).unwrap().follow().max_bytes_per_batch(4);
    let first = batch(&mut source(), &source().start(), NOW).unwrap();
    let second = batch(&mut source(), &first.to, NOW).unwrap();
    assert_eq!(lines(&second.blocks), ["two"]);
    assert_eq!(second.blocks[0].line_number(0).unwrap(), 2);
}
