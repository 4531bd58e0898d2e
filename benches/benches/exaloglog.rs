//! `cargo bench -p streamgauge-benches --bench exaloglog`

use std::hint::black_box;

use exaloglog::{ExaLogLog as Packed, ExaLogLogFast as Aligned};
use streamgauge::sketches::{Absorb, Codec, ExaLogLog, Hashed, Merge, PortableHash, Summary};
use streamgauge_benches::race::{Race, time};
use ultraloglog::UltraLogLog;

const N: usize = 1_000_000;
const SEED: u64 = 7;
/// How often a short operation is repeated in a run.
const REPEATS: usize = 1_000;

fn ultra() -> UltraLogLog {
    UltraLogLog::new(12).expect("an allowed precision")
}

fn ours() -> ExaLogLog {
    ExaLogLog::default().seeded(SEED)
}

fn main() {
    let distinct: Vec<u64> = (0..N as u64).map(|i| i.portable_hash(99)).collect();
    let repeated: Vec<u64> = distinct.iter().map(|x| x % 1_000).collect();
    let text: Vec<String> = distinct.iter().map(|x| format!("{x:x}")).collect();
    let hashes: Vec<u64> = distinct.iter().map(|x| x.portable_hash(SEED)).collect();

    absorb("absorb 1e6 distinct hashes", &hashes, |hash| *hash, |sketch, all| sketch.absorb_hashes(all));
    absorb("absorb 1e6 distinct u64", &distinct, |x| x.portable_hash(SEED), |sketch, all| sketch.absorb_all(all));
    absorb(
        "absorb 1e6 u64, 1,000 distinct",
        &repeated,
        |x| x.portable_hash(SEED),
        |sketch, all| sketch.absorb_all(all),
    );
    absorb("absorb 1e6 strings", &text, |x| x.portable_hash(SEED), |sketch, all| sketch.absorb_all(all));
    groups(&hashes);
    for items in [50, 5_000, 100_000] {
        merge(&hashes, items);
    }
    for items in [1_000, 100_000, N] {
        read(&hashes[..items]);
    }
    store(&hashes[..100_000]);
}

fn absorb<Q>(title: &str, items: &[Q], hash: impl Fn(&Q) -> u64 + Copy, bulk: impl Fn(&mut ExaLogLog, &[Q])) {
    Race::new(format!("{title}, ns an item"), N)
        .goal(0.5)
        .run("streamgauge p=10", || {
            time(|| {
                let mut sketch = ours();
                bulk(&mut sketch, items);
                sketch
            })
        })
        .run("exaloglog packed p=10", || {
            time(|| {
                let mut sketch = Packed::new(10);
                items.iter().for_each(|x| sketch.add_hash(hash(x)));
                sketch
            })
        })
        .run("exaloglog aligned p=10", || {
            time(|| {
                let mut sketch = Aligned::new(10);
                items.iter().for_each(|x| sketch.add_hash(hash(x)));
                sketch
            })
        })
        .run("(ultraloglog p=12)", || {
            time(|| {
                let mut sketch = ultra();
                items.iter().for_each(|x| {
                    sketch.add(hash(x));
                });
                sketch
            })
        })
        .run("(the hashes alone)", || time(|| items.iter().fold(0, |sum, x| sum ^ hash(x))))
        .finish();
}

fn groups(hashes: &[u64]) {
    Race::new("10,000 new sketches of 100 hashes, ns an item", N)
        .goal(0.5)
        .run("streamgauge p=10", || {
            time(|| {
                for part in hashes.chunks(100) {
                    let mut sketch = ours();
                    sketch.absorb_hashes(part);
                    black_box(sketch);
                }
            })
        })
        .run("(streamgauge, one by one)", || {
            time(|| {
                for part in hashes.chunks(100) {
                    let mut sketch = ours();
                    part.iter().for_each(|&hash| sketch.absorb_hash(hash));
                    black_box(sketch);
                }
            })
        })
        .run("exaloglog packed p=10", || {
            time(|| {
                for part in hashes.chunks(100) {
                    let mut sketch = Packed::new(10);
                    part.iter().for_each(|&hash| sketch.add_hash(hash));
                    black_box(sketch);
                }
            })
        })
        .run("exaloglog aligned p=10", || {
            time(|| {
                for part in hashes.chunks(100) {
                    let mut sketch = Aligned::new(10);
                    part.iter().for_each(|&hash| sketch.add_hash(hash));
                    black_box(sketch);
                }
            })
        })
        .finish();
}

