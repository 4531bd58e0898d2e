//! Distributions: a histogram with quantiles and the distribution function, of a quantile summary.

use streamgauge_sketches::{Estimate, Quantiles};

use super::Kind;
use crate::dstream::DStream;
use crate::monitor::dashboard::datapoint::DataPoint;
use crate::monitor::dashboard::datum::{Datum, fields};
use crate::monitor::dashboard::{Dashboard, Panel, Point};
use crate::source::Record;
use crate::time::Time;

const DISTRIBUTION: Kind = Kind::latest("distribution");

/// The most bins, but for one at each end.
const BINS: f64 = 48.0;
/// Quantiles that are looked at to find the range, evenly spaced from the lowest value to the highest.
const LOOKED_AT: u32 = 200;
/// Quantiles that are marked.
const MARKED: [f64; 5] = [0.0, 0.5, 0.9, 0.99, 1.0];
/// A tail that reaches further than so many medians asks for a logarithmic axis. An exponential one does not (10), a
/// log-normal one of σ = 1 does (22).
const HEAVY: f64 = 12.0;
/// Larger numbers are as good as infinite: distances between them could be.
const LARGEST: f64 = 1e300;

impl Dashboard {
    /// How values are distributed: a histogram of the latest reading, from each row of a stream.
    ///
    /// Median, p90 and p99 are marked, and the share of the values below is drawn as a line with its band, where the
    /// summary has bounds (KLL; a t-digest states none). There are at most 50 bins of round edges. Datums that
    /// are not below zero, and whose p99.9 is more than twelve times the median, are drawn on a logarithmic axis. What
    /// lies very far out, and what is not above zero on a logarithmic axis, is not drawn, and it is told how much that is.
    ///
    /// ```no_run
    /// use streamgauge_stream::{StreamingContext, mins, secs};
    ///
    /// let ctx = StreamingContext::builder("lines").build();
    /// let windows = ctx.stdin().map(str::len).window(mins(5), secs(1)).summarize(|on| on.quantiles(|n| *n as f64));
    /// ctx.dashboard().distribution("Line length", &windows, Clone::clone).unit("bytes");
    /// # ctx.run()?;
    /// # Ok::<(), streamgauge_stream::Error>(())
    /// ```
    pub fn distribution<T: Record, P: Into<Point<Quantiles>>>(
        &self,
        title: &str,
        stream: &DStream<T>,
        value: impl Fn(&T) -> P + Send + 'static,
    ) -> Panel {
        self.panel(DISTRIBUTION, title, stream, move |row, time| histogram(&value(row).into(), time))
    }
}

fn histogram(point: &Point<Quantiles>, batch: Time) -> DataPoint {
    let quantiles = &point.value;
    let axis = Axis::of(quantiles).unwrap_or_default();
    // A bin holds its lower edge, not its upper one, as people expect of whole numbers: `below` is what is less.
    let below: Vec<f64> = axis.edges.iter().map(|edge| edge.next_down()).collect();
    let shares = quantiles.pmf(&below);
    let (under, over) = (shares.first(), shares.last());
    let within = shares.get(1..shares.len().saturating_sub(1)).unwrap_or_default();
    let marked = MARKED.iter().map(|&q| fields! { "q": q, "e": quantiles.at(q) });
    let outside = |share: Option<&Estimate>| share.filter(|_| !axis.edges.is_empty()).map(interval);
    let fields = fields! {
        "count": quantiles.count(),
        "logarithmic": axis.logarithmic,
        "edges": axis.edges.clone(),
        "shares": within.iter().map(interval).collect::<Vec<_>>(),
        "below": quantiles.cdf(&below).iter().map(interval).collect::<Vec<_>>(),
        "under": outside(under),
        "over": outside(over),
        "quantiles": marked.collect::<Vec<_>>(),
    };
    DataPoint::fields(point.millis(batch), fields)
}

/// An estimate as short as can be: value, lower and upper bound. Its confidence is that of the quantiles.
fn interval(estimate: &Estimate) -> Datum {
    [estimate.value, estimate.lower, estimate.upper].into()
}

/// The bins of a histogram.
#[derive(Debug, Default)]
struct Axis {
    logarithmic: bool,
    /// Ascending; one more than bins.
    edges: Vec<f64>,
}

