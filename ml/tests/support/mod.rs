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
