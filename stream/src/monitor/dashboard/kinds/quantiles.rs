//! Lines at some quantiles.

use streamgauge_sketches::Quantiles;

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datum::{Datum, fields};
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;
use crate::time::Time;

const QUANTILES: Kind = Kind::over_time("quantiles");

impl Dashboard {
    /// Lines at some quantiles, from each row of a stream.
    pub fn quantiles<T: Record, P: Into<Point<Quantiles>>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        quantiles: &[f64],
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        let quantiles = quantiles.to_vec();
        self.panel(QUANTILES, title, stream, move |row, time| quantile_points(&quantiles, value(row).into(), time))
    }
}

fn quantile_points(quantiles: &[f64], point: Point<Quantiles>, batch: Time) -> Datum {
    let at = quantiles.iter().map(|&q| fields! { "q": q, "e": point.value.at(q) });
    fields! { "t": point.millis(batch), "quantiles": at.collect::<Vec<_>>() }
}