impl Axis {
    /// An axis for most of the values; none if there is no finite one.
    fn of(quantiles: &Quantiles) -> Option<Self> {
        let at = |i| quantiles.at(f64::from(i) / f64::from(LOOKED_AT)).value;
        let mut values: Vec<f64> = (0..=LOOKED_AT).map(at).filter(|x| x.abs() <= LARGEST).collect();
        let positive = values.partition_point(|&x| x <= 0.0);
        let tail = quantiles.at(0.999).value;
        let typical = values[positive..].get((values.len() - positive) / 2);
        // But for half a percent of them, no value is below zero.
        let logarithmic =
            values.get(1).is_some_and(|&low| low >= 0.0) && typical.is_some_and(|typical| tail / typical > HEAVY);
        if logarithmic {
            values.drain(..positive);
            values.iter_mut().for_each(|x| *x = x.log10());
        }
        // Half a percent lies below the second and above the last but one: the axis goes on there for as far as it is
        // to the median, if there are values.
        let (first, last) = (*values.first()?, *values.last()?);
        let (low, high) = match values[..] {
            [_, low, .., high, _] => {
                let median = values[values.len() / 2];
                (first.max(low - (median - low)), last.min(high + (high - median)))
            }
            _ => (first, last),
        };
        let step = Step::of((high - low) / BINS).or_else(|| Step::of(low.abs() / 10.0)).unwrap_or(Step::ONE);
        let from = (low / step.length()).floor();
        let bins = (high / step.length()).floor() - from + 1.0;
        let mut edges: Vec<f64> = (0..=bins as u32).map(|i| step.times(from + f64::from(i))).collect();
        if logarithmic {
            edges.iter_mut().for_each(|x| *x = 10_f64.powf(*x).clamp(f64::MIN_POSITIVE, f64::MAX));
        }
        // Steps may be lost on large numbers.
        edges.dedup();
        if edges.len() < 2 {
            edges = vec![low, low.next_up()];
        }
        Some(Self { logarithmic, edges })
    }
}

/// A round step: 1, 2, 2.5 or 5 times a power of ten, but not 2.5: bins would hold two and three whole numbers in turn.
#[derive(Clone, Copy, Debug)]
struct Step {
    factor: f64,
    power: i32,
}

impl Step {
    const ONE: Self = Self { factor: 1.0, power: 0 };

    /// The least that is not less; none for what is no usual number.
    fn of(rough: f64) -> Option<Self> {
        if !(1e-290..=LARGEST).contains(&rough) {
            return None;
        }
        let power = rough.log10().floor() as i32;
        // A step that is round but for the last bit is round.
        let fits = |factor: &f64| factor * 10_f64.powi(power) >= rough * (1.0 - 1e-9);
        let factor = [1.0, 2.0, 2.5, 5.0].into_iter().filter(|&factor| factor != 2.5 || power != 0).find(fits);
        Some(factor.map_or(Self { factor: 1.0, power: power + 1 }, |factor| Self { factor, power }))
    }

    fn length(self) -> f64 {
        self.times(1.0)
    }

