//! Lines at some quantiles.

use streamgauge_sketches::Quantiles;

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
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
        self.panel(QUANTILES, title, stream, move |row, time| lines(&quantiles, &value(row).into(), time))
    }
}

fn lines(quantiles: &[f64], point: &Point<Quantiles>, batch: Time) -> DataPoint {
    DataPoint::quantiles(point.millis(batch), quantiles.iter().map(|&rank| (rank, point.value.at(rank))))
}
