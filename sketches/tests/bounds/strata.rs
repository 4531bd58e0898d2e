//! Readings of records of which each stratum was sampled on its own, as a stream is that sheds load.

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use streamgauge_sketches::exact::FloatSum;
use streamgauge_sketches::{
    Absorb, ConservativeCountMin, Count, CountMin, Estimate, HeavyHitters, Kll, Mean, Merge, Sum, Summary, Weight,
    Weighted,
};

use crate::HOLD_OF_2000;

/// How many records a stratum has, which part of them is kept, and about what their values are.
struct Stratum {
    records: u32,
    kept: f64,
    level: u32,
}

/// A rare one that is whole, and ever more frequent ones: values, weights and sizes all go together.
const STRATA: [Stratum; 4] = [
    Stratum { records: 150, kept: 1.0, level: 9_000 },
    Stratum { records: 1_000, kept: 0.5, level: 3_000 },
    Stratum { records: 3_000, kept: 0.125, level: 800 },
    Stratum { records: 6_000, kept: 0.08, level: 10 },
];

/// The same value for the same record of a stratum, uneven about its level.
fn value(level: u32, record: u32) -> u32 {
    let uniform = record.wrapping_mul(0x9e37_79b9) >> 16;
    level + level * (uniform % 1_000) / 500
}

/// Three groups across the strata, and one in the most frequent stratum alone.
fn group(stratum: usize, record: u32) -> u32 {
    if stratum == 3 && record.is_multiple_of(4) { 3 } else { record % 3 }
}

/// What is read of one sample.
struct Readings {
    count: Estimate,
    sum: Estimate,
    float_sum: Estimate,
    mean: Estimate,
    plain: Estimate,
    conservative: Estimate,
    top: Estimate,
}

#[derive(Clone, Default)]
struct Group(Count, Sum, FloatSum, Mean);

impl Group {
    fn read(&self) -> [Estimate; 4] {
        [self.0.read(), self.1.read(), self.2.read(), self.3.read()]
    }
}

fn sample(random: &mut SmallRng, seed: u64) -> Vec<Readings> {
    // Two parts that are merged, as those of partitions and panes.
    let mut parts = [vec![Group::default(); 4], vec![Group::default(); 4]];
    let mut plain = CountMin::default().seeded(seed);
    let mut conservative = ConservativeCountMin::default().seeded(seed);
    let mut top = HeavyHitters::<u32>::top(4);
    for (number, stratum) in STRATA.iter().enumerate() {
        let weight = Weight::of_fraction(stratum.kept);
        for record in 0..stratum.records {
            if random.random::<f64>() * weight.get() >= 1.0 {
                continue;
            }
            let (group, value) = (group(number, record), value(stratum.level, record));
            let Group(count, sum, float_sum, mean) = &mut parts[record as usize % 2][group as usize];
            count.absorb_weighted(&group, weight);
            sum.absorb_weighted(&value, weight);
            float_sum.absorb_weighted(&f64::from(value), weight);
            mean.absorb_weighted(&value, weight);
            plain.absorb_weighted(&group, weight);
            conservative.absorb_weighted(&group, weight);
            top.absorb_weighted(&group, weight);
        }
    }
    let [ours, theirs] = parts;
    let merged = ours.into_iter().zip(theirs).enumerate().map(|(group, (mut ours, theirs))| {
        ours.0.merge(&theirs.0).unwrap();
        ours.1.merge(&theirs.1).unwrap();
        ours.2.merge(&theirs.2).unwrap();
        ours.3.merge(&theirs.3).unwrap();
        let [count, sum, float_sum, mean] = ours.read();
        let group = group as u32;
        let (plain, conservative) = (plain.estimate(&group), conservative.estimate(&group));
        Readings { count, sum, float_sum, mean, plain, conservative, top: top.estimate(&group) }
    });
    merged.collect()
}

