//! Labelled rows from files: CSV, and the binary format OMLB; either may be compressed with gzip.

mod csv;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use streamgauge::ml::{Dataset, DatasetError};
use thiserror::Error;

/// Why rows cannot be read: names the file, and the line if it is one line's fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The file cannot be read.
    #[error("{}: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        why: io::Error,
    },
    /// The name of the file does not tell its format.
    #[error("{}: its name ends in none of .csv, .bin, .csv.gz and .bin.gz", .0.display())]
    Format(PathBuf),
    /// The bytes are not OMLB.
    #[error("{}: {why}", path.display())]
    Omlb {
        /// The file.
        path: PathBuf,
        /// What cannot be.
        why: DatasetError,
    },
    /// A line of a CSV file is wrong.
    #[error("{}:{line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A CSV file as a whole is wrong.
    #[error("{}: {why}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads all rows of a file: `.csv`, or OMLB as `.bin`, either with `.gz` behind it.
///
/// In a CSV file the last column is the class. All is decided from the whole file:
///
/// * A cell is *missing* if it is empty, `?`, `NA` or `NaN`. White space around cells counts for nothing.
/// * A column is *nominal* if most of its cells that are not missing are no numbers, else *numeric*. A word in a numeric
///   column is an error that names its line. Categories are numbered as they first occur.
/// * Classes are numbered in the order of their numbers if all are numbers, else of their names. A row without a class is
///   an error, and so is a file of fewer than two classes.
/// * The first line is a *header* if it has a word over a column of which all other cells are numbers; where no column is
///   like that, if none of its cells occurs again below it.
///
/// # Errors
/// [`Unreadable`], naming the file and the line.
///
/// ```no_run
/// let rows = streamgauge_examples::labelled::read("elec.csv".as_ref())?;
/// assert_eq!((rows.len(), rows.schema().attributes().len(), rows.schema().classes()), (45_312, 6, 2));
/// # Ok::<(), streamgauge_examples::labelled::Unreadable>(())
/// ```
pub fn read(path: &Path) -> Result<Dataset, Unreadable> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let io = |why| Unreadable::Io { path: path.to_owned(), why };
    let open = || File::open(path).map(|file| BufReader::with_capacity(1 << 18, file)).map_err(io);
    let bytes = |mut from: Box<dyn Read>| {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map_err(io)?;
        Ok(bytes)
    };
    let omlb = |why| Unreadable::Omlb { path: path.to_owned(), why };
    let (stem, gzip) = name.strip_suffix(".gz").map_or((name.as_str(), false), |stem| (stem, true));
    match (stem.rsplit_once('.').map(|(_, kind)| kind), gzip) {
        (Some("bin"), false) => Dataset::read_omlb(open()?).map_err(omlb),
        (Some("bin"), true) => Dataset::read_omlb(BufReader::new(MultiGzDecoder::new(open()?))).map_err(omlb),
        (Some("csv"), false) => csv::parse(&bytes(Box::new(open()?))?, path),
        (Some("csv"), true) => csv::parse(&bytes(Box::new(MultiGzDecoder::new(open()?)))?, path),
        _ => Err(Unreadable::Format(path.to_owned())),
    }
}
