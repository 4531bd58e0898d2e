//! Streams beside a table of reference.

use std::fs;
use std::path::PathBuf;

use streamgauge_stream::{Error, OnBadTable, Queue, ReferenceTable, secs};

use super::oracle::context;

/// A file of its own for a test, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("streamgauge-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn parse(line: &str) -> Result<(u32, String), String> {
    let (key, value) = line.split_once(' ').ok_or("there is no space")?;
    Ok((key.parse().map_err(|e| format!("{key:?}: {e}"))?, value.to_owned()))
}

/// Runs five batches of the row 1; before each a step changes the file.
fn five_batches(
    table: &ReferenceTable<u32, String>,
    step: impl Fn(u64) + Send + Sync + 'static,
) -> Result<Vec<Option<String>>, Error> {
    let ctx = context(1);
    let (queue, source) = Queue::new();
    (0..5).for_each(|i| assert!(queue.push(vec![i])));
    queue.close();
    // The first output runs before the table is looked at.
    let rows = ctx.source(source.one_at_a_time());
    rows.for_each_batch(move |_, batch| {
        step(batch.collect()?[0]);
        Ok::<_, Error>(())
    });
    let joined = rows.map(|_| 1_u32).join_table(table, |key| key).map(|(_, value)| value).collect_to_memory();
    ctx.run()?;
    Ok(joined.rows())
}

#[test]
fn a_table_is_loaded_again_by_batch_time() {
    let file = Scratch::new("refreshed", "1 one\n\n2 two\n1 uno\n");
    let (table, path) = (ReferenceTable::from_file(&file.0, parse), file.0.clone());
    let rows = five_batches(&table.refresh_every(secs(2)), move |i| fs::write(&path, format!("1 {i}\n")).unwrap());
    let expected = ["uno", "uno", "2", "2", "4"].map(|value| Some(value.to_owned()));
    assert_eq!(rows.unwrap(), expected, "the last entry of a key counts");
}

#[test]
fn without_an_interval_it_stays() {
    let file = Scratch::new("stays", "2 two\n");
    let (table, path) = (ReferenceTable::from_file(&file.0, parse), file.0.clone());
    let rows = five_batches(&table, move |i| fs::write(&path, format!("1 {i}\n")).unwrap());
    assert_eq!(rows.unwrap(), [const { None }; 5]);
}

#[test]
fn a_table_that_vanishes_or_breaks_is_kept_and_told() {
    let file = Scratch::new("kept", "1 one\n");
    let (path, table) = (file.0.clone(), ReferenceTable::from_file(&file.0, parse).refresh_every(secs(1)));
    let asked = table.clone();
    let rows = five_batches(&table, move |i| match i {
        1 => fs::remove_file(&path).unwrap(),
        2 => {
            let failure = asked.last_failure().unwrap();
            assert!(failure.contains("kept") && failure.contains("2000 ms"), "{failure}");
            fs::write(&path, "1 eins\nx zwei\n").unwrap();
        }
        3 => {
            let failure = asked.last_failure().unwrap();
            assert!(failure.contains("line 2: \"x\""), "{failure}");
            fs::write(&path, "1 eins\n").unwrap();
        }
        4 => assert_eq!(asked.last_failure(), None),
        _ => {}
    });
    let expected = ["one", "one", "one", "eins", "eins"].map(|value| Some(value.to_owned()));
    assert_eq!(rows.unwrap(), expected, "a table of which a part is malformed is not used at all");
}

#[test]
fn a_strict_table_fails_the_batch() {
    let file = Scratch::new("strict", "1 one\n");
    let (path, table) = (file.0.clone(), ReferenceTable::from_file(&file.0, parse));
    let table = table.refresh_every(secs(1)).on_bad(OnBadTable::Fail);
    let error = five_batches(&table, move |i| {
        if i == 2 {
            fs::write(&path, "nonsense").unwrap();
        }
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("join_table 1") && error.contains("line 1: there is no space"), "{error}");
}

#[test]
fn a_table_that_cannot_be_loaded_is_an_error_at_the_start() {
    let missing = ReferenceTable::from_file("/nowhere/at all", parse);
    let error = five_batches(&missing, |_| ()).unwrap_err();
    assert!(matches!(error, Error::Graph(_)), "{error}");
    let error = error.to_string();
    assert!(error.contains("join_table 1") && error.contains("/nowhere/at all"), "{error}");
    let panics = ReferenceTable::from_fn("services", || -> Result<Vec<(u32, String)>, String> { panic!("no network") });
    let error = five_batches(&panics, |_| ()).unwrap_err().to_string();
    assert!(error.contains("services: panicked: no network"), "{error}");
}

#[cfg(feature = "csv")]
#[test]
fn a_table_of_a_csv_file() {
    let file = Scratch::new("csv", "name,id\n\"a, b\",1\nc,2\n");
    #[derive(serde::Deserialize)]
    struct Row {
        id: u32,
        name: String,
    }
    let table = ReferenceTable::from_csv(&file.0, |row: Row| (row.id, row.name));
    assert_eq!(five_batches(&table, |_| ()).unwrap(), [const { Some("a, b") }; 5].map(|v| v.map(str::to_owned)));
    fs::write(&file.0, "name,id\na,x\n").unwrap();
    let error = five_batches(&table, |_| ()).unwrap_err().to_string();
    assert!(error.contains("csv") && error.contains("line: 2"), "{error}");
}