    /// A multiple, as near to its decimals as a number can be.
    fn times(self, n: f64) -> f64 {
        let scale = 10_f64.powi(self.power.abs());
        if self.power < 0 { n * self.factor / scale } else { n * self.factor * scale }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use streamgauge_sketches::{Absorb, ExactQuantiles, Kll, Summary, TDigest};

    use serde_json::{Value, json};

    use super::*;

    fn of<S: Absorb<f64> + Summary<Reading = Quantiles>>(mut empty: S, values: impl IntoIterator<Item = f64>) -> Value {
        values.into_iter().for_each(|x| empty.absorb(&x));
        histogram(&empty.read().into(), Time::from_millis(7)).json()
    }

    fn numbers(list: &Value) -> Vec<f64> {
        list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    }

    fn values(list: &Value) -> Vec<f64> {
        list.as_array().unwrap().iter().map(|x| x[0].as_f64().unwrap()).collect()
    }

    /// What any histogram must be.
    fn check(point: &Value) {
        let (edges, shares) = (numbers(&point["edges"]), values(&point["shares"]));
        assert!(edges.windows(2).all(|pair| pair[0] < pair[1]), "{edges:?}");
        assert!(edges.len() >= 2 && edges.len() <= 52, "{}", edges.len());
        assert_eq!((edges.len(), edges.len()), (shares.len() + 1, point["below"].as_array().unwrap().len()));
        let outside = point["under"][0].as_f64().unwrap() + point["over"][0].as_f64().unwrap();
        assert!((shares.iter().sum::<f64>() + outside - 1.0).abs() < 1e-6, "{point:#}");
    }

    /// The i-th of n values that are evenly spread, by the inverse of a distribution function.
    fn spread(n: u32, inverse: impl Fn(f64) -> f64) -> impl Iterator<Item = f64> {
        (0..n).map(move |i| inverse((f64::from(i) + 0.5) / f64::from(n)))
    }

    #[test]
    fn whole_numbers_have_a_bin_each() {
        let point = of(ExactQuantiles::default(), [1.0, 1.0, 2.0, 5.0]);
        check(&point);
        assert_eq!((&point["t"], &point["count"], &point["logarithmic"]), (&json!(7), &json!(4.0), &json!(false)));
        let edges = numbers(&point["edges"]);
        let full: Vec<_> = edges.iter().zip(values(&point["shares"])).filter(|(_, share)| *share > 0.0).collect();
        assert_eq!(full, [(&1.0, 0.5), (&2.0, 0.25), (&5.0, 0.25)]);
        assert_eq!(edges[3], 1.3, "edges are round: {edges:?}");
        assert_eq!(point["shares"][0], json!([0.5, 0.5, 0.5]));
        assert_eq!(point["quantiles"][1]["e"]["value"], 1.0);
        assert_eq!((&point["under"], &point["over"]), (&json!([0.0, 0.0, 0.0]), &json!([0.0, 0.0, 0.0])));
    }

    #[test]
    fn a_bounded_summary_has_a_band_and_a_digest_none() {
        let uniform = || spread(100_000, |p| 1_000.0 * p);
        let kll = of(Kll::with_k(200).unwrap(), uniform());
        check(&kll);
        let edges = numbers(&kll["edges"]);
        assert_eq!((edges[0], kll["logarithmic"].as_bool()), (0.0, Some(false)));
        for (edge, below) in edges.iter().zip(kll["below"].as_array().unwrap()) {
            let truth = (edge / 1_000.0).clamp(0.0, 1.0);
            let [_, lower, upper] = [0, 1, 2].map(|i| below[i].as_f64().unwrap());
            assert!(lower <= truth + 1e-5 && truth <= upper + 1e-5, "{edge}: {below}");
        }
        let digest = of(TDigest::default(), uniform());
        check(&digest);
        assert_eq!(digest["below"][10][1], Value::Null);
        assert_eq!(digest["quantiles"][0]["e"]["value"], 0.005);
    }

    #[test]
    fn heavy_tails_have_a_logarithmic_axis_and_light_ones_a_linear_one() {
        let axis = |inverse: fn(f64) -> f64| {
            let point = of(ExactQuantiles::default(), spread(20_000, inverse));
            check(&point);
            point
        };
        let pareto = axis(|p| 100.0 * (1.0 - p).powf(-1.0 / 1.2));
        assert_eq!(pareto["logarithmic"], true);
        assert!(numbers(&pareto["edges"]).contains(&1_000.0), "{pareto:#}");
        assert_eq!(axis(|p| -(1.0 - p).ln())["logarithmic"], false);
        assert_eq!(axis(|p| (p - 0.5).powi(9))["logarithmic"], false);
        // A third are empty: they are told, as they have no place on the axis.
        let empty = axis(|p| if p < 1.0 / 3.0 { 0.0 } else { 10_f64.powf(6.0 * p) });
        assert_eq!(empty["logarithmic"], true);
        assert!((empty["under"][0].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-3);
    }

    #[test]
    fn what_lies_far_out_does_not_squeeze_the_rest() {
        let point = of(ExactQuantiles::default(), spread(1_000, |p| 100.0 + p).chain([-1e9, 1e9]));
        check(&point);
        let edges = numbers(&point["edges"]);
        assert!(edges[0] >= 98.0 && edges[edges.len() - 1] <= 103.0, "{edges:?}");
        assert!(point["over"][0].as_f64().unwrap() > 0.0 && point["under"][0].as_f64().unwrap() > 0.0);
        assert_eq!(point["quantiles"][4]["e"]["value"], 1e9);
    }

    #[test]
    fn any_values_are_harmless() {
        for values in [
            vec![0.0],
            vec![-0.0, 0.0],
            vec![7.0; 3],
            vec![1e300, 1e300],
            vec![1e-300, 1e-310],
            vec![-1e300, 1e300],
            vec![1e-300, 1.0, 1e300],
            vec![1e18, 1e18 + 128.0],
            vec![f64::INFINITY, 1.0, f64::NEG_INFINITY, 2.0],
            vec![0.1 + 0.2, 0.3],
        ] {
            check(&of(ExactQuantiles::default(), values));
        }
        for values in [vec![], vec![f64::INFINITY], vec![f64::NAN], vec![f64::MAX]] {
            let point = of(ExactQuantiles::default(), values);
            assert_eq!((&point["edges"], &point["shares"], &point["under"]), (&json!([]), &json!([]), &Value::Null));
        }
    }
}
