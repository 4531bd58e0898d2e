//! HyperLogLog beside its peers at equal parameters: `cargo bench -p streamgauge-benches --bench distinct`.

#![allow(clippy::unwrap_used)]

use std::borrow::Borrow;
use std::hash::Hash;
use std::hint::black_box;

use streamgauge::prelude::*;
use streamgauge_benches::distinct::{Apache, Cloudflare, Distinct, Exa, PlusPlus, Streaming, Ultra};
use streamgauge_benches::race::{Race, time};

fn main() {
    let numbers: Vec<u64> = (0..1_000_000).map(|i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let few: Vec<u64> = numbers.iter().map(|n| n % 1_000).collect();
    // A zero-padded number of 6 to 14 digits: lengths follow no pattern.
    let words: Vec<String> =
        numbers.iter().map(|n| format!("/page/{:0width$}", n >> 44, width = 6 + (n >> 20) as usize % 9)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    absorb("absorb 1e6 different u64, ns an item", &numbers, Some(0.55));
    absorb("absorb 1e6 u64, 1,000 of them different, ns an item", &few, None);
    absorb::<str, _>("absorb 1e6 str of 12 to 20 bytes, ns an item", &words, Some(0.45));
    small(&numbers);
    merge(&numbers);
    read(&numbers);
}

fn race<'a>(title: impl Into<String>, operations: usize, goal: Option<f64>) -> Race<'a> {
    let race = Race::new(title, operations);
    match goal {
        Some(goal) => race.goal(goal),
        None => race,
    }
}

/// All items into one sketch, which is read.
fn absorb<Q, T>(title: &str, items: &[T], goal: Option<f64>)
where
    Q: PortableHash + Key + Hash + ?Sized,
    T: Borrow<Q>,
{
    fn one_by_one<D: Distinct<Q>, Q: ?Sized>(items: &[impl Borrow<Q>]) -> f64 {
        let mut sketch = D::empty();
        items.iter().for_each(|item| sketch.add(item.borrow()));
        sketch.estimate()
    }
    let ours = || {
        time(|| {
            let mut sketch = HyperLogLog::default();
            sketch.absorb_all(items.iter().map(Borrow::borrow));
            sketch.read()
        })
    };
    race(title, items.len(), goal)
        .run("streamgauge", ours)
        .run("datasketches HLL8", || time(|| one_by_one::<Apache, Q>(items)))
        .run("(streamgauge, one by one)", || time(|| one_by_one::<HyperLogLog, Q>(items)))
        .finish();
    race(format!("{title}: other peers"), items.len(), None)
        .run("streamgauge", ours)
        .run("cardinality-estimator", || time(|| one_by_one::<Cloudflare<Q>, Q>(items)))
        .run("hyperloglogplus", || time(|| one_by_one::<PlusPlus<Q>, Q>(items)))
        .run("streaming_algorithms", || time(|| one_by_one::<Streaming<Q>, Q>(items)))
        .run("ultraloglog", || time(|| one_by_one::<Ultra, Q>(items)))
        .run("exaloglog p=10", || time(|| one_by_one::<Exa, Q>(items)))
        .finish();
}

/// Many small sketches: all are kept, as those of many keys are.
fn small(items: &[u64]) {
    const SKETCHES: usize = 10_000;
    const EACH: usize = 100;
    fn one_by_one<D: Distinct<u64>>(items: &[u64]) -> Vec<D> {
        let sketch = |part: &[u64]| {
            let mut sketch = D::empty();
            part.iter().for_each(|item| sketch.add(item));
            sketch
        };
        items.chunks_exact(EACH).take(SKETCHES).map(sketch).collect()
    }
    let title = "10,000 new sketches of 100 u64, ns an item";
    let ours = || time(|| items.chunks_exact(EACH).take(SKETCHES).map(absorbed).collect::<Vec<_>>());
    race(title, SKETCHES * EACH, Some(0.25))
        .run("streamgauge", ours)
        .run("datasketches HLL8", || time(|| one_by_one::<Apache>(items)))
        .run("(streamgauge, one by one)", || time(|| one_by_one::<HyperLogLog>(items)))
        .finish();
    race(format!("{title}: other peers"), SKETCHES * EACH, None)
        .run("streamgauge", ours)
        .run("cardinality-estimator", || time(|| one_by_one::<Cloudflare<u64>>(items)))
        .run("hyperloglogplus", || time(|| one_by_one::<PlusPlus<u64>>(items)))
        .run("streaming_algorithms", || time(|| one_by_one::<Streaming<u64>>(items)))
        .run("ultraloglog", || time(|| one_by_one::<Ultra>(items)))
        .run("exaloglog p=10", || time(|| one_by_one::<Exa>(items)))
        .finish();
}

/// Eight filled sketches, round and round into one.
fn merge(items: &[u64]) {
    const MERGES: usize = 2_000;
    fn merges<D: Distinct<u64>>(items: &[u64]) -> impl FnMut() -> std::time::Duration {
        let filled = |part: &[u64]| {
            let mut sketch = D::empty();
            part.iter().for_each(|item| sketch.add(item));
            sketch
        };
        let parts: Vec<D> = items.chunks_exact(items.len() / 8).map(filled).collect();
        let mut union = D::union_of(&parts[0]);
        move || {
            time(|| {
                for i in 0..MERGES {
                    D::unite(black_box(&mut union), &parts[i % parts.len()]);
                }
            })
        }
    }
    let title = "merge of two filled sketches, ns";
    race(title, MERGES, Some(0.05))
        .run("streamgauge", merges::<HyperLogLog>(items))
        .run("datasketches HLL8", merges::<Apache>(items))
        .finish();
    race(format!("{title}: other peers"), MERGES, None)
        .run("streamgauge", merges::<HyperLogLog>(items))
        .run("cardinality-estimator", merges::<Cloudflare<u64>>(items))
        .run("hyperloglogplus", merges::<PlusPlus<u64>>(items))
        .run("streaming_algorithms", merges::<Streaming<u64>>(items))
        .run("ultraloglog", merges::<Ultra>(items))
        .run("exaloglog p=10", merges::<Exa>(items))
        .finish();
}

/// What a window reads at every slide. Peers that keep a running estimate read it in a few nanoseconds and pay for it
/// in every merge.
fn read(items: &[u64]) {
    const READS: usize = 2_000;
    fn reads<D: Distinct<u64>>(items: &[u64]) -> impl FnMut() -> std::time::Duration {
        let mut sketch = D::empty();
        items.iter().for_each(|item| sketch.add(item));
        move || time(|| (0..READS).map(|_| black_box(&sketch).estimate()).sum::<f64>())
    }
    race("reading a filled sketch, ns", READS, None)
        .run("streamgauge", reads::<HyperLogLog>(items))
        .run("datasketches HLL8", reads::<Apache>(items))
        .run("hyperloglogplus", reads::<PlusPlus<u64>>(items))
        .run("ultraloglog", reads::<Ultra>(items))
        .run("exaloglog p=10", reads::<Exa>(items))
        .finish();
}

fn absorbed(items: &[u64]) -> HyperLogLog {
    let mut sketch = HyperLogLog::default();
    sketch.absorb_all(items);
    sketch
}
