//! `cargo bench -p streamgauge-benches --bench kll`

use std::hint::black_box;

use datasketches::common::SearchCriteria;
use datasketches::kll::{KllFloat, KllSketch};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use streamgauge::sketches::{Absorb, Codec, Kll, Merge, Summary};
use streamgauge_benches::race::{Race, time};

const K: u16 = 200;
const N: usize = 1_000_000;
const PEER: &str = "Apache datasketches";

type Peer = KllSketch<KllFloat<f64>>;

/// The values as the peer takes them: made beforehand, they cost it nothing.
fn wrapped(values: &[f64]) -> Vec<KllFloat<f64>> {
    values.iter().map(|&x| KllFloat::<f64>::new(x).expect("a finite float is no NaN")).collect()
}

fn ours(values: &[f64]) -> Kll {
    let mut sketch = Kll::with_k(K).expect("the size is in range");
    sketch.absorb_all(values);
    sketch
}

fn peer(values: &[KllFloat<f64>]) -> Peer {
    let mut sketch = Peer::new(K).expect("the size is in range");
    values.iter().for_each(|&x| sketch.update(x));
    sketch
}

fn absorb(title: &str, values: &[f64]) {
    let theirs = wrapped(values);
    Race::new(format!("KLL k = {K}: absorb 10⁶ f64, {title}"), N)
        .goal(0.6)
        .run("streamgauge", || time(|| ours(values)))
        .run(PEER, || time(|| peer(&theirs)))
        .run("(streamgauge, one by one)", || {
            time(|| {
                let mut sketch = Kll::with_k(K).expect("the size is in range");
                values.iter().for_each(|x| sketch.absorb(x));
                sketch
            })
        })
        .finish();
}

fn main() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let uniform: Vec<f64> = (0..N).map(|_| random.random()).collect();
    let mut sorted = uniform.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    absorb("uniform", &uniform);
    absorb("sorted", &sorted);

    let parts: Vec<_> = uniform.chunks(N / 100).map(ours).collect();
    let peers: Vec<_> = wrapped(&uniform).chunks(N / 100).map(peer).collect();
    Race::new(format!("KLL k = {K}: merge sketches of 10⁴"), parts.len())
        .run("streamgauge", || {
            time(|| {
                let mut sum = ours(&[]);
                parts.iter().for_each(|part| sum.merge(part).expect("the sizes are equal"));
                sum
            })
        })
        .run(PEER, || {
            time(|| {
                let mut sum = peer(&[]);
                peers.iter().for_each(|part| sum.merge(part).expect("the sizes are equal"));
                sum
            })
        })
        .finish();

    let (whole, their_whole) = (ours(&uniform), peer(&wrapped(&uniform)));
    const READS: usize = 1_000;
    Race::new(format!("KLL k = {K}: read and ask for one quantile"), READS)
        .run("streamgauge", || time(|| (0..READS).for_each(|_| _ = black_box(black_box(&whole).read().at(0.99)))))
        .run(PEER, || {
            time(|| {
                (0..READS).for_each(|_| {
                    let _ = black_box(black_box(&their_whole).quantile(0.99, SearchCriteria::Inclusive));
                });
            })
        })
        .finish();

    let (read, view) = (whole.read(), their_whole.sorted_view());
    Race::new(format!("KLL k = {K}: quantiles of one reading (ours with intervals)"), READS)
        .run("streamgauge", || time(|| (0..READS).for_each(|i| _ = black_box(read.at(i as f64 / READS as f64)))))
        .run(PEER, || {
            time(|| {
                (0..READS).for_each(|i| {
                    let _ = black_box(view.quantile(i as f64 / READS as f64, SearchCriteria::Inclusive));
                });
            })
        })
        .finish();

    println!("\nKLL k = {K}: bytes, mean of 100 lengths of the stream up to 10⁶");
    let (mut sketch, mut theirs) = (ours(&[]), peer(&[]));
    let (mut memory, mut image, mut their_image) = (0, 0, 0);
    for part in uniform.chunks(N / 100) {
        // Off the round numbers, at which buffers happen to be empty.
        let part = &part[..N / 100 - 7 * part.len() / 1_000];
        sketch.absorb_all(part);
        wrapped(part).into_iter().for_each(|x| theirs.update(x));
        memory += sketch.memory_bytes() / 100;
        image += sketch.to_bytes().len() / 100;
        their_image += theirs.serialize().len() / 100;
    }
    println!("  streamgauge: image {image}, in memory {memory}\n  {PEER}: image {their_image}");
}