#[test]
fn totals_of_groups_across_strata() {
    const TRIALS: usize = 2_000;
    let mut random = SmallRng::seed_from_u64(11);
    let trials: Vec<_> = (0..TRIALS).map(|trial| sample(&mut random, trial as u64)).collect();
    for of in 0..4 {
        let records = STRATA.iter().enumerate().flat_map(|(number, stratum)| {
            let here = (0..stratum.records).filter(move |&record| group(number, record) == of);
            here.map(|record| (f64::from(value(stratum.level, record)), 1.0 / stratum.kept - 1.0))
        });
        let records: Vec<(f64, f64)> = records.collect();
        let (count, sum) = (records.len() as f64, records.iter().map(|(x, _)| x).sum::<f64>());
        let mean = sum / count;
        let deviation = |x: &dyn Fn(f64) -> f64| records.iter().map(|(y, v)| v * x(*y) * x(*y)).sum::<f64>().sqrt();
        let theory = [deviation(&|_| 1.0), deviation(&|x| x), deviation(&|x| x - mean) / count];
        let intervals: [(&str, fn(&Readings) -> Estimate, f64, Option<f64>); 7] = [
            ("count", |r| r.count, count, Some(theory[0])),
            ("sum", |r| r.sum, sum, Some(theory[1])),
            ("float sum", |r| r.float_sum, sum, Some(theory[1])),
            ("mean", |r| r.mean, mean, Some(theory[2])),
            // For these the bound is that of the heaviest weight.
            ("Count-Min", |r| r.plain, count, None),
            ("conservative Count-Min", |r| r.conservative, count, None),
            ("heavy hitters", |r| r.top, count, None),
        ];
        for (name, read, truth, theory) in intervals {
            let read: Vec<Estimate> = trials.iter().map(|readings| read(&readings[of as usize])).collect();
            let holding = read.iter().filter(|estimate| estimate.contains(truth)).count();
            let width = read.iter().map(|estimate| estimate.upper - estimate.lower).sum::<f64>() / TRIALS as f64;
            println!("{name} of group {of}: {holding} of {TRIALS} hold, width {width:.1}, theory {theory:?}");
            assert!(holding >= HOLD_OF_2000, "{name} of group {of}: {holding} of {TRIALS} hold");
            assert!(read[0].confidence <= 0.95, "{name}: {}", read[0].confidence);
            if let Some(theory) = theory {
                let times = width / (2.0 * 1.96 * theory);
                assert!(times <= 1.15, "{name} of group {of}: {times} times as wide as it should be");
            }
        }
    }
}

/// Ranks far from the median, of values that go with the strata: the hardest case of a sampled rank.
#[test]
fn ranks_of_values_that_go_with_their_strata() {
    let mut values: Vec<u32> =
        STRATA.iter().flat_map(|s| (0..s.records).map(|record| value(s.level, record))).collect();
    values.sort_unstable();
    let all = values.len();
    let mut random = SmallRng::seed_from_u64(12);
    let asked = [0.1, 0.5, 0.7, 0.95].map(|q| values[(q * all as f64) as usize]);
    let (mut holds, mut at_holds) = ([0; 4], [0; 4]);
    for trial in 0..2_000 {
        let mut kll = Kll::with_k(100).unwrap().seeded(trial);
        for stratum in STRATA {
            let weight = Weight::of_fraction(stratum.kept);
            for record in 0..stratum.records {
                if random.random::<f64>() * weight.get() < 1.0 {
                    kll.absorb_weighted(&f64::from(value(stratum.level, record)), weight);
                }
            }
        }
        let read = kll.read();
        for (i, &x) in asked.iter().enumerate() {
            let truth = values.partition_point(|&y| y <= x) as f64 / all as f64;
            holds[i] += usize::from(read.rank(f64::from(x)).contains(truth));
            let q = [0.1, 0.5, 0.7, 0.95][i];
            let at = values[((q * all as f64).ceil() as usize).saturating_sub(1)];
            at_holds[i] += usize::from(read.at(q).contains(f64::from(at)));
        }
    }
    println!("ranks {holds:?}, quantiles {at_holds:?} of 2000 hold");
    assert!(holds.iter().chain(&at_holds).all(|&holds| holds >= HOLD_OF_2000), "{holds:?}, {at_holds:?}");
}

/// An item of which nothing was kept: the interval of a frequency says how many there may have been all the same.
#[test]
fn items_of_which_none_was_kept() {
    let mut random = SmallRng::seed_from_u64(13);
    let (weight, copies, mut holds) = (Weight::of_fraction(0.1), 15.0, [0; 2]);
    for trial in 0..2_000 {
        let (mut plain, mut top) = (CountMin::default().seeded(trial), HeavyHitters::<u32>::top(3));
        for i in 0..1_000_u32 {
            let item = if i < 15 { 0 } else { 1 + i % 5 };
            if random.random::<f64>() * weight.get() < 1.0 {
                plain.absorb_weighted(&item, weight);
                top.absorb_weighted(&item, weight);
            }
        }
        for (holds, estimate) in holds.iter_mut().zip([plain.estimate(&0_u32), top.estimate(&0)]) {
            *holds += usize::from(estimate.contains(copies));
        }
    }
    assert!(holds.iter().all(|&holds| holds >= HOLD_OF_2000), "{holds:?}");
}

/// Nothing is known of what a single sampled record stands for; whole records are exact.
#[test]
fn means_of_few() {
    let mut mean = Mean::default();
    assert!(mean.read().value.is_nan() && !mean.read().has_guarantee());
    mean.absorb(&4_u32);
    assert!(mean.read().is_exact());
    mean.absorb_weighted(&8_u32, Weight::new(3.0));
    assert_eq!((mean.read().value, mean.read().confidence), (7.0, 0.0));
    mean.absorb(&f64::NAN);
    mean.absorb_weighted(&f64::INFINITY, Weight::new(2.0));
    assert_eq!(mean.read().value, 7.0);
    let mut twice = mean;
    twice.merge(&mean).unwrap();
    assert_eq!((twice.read().value, twice.read().confidence), (7.0, 0.95));
}
