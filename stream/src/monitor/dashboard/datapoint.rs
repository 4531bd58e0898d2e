//! The points of panels.

use std::mem::size_of_val;
use std::sync::Arc;

use compact_str::CompactString;
use serde::ser::{Serialize, SerializeMap, Serializer};
use streamgauge_sketches::Estimate;

use super::datum::{Datum, Field};
use super::series::Names;

/// By so many values points are compared when one of two is to stay.
const COMPARED: usize = 8;

/// A point of a panel: what is drawn at a time.
///
/// Many read it, so its memory is shared, and in one piece or none as far as can be: thousands of small pieces that live for
/// hours would tear up the memory that batches work with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DataPoint {
    pub(super) time: i64,
    drawn: Drawn,
    /// What operators which shed have kept of the batch, if that is not all.
    kept: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Drawn {
    Estimate(Datum),
    /// Estimates at ranks.
    Quantiles(Arc<[(f64, Datum)]>),
    /// Estimates by their keys, highest first.
    Ranking(Arc<[(CompactString, Datum)]>),
    /// Estimates by name, and how many others have no place in the panel.
    Series(Arc<[(Arc<str>, Datum)]>, usize),
    Fields(Arc<[Field]>),
}

impl DataPoint {
    fn new(time: i64, drawn: Drawn) -> Self {
        Self { time, drawn, kept: None }
    }

    pub(super) fn estimate(time: i64, estimate: Estimate) -> Self {
        Self::new(time, Drawn::Estimate(estimate.into()))
    }

    /// Estimates, each at its rank.
    pub(super) fn quantiles(time: i64, quantiles: impl Iterator<Item = (f64, Estimate)>) -> Self {
        Self::new(time, Drawn::Quantiles(quantiles.map(|(rank, estimate)| (rank, estimate.into())).collect()))
    }

    /// Estimates by their keys, highest first.
    pub(super) fn ranking(time: i64, rows: impl Iterator<Item = (CompactString, Estimate)>) -> Self {
        Self::new(time, Drawn::Ranking(rows.map(|(key, estimate)| (key, estimate.into())).collect()))
    }

    /// Estimates by name.
    pub(super) fn series(time: i64, series: impl Iterator<Item = (Arc<str>, Estimate)>) -> Self {
        Self::new(time, Drawn::Series(series.map(|(name, estimate)| (name, estimate.into())).collect(), 0))
    }

    /// Anything else, as fields.
    pub(super) fn fields(time: i64, fields: Datum) -> Self {
        Self::new(time, Drawn::Fields(fields.into_fields().into()))
    }

    /// A point that was written as JSON; none if it has no time.
    pub(super) fn restored(text: &str) -> Option<Self> {
        let Ok(Datum::Fields(mut fields)) = serde_json::from_str(text) else { return None };
        let mut take = |name: &str| Some(fields.remove(fields.iter().position(|(known, _)| known == name)?).1);
        let (time, kept) = (take("t")?.whole()?, take("kept").and_then(|kept| kept.number()));
        let drawn = match &*fields {
            [(e, estimate)] if e == "e" => Drawn::Estimate(estimate.clone()),
            [(name, list), rest @ ..] if name == "series" => {
                let more = rest.first().and_then(|(_, more)| more.whole()).unwrap_or_default();
                let one = |one: &Datum| Some((one.get("name")?.text()?.into(), one.get("e")?.clone()));
                Drawn::Series(list.list().iter().filter_map(one).collect(), more as usize)
            }
            _ => Drawn::Fields(fields.into()),
        };
        Some(Self { time, drawn, kept })
    }

    /// Says that operators which shed have kept this share of the batch.
    pub(super) fn was_kept(&mut self, share: f64) {
        self.kept = Some(share);
    }

    /// Takes series out that are none of those that are drawn, and takes note of how many they were; the others come in
    /// their order. A name that is new takes its place, as long as there is one.
    pub(super) fn limit(&mut self, names: &mut Names) {
        if let Drawn::Series(series, more) = &mut self.drawn {
            let drawn = names.drawn(series);
            *more = series.len() - drawn.len();
            *series = drawn;
        }
    }

