//! `cargo bench -p streamgauge-benches --bench frequency`
//!
//! Count-Min of 4 rows of 2,048 counters throughout; heavy hitters of 2,048 counters.

use std::hint::black_box;
use std::time::Duration;

use datasketches::countmin::CountMinSketch as Apache;
use datasketches::frequencies::FrequentItemsSketch;
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use streamgauge::prelude::*;
use streamgauge::sketches::{ConservativeCountMin, Hashed};
use streamgauge_benches::race::{Race, time};
use streaming_algorithms::CountMinSketch as Streaming;

const N: usize = 1_000_000;

/// Changes a state that is made before the clock runs and looked at after it has stopped.
fn timed<S>(mut state: S, work: impl FnOnce(&mut S)) -> Duration {
    let elapsed = time(|| work(&mut state));
    black_box(&state);
    elapsed
}

fn apache() -> Apache<u64> {
    Apache::new(4, 2_048).expect("allowed")
}

fn streaming<K: std::hash::Hash + ?Sized>() -> Streaming<K, u64> {
    // Rounds to 4 rows of 2,048.
    Streaming::new(0.95, 2.0 / 2_048.0, ())
}

fn zipf() -> Vec<u64> {
    let mut random = SmallRng::seed_from_u64(1);
    let zipf = Zipf::new(1e6, 1.1).expect("allowed");
    (0..N).map(|_| zipf.sample(&mut random) as u64).collect()
}

fn distinct() -> Vec<u64> {
    let mut random = SmallRng::seed_from_u64(2);
    (0..N).map(|_| random.next_u64()).collect()
}

/// One arena of strings of 12 to 20 bytes, as they stand in records; drawn as the numbers are.
fn strings(numbers: &[u64]) -> (String, Vec<(usize, usize)>) {
    let mut random = SmallRng::seed_from_u64(3);
    let (mut arena, mut spans) = (String::new(), Vec::new());
    for x in numbers {
        let start = arena.len();
        let length = 12 + (x.portable_hash(5) % 9) as usize;
        arena.push_str(&format!("{:0length$}", x % 1_000_000_000_000));
        spans.push((start, arena.len()));
        arena.extend((0..random.random_range(0..4)).map(|_| ' '));
    }
    (arena, spans)
}

fn numbers(title: &str, data: &[u64]) {
    Race::new(format!("Count-Min, absorb {title}"), N)
        .goal(0.35)
        .run("absorb_all", || timed(CountMin::default(), |s| s.absorb_all(data)))
        .run("apache", || timed(apache(), |s| data.iter().for_each(|x| s.update(x))))
        .run("streaming_algorithms", || {
            timed(streaming::<u64>(), |s| {
                data.iter().for_each(|x| {
                    s.push(x, &1);
                })
            })
        })
        .finish();
    Race::new(format!("Count-Min, absorb {title}, one by one"), N)
        .goal(0.35)
        .run("absorb", || timed(CountMin::default(), |s| data.iter().for_each(|x| s.absorb(x))))
        .run("apache", || timed(apache(), |s| data.iter().for_each(|x| s.update(x))))
        .finish();
    Race::new(format!("conservative Count-Min, absorb {title}"), N)
        .run("absorb_all", || timed(ConservativeCountMin::default(), |s| s.absorb_all(data)))
        .run("streaming_algorithms", || {
            timed(streaming::<u64>(), |s| {
                data.iter().for_each(|x| {
                    s.push(x, &1);
                })
            })
        })
        .run("(plain absorb_all)", || timed(CountMin::default(), |s| s.absorb_all(data)))
        .finish();
    let hashes: Vec<u64> = data.iter().map(|x| x.portable_hash(CountMin::default().seed())).collect();
    Race::new(format!("Count-Min, absorb {title} that are hashed already"), N)
        .run("absorb_hashes", || timed(CountMin::default(), |s| s.absorb_hashes(&hashes)))
        .run("(the hashes alone)", || timed(0, |s| *s = data.iter().fold(0, |all, x| all ^ x.portable_hash(7))))
        .finish();
}

