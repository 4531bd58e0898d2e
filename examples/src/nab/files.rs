//! Folders of series and of scores.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Failure;
use super::series::Series;

/// All `.csv` files below a folder, by name.
pub(super) fn csv_below(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let wrong = |error| Failure::Read { path: folder.clone(), error };
        for entry in fs::read_dir(&folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        return Err(Failure::NoSeries(root.to_owned()));
    }
    found.sort();
    Ok(found)
}

/// Refuses scores among the series.
pub(super) fn apart(data: &Path, out: &Path) -> Result<(), Failure> {
    // Of a folder that is not there yet, the one that it will be made in.
    let there = out.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let there = there.filter_map(|path| path.canonicalize().ok()).next();
    match (data.canonicalize(), there) {
        (Ok(inner), Some(outer)) if outer.starts_with(&inner) => {
            Err(Failure::Inside { out: out.to_owned(), data: data.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Writes the scores of a series beside their place, then renames them.
pub(super) fn write_scores(out: &Path, series: &Series, scores: &[f64]) -> Result<(), Failure> {
    let (folder, file) = series.name.rsplit_once('/').unwrap_or(("", &series.name));
    let folder = out.join(folder);
    let path = folder.join(format!("streamgauge_{file}"));
    let beside = folder.join(format!(".streamgauge_{file}.partial"));
    let written = fs::create_dir_all(&folder).and_then(|()| write(&beside, series, scores));
    let renamed = written.and_then(|()| fs::rename(&beside, &path));
    renamed.map_err(|error| {
        // What is left of it is of no use to anyone.
        let _ = fs::remove_file(&beside);
        Failure::Write { path, error }
    })
}

fn write(path: &Path, series: &Series, scores: &[f64]) -> io::Result<()> {
    let mut out = io::BufWriter::new(fs::File::create(path)?);
    writeln!(out, "timestamp,value,anomaly_score")?;
    for (line, score) in series.lines.iter().zip(scores) {
        writeln!(out, "{line},{score}")?;
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}
