//! What panels show, as batches make it: it becomes JSON where a page or a checkpoint asks for it.

use std::borrow::Cow;
use std::fmt;
use std::mem::size_of;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use streamgauge_sketches::Estimate;

/// A part of a point.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Datum {
    #[default]
    Nothing,
    Flag(bool),
    Whole(u64),
    Signed(i64),
    /// Null in JSON if it is not finite.
    Number(f64),
    Text(String),
    /// An estimate with its contract.
    Estimate(Estimate),
    /// An estimate without its contract: repeated in each of many, it would be most of the bytes.
    Bare(Estimate),
    List(Vec<Datum>),
    Fields(Vec<Field>),
}

/// A part by its name.
pub(super) type Field = (Cow<'static, str>, Datum);

/// Fields by name, written as JSON is.
macro_rules! fields {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::monitor::dashboard::datum::Datum::Fields(vec![
            $((std::borrow::Cow::Borrowed($name), $crate::monitor::dashboard::datum::Datum::from($value))),*
        ])
    };
}

pub(super) use fields;

impl Datum {
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.fields().iter().find(|(known, _)| known == name).map(|(_, field)| field)
    }

    /// Sets a field of what has fields.
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<Self>) {
        let Self::Fields(fields) = self else { return };
        match fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, field)) => *field = value.into(),
            None => fields.push((name.into(), value.into())),
        }
    }

    /// The fields; none of what has none.
    pub(super) fn fields(&self) -> &[Field] {
        match self {
            Self::Fields(fields) => fields,
            _ => &[],
        }
    }

    pub(super) fn into_fields(self) -> Vec<Field> {
        match self {
            Self::Fields(fields) => fields,
            _ => Vec::new(),
        }
    }

    /// Makes estimates bare, also in its parts, and takes contracts out that are fields.
    pub(super) fn remove_contracts(&mut self) {
        match self {
            Self::Estimate(estimate) => *self = Self::Bare(*estimate),
            Self::Fields(fields) => {
                fields.retain(|(name, _)| name != "contract");
                fields.iter_mut().for_each(|(_, field)| field.remove_contracts());
            }
            Self::List(all) => all.iter_mut().for_each(Self::remove_contracts),
            _ => {}
        }
    }

    pub(super) fn list(&self) -> &[Self] {
        match self {
            Self::List(all) => all,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, such as a time.
    pub(super) fn whole(&self) -> Option<i64> {
        match *self {
            Self::Whole(number) => i64::try_from(number).ok(),
            Self::Signed(number) => Some(number),
            _ => None,
        }
    }

    /// A number that JSON can say.
    pub(super) fn number(&self) -> Option<f64> {
        match *self {
            Self::Whole(number) => Some(number as f64),
            Self::Signed(number) => Some(number as f64),
            Self::Number(number) => Some(number).filter(|number| number.is_finite()),
            _ => None,
        }
    }

    /// The bytes of memory it holds, beside itself.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.capacity(),
            Self::List(all) => all.capacity() * size_of::<Self>() + all.iter().map(Self::heap_bytes).sum::<usize>(),
            Self::Fields(fields) => {
                let inner = |(name, field): &Field| match name {
                    Cow::Owned(name) => name.capacity() + field.heap_bytes(),
                    Cow::Borrowed(_) => field.heap_bytes(),
                };
                fields.capacity() * size_of::<Field>() + fields.iter().map(inner).sum::<usize>()
            }
            _ => 0,
        }
    }
}

impl Serialize for Datum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_unit(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Whole(number) => serializer.serialize_u64(*number),
            Self::Signed(number) => serializer.serialize_i64(*number),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Estimate(estimate) => serialize_estimate(estimate, Some(estimate.contract()), serializer),
            Self::Bare(estimate) => serialize_estimate(estimate, None, serializer),
            Self::List(all) => serializer.collect_seq(all),
            Self::Fields(fields) => serializer.collect_map(fields.iter().map(|(name, field)| (name, field))),
        }
    }
}

/// An estimate as the page reads it: what has no bound is null, for JSON has no infinity.
fn serialize_estimate<S: Serializer>(
    estimate: &Estimate,
    contract: Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("value", &estimate.value)?;
    map.serialize_entry("lower", &estimate.lower)?;
    map.serialize_entry("upper", &estimate.upper)?;
    map.serialize_entry("confidence", &estimate.confidence)?;
    if let Some(contract) = contract {
        map.serialize_entry("contract", &contract)?;
    }
    map.end()
}

