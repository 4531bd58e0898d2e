//! Tables and plots of an accuracy report.

/// A table of numbers: a row for each case, a column for each implementation or figure.
#[derive(Clone, Debug)]
pub struct Table {
    /// The stem of its file.
    pub name: &'static str,
    /// What it shows, with units and the number of trials.
    pub title: String,
    /// The heads of all columns, that of the cases first.
    pub head: Vec<String>,
    /// The cases.
    pub rows: Vec<(String, Vec<f64>)>,
}

impl Table {
    /// A table without rows.
    pub fn new<S: Into<String>>(name: &'static str, title: S, head: impl IntoIterator<Item = S>) -> Self {
        Self { name, title: title.into(), head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a case. A figure that does not exist is a NaN.
    pub fn row(&mut self, case: impl Into<String>, figures: impl IntoIterator<Item = f64>) {
        self.rows.push((case.into(), figures.into_iter().collect()));
    }
}

/// An axis: its label, and whether it is logarithmic.
pub type Axis = (String, bool);

/// Lines over a common axis.
#[derive(Clone, Debug)]
pub struct Plot {
    /// The stem of its file.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// The axis from left to right.
    pub x: Axis,
    /// The axis from bottom to top.
    pub y: Axis,
    /// The lines: a label and points.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// What a family reports.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Its tables.
    pub tables: Vec<Table>,
    /// Its plots.
    pub plots: Vec<Plot>,
    /// Goals and whether they were reached: printed at the end.
    pub verdicts: Vec<(String, bool)>,
}

/// How much work a report may take: a divisor of the trials, 1 for the full report.
#[derive(Clone, Copy, Debug)]
pub struct Scale(pub usize);

impl Scale {
    /// So many trials, or fewer in a short report; at least ten.
    pub fn trials(self, full: usize) -> usize {
        (full / self.0.max(1)).max(10)
    }
}
