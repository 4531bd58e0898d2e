//! The first rows of every batch.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use streamgauge_stream::sink::Print;

/// A writer whose text can be looked at.
#[derive(Clone, Default)]
pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is printed of a batch of these partitions.
fn printed(rows: usize, partitions: Vec<Vec<u32>>) -> String {
    let paper = Paper::default();
    super::partitions(partitions, |numbers| numbers.write_to(Print::to(rows, "paper", paper.clone()))).unwrap();
    let rule = "-".repeat(43);
    let text = paper.text();
    text.strip_prefix(&format!("{rule}\nTime: 1000 ms\n{rule}\n")).unwrap().to_owned()
}

#[test]
fn the_first_rows_of_all_partitions_in_order() {
    assert_eq!(printed(3, vec![vec![1], vec![], vec![2, 3]]), "1\n2\n3\n\n");
    assert_eq!(printed(3, vec![vec![1], vec![2], vec![3, 4]]), "1\n2\n3\n...\n\n");
    assert_eq!(printed(3, vec![vec![1, 2, 3], vec![4]]), "1\n2\n3\n...\n\n");
    assert_eq!(printed(3, vec![vec![1, 2, 3], vec![]]), "1\n2\n3\n\n");
    assert_eq!(printed(3, vec![]), "\n");
    assert_eq!(printed(0, vec![vec![1]]), "...\n\n");
}

#[test]
fn of_long_partitions_only_the_first_rows() {
    let numbers: Vec<u32> = (0..5_000).collect();
    assert_eq!(printed(2, vec![numbers.clone(), numbers]), "0\n1\n...\n\n");
}

/// A pipe whose reader is gone.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_broken_pipe_ends_the_job() {
    let error = super::batches(vec![vec![1]], |numbers| numbers.write_to(Print::to(10, "paper", Broken)));
    assert_eq!(error.unwrap_err().to_string(), "write_to 1 of batch 1000 ms: paper: broken pipe");
}