    /// The names of its series.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let series = if let Drawn::Series(series, _) = &self.drawn { &series[..] } else { &[] };
        series.iter().map(|(name, _)| name)
    }

    /// Joins the series of an earlier point of the same time to its own, which have the last word on each name.
    pub(super) fn join(&mut self, earlier: &Self, names: &Names) {
        let (Drawn::Series(known, _), Drawn::Series(series, _)) = (&earlier.drawn, &mut self.drawn) else { return };
        let of = |all: &[(Arc<str>, Datum)], name: &str| all.iter().find(|(known, _)| **known == *name).cloned();
        let known_ones = known.iter().map(|one| of(series, &one.0).unwrap_or_else(|| one.clone()));
        let new = series.iter().filter(|(name, _)| of(known, name).is_none()).cloned();
        let mut joined: Vec<_> = known_ones.chain(new).collect();
        names.sort(&mut joined);
        *series = joined.into();
        self.kept = [earlier.kept, self.kept].into_iter().flatten().reduce(f64::min);
    }

    /// Takes out what is drawn of the last point only: contracts, and the sample of a map.
    pub(super) fn shorten(&mut self) {
        fn each<L: Clone>(all: &mut Arc<[(L, Datum)]>) {
            Arc::make_mut(all).iter_mut().for_each(|(_, datum)| datum.remove_contracts());
        }
        match &mut self.drawn {
            Drawn::Estimate(estimate) => estimate.remove_contracts(),
            Drawn::Quantiles(quantiles) => each(quantiles),
            Drawn::Ranking(rows) => each(rows),
            Drawn::Series(series, _) => each(series),
            Drawn::Fields(fields) => {
                let is_of_last = |(name, _): &Field| name == "sample" || name == "contract";
                if fields.iter().any(is_of_last) {
                    *fields = fields.iter().filter(|field| !is_of_last(field)).cloned().collect();
                }
                each(fields);
            }
        }
    }

    /// The bytes of memory that it holds, beside itself.
    pub(super) fn heap_bytes(&self) -> usize {
        fn all<L>(all: &[(L, Datum)]) -> usize {
            size_of_val(all) + all.iter().map(|(_, datum)| datum.heap_bytes()).sum::<usize>()
        }
        match &self.drawn {
            Drawn::Estimate(estimate) => estimate.heap_bytes(),
            Drawn::Quantiles(quantiles) => all(quantiles),
            Drawn::Ranking(rows) => all(rows),
            Drawn::Series(series, _) => all(series),
            Drawn::Fields(fields) => all(fields),
        }
    }
}

impl Serialize for DataPoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("t", &self.time)?;
        match &self.drawn {
            Drawn::Estimate(estimate) => map.serialize_entry("e", estimate)?,
            Drawn::Quantiles(quantiles) => {
                map.serialize_entry("quantiles", &labelled(quantiles, "q", |rank| (*rank).into()))?;
            }
            Drawn::Ranking(rows) => map.serialize_entry("rows", &labelled(rows, "label", |key| key.as_str().into()))?,
            Drawn::Series(series, more) => {
                map.serialize_entry("series", &labelled(series, "name", |name| (&**name).into()))?;
                if *more > 0 {
                    map.serialize_entry("more", more)?;
                }
            }
            Drawn::Fields(fields) => {
                fields.iter().try_for_each(|(name, field)| map.serialize_entry(name, field))?;
            }
        }
        if let Some(kept) = self.kept {
            map.serialize_entry("kept", &kept)?;
        }
        map.end()
    }
}

/// A list of estimates, each with its label under this name.
fn labelled<L>(all: &[(L, Datum)], name: &'static str, label: impl Fn(&L) -> Datum) -> Datum {
    all.iter().map(|(it, e)| Datum::Fields(vec![(name.into(), label(it)), ("e".into(), e.clone())])).collect()
}

/// As the page reads it, for tests.
#[cfg(test)]
impl DataPoint {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("it is JSON")
    }
}

