//! The kinds of panels: each file says how a row becomes a point, and what is kept.

mod accuracy;
mod anomalies;
mod audit;
mod clusters;
mod confusion;
mod distribution;
mod heat;
mod line;
mod quantiles;
mod samples;
mod table;
mod top;

pub use accuracy::Accuracy;
pub use anomalies::Scored;
pub use clusters::{Axes, Clusters};
pub use line::Lines;
pub use samples::Records;
pub use table::Cell;
pub use top::Ranking;

/// A kind of panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// By which the page knows how to draw it.
    pub(super) name: &'static str,
    /// How many points are kept.
    pub(super) history: usize,
}

impl Kind {
    /// Drawn over time.
    const fn over_time(name: &'static str) -> Self {
        Self { name, history: 1_000 }
    }

    /// Only the latest point is drawn.
    const fn latest(name: &'static str) -> Self {
        Self { name, history: 1 }
    }
}