impl<'de> Deserialize<'de> for Datum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfJson)
    }
}

/// Reads JSON; the fields keep their order.
struct OfJson;

impl<'de> Visitor<'de> for OfJson {
    type Value = Datum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Datum, E> {
        Ok(Datum::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Datum, E> {
        Ok(flag.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Datum, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Datum, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Datum, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Datum, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Datum, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Ok(Datum::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Datum, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, field)) = map.next_entry::<String, _>()? {
            fields.push((name.into(), field));
        }
        Ok(Datum::Fields(fields))
    }
}

macro_rules! from {
    ($($of:ty: $to:expr),* $(,)?) => { $(
        impl From<$of> for Datum {
            fn from(value: $of) -> Self {
                $to(value)
            }
        }
    )* };
}

from! {
    bool: Self::Flag,
    u64: Self::Whole,
    usize: |number| Self::Whole(number as u64),
    i64: Self::Signed,
    f64: Self::Number,
    String: Self::Text,
    &String: |text: &String| Self::Text(text.clone()),
    &str: |text: &str| Self::Text(text.to_owned()),
    Estimate: Self::Estimate,
    &Estimate: |estimate: &Estimate| Self::Estimate(*estimate),
    &Datum: Datum::clone,
}

impl<T: Into<Self>> From<Option<T>> for Datum {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Datum {
    fn from(all: Vec<T>) -> Self {
        all.into_iter().collect()
    }
}

impl<T: Into<Self>, const N: usize> From<[T; N]> for Datum {
    fn from(all: [T; N]) -> Self {
        all.into_iter().collect()
    }
}

impl<T: Into<Self>> FromIterator<T> for Datum {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        Self::List(all.into_iter().map(Into::into).collect())
    }
}

/// As the page reads it, for tests.
#[cfg(test)]
impl Datum {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("it is JSON")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use streamgauge_sketches::{Family, Method};

    use super::*;

    #[test]
    fn it_is_the_json_that_it_looks_like() {
        let all = fields! {
            "z": 1_u64, "a": -1_i64, "x": 0.5, "none": None::<f64>, "text": "<", "yes": true,
            "list": [1.0, f64::NAN, f64::INFINITY], "inner": fields! { "n": 3_usize },
        };
        let expected =
            r#"{"z":1,"a":-1,"x":0.5,"none":null,"text":"<","yes":true,"list":[1.0,null,null],"inner":{"n":3}}"#;
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(text, expected);
        let again: Datum = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), expected, "fields keep their order");
        for wrong in ["", "{", "[1", "{\"a\":}", "nul"] {
            assert!(serde_json::from_str::<Datum>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_estimate_has_its_contract_unless_it_is_bare() {
        let estimate = Estimate::within(2.0, 1.0, f64::INFINITY, 0.95, Method::new(Family::Custom, 0));
        let json = Datum::from(&estimate).json();
        let expected = json!({
            "value": 2.0, "lower": 1.0, "upper": null, "confidence": 0.95, "contract": estimate.contract()
        });
        assert_eq!(json, expected);
        assert_eq!(Datum::Bare(estimate).json().as_object().unwrap().len(), 4);
    }

    #[test]
    fn what_is_asked_for_is_found_or_not_there() {
        let mut datum = fields! { "t": 3_i64, "rows": ["a"] };
        assert_eq!((datum.get("t").and_then(Datum::whole), datum.get("u")), (Some(3), None));
        assert_eq!(Datum::from(u64::MAX).whole(), None);
        assert_eq!((Datum::from(f64::NAN).number(), Datum::from(2_u64).number()), (None, Some(2.0)));
        datum.set("t", 4_i64);
        datum.set("more", 1_usize);
        assert_eq!(datum.json(), json!({ "t": 4, "rows": ["a"], "more": 1 }));
        assert!(datum.heap_bytes() > 3 * size_of::<(Cow<'static, str>, Datum)>() + size_of::<Datum>());
        let mut number = Datum::from(1.0);
        number.set("t", 1_i64);
        assert_eq!((number.get("t"), number.list().len()), (None, 0));
    }
}
