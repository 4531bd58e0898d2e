//! Sampled records, and what they stand for.

use std::fmt::Display;

use streamgauge_sketches::sample::{Item, Sample, StratifiedSample, WeightedSample};

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::datum::{Datum, fields};
use crate::monitor::dashboard::text::cut;
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;
use crate::time::Time;

const SAMPLES: Kind = Kind::latest("samples");

/// Records that are sent of a sample; its size is told.
const SHOWN: usize = 100;

/// Records to look at, as text, and what they stand for.
///
/// Made from a [`Sample`], a [`WeightedSample`] or a [`StratifiedSample`] of anything that can be displayed, and from a
/// `Vec`. Where the items need words of their own, collect those:
///
/// ```
/// use streamgauge_sketches::{Absorb, Reservoir, Summary};
/// use streamgauge_stream::monitor::dashboard::Records;
/// let mut requests = Reservoir::new(20)?;
/// (0..48_211_u64).for_each(|n| requests.absorb(&(n, 200_u16)));
/// let sample = requests.read();
/// let texts = sample.items().iter().map(|(n, status)| format!("request {n}: {status}"));
/// let records = texts.collect::<Records>().out_of(sample.population());
/// assert_eq!(records.contract(), "20 of 48,211");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Records {
    shown: Vec<Shown>,
    sampled: usize,
    population: Option<u64>,
    /// How they were drawn, where that is known.
    drawn: Option<String>,
}

/// A record that is shown.
#[derive(Clone, Debug)]
struct Shown {
    text: String,
    weight: Option<f64>,
    stratum: Option<String>,
}

impl Shown {
    fn of(text: &impl Display) -> Self {
        Self { text: cut(text), weight: None, stratum: None }
    }
}

impl Records {
    /// How many records they are a sample of.
    pub fn out_of(mut self, population: u64) -> Self {
        self.population = Some(population);
        self
    }

    /// What they are, for people: `20 of 48,211, uniform`.
    pub fn contract(&self) -> String {
        let (shown, sampled) = (self.shown.len(), grouped(self.sampled as u64));
        let of = match self.population {
            Some(population) if population > self.sampled as u64 => format!("{sampled} of {}", grouped(population)),
            Some(_) => format!("all {sampled}"),
            None => format!("{sampled} records"),
        };
        let drawn = match &self.drawn {
            Some(drawn) if self.population.is_some_and(|all| all > self.sampled as u64) => format!(", {drawn}"),
            _ => String::new(),
        };
        let first = if shown < self.sampled { format!("; {shown} are shown") } else { String::new() };
        format!("{of}{drawn}{first}")
    }

    fn point(&self, at: i64) -> DataPoint {
        let rows = self.shown.iter().map(|record| {
            let mut row = fields! { "text": &record.text };
            if let Some(weight) = record.weight {
                row.set("weight", weight);
            }
            if let Some(stratum) = &record.stratum {
                row.set("stratum", stratum);
            }
            row
        });
        DataPoint::fields(at, fields! { "contract": self.contract(), "rows": rows.collect::<Datum>() })
    }
}

/// 48,211 for 48211.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

impl<T: Display> FromIterator<T> for Records {
    fn from_iter<I: IntoIterator<Item = T>>(records: I) -> Self {
        let mut all = Self::default();
        for record in records {
            if all.shown.len() < SHOWN {
                all.shown.push(Shown::of(&record));
            }
            all.sampled += 1;
        }
        all
    }
}

impl<T: Display> From<Vec<T>> for Records {
    fn from(records: Vec<T>) -> Self {
        records.into_iter().collect()
    }
}

impl<T: Display> From<Sample<T>> for Records {
    fn from(sample: Sample<T>) -> Self {
        let records: Self = sample.items().iter().collect();
        Self { drawn: Some("uniform".to_owned()), ..records.out_of(sample.population()) }
    }
}

impl<T: Display> From<WeightedSample<T>> for Records {
    fn from(sample: WeightedSample<T>) -> Self {
        let items = sample.items();
        let shown = items.iter().take(SHOWN).map(|(item, weight)| Shown { weight: Some(*weight), ..Shown::of(item) });
        Self {
            shown: shown.collect(),
            sampled: items.len(),
            population: Some(sample.population()),
            drawn: Some("by weight".to_owned()),
        }
    }
}

impl<K: Display, T: Display + Item> From<StratifiedSample<K, T>> for Records {
    fn from(sample: StratifiedSample<K, T>) -> Self {
        let strata = sample.strata();
        // A few of each, rather than all of the first.
        let each = (SHOWN / strata.len().max(1)).max(1);
        let shown = strata.iter().flat_map(|(stratum, of_it)| {
            let items = of_it.items().iter().take(each);
            items.map(move |item| Shown { stratum: Some(cut(stratum)), ..Shown::of(item) })
        });
        Self {
            shown: shown.take(SHOWN).collect(),
            sampled: sample.items().count(),
            population: Some(sample.population()),
            drawn: Some(format!("uniform within {} strata", grouped(strata.len() as u64))),
        }
    }
}

