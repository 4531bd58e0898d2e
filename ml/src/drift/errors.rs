//! How often a model is wrong, and whether it is more often than before.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;

use super::window::{Bucket, Window};

/// How many predictions are counted before the window is touched: as often as it is searched for a cut.
const BLOCK: u64 = 32;
/// The probability that a search finds a change where there is none.
const DELTA: f64 = 0.002;

/// The share of wrong predictions, as an [`Adwin`](super::Adwin) that takes in 32 of them at a time: a prediction costs an
/// addition. The price is that a cut lies between blocks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Errors {
    /// Of the block that is counted.
    seen: u8,
    wrong: u8,
    window: Window<BLOCK>,
}

impl Errors {
    /// Takes in whether a prediction was wrong. Whether errors have become more, if that was looked at.
    #[inline]
    pub(crate) fn note(&mut self, wrong: bool) -> Option<bool> {
        self.seen += 1;
        self.wrong += u8::from(wrong);
        (u64::from(self.seen) == BLOCK).then(|| self.take_block())
    }

    #[inline(never)]
    fn take_block(&mut self) -> bool {
        let before = self.window.estimate();
        let (sum, items) = (f64::from(self.wrong), BLOCK as f64);
        self.window.insert(Bucket { sum, squares: sum * (1.0 - sum / items) });
        (self.seen, self.wrong) = (0, 0);
        self.window.cut(DELTA) && self.window.estimate() > before
    }

    /// Whether the last prediction ended a block.
    #[inline]
    pub(crate) fn ended_block(&self) -> bool {
        self.seen == 0
    }

    /// The share of wrong predictions in the window.
    pub(crate) fn rate(&self) -> f64 {
        self.window.estimate()
    }

    /// The predictions in the window.
    pub(crate) fn width(&self) -> u64 {
        self.window.width()
    }

    /// The bytes on the heap.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.window.heap_bytes()
    }

    pub(crate) fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless(u64::from(self.seen) < BLOCK && self.wrong <= self.seen, "errors of a block", self.wrong)?;
        self.window.check()
    }
}
