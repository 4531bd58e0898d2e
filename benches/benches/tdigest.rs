//! t-digests against their peers: `cargo bench -p streamgauge-benches --bench tdigest`
//!
//! Sizes are equal in centroids. Apache's digest keeps about 1.46 k of them, so its k is chosen by that.

#![allow(clippy::unwrap_used)] // Parameters are written here.

use std::time::Duration;

use datasketches::tdigest::TDigestMut;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use streamgauge::sketches::{Absorb, Merge, Summary, TDigest};
use streamgauge_benches::race::{Race, time};

/// Centroids of each, and the k that makes Apache keep as many.
const SIZES: [(u16, u16); 2] = [(100, 68), (146, 100)];

fn ours(size: u16, values: &[f64]) -> TDigest {
    let mut digest = TDigest::with_compression(size).unwrap();
    digest.absorb_all(values);
    digest
}

fn apache(k: u16, values: &[f64]) -> TDigestMut {
    let mut digest = TDigestMut::new(k).unwrap();
    values.iter().for_each(|&value| digest.update(value));
    digest
}

/// As it comes: with values in its buffer.
fn pushed(size: u16, values: &[f64]) -> tdigest::TDigest {
    let mut digest = tdigest::TDigest::new_with_size(size.into());
    digest.extend_values(values.iter().copied());
    digest
}

fn batched(size: u16, values: &[f64]) -> tdigest::TDigest {
    let empty = tdigest::TDigest::new_with_size(size.into());
    values.chunks(10_000).fold(empty, |digest, batch| digest.merge_unsorted(batch.to_vec()))
}

fn joined(size: u16, values: &[f64], batch: usize) -> tdigests::TDigest {
    let digest = values.chunks(batch).fold(None, |digest: Option<tdigests::TDigest>, batch| {
        let batch = tdigests::TDigest::from_values(batch.to_vec());
        let mut digest = digest.map_or_else(|| batch.clone(), |digest| digest.merge(&batch));
        digest.compress(size.into());
        Some(digest)
    });
    digest.unwrap()
}

/// Merges pairs, of which each is made anew outside of the clock; few at a time, so that they stay in the cache.
fn merges<A: Clone, B: Clone, R>(pairs: &[(A, B)], mut merge: impl FnMut(A, B) -> R) -> Duration {
    const TIMES: usize = 20;
    let mut results = Vec::with_capacity(pairs.len());
    let once = |_| {
        let prepared = pairs.to_vec();
        results.clear();
        time(|| results.extend(prepared.into_iter().map(|(a, b)| merge(a, b))))
    };
    (0..TIMES).map(once).sum::<Duration>() / TIMES as u32
}

fn main() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let uniform: Vec<f64> = (0..1_000_000).map(|_| random.random()).collect();
    let mut sorted = uniform.clone();
    sorted.sort_unstable_by(f64::total_cmp);

    for (size, k) in SIZES {
        for (order, values) in [("uniform", &uniform), ("sorted", &sorted)] {
            let n = values.len();
            Race::new(format!("absorb {n} {order} values, {size} centroids, per value"), n)
                .goal(0.6)
                .run("ours, absorb_all", || time(|| ours(size, values)))
                .run("(ours, absorb)", || {
                    time(|| {
                        let mut digest = TDigest::with_compression(size).unwrap();
                        values.iter().for_each(|value| digest.absorb(value));
                        digest
                    })
                })
                .run("tdigest, extend_values", || time(|| pushed(size, values)))
                .run("tdigest, batches of 10,000", || time(|| batched(size, values)))
                .run("tdigests, batches of 10,000", || time(|| joined(size, values, 10_000)))
                .run("tdigests, batches of 500", || time(|| joined(size, values, 500)))
                .run(format!("Apache, k = {k}"), || time(|| apache(k, values)))
                .finish();
        }

        // Of different lengths, so that the buffers are filled as chance has it.
        let parts: Vec<(&[f64], &[f64])> = (0..32)
            .map(|i| (&uniform[i * 3_000..][..100_000 + i * 37], &uniform[500_000 + i * 3_000..][..100_000 + i * 53]))
            .collect();
        let ours_as_they_come: Vec<_> = parts.iter().map(|(a, b)| (ours(size, a), ours(size, b))).collect();
        let flush = |digest: &TDigest| {
            let mut flushed = digest.clone();
            flushed.flush();
            flushed
        };
        let ours_flushed: Vec<_> = ours_as_they_come.iter().map(|(a, b)| (flush(a), flush(b))).collect();
        let theirs_as_they_come: Vec<_> = parts.iter().map(|(a, b)| (pushed(size, a), pushed(size, b))).collect();
        let settled = |digest: &tdigest::TDigest| {
            let mut flushed = digest.clone();
            flushed.flush();
            flushed
        };
        let theirs_flushed: Vec<_> = theirs_as_they_come.iter().map(|(a, b)| (settled(a), settled(b))).collect();
        let apache_as_they_come: Vec<_> = parts.iter().map(|(a, b)| (apache(k, a), apache(k, b))).collect();
        let read = |digest: &TDigestMut| {
            let mut flushed = digest.clone();
            flushed.rank(0.5).unwrap();
            flushed
        };
        let apache_flushed: Vec<_> = apache_as_they_come.iter().map(|(a, b)| (read(a), read(b))).collect();
        let batches: Vec<_> = parts.iter().map(|(a, b)| (joined(size, a, 10_000), joined(size, b, 10_000))).collect();
        let merge_ours = |mut a: TDigest, b: TDigest| {
            a.merge(&b).unwrap();
            a
        };
        let merge_apache = |mut a: TDigestMut, b: TDigestMut| {
            a.merge(&b);
            a
        };
        Race::new(format!("merge of two, {size} centroids, buffers empty"), parts.len())
            .goal(0.6)
            .run("ours", || merges(&ours_flushed, merge_ours))
            .run("tdigest", || merges(&theirs_flushed, |a, b| tdigest::TDigest::merge_digests(vec![a, b])))
            .run("tdigests", || {
                merges(&batches, |a, b| {
                    let mut merged = a.merge(&b);
                    merged.compress(size.into());
                    merged
                })
            })
            .run(format!("Apache, k = {k}"), || merges(&apache_flushed, merge_apache))
            .finish();
        Race::new(format!("merge of two, {size} centroids, buffers as they come"), parts.len())
            .goal(0.6)
            .run("ours, flushed after", || {
                merges(&ours_as_they_come, |a, b| {
                    let mut merged = merge_ours(a, b);
                    merged.flush();
                    merged
                })
            })
            .run("(ours, merged only)", || merges(&ours_as_they_come, merge_ours))
            .run("tdigest, flushed first", || {
                merges(&theirs_as_they_come, |mut a, mut b| {
                    a.flush();
                    b.flush();
                    tdigest::TDigest::merge_digests(vec![a, b])
                })
            })
            .run(format!("Apache, k = {k}"), || merges(&apache_as_they_come, merge_apache))
            .finish();
        let memory = ours_as_they_come[0].0.memory_bytes();
        println!("  ours takes {memory} bytes, Apache {} bytes", apache_as_they_come[0].0.estimated_size());
    }
}
