//! What is counted, and what is told.

use std::io::{self, Write};

use serde::Serialize;
use streamgauge::ml::cluster::Cluster;

/// What the clusters of the batch before say of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The class of the point.
    pub class: usize,
    /// The cluster that it is put into.
    pub cluster: usize,
    /// The square of how far it is from the centre.
    pub square: f64,
}

/// How near points are to their centres, and how well clusters and classes agree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    points: u64,
    squares: f64,
    /// By cluster, then by class.
    counts: Vec<Vec<u64>>,
}

impl Tally {
    /// Counts a point.
    pub fn add(&mut self, score: Score) {
        let Score { class, cluster, square } = score;
        self.points += 1;
        self.squares += square;
        if self.counts.len() <= cluster {
            self.counts.resize(cluster + 1, Vec::new());
        }
        let classes = &mut self.counts[cluster];
        if classes.len() <= class {
            classes.resize(class + 1, 0);
        }
        classes[class] += 1;
    }

    /// Counts the points of another tally.
    pub fn add_all(&mut self, other: &Self) {
        self.points += other.points;
        self.squares += other.squares;
        for (cluster, classes) in other.counts.iter().enumerate() {
            if self.counts.len() <= cluster {
                self.counts.resize(cluster + 1, Vec::new());
            }
            let ours = &mut self.counts[cluster];
            ours.resize(ours.len().max(classes.len()), 0);
            ours.iter_mut().zip(classes).for_each(|(ours, theirs)| *ours += theirs);
        }
    }

    /// How many points were counted.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// The mean squared distance of a point from its centre; none without points.
    pub fn squares_per_point(&self) -> Option<f64> {
        (self.points > 0).then(|| self.squares / self.points as f64)
    }

    /// The share of the points that are of the most frequent class of their cluster; none without points.
    pub fn purity(&self) -> Option<f64> {
        let pure: u64 = self.counts.iter().filter_map(|classes| classes.iter().max()).sum();
        (self.points > 0).then(|| pure as f64 / self.points as f64)
    }
}

/// Writes what is told after some batches: one line, and one for each cluster.
pub(super) fn tell(
    mut out: impl Write,
    batch: u64,
    tally: &Tally,
    is_labelled: bool,
    clusters: &[Cluster],
) -> io::Result<()> {
    write!(out, "batch {batch}: ")?;
    match tally.squares_per_point() {
        Some(squares) => write!(out, "{squares:.4} squared distance per point")?,
        None => write!(out, "no points were scored")?,
    }
    if let Some(purity) = tally.purity().filter(|_| is_labelled) {
        write!(out, ", purity {purity:.4}")?;
    }
    writeln!(out)?;
    for (at, cluster) in clusters.iter().enumerate() {
        let centre: Vec<String> = cluster.centre.iter().map(|x| format!("{x:.2}")).collect();
        let (weight, radius) = (cluster.weight, cluster.radius());
        writeln!(out, "  {at}: weight {weight:.0}, radius {radius:.2}, centre {}", centre.join(" "))?;
    }
    Ok(())
}

/// What is told at the end, as one line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The points that were read.
    pub rows: u64,
    /// In so many batches.
    pub batches: u64,
    /// The points that were scored: those that are no noise, from when there were clusters on.
    pub scored: u64,
    /// The mean squared distance of these from their centres.
    pub squares_per_point: Option<f64>,
    /// The share of these that are of the most frequent class of their cluster; none without labels.
    pub purity: Option<f64>,
    /// Points that could not be learned.
    pub refused: u64,
    /// The bytes of the model.
    pub memory_bytes: usize,
    /// How long the job ran, without reading its input.
    pub seconds: f64,
    /// Points a second.
    pub rows_per_second: f64,
    /// The clusters at the end.
    pub clusters: Vec<Cluster>,
}