/// A pair of sketches over different hashes.
fn pair<S>(hashes: &[u64], items: usize, empty: impl Fn() -> S, absorb: impl Fn(&mut S, u64)) -> (S, S) {
    let of = |hashes: &[u64]| {
        let mut sketch = empty();
        hashes.iter().for_each(|&hash| absorb(&mut sketch, hash));
        sketch
    };
    (of(&hashes[..items]), of(&hashes[items..2 * items]))
}

fn merge(hashes: &[u64], items: usize) {
    /// So few that the copies stay in the cache.
    const REPEATS: usize = 100;
    let (a, b) = pair(hashes, items, ours, Hashed::absorb_hash);
    let (packed, packed_other) = pair(hashes, items, || Packed::new(10), Packed::add_hash);
    let (aligned, aligned_other) = pair(hashes, items, || Aligned::new(10), Aligned::add_hash);
    let (ultra, ultra_other) = pair(hashes, items, ultra, |sketch, hash| {
        sketch.add(hash);
    });
    // The copies that are merged into are made beforehand.
    Race::new(format!("merge two sketches of {items} items, ns"), REPEATS)
        .goal(1.0)
        .run("streamgauge p=10", || {
            let mut copies = vec![a.clone(); REPEATS];
            time(|| copies.iter_mut().for_each(|copy| copy.merge(&b).expect("the same parameters")))
        })
        .run("exaloglog packed p=10", || {
            let mut copies = vec![packed.clone(); REPEATS];
            time(|| copies.iter_mut().for_each(|copy| copy.merge(&packed_other).expect("the same parameters")))
        })
        .run("exaloglog aligned p=10", || {
            let mut copies: Vec<Aligned> = (0..REPEATS).map(|_| aligned.clone()).collect();
            time(|| copies.iter_mut().for_each(|copy| copy.merge(&aligned_other).expect("the same parameters")))
        })
        .run("(ultraloglog p=12)", || {
            let mut copies: Vec<UltraLogLog> = (0..REPEATS).map(|_| ultra.copy()).collect();
            time(|| {
                copies.iter_mut().for_each(|copy| {
                    copy.add_sketch(&ultra_other).expect("the same parameters");
                });
            })
        })
        .finish();
}

fn read(hashes: &[u64]) {
    let (mut sketch, mut packed, mut aligned, mut ultra) = (ours(), Packed::new(10), Aligned::new(10), ultra());
    for &hash in hashes {
        sketch.absorb_hash(hash);
        packed.add_hash(hash);
        aligned.add_hash(hash);
        ultra.add(hash);
    }
    Race::new(format!("read a sketch of {} items, ns", hashes.len()), REPEATS)
        .goal(0.5)
        .run("streamgauge p=10", || time(|| (0..REPEATS).map(|_| black_box(&sketch).read().value).sum::<f64>()))
        .run("exaloglog packed p=10", || time(|| (0..REPEATS).map(|_| black_box(&packed).estimate_ml()).sum::<f64>()))
        .run("exaloglog aligned p=10", || time(|| (0..REPEATS).map(|_| black_box(&aligned).estimate_ml()).sum::<f64>()))
        .run("(ultraloglog p=12, not likelihood)", || {
            time(|| (0..REPEATS).map(|_| black_box(&ultra).get_distinct_count_estimate()).sum::<f64>())
        })
        .finish();
}

fn store(hashes: &[u64]) {
    let (mut sketch, mut packed, mut aligned) = (ours(), Packed::new(10), Aligned::new(10));
    for &hash in hashes {
        sketch.absorb_hash(hash);
        packed.add_hash(hash);
        aligned.add_hash(hash);
    }
    Race::new("image of a sketch of 1e5 items and back, ns", REPEATS)
        .run("streamgauge p=10, checksummed", || {
            time(|| {
                for _ in 0..REPEATS {
                    black_box(ExaLogLog::from_bytes(&black_box(&sketch).to_bytes()).expect("its own image"));
                }
            })
        })
        .run("exaloglog packed p=10", || {
            time(|| {
                for _ in 0..REPEATS {
                    black_box(Packed::from_bytes(&black_box(&packed).to_bytes()).expect("its own image"));
                }
            })
        })
        .run("exaloglog aligned p=10", || {
            time(|| {
                for _ in 0..REPEATS {
                    black_box(Aligned::from_bytes(&black_box(&aligned).to_bytes()).expect("its own image"));
                }
            })
        })
        .finish();
}
