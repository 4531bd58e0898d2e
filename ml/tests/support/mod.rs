//! The data of tests.

use std::env;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use flate2::read::GzDecoder;
use streamgauge_ml::Dataset;

/// A file of real data; says that the test is skipped where there is none.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let Some(folder) = env::var_os("STREAMGAUGE_DATA") else {
        eprintln!("skipped: STREAMGAUGE_DATA does not name the folder of the data");
        return None;
    };
    Some(PathBuf::from(folder).join(name))
}

/// A file of real data in the format OMLB.
#[allow(dead_code)]
pub(crate) fn omlb(name: &str) -> Option<Dataset> {
    let file = File::open(data(name)?).expect("the data is there");
    Some(Dataset::read_omlb(GzDecoder::new(BufReader::new(file))).expect("the data can be read"))
}

/// The small form of a labelled stream; says that the test is skipped where there is none.
#[allow(dead_code)]
pub(crate) fn stream(name: &str) -> Option<Dataset> {
    let Some(folder) = env::var_os("STREAMGAUGE_STREAMS") else {
        eprintln!("skipped: STREAMGAUGE_STREAMS does not name the folder of the streams");
        return None;
    };
    let file = File::open(PathBuf::from(folder).join(format!("{name}.small.bin"))).expect("the stream is there");
    Some(Dataset::read_omlb(BufReader::new(file)).expect("the stream can be read"))
}

/// The prices of electricity: six numbers, two classes.
#[allow(dead_code)]
pub(crate) fn elec() -> Option<Dataset> {
    let text = std::fs::read_to_string(data("elec.csv")?).expect("the data can be read");
    let mut rows = Dataset::new(streamgauge_ml::Schema::numeric(6, 2).expect("two classes"));
    for line in text.lines().skip(1) {
        let values: Vec<f64> = line.split(',').map(|value| value.parse().expect("a number")).collect();
        rows.push(&values[..6], values[6] as usize);
    }
    Some(rows)
}
