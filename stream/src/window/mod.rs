//! Windows: by the time of the batch, or by the time at which a record happened.
//!
//! Both are cut into *panes*, the greatest common divisor of length and slide. A record enters its pane once. When a
//! pane is closed it is pushed into the sliding window of each key that it has, which is the summary's own
//! ([`Merge::Window`](streamgauge_sketches::Merge::Window)): a window costs the same at any length.

mod event;
mod grid;
mod image;
mod kept;
mod open;
mod panes;
mod processing;
mod records;
mod reduce;
mod runs;
mod slide;
mod store;
mod tickets;

pub use event::Window;

use grid::Grid;

use std::time::Duration;

use crate::dstream::Windows;
use crate::graph::Graph;

/// The longest window.
const LONGEST: Duration = Duration::from_secs(100_000 * 86_400);

/// Checks the lengths of windows; those by batch time must be multiples of the batch interval.
fn check(graph: &Graph, operator: &str, windows: Windows, by_batch: bool) {
    for (what, length) in [("length", windows.length), ("slide", windows.slide)] {
        if length.is_zero() || length.subsec_nanos() % 1_000_000 != 0 || length > LONGEST {
            graph.problem(format!(
                "{operator}: the window's {what} is {length:?}; it must be whole milliseconds, not zero, and at most 100,000 days"
            ));
            continue;
        }
        let Some(interval) = graph.interval().filter(|_| by_batch) else {
            continue;
        };
        let (length, interval) = (length.as_millis(), interval.as_millis().max(1));
        if length % interval != 0 {
            let below = length / interval * interval;
            graph.problem(format!(
                "{operator}: the window's {what} of {length} ms is no multiple of the batch interval of \
                     {interval} ms; write {} ms or {} ms",
                below.max(interval),
                below + interval
            ));
        }
    }
    if by_batch && graph.interval().is_none() {
        graph.problem(format!(
            "{operator}: windows by batch time need a batch interval, and this job runs batches as soon as \
                 possible; set Trigger::Every, or use event_time(..).window(..)"
        ));
    }
}

/// What the state of a windowed operator is, in words: it is restored as nothing else.
fn schema<K>(kind: &str, windows: Windows, what: &str) -> String {
    let Windows { length, slide } = windows;
    let key = std::any::type_name::<K>();
    format!("{kind} of {length:?} every {slide:?} by {key} of {what}")
}
