//! What an adaptive tree keeps in each node.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use crate::drift::Errors;
use crate::tree::nodes::Kept;

/// How many errors both trees are compared by, at least.
const ENOUGH: u64 = 300;
/// The probability that the worse tree is taken for the better one.
const DOUBT: f64 = 0.05;
/// How many rows a split is on trial; then the one of both that was right more often lately remains.
const TRIAL: u64 = 1_000;
/// What remains of a lead after another row.
const FADE: f64 = 0.995;

/// The errors of the tree below a node, and the tree that grows beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    errors: Errors,
    pub(super) rival: Option<Rival>,
}

/// A tree that grows beside a node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rival {
    pub(super) root: u32,
    /// Whether it is the leaf that the node was before it was split.
    pub(super) former: bool,
    /// How many errors it made less than the node, lately.
    pub(super) lead: f64,
}

impl Rival {
    pub(super) fn new(root: u32, former: bool) -> Self {
        // As long as they are alike, what was there is believed.
        Self { root, former, lead: if former { 1.0 } else { -1.0 } }
    }
}

impl Kept for Watch {
    fn heap_bytes(&self) -> usize {
        self.errors.heap_bytes()
    }

    fn beside(&self) -> Option<u32> {
        self.rival.as_ref().map(|rival| rival.root)
    }

    #[inline]
    fn believed(&self) -> Option<u32> {
        self.rival.as_ref().filter(|rival| rival.lead > 0.0).map(|rival| rival.root)
    }

    fn moved(&mut self, beside: u32) {
        if let Some(rival) = &mut self.rival {
            rival.root = beside;
        }
    }

    fn check(&self) -> Result<(), DecodeError> {
        self.errors.check()?;
        let lead = self.rival.as_ref().map_or(0.0, |rival| rival.lead);
        // The sum of a geometric series: one for each row, fading.
        DecodeError::unless(lead.abs() <= 1.0 / (1.0 - FADE) + 1.0, "the lead of a tree", lead)
    }
}

/// Which of two trees remains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Rival,
    Node,
}

impl Watch {
    /// Takes in whether the rival was wrong, and whether the node was.
    #[inline]
    pub(super) fn hold_against(&mut self, wrong: bool, of_rival: bool) {
        if let Some(rival) = &mut self.rival {
            rival.lead = FADE * rival.lead + f64::from(u8::from(wrong)) - f64::from(u8::from(of_rival));
        }
    }

    /// Takes in whether a prediction was wrong. Whether errors have become more, if that was looked at.
    #[inline]
    pub(super) fn note(&mut self, wrong: bool) -> Option<bool> {
        self.errors.note(wrong)
    }

    /// Begins to count errors anew.
    pub(super) fn forget(&mut self) {
        self.errors = Errors::default();
    }

    /// Which of this tree and its rival, which keeps `other`, is the better one, if that is known.
    #[inline]
    pub(super) fn verdict(&self, other: &Self) -> Option<Verdict> {
        if !self.errors.ended_block() {
            return None;
        }
        let rival = self.rival.as_ref()?;
        let (ours, theirs) = (&self.errors, &other.errors);
        if rival.former && ours.width() > TRIAL {
            return Some(if rival.lead > 0.0 { Verdict::Rival } else { Verdict::Node });
        }
        if ours.width() <= ENOUGH || theirs.width() <= ENOUGH {
            return None;
        }
        let (error, of_rival) = (ours.rate(), theirs.rate());
        let inverse = 1.0 / ours.width() as f64 + 1.0 / theirs.width() as f64;
        let bound = (2.0 * error * (1.0 - error) * (2.0 / DOUBT).ln() * inverse).sqrt();
        match error - of_rival {
            gap if gap > bound => Some(Verdict::Rival),
            gap if gap < -bound => Some(Verdict::Node),
            _ => None,
        }
    }
}
