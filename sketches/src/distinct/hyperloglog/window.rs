//! How a sketch slides: the tokens of the window while they are few, two stacks of registers when they are many.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::halves::Halves;
use super::recent::Recent;
use super::registers::most_rank;
use super::token::Tokens;
use super::{HyperLogLog, Store};
use crate::error::{DecodeError, Mismatch};
use crate::estimate::Estimate;
use crate::summary::{Merge, Phase, Sliding, Summary};

/// The sliding window of a [`HyperLogLog`]: reads as its panes merged, to the bit.
///
/// | | |
/// |---|---|
/// | push, expire | O(items of the pane) |
/// | read | O(1): the histogram of the registers is kept up to date |
/// | memory | the panes; with few items 9–20 bytes for each, with many 2 · 2ᵖ bytes and four a register that an old pane raised |
///
/// While the window has few items, a table tells for each in which pane it was seen last. With many it has registers: a
/// state and a log of what each pane overwrote for the older panes, a state for the newer ones. The newer ones become
/// the older ones once in the length of the window, at its phase. In between it has both, so that a window around the
/// limit does not build one from the other all the time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct SlidingHyperLogLog {
    phase: Phase,
    /// None in an empty window.
    held: Option<Held>,
}

#[derive(Clone, Debug)]
struct Held {
    /// What an empty pane is.
    empty: HyperLogLog,
    /// Oldest first. One that had registers has none any more when it has come to the front: they live on there.
    panes: VecDeque<Option<HyperLogLog>>,
    /// The number of the oldest pane, which goes round.
    oldest: u32,
    /// How many of the panes are in the front of the halves.
    front: usize,
    /// None if there are too many.
    recent: Option<Recent>,
    /// None if there are but few tokens. Apart, for most keys of a stream have few.
    halves: Option<Box<Halves>>,
}

impl Held {
    fn new(empty: HyperLogLog) -> Self {
        let panes = VecDeque::new();
        Self { empty, panes, oldest: 0, front: 0, recent: Some(Recent::default()), halves: None }
    }

    /// The most tokens that are noted: twice those of a sparse sketch.
    fn most_noted(&self) -> usize {
        2 * Tokens::most(self.empty.precision)
    }

    /// The tokens, if they are so few that the merged panes are a sparse sketch.
    fn few(&self) -> Option<&Recent> {
        self.recent.as_ref().filter(|recent| recent.len() <= Tokens::most(self.empty.precision))
    }

    fn push(&mut self, pane: HyperLogLog) {
        let (number, most) = (self.oldest.wrapping_add(self.panes.len() as u32), self.most_noted());
        self.recent = self.recent.take().and_then(|recent| noted(recent, &pane, number, most));
        if let Some(halves) = &mut self.halves {
            halves.push(&pane);
        }
        self.panes.push_back(Some(pane));
        self.keep_readable();
    }

    fn expire(&mut self) {
        if self.front == 0 {
            self.flip();
        }
        let pane = self.panes.pop_front().flatten();
        self.front -= 1;
        if let (Some(recent), Some(Store::Sparse(tokens))) = (&mut self.recent, pane.map(|pane| pane.store)) {
            recent.drop_pane(tokens.iter(), self.oldest);
        }
        self.oldest = self.oldest.wrapping_add(1);
        if let Some(halves) = &mut self.halves {
            halves.expire();
        }
        self.keep_readable();
    }

    fn flip(&mut self) {
        self.front = self.panes.len();
        if let Some(halves) = &mut self.halves {
            halves.flip(self.panes.iter().rev().map(Option::as_ref));
            for pane in &mut self.panes {
                pane.take_if(|pane| matches!(pane.store, Store::Dense(_)));
            }
        }
    }

    /// Makes what a reading needs, and drops what it does not.
    fn keep_readable(&mut self) {
        let most = Tokens::most(self.empty.precision);
        if let (None, Some(halves)) = (&self.recent, &self.halves)
            // Each register has at least a token: with more of them the tokens are many.
            && halves.filled() <= most
        {
            self.note_all();
        }
        match &self.recent {
            Some(recent) if recent.len() <= most / 2 => self.halves = None,
            Some(recent) if recent.len() <= most => {}
            _ if self.halves.is_none() => self.halve(),
            _ => {}
        }
    }

    /// Notes the tokens of all panes, unless they are too many.
    fn note_all(&mut self) {
        let (oldest, most) = (self.oldest, self.most_noted());
        let mut panes = self.panes.iter().zip(0..);
        self.recent = panes.try_fold(Recent::default(), |recent, (pane, i)| {
            noted(recent, pane.as_ref()?, oldest.wrapping_add(i), most)
        });
    }

    fn halve(&mut self) {
        let mut halves = Halves::new(self.empty.precision);
        halves.flip(self.panes.range(..self.front).rev().map(Option::as_ref));
        self.panes.range(self.front..).flatten().for_each(|pane| halves.push(pane));
        self.halves = Some(Box::new(halves));
    }

    fn total(&self) -> HyperLogLog {
        let store = match (self.few(), &self.halves) {
            (None, Some(halves)) => Store::Dense(halves.merged()),
            (recent, _) => Store::Sparse(collect(recent, self.empty.precision)),
        };
        HyperLogLog { store, ..self.empty }
    }

    fn read(&self) -> Estimate {
        match (self.few(), &self.halves) {
            (None, Some(halves)) => self.empty.read_registers(halves.histogram()),
            (recent, _) => self.empty.read_tokens(recent.map_or(0, Recent::len) as f64),
        }
    }

