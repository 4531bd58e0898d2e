//! Where windows and their panes lie in time.

use streamgauge_sketches::audit::WindowsOfPane;

use crate::dstream::Windows;
use crate::time::millis_of;

/// A grid of sliding windows, in milliseconds. The window of end e is `[e − length, e)`; the pane of number i is
/// `[i · pane, (i + 1) · pane)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) pane: i64,
    pub(crate) length: i64,
    slide: i64,
    /// Ends are this much after a multiple of the slide.
    offset: i64,
}

impl Grid {
    /// Windows that *start* at multiples of the slide. Lengths are at least a millisecond: the graph refuses others.
    pub(crate) fn starting(windows: Windows) -> Self {
        let (length, slide) = (millis_of(windows.length).max(1), millis_of(windows.slide).max(1));
        Self { pane: greatest_common_divisor(length, slide), length, slide, offset: length % slide }
    }

    /// Windows that *end* at multiples of the slide.
    pub(crate) fn ending(windows: Windows) -> Self {
        Self { offset: 0, ..Self::starting(windows) }
    }

    pub(crate) fn panes_per_window(&self) -> u32 {
        u32::try_from(self.length / self.pane).unwrap_or(u32::MAX)
    }

    #[inline]
    pub(crate) fn pane_of(&self, time: i64) -> i64 {
        time.div_euclid(self.pane)
    }

    #[inline]
    pub(crate) fn pane_end(&self, pane: i64) -> i64 {
        pane.saturating_add(1).saturating_mul(self.pane)
    }

    /// The first window end that is not before a time.
    pub(crate) fn first_end_from(&self, time: i64) -> i64 {
        let past = time.saturating_sub(self.offset).rem_euclid(self.slide);
        time.saturating_add(if past == 0 { 0 } else { self.slide - past })
    }

    /// The ends of the windows that hold a pane; none if it lies between two windows.
    pub(crate) fn ends_with(&self, pane: i64) -> impl Iterator<Item = i64> + use<> {
        let Self { length, slide, .. } = *self;
        let start = pane.saturating_mul(self.pane);
        let first = self.first_end_from(self.pane_end(pane));
        let ends = std::iter::successors(Some(first), move |end| end.checked_add(slide));
        ends.take_while(move |end| end.saturating_sub(length) <= start)
    }

    /// The end of the last window that holds a pane.
    pub(crate) fn last_end(&self, pane: i64) -> Option<i64> {
        let start = pane.saturating_mul(self.pane);
        let end = start.saturating_sub(start.rem_euclid(self.slide)).saturating_add(self.length);
        (end >= self.pane_end(pane)).then_some(end)
    }

    /// The windows that hold a pane, by number.
    pub(crate) fn windows_of(&self, pane: i64) -> WindowsOfPane {
        let number = |end: i64| end.saturating_sub(self.offset).div_euclid(self.slide);
        let start = pane.saturating_mul(self.pane);
        WindowsOfPane {
            first: number(self.first_end_from(self.pane_end(pane))),
            last: number(start.saturating_add(self.length)),
            length_ms: self.length,
        }
    }

    /// Whether a window ends at this time.
    pub(crate) fn ends_window(&self, time: i64) -> bool {
        time.saturating_sub(self.offset).rem_euclid(self.slide) == 0
    }

    pub(crate) fn next_end(&self, end: i64) -> i64 {
        end.saturating_add(self.slide)
    }

    /// The first pane of the window with this end.
    pub(crate) fn first_pane(&self, end: i64) -> i64 {
        self.pane_of(end.saturating_sub(self.length))
    }
}

fn greatest_common_divisor(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::millis;

    #[test]
    fn a_pane_is_held_by_the_windows_around_it() {
        for (length, slide) in [(5, 1), (6, 4), (4, 6), (3, 3), (10, 4)] {
            let grid = Grid::starting(Windows { length: millis(length), slide: millis(slide) });
            let (length, slide) = (length as i64, slide as i64);
            for pane in -30..30 {
                let (from, to) = (pane * grid.pane, grid.pane_end(pane));
                let starts = (-60..60).map(|n| n * slide);
                let ends: Vec<_> =
                    starts.filter(|start| *start <= from && start + length >= to).map(|s| s + length).collect();
                assert_eq!(grid.ends_with(pane).collect::<Vec<_>>(), ends);
                assert_eq!(grid.last_end(pane), ends.last().copied());
                let windows = grid.windows_of(pane);
                assert_eq!((windows.first..=windows.last).count(), ends.len());
                let number = |end: &i64| (end - length).div_euclid(slide);
                let (first, last) = (ends.first().map(number), ends.last().map(number));
                let shift = length.div_euclid(slide);
                if let (Some(first), Some(last)) = (first, last) {
                    assert_eq!((windows.first - shift, windows.last - shift), (first, last));
                }
            }
        }
    }

    #[test]
    fn windows_of_any_length_and_slide_lie_where_they_should() {
        for (length, slide) in [(5, 1), (6, 4), (4, 6), (3, 3), (10, 4)] {
            let windows = Windows { length: millis(length), slide: millis(slide) };
            let (length, slide) = (length as i64, slide as i64);
            for time in -30..30 {
                let end = Grid::starting(windows).first_end_from(time);
                assert_eq!((end - length).rem_euclid(slide), 0, "starts at a multiple");
                assert!(end >= time && end - slide < time);
                let end = Grid::ending(windows).first_end_from(time);
                assert_eq!(end.rem_euclid(slide), 0, "ends at a multiple");
            }
        }
    }
}