/// What a point says, in short.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Its fields that are true: an alert, say.
    pub(super) marks: usize,
    /// Its numbers, and those of its estimates, as far as they are compared.
    values: [f64; COMPARED],
    noted: usize,
}

impl Said {
    pub(super) fn of(point: &DataPoint) -> Self {
        let mut said = Self::default();
        match &point.drawn {
            Drawn::Estimate(estimate) => said.visit(estimate),
            Drawn::Quantiles(quantiles) => quantiles.iter().for_each(|(_, estimate)| said.visit(estimate)),
            Drawn::Ranking(rows) => rows.iter().for_each(|(_, estimate)| said.visit(estimate)),
            Drawn::Series(series, more) => {
                said.note(Some(*more as f64).filter(|more| *more > 0.0));
                series.iter().for_each(|(_, estimate)| said.visit(estimate));
            }
            Drawn::Fields(fields) => {
                for (_, field) in &**fields {
                    said.marks += usize::from(*field == Datum::Flag(true));
                    said.note(field.number());
                }
                fields.iter().filter(|(name, _)| name != "sample").for_each(|(_, field)| said.visit(field));
            }
        }
        said
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values[..self.noted]
    }

    fn note(&mut self, value: Option<f64>) {
        if let Some(value) = value
            && self.noted < COMPARED
        {
            self.values[self.noted] = value;
            self.noted += 1;
        }
    }

    fn visit(&mut self, field: &Datum) {
        match field {
            Datum::Estimate(estimate) | Datum::Bare(estimate) => {
                self.note(Some(estimate.value).filter(|value| value.is_finite()));
            }
            Datum::Fields(fields) => {
                self.note(field.get("value").and_then(Datum::number));
                fields.iter().for_each(|(_, field)| self.visit(field));
            }
            Datum::List(all) => all.iter().for_each(|field| self.visit(field)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::datum::fields;
    use super::*;

    /// As it is written, without contracts, and the same again when it was read.
    fn written(mut point: DataPoint) -> String {
        point.shorten();
        let text = serde_json::to_string(&point).unwrap();
        let again = DataPoint::restored(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        assert_eq!(Said::of(&again).values(), Said::of(&point).values());
        text.replace(r#"{"value":2.0,"lower":2.0,"upper":2.0,"confidence":1.0}"#, "E")
    }

    #[test]
    fn what_is_one_piece_of_memory_is_written_as_fields_in_lists() {
        let two = || Estimate::exact(2.0);
        assert_eq!(written(DataPoint::estimate(1, two())), r#"{"t":1,"e":E}"#);
        let quantiles = DataPoint::quantiles(1, [(0.5, two()), (0.99, two())].into_iter());
        assert_eq!(written(quantiles), r#"{"t":1,"quantiles":[{"q":0.5,"e":E},{"q":0.99,"e":E}]}"#);
        let ranking = DataPoint::ranking(1, std::iter::once(("a".into(), two())));
        assert_eq!(written(ranking), r#"{"t":1,"rows":[{"label":"a","e":E}]}"#);
        let mut names = Names::default();
        assert!((0..8).all(|n| names.add(&n.to_string())));
        let mut series = DataPoint::series(1, ["7", "8", "0"].map(|name| (name.into(), two())).into_iter());
        series.limit(&mut names);
        series.was_kept(0.5);
        let expected = r#"{"t":1,"series":[{"name":"0","e":E},{"name":"7","e":E}],"more":1,"kept":0.5}"#;
        assert_eq!(written(series), expected);
        let fields =
            DataPoint::fields(1, fields! { "contract": "none", "a": fields! { "e": two() }, "sample": [1_u64] });
        assert_eq!(written(fields), r#"{"t":1,"a":{"e":E}}"#);
    }

    #[test]
    fn what_is_no_point_is_not_read() {
        for wrong in ["", "{", "[]", "1", "{}", r#"{"e":1}"#, r#"{"t":"now"}"#, r#"{"t":0.5}"#] {
            assert_eq!(DataPoint::restored(wrong), None, "{wrong}");
        }
    }
}
