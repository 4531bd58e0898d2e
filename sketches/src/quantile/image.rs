//! A t-digest as it is stored: its image, and its parts in a checkpoint.

use serde::{Deserialize, Serialize};

use super::TDigest;
use super::centroid::Centroid;
use super::scale::ScaleFunction;
use crate::codec::{Codec, Reader, Writer};
use crate::error::DecodeError;
use crate::estimate::Family;

/// Whole weights up to here have a float of their own.
const WHOLE: f64 = (1_u64 << 53) as f64;

impl Codec for TDigest {
    const FAMILY: Family = Family::TDigest;
    const VERSION: u16 = 1;

    fn encode(&self, out: &mut Writer) {
        let mut digest = self.clone();
        digest.flush();
        out.u16(digest.compression);
        out.u8(digest.scale as u8);
        out.f64(digest.min);
        out.f64(digest.max);
        out.u64(digest.ignored);
        let whole = digest.centroids.iter().all(is_whole);
        out.u8(whole.into());
        out.u32(digest.centroids.len() as u32);
        for centroid in &digest.centroids {
            out.f64(centroid.mean);
            if whole {
                put_whole(out, centroid);
            } else {
                out.f64(if centroid.is_atom() { centroid.weight() } else { -centroid.weight() });
            }
        }
    }

    fn decode(content: &mut Reader<'_>, _: u16, _: u64) -> Result<Self, DecodeError> {
        let compression = content.u16("compression")?;
        let scale = match content.u8("scale function")? {
            1 => ScaleFunction::K1,
            2 => ScaleFunction::K2,
            other => return Err(DecodeError::Value { field: "scale function", value: other.to_string() }),
        };
        let (min, max) = (content.f64("minimum")?, content.f64("maximum")?);
        let ignored = content.u64("ignored")?;
        let whole = content.u8("whole weights")?;
        DecodeError::unless(whole <= 1, "whole weights", whole)?;
        let whole = whole == 1;
        let length = content.length("centroids", 9)?;
        let mut centroids = Vec::with_capacity(length);
        for _ in 0..length {
            let mean = content.f64("mean")?;
            centroids.push(if whole { take_whole(content, mean)? } else { take_float(content, mean)? });
        }
        // One digest has one image.
        DecodeError::unless(whole == centroids.iter().all(is_whole), "whole weights", whole)?;
        Parts { compression, scale, min, max, ignored, centroids, buffer: Vec::new(), weighted: Vec::new() }.try_into()
    }
}

fn is_whole(centroid: &Centroid) -> bool {
    let weight = centroid.weight();
    weight < WHOLE && weight.fract() == 0.0
}

/// Twice the weight, odd if the values differ, in groups of seven bits from the lowest, the last one below 128.
fn put_whole(out: &mut Writer, centroid: &Centroid) {
    let mut rest = (centroid.weight() as u64) << 1 | u64::from(!centroid.is_atom());
    while rest >= 128 {
        out.u8(rest as u8 | 128);
        rest >>= 7;
    }
    out.u8(rest as u8);
}

fn take_whole(content: &mut Reader<'_>, mean: f64) -> Result<Centroid, DecodeError> {
    let mut code = 0;
    for shift in (0..56).step_by(7) {
        let byte = content.u8("weight")?;
        code |= u64::from(byte & 127) << shift;
        if byte < 128 {
            // No group of zeros at the end, and no weight beyond what is whole.
            DecodeError::unless(code < (WHOLE as u64) << 1 && (byte > 0 || shift == 0), "weight", code >> 1)?;
            let weight = (code >> 1) as f64;
            return Ok(if code & 1 == 0 { Centroid::atom(mean, weight) } else { Centroid::mixture(mean, weight) });
        }
    }
    Err(DecodeError::Value { field: "weight", value: code.to_string() })
}

fn take_float(content: &mut Reader<'_>, mean: f64) -> Result<Centroid, DecodeError> {
    let signed = content.f64("weight")?;
    DecodeError::unless(signed != 0.0 && signed.abs() <= Centroid::HEAVIEST, "weight", signed)?;
    Ok(if signed > 0.0 { Centroid::atom(mean, signed) } else { Centroid::mixture(mean, -signed) })
}

/// A digest as it is stored, before it is known to be one.
#[derive(Serialize, Deserialize)]
pub(super) struct Parts {
    compression: u16,
    scale: ScaleFunction,
    #[serde(deserialize_with = "crate::infinite::or_highest")]
    min: f64,
    #[serde(deserialize_with = "crate::infinite::or_lowest")]
    max: f64,
    ignored: u64,
    centroids: Vec<Centroid>,
    buffer: Vec<f64>,
    weighted: Vec<Centroid>,
}

impl From<TDigest> for Parts {
    fn from(digest: TDigest) -> Self {
        let TDigest { compression, scale, min, max, ignored, centroids, buffer, weighted } = digest;
        Self { compression, scale, min, max, ignored, centroids, buffer, weighted }
    }
}

impl TryFrom<Parts> for TDigest {
    type Error = DecodeError;

    fn try_from(parts: Parts) -> Result<Self, DecodeError> {
        let Parts { compression, scale, min, max, ignored, centroids, buffer, weighted } = parts;
        let digest = Self::with_scale(compression, scale)
            .map_err(|e| DecodeError::Value { field: "compression", value: e.value })?;
        DecodeError::unless(centroids.len() <= digest.most(), "centroids", centroids.len())?;
        let ends = if centroids.is_empty() && weighted.is_empty() {
            min == f64::INFINITY && max == f64::NEG_INFINITY
        } else {
            min.is_finite() && max.is_finite() && min <= max
        };
        DecodeError::unless(ends, "ends", format!("{min} and {max}"))?;
        let ascend = centroids.windows(2).all(|pair| pair[0].mean <= pair[1].mean);
        DecodeError::unless(ascend, "means", "that do not ascend")?;
        for centroid in centroids.iter().chain(&weighted) {
            let (mean, weight) = (centroid.mean, centroid.weight());
            DecodeError::unless(min <= mean && mean <= max, "mean", mean)?;
            DecodeError::unless(weight > 0.0 && weight <= Centroid::HEAVIEST, "weight", weight)?;
        }
        // Fuller ones would have been flushed.
        DecodeError::unless(buffer.len() < Self::BUFFER * digest.most(), "buffered values", buffer.len())?;
        DecodeError::unless(weighted.len() < 2 * digest.most(), "weighted values", weighted.len())?;
        for &value in &buffer {
            DecodeError::unless(value.is_finite(), "value", value)?;
        }
        Ok(Self { min, max, ignored, centroids, buffer, weighted, ..digest })
    }
}
