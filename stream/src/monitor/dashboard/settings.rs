//! What is said of a panel beside its data.

use serde::Serialize;

use super::text::cut;

/// The settings of a panel, as the page reads them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Settings {
    pub(super) title: String,
    pub(super) unit: String,
    /// The page it is on; empty: the first.
    pub(super) page: String,
    /// The group on that page; empty: none.
    pub(super) group: String,
    pub(super) thresholds: Vec<Threshold>,
}

/// A level that is drawn as a line, with its label.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Threshold {
    value: f64,
    label: String,
}

impl Settings {
    pub(super) fn new(title: &str) -> Self {
        Self {
            title: cut(title),
            unit: String::new(),
            page: String::new(),
            group: String::new(),
            thresholds: Vec::new(),
        }
    }
}

impl Threshold {
    pub(super) fn new(value: f64, label: &str) -> Self {
        Self { value, label: cut(label) }
    }
}
