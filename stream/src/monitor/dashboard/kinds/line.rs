//! Numbers, and lines over time.

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;

const NUMBER: Kind = Kind::over_time("number");
const LINE: Kind = Kind::over_time("line");

impl Dashboard {
    /// A number with its interval, from each row of a stream.
    pub fn number<T: Record, P: Into<Point>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(NUMBER, title, stream, move |row, time| value(row).into().json(time))
    }

    /// A line with its band, from each row of a stream.
    pub fn line<T: Record, P: Into<Point>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(LINE, title, stream, move |row, time| value(row).into().json(time))
    }
}
