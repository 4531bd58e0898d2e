//! A sliding window of two stacks, as it stands in every textbook.

use streamgauge::sketches::Merge;

/// New panes go to the back with a running total; old ones leave from the front, where each stands for itself and all
/// newer ones of the front. When the front is used up, the back becomes the new one.
pub(super) struct TwoStacks<S> {
    /// Oldest last.
    front: Vec<(usize, S)>,
    /// Oldest first, each for itself.
    back: Vec<(usize, S)>,
    total: Option<S>,
}

impl<S> Default for TwoStacks<S> {
    fn default() -> Self {
        Self { front: Vec::new(), back: Vec::new(), total: None }
    }
}

impl<S: Merge> TwoStacks<S> {
    /// Adds a pane; `add` adds what is in it to the running total.
    pub(super) fn push(&mut self, pane: usize, summary: S, add: impl FnOnce(&mut S, &S)) {
        match &mut self.total {
            Some(total) => add(total, &summary),
            None => self.total = Some(summary.clone()),
        }
        self.back.push((pane, summary));
    }

    /// Drops the panes before this one.
    pub(super) fn evict(&mut self, before: usize) {
        while self.front.last().is_some_and(|(pane, _)| *pane < before) {
            self.front.pop();
        }
        if self.front.is_empty() && self.back.first().is_some_and(|(pane, _)| *pane < before) {
            self.back.retain(|(pane, _)| *pane >= before);
            self.flip();
        }
    }

    fn flip(&mut self) {
        self.total = None;
        while let Some((pane, summary)) = self.back.pop() {
            // The many panes take in the one: that is far less work than the other way round.
            let total = match self.front.last() {
                Some((_, newer)) => {
                    let mut total = newer.clone();
                    merge(&mut total, &summary);
                    total
                }
                None => summary,
            };
            self.front.push((pane, total));
        }
    }

    /// What the panes of the front are together, and those of the back.
    pub(super) fn halves(&self) -> (Option<&S>, Option<&S>) {
        (self.front.last().map(|(_, summary)| summary), self.total.as_ref())
    }
}

pub(super) fn merge<S: Merge>(ours: &mut S, theirs: &S) {
    ours.merge(theirs).expect("all summaries of a workload begin as the same");
}
