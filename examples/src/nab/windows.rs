//! The labelled windows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Failure;
use super::series::{Series, millis};

/// The first and the last record of each window of each series.
pub(super) fn read(path: &Path, all: &[Series]) -> Result<Vec<Vec<(usize, usize)>>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::Read { path: path.to_owned(), error })?;
    parse(&text, all).map_err(|what| Failure::Windows { path: path.to_owned(), what })
}

pub(super) fn parse(text: &str, all: &[Series]) -> Result<Vec<Vec<(usize, usize)>>, String> {
    let labels: BTreeMap<String, Vec<(String, String)>> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    all.iter().map(|series| of_series(&labels, series)).collect()
}

fn of_series(labels: &BTreeMap<String, Vec<(String, String)>>, series: &Series) -> Result<Vec<(usize, usize)>, String> {
    let name = &series.name;
    // The data may lie some folders deeper than the names of the windows say.
    let known =
        |label: &String| name == label || name.strip_suffix(label.as_str()).is_some_and(|rest| rest.ends_with('/'));
    let Some((_, windows)) = labels.iter().find(|(label, _)| known(label)) else {
        return Err(format!("there is no entry for {name}"));
    };
    let time = |timestamp: &str| millis(timestamp).ok_or_else(|| format!("{timestamp:?} of {name} is no timestamp"));
    let mut records = Vec::with_capacity(windows.len());
    for (first, last) in windows {
        let (from, until) = (time(first)?, time(last)?);
        let left = series.samples.iter().position(|sample| sample.time >= from);
        let right = series.samples.iter().rposition(|sample| sample.time <= until);
        match (left, right) {
            (Some(left), Some(right)) if left <= right => records.push((left, right)),
            _ => return Err(format!("the window from {first} to {last} holds no record of {name}")),
        }
    }
    records.sort_unstable();
    Ok(records)
}
