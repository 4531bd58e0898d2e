//! Tables: the rows of the latest batch.

use std::fmt::Display;

use compact_str::CompactString;
use streamgauge_sketches::Estimate;

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::datum::{Datum, fields};
use crate::monitor::dashboard::text::cut;
use crate::monitor::dashboard::{Dashboard, Panel};
use crate::source::Record;
use crate::time::Time;

const TABLE: Kind = Kind::latest("table");

/// Rows that are sent; how many there were is told.
const SHOWN: usize = 100;

/// A cell of a [table](Dashboard::table): text, a number or an estimate with its interval, or nothing.
///
/// Made with `into()` from texts, numbers, [`Estimate`]s and options of these; with [`Cell::text`] from all else.
#[derive(Clone, Debug)]
pub struct Cell(Content);

#[derive(Clone, Debug)]
enum Content {
    Text(String),
    Number(Estimate),
    Nothing,
}

impl Cell {
    /// What is displayed, cut to 200 characters.
    pub fn text(text: impl Display) -> Self {
        Self(Content::Text(cut(&text)))
    }
}

impl From<Cell> for Datum {
    fn from(cell: Cell) -> Self {
        match cell.0 {
            Content::Text(text) => text.into(),
            Content::Number(number) => number.into(),
            Content::Nothing => Self::Nothing,
        }
    }
}

macro_rules! texts {
    ($($text:ty),*) => { $(
        impl From<$text> for Cell {
            fn from(text: $text) -> Self {
                Self::text(text)
            }
        }
    )* };
}

texts!(&str, String, &String, CompactString, &CompactString, bool, char);

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl From<$number> for Cell {
            fn from(number: $number) -> Self {
                Self(Content::Number(number.into()))
            }
        }

        impl From<&$number> for Cell {
            fn from(number: &$number) -> Self {
                (*number).into()
            }
        }
    )* };
}

numbers!(Estimate, f64, u32, u64, usize);

macro_rules! signed {
    ($($number:ty),*) => { $(
        impl From<$number> for Cell {
            fn from(number: $number) -> Self {
                (number as f64).into()
            }
        }

        impl From<&$number> for Cell {
            fn from(number: &$number) -> Self {
                (*number).into()
            }
        }
    )* };
}

signed!(i32, i64);

impl<C: Into<Cell>> From<Option<C>> for Cell {
    fn from(cell: Option<C>) -> Self {
        cell.map_or(Self(Content::Nothing), Into::into)
    }
}

impl Dashboard {
    /// The rows of the latest batch that has any, in named columns.
    ///
    /// The first 100 rows are shown, in the order of the stream (the page can sort them), and it is told how many there
    /// were. A text is cut to 200 characters. All rows of a batch are read, so give it summaries, not raw records.
    ///
    /// ```no_run
    /// use streamgauge_stream::{StreamingContext, mins, secs};
    ///
    /// let ctx = StreamingContext::builder("hosts").build();
    /// let requests = ctx.stdin().flat_map(|line| Some((line.split(' ').next()?.to_owned(), line.len() as f64)));
    /// let hosts = requests
    ///     .key_by(|r| r.0.as_str())
    ///     .window(mins(5), secs(1))
    ///     .summarize(|on| (on.count(), on.quantiles(|r| r.1)));
    /// ctx.dashboard().table("Hosts", &hosts, ["host", "requests", "p99 of length"], |(host, (requests, lengths))| {
    ///     [host.into(), requests.into(), lengths.at(0.99).into()]
    /// });
    /// # ctx.run()?;
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn table<T: Record, const N: usize>(
        &self,
        title: &str,
        stream: &DStream<T>,
        columns: [&str; N],
        row: impl Fn(&T) -> [Cell; N] + Send + 'static,
    ) -> Panel {
        let columns = columns.map(cut);
        self.panel_of_batches(TABLE, title, stream, move |rows, time| {
            let table = (!rows.is_empty()).then(|| table(&columns, rows, &row, time));
            table.into_iter().collect()
        })
    }
}

fn table<T, const N: usize>(columns: &[String; N], rows: &[T], row: impl Fn(&T) -> [Cell; N], time: Time) -> DataPoint {
    let shown = rows.iter().take(SHOWN).map(|it| Datum::from(row(it)));
    let columns: Datum = columns.iter().collect();
    let fields = fields! { "columns": columns, "rows": shown.collect::<Datum>(), "total": rows.len() };
    DataPoint::fields(time.millis(), fields)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn one<const N: usize>(cells: [Cell; N]) -> Value {
        let columns = [const { String::new() }; N];
        table(&columns, &[()], move |()| cells.clone(), Time::from_millis(5)).json()["rows"][0].clone()
    }

    #[test]
    fn cells_are_texts_numbers_and_estimates() {
        let key = CompactString::from("key");
        let cells = one([
            "<b>".into(),
            (&key).into(),
            7_u64.into(),
            (&-2_i64).into(),
            None::<f64>.into(),
            Some(0.5).into(),
            Cell::text(1.25_f32),
        ]);
        assert_eq!(cells[0], "<b>");
        assert_eq!(cells[1], "key");
        assert_eq!((&cells[2]["value"], &cells[2]["contract"]), (&json!(7.0), &json!("exact")));
        assert_eq!(cells[3]["value"], -2.0);
        assert_eq!(cells[4], Value::Null);
        assert_eq!((&cells[5]["lower"], &cells[5]["upper"]), (&json!(0.5), &json!(0.5)));
        assert_eq!(cells[6], "1.25");
    }

    #[test]
    fn what_json_cannot_say_is_null_and_long_texts_are_cut() {
        let cells = one([f64::NAN.into(), f64::INFINITY.into(), "x".repeat(1 << 20).into()]);
        assert_eq!((&cells[0]["value"], &cells[1]["value"]), (&Value::Null, &Value::Null));
        assert_eq!(cells[2].as_str().map(|text| text.chars().count()), Some(201));
    }

    #[test]
    fn the_first_rows_are_shown_in_their_order_and_all_are_counted() {
        let rows: Vec<u64> = (0..250).rev().collect();
        let point = table(&["n".to_owned()], &rows, |n| [n.into()], Time::from_millis(5)).json();
        assert_eq!((&point["t"], &point["columns"], &point["total"]), (&json!(5), &json!(["n"]), &json!(250)));
        let values: Vec<_> =
            point["rows"].as_array().into_iter().flatten().map(|row| row[0]["value"].as_f64()).collect();
        let expected: Vec<_> = (150..250).rev().map(|n| Some(f64::from(n))).collect();
        assert_eq!(values, expected);
    }
}
