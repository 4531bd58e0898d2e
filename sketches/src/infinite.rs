//! Numbers that may be infinite, or none: JSON has neither, and has `null` in their place.
//!
//! For `#[serde(deserialize_with = …)]`: what a format wrote as `null` is read as the number that the field has then.

use serde::{Deserialize, Deserializer};

fn or<'de, D: Deserializer<'de>>(deserializer: D, null: f64) -> Result<f64, D::Error> {
    // Other formats write the number itself, and say nothing of whether it is there.
    if deserializer.is_human_readable() {
        return Ok(Option::deserialize(deserializer)?.unwrap_or(null));
    }
    f64::deserialize(deserializer)
}

pub(crate) fn or_highest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    or(deserializer, f64::INFINITY)
}

pub(crate) fn or_lowest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    or(deserializer, f64::NEG_INFINITY)
}

pub(crate) fn or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    or(deserializer, f64::NAN)
}

#[cfg(test)]
mod tests {
    use crate::{Absorb, Codec, Estimate, Kll, Method, Summary, TDigest, WeightedReservoir};

    fn same<S: Summary + Codec>(summary: &S) {
        let json = serde_json::to_string(summary).unwrap();
        let restored: S = serde_json::from_str(&json).unwrap();
        assert_eq!(restored.to_bytes(), summary.to_bytes(), "{json}");
    }

    #[test]
    fn what_json_writes_as_null_is_read_again() {
        same(&TDigest::default());
        same(&Kll::default());
        let mut sample = WeightedReservoir::<u32>::new(2).unwrap();
        same(&sample);
        (0..4).for_each(|x| sample.absorb(&(x, 1e290)));
        same(&sample);
        let unknown = Estimate::unbounded(f64::NAN, Method::EXACT);
        let restored: Estimate = serde_json::from_str(&serde_json::to_string(&unknown).unwrap()).unwrap();
        assert_eq!(format!("{restored:?}"), format!("{unknown:?}"));
        let damaged =
            serde_json::from_str::<Kll>(&serde_json::to_string(&Kll::default()).unwrap().replace("[[]]", "[[1.0]]"));
        assert!(damaged.unwrap_err().to_string().contains("ends"), "a null where a number has to be is refused");
    }
}