    fn bytes(&self) -> usize {
        let panes: usize = self.panes.iter().map(|pane| pane.as_ref().map_or(0, |pane| pane.memory_bytes())).sum();
        panes + self.recent.as_ref().map_or(0, Recent::bytes) + self.halves.as_ref().map_or(0, |halves| halves.bytes())
    }
}

/// Notes the tokens of the newest pane, if it has tokens and they do not become too many.
fn noted(mut recent: Recent, pane: &HyperLogLog, number: u32, most: usize) -> Option<Recent> {
    match &pane.store {
        Store::Sparse(tokens) => recent.note(tokens.iter(), number, most).then_some(recent),
        Store::Dense(_) => None,
    }
}

/// A set of these tokens, which are no more than fit.
fn collect(recent: Option<&Recent>, precision: u8) -> Tokens {
    let mut tokens = Tokens::default();
    for token in recent.into_iter().flat_map(Recent::tokens) {
        // Full it cannot be: they are no more than fit.
        let _ = tokens.insert(token, precision);
    }
    tokens
}

impl Sliding<HyperLogLog> for SlidingHyperLogLog {
    type Ticket = ();

    const SETTLES: bool = true;

    fn new(panes: u32, phase: u64) -> Self {
        Self { phase: Phase::new(panes, phase), held: None }
    }

    fn push(&mut self, summary: HyperLogLog) -> Result<(), Mismatch> {
        match &mut self.held {
            Some(held) => held.empty.compatible(&summary)?,
            None => self.held = Some(Held::new(HyperLogLog { store: Store::default(), ..summary })),
        }
        if let Some(held) = &mut self.held {
            held.push(summary);
        }
        Ok(())
    }

    fn expire(&mut self, (): ()) -> Result<(), Mismatch> {
        if let Some(held) = &mut self.held {
            held.expire();
        }
        self.held.take_if(|held| held.panes.is_empty());
        Ok(())
    }

    #[inline]
    fn settle(&mut self, after: i64, until: i64) -> Result<(), Mismatch> {
        if let Some(held) = self.held.as_mut().filter(|held| held.front == 0)
            && self.phase.comes(after, until)
        {
            held.flip();
        }
        Ok(())
    }

    fn total(&self) -> Result<Option<HyperLogLog>, Mismatch> {
        Ok(self.held.as_ref().map(Held::total))
    }

    fn reading(&self) -> Result<Option<Estimate>, Mismatch> {
        Ok(self.held.as_ref().map(Held::read))
    }

    fn is_empty(&self) -> bool {
        self.held.is_none()
    }

    fn window_bytes(&self) -> usize {
        size_of::<Self>() + self.held.as_ref().map_or(0, Held::bytes)
    }
}

/// A window as it is stored: what cannot be told from the rest.
#[derive(Serialize, Deserialize)]
struct Stored {
    phase: Phase,
    held: Option<StoredPanes>,
}

#[derive(Serialize, Deserialize)]
struct StoredPanes {
    empty: HyperLogLog,
    panes: VecDeque<Option<HyperLogLog>>,
    front: usize,
    /// The registers of the front, the log and the marks.
    halves: Option<(Vec<u8>, Vec<u32>, Vec<u32>)>,
}

impl From<SlidingHyperLogLog> for Stored {
    fn from(window: SlidingHyperLogLog) -> Self {
        let held = window.held.map(|Held { empty, panes, front, halves, .. }| {
            let halves = halves.map(|halves| halves.into_front());
            StoredPanes { empty, panes, front, halves }
        });
        Self { phase: window.phase, held }
    }
}

impl TryFrom<Stored> for SlidingHyperLogLog {
    type Error = DecodeError;

    fn try_from(stored: Stored) -> Result<Self, DecodeError> {
        Ok(Self { phase: stored.phase, held: stored.held.map(Held::try_from).transpose()? })
    }
}

impl TryFrom<StoredPanes> for Held {
    type Error = DecodeError;

    fn try_from(stored: StoredPanes) -> Result<Self, DecodeError> {
        let StoredPanes { empty, panes, front, halves } = stored;
        DecodeError::unless(!panes.is_empty(), "panes", 0)?;
        DecodeError::unless(front <= panes.len(), "panes of the front", front)?;
        let alike = panes.iter().flatten().all(|pane| pane.compatible(&empty).is_ok());
        DecodeError::unless(alike, "panes", "of different parameters")?;
        let without = panes.iter().position(Option::is_none);
        DecodeError::unless(without.is_none() || halves.is_some(), "registers of the panes", "none")?;
        DecodeError::unless(panes.range(front..).all(Option::is_some), "panes of the back", "without content")?;
        let halves = halves
            .map(|(registers, log, marks)| {
                DecodeError::unless(registers.len() == 1 << empty.precision, "registers", registers.len())?;
                let highest = registers.iter().copied().max().unwrap_or(0);
                DecodeError::unless(highest <= most_rank(empty.precision), "register", highest)?;
                let mut halves = Halves::with_front(&registers, log, marks);
                panes.range(front..).flatten().for_each(|pane| halves.push(pane));
                Ok(Box::new(halves))
            })
            .transpose()?;
        let mut held = Self { panes, front, halves, ..Self::new(empty) };
        held.note_all();
        held.keep_readable();
        Ok(held)
    }
}
