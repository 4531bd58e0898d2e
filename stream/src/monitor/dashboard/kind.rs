//! The kinds of panels.

/// How a panel is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Line,
    Top,
    Quantiles,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Line => "line",
            Self::Top => "top",
            Self::Quantiles => "quantiles",
        }
    }

    /// How many points are kept: of a ranking only the last is drawn.
    pub(super) fn history(self) -> usize {
        match self {
            Self::Top => 1,
            Self::Number | Self::Line | Self::Quantiles => 1_000,
        }
    }
}
