//! Which node on the way to a leaf is listened to.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use super::leaf::fade;
use super::nodes::Kept;
use super::test::adds_up;

/// How often a node was right lately, and what was predicted above it. A young leaf lets its elders speak, who have seen
/// more rows, until it knows better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Elder {
    own: f64,
    above: f64,
}

impl Elder {
    /// Whether to listen to the node itself.
    #[inline]
    pub(crate) fn own_voice(self) -> bool {
        self.own >= self.above
    }

    /// Counts who was right.
    #[inline]
    pub(crate) fn count(&mut self, own: bool, above: bool, weight: f64) {
        let (fade, right) = (fade(weight), |right: bool| if right { weight } else { 0.0 });
        self.own = fade * self.own + right(own);
        self.above = fade * self.above + right(above);
    }
}

impl Kept for Elder {
    fn check(&self) -> Result<(), DecodeError> {
        let wrong = [self.own, self.above].into_iter().find(|count| !adds_up(*count));
        DecodeError::unless(wrong.is_none(), "how often a node was right", wrong.unwrap_or_default())
    }
}