fn texts(title: &str, data: &[u64]) {
    let (arena, spans) = strings(data);
    let data: Vec<&str> = spans.iter().map(|&(from, to)| &arena[from..to]).collect();
    let data = || data.iter().copied();
    Race::new(format!("Count-Min, absorb {title}"), N)
        .goal(0.2)
        .run("absorb_all", || timed(CountMin::default(), |s| s.absorb_all(data())))
        .run("apache", || timed(apache(), |s| data().for_each(|x| s.update(x))))
        .run("streaming_algorithms", || {
            timed(streaming::<str>(), |s| {
                data().for_each(|x| {
                    s.push(x, &1);
                })
            })
        })
        .finish();
    Race::new(format!("Count-Min, absorb {title}, one by one"), N)
        .goal(0.2)
        .run("absorb", || timed(CountMin::default(), |s| data().for_each(|x| s.absorb(x))))
        .run("apache", || timed(apache(), |s| data().for_each(|x| s.update(x))))
        .finish();
    Race::new(format!("heavy hitters, absorb {title}"), N)
        .run("absorb_all", || timed(HeavyHitters::top(10), |s| s.absorb_all(data())))
        .run("apache, 2,048 slots", || timed(frequent::<String>(2_048), |s| data().for_each(|x| s.update_ref(x))))
        .run("apache, 4,096 slots", || timed(frequent::<String>(4_096), |s| data().for_each(|x| s.update_ref(x))))
        .finish();
}

/// Holds three quarters as many items as it has slots.
fn frequent<T: Eq + std::hash::Hash>(slots: usize) -> FrequentItemsSketch<T> {
    FrequentItemsSketch::new(slots).expect("allowed")
}

fn heavy(title: &str, data: &[u64]) {
    Race::new(format!("heavy hitters, absorb {title}"), N)
        .run("absorb_all", || timed(HeavyHitters::top(10), |s| s.absorb_all(data)))
        .run("apache, 2,048 slots", || timed(frequent(2_048), |s| data.iter().for_each(|x| s.update(*x))))
        .run("apache, 4,096 slots", || timed(frequent(4_096), |s| data.iter().for_each(|x| s.update(*x))))
        .finish();
}

fn main() {
    let (zipf, distinct) = (zipf(), distinct());
    numbers("1e6 Zipf(1.1) u64", &zipf);
    numbers("1e6 distinct u64", &distinct);
    texts("1e6 Zipf(1.1) str of 12 to 20 bytes", &zipf);
    texts("1e6 distinct str of 12 to 20 bytes", &distinct);
    heavy("1e6 Zipf(1.1) u64", &zipf);
    heavy("1e6 distinct u64", &distinct);

    let mut ours = CountMin::default();
    let (mut theirs, mut others) = (apache(), streaming::<u64>());
    ours.absorb_all(&zipf);
    for x in &zipf {
        theirs.update(x);
        others.push(x, &1);
    }
    Race::new("Count-Min, point query of 1e6 Zipf(1.1) u64", N)
        .run("estimate", || time(|| zipf.iter().map(|x| ours.estimate(x).value).sum::<f64>()))
        .run("apache", || time(|| zipf.iter().map(|x| theirs.estimate(x)).sum::<u64>()))
        .run("streaming_algorithms", || time(|| zipf.iter().map(|x| others.get(x)).sum::<u64>()))
        .finish();
    Race::new("Count-Min, merge", 1_000)
        .run("merge", || timed(ours.clone(), |s| (0..1_000).for_each(|_| s.merge(&ours).expect("the same"))))
        .run("apache", || timed(theirs.clone(), |s| (0..1_000).for_each(|_| s.merge(&theirs).expect("the same"))))
        .finish();
}
