//! Numbers, and lines over time.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use streamgauge_sketches::Estimate;

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::text::cut;
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;

const NUMBER: Kind = Kind::over_time("number");
const LINE: Kind = Kind::over_time("line");

/// That a panel is a chart of several lines: see [`Dashboard::chart`].
#[derive(Clone, Copy, Debug)]
pub struct Lines;

impl Dashboard {
    /// A number with its interval, from each row of a stream.
    pub fn number<T: Record, P: Into<Point>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(NUMBER, title, stream, move |row, time| value(row).into().datapoint(time))
    }

    /// A line with its band, from each row of a stream.
    pub fn line<T: Record, P: Into<Point>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(LINE, title, stream, move |row, time| value(row).into().datapoint(time))
    }

    /// A chart of several lines with their bands, each of a stream of its own. What lies at the same time in them is one
    /// point of the chart.
    ///
    /// ```no_run
    /// # use streamgauge_stream::{DStream, StreamingContext};
    /// # fn described(ctx: &StreamingContext, served: &DStream<u64>, failed: &DStream<u64>) {
    /// ctx.dashboard().chart("Requests").line("served", served, |n| *n).line("failed", failed, |n| *n).unit("a second");
    /// # }
    /// ```
    pub fn chart(&self, title: &str) -> Panel<Lines> {
        Panel::new(self, self.board.add(LINE, title))
    }

    /// A chart with a line for each key of a keyed stream. The first eight keys that come have one; how many others there
    /// were is said, and which are highest is shown by [`top`](Self::top).
    ///
    /// ```no_run
    /// # use streamgauge_stream::{DStream, StreamingContext};
    /// # fn described(ctx: &StreamingContext, by_host: &DStream<(String, f64)>) {
    /// ctx.dashboard().lines("CPU by host", by_host, |(_, load)| *load).unit("%");
    /// # }
    /// ```
    pub fn lines<K: Record + Display, R: Record, P: Into<Point>>(
        &self,
        title: &str,
        stream: &DStream<(K, R)>,
        value: impl Fn(&(K, R)) -> P + Send + 'static,
    ) -> Panel {
        self.panel_of_batches(LINE, title, stream, move |rows, time| {
            let mut points: BTreeMap<i64, BTreeMap<String, Estimate>> = BTreeMap::new();
            for row in rows {
                let point = value(row).into();
                // Of the keys of one batch those come first that sort first: which have a line does not depend on threads.
                let at = points.entry(point.millis(time)).or_default();
                at.insert(cut(&row.0), point.value);
            }
            let series = |lines: BTreeMap<String, Estimate>| lines.into_iter().map(|(name, e)| (name.into(), e));
            points.into_iter().map(|(t, lines)| DataPoint::series(t, series(lines))).collect()
        })
    }
}

impl Panel<Lines> {
    /// A line from each row of a stream. A chart has eight at most, of different names.
    pub fn line<T: Record, P: Into<Point>>(
        self,
        name: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Self {
        let (dashboard, name) = (self.dashboard(), cut(name));
        if !dashboard.board.add_series(self.id(), &name) {
            self.problem(&format!(
                "the line {name:?} is there already, or one too many; give each its own name, and a chart eight at most"
            ));
            return self;
        }
        let name: Arc<str> = name.into();
        let title = dashboard.board.set(self.id(), |settings| settings.title.clone());
        dashboard.feed(self.id(), &format!("{title}: {name}"), stream, move |rows, time| {
            let points = rows.iter().map(|row| value(row).into());
            let point = |p: Point| DataPoint::series(p.millis(time), std::iter::once((name.clone(), p.value)));
            points.map(point).collect()
        });
        self
    }
}