impl<R: Into<Records>> From<R> for Point<Records> {
    fn from(records: R) -> Self {
        Self::of(records.into())
    }
}

impl<T: Display> From<Point<Sample<T>>> for Point<Records> {
    fn from(point: Point<Sample<T>>) -> Self {
        point.map(Into::into)
    }
}

impl<T: Display> From<Point<Vec<T>>> for Point<Records> {
    fn from(point: Point<Vec<T>>) -> Self {
        point.map(Into::into)
    }
}

impl Dashboard {
    /// Sampled records as text, with what they stand for, from each row of a stream; the latest is shown.
    ///
    /// At most 100 records are shown, each cut to 200 characters. Whoever sees the page sees them: leave out what is
    /// personal.
    ///
    /// ```no_run
    /// use streamgauge_sketches::Reservoir;
    /// use streamgauge_stream::{StreamingContext, mins, secs};
    ///
    /// let ctx = StreamingContext::builder("lines").build();
    /// let empty = Reservoir::new(20)?;
    /// let lines = ctx.stdin().map(str::to_owned);
    /// let windows = lines.window(mins(5), secs(1)).summarize(move |on| on.of(empty));
    /// ctx.dashboard().samples("Lines", &windows, Clone::clone);
    /// # ctx.run()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn samples<T: Record, P: Into<Point<Records>>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        records: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(SAMPLES, title, stream, move |row, time| point(records(row).into(), time))
    }
}

fn point(records: Point<Records>, batch: Time) -> DataPoint {
    records.value.point(records.millis(batch))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use streamgauge_sketches::{Absorb, Reservoir, Stratified, Summary, WeightedReservoir};

    use serde_json::{Value, json};

    use super::*;

    fn shown(records: impl Into<Point<Records>>) -> Value {
        point(records.into(), Time::from_millis(9)).json()
    }

    #[test]
    fn a_uniform_sample_says_what_it_is_of() {
        let mut lines = Reservoir::new(20).unwrap();
        (0..48_211).for_each(|n: u64| lines.absorb(&n));
        let point = shown(lines.read());
        assert_eq!((&point["t"], &point["contract"]), (&json!(9), &json!("20 of 48,211, uniform")));
        assert_eq!(point["rows"].as_array().unwrap().len(), 20);
        assert!(point["rows"][0]["text"].as_str().unwrap().parse::<u64>().unwrap() < 48_211);

        let mut few = Reservoir::new(20).unwrap();
        (0..3).for_each(|n: u64| few.absorb(&n));
        assert_eq!(shown(few.read())["contract"], "all 3");
        assert_eq!(shown(Reservoir::<u64>::new(20).unwrap().read())["contract"], "all 0");
    }

    #[test]
    fn a_large_sample_is_shown_in_part() {
        let mut lines = Reservoir::new(500).unwrap();
        (0..1_000_000).for_each(|n: u64| lines.absorb(&n));
        let point = shown(Point::at(Time::from_millis(3), lines.read()));
        assert_eq!(point["t"], 3);
        assert_eq!(point["contract"], "500 of 1,000,000, uniform; 100 are shown");
        assert_eq!(point["rows"].as_array().unwrap().len(), 100);
    }

    #[test]
    fn weights_and_strata_are_told() {
        let mut weighted = WeightedReservoir::new(2).unwrap();
        (1..=50_u64).for_each(|n| weighted.absorb_with_weight(&n, n as f64));
        let point = shown(weighted.read());
        assert_eq!(point["contract"], "2 of 50, by weight");
        let (text, weight) = (&point["rows"][0]["text"], &point["rows"][0]["weight"]);
        assert_eq!(text.as_str().unwrap().parse::<f64>().ok(), weight.as_f64());

        let mut strata =
            Stratified::<compact_str::CompactString, u64>::new(streamgauge_sketches::sample::Allocation::PerStratum(2))
                .unwrap();
        for n in 0..60_u64 {
            strata.absorb_in(if n % 3 == 0 { "threes" } else { "others" }, 1.0, &n);
        }
        let point = shown(strata.read());
        assert_eq!(point["contract"], "4 of 60, uniform within 2 strata");
        let of: Vec<_> = point["rows"].as_array().unwrap().iter().map(|row| row["stratum"].clone()).collect();
        assert_eq!(of, ["others", "others", "threes", "threes"]);
    }

    #[test]
    fn hostile_records_are_cut_and_numbers_that_are_none_are_null() {
        let texts = vec!["<script>alert(1)</script>".to_owned(), "\u{202e}gpj".to_owned(), "x".repeat(1 << 20)];
        let point = shown(texts);
        assert_eq!(point["contract"], "3 records");
        assert_eq!(point["rows"][0]["text"], "<script>alert(1)</script>");
        assert_eq!(point["rows"][2]["text"].as_str().unwrap().chars().count(), 201);
        let infinite = Shown { weight: Some(f64::INFINITY), ..Shown::of(&"heavy") };
        let records = Records { shown: vec![infinite], sampled: 1, ..Records::default() };
        assert_eq!(shown(records)["rows"][0]["weight"], Value::Null);
    }
}
