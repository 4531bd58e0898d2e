use proptest::prelude::*;
use streamgauge_sketches::sample::Allocation;
use streamgauge_sketches::{
    Absorb, Bernoulli, Codec, Estimate, Merge, Reservoir, Stratified, Summary, WeightedReservoir, laws,
};

use crate::{absorbed, merged, parts};

/// What chi-square exceeds once in 10⁴ seeds, by its degrees of freedom.
const RARE_9: f64 = 33.7;
const RARE_19: f64 = 50.8;

fn reservoir(k: usize, seed: u64) -> Reservoir<u32> {
    Reservoir::new(k).unwrap().seeded(seed)
}

fn weighted(k: usize, seed: u64) -> WeightedReservoir<u32> {
    WeightedReservoir::new(k).unwrap().seeded(seed)
}

fn bernoulli(probability: f64, seed: u64) -> Bernoulli<u32> {
    Bernoulli::new(probability).unwrap().seeded(seed)
}

fn pairs(parts: &[Vec<u32>]) -> Vec<Vec<(u32, f64)>> {
    // Every seventh has no weight.
    parts.iter().map(|part| part.iter().map(|&x| (x, f64::from(x % 7))).collect()).collect()
}

fn triples(parts: &[Vec<u32>]) -> Vec<Vec<(u8, f64, u32)>> {
    parts.iter().map(|part| part.iter().map(|&x| ((x % 3) as u8, f64::from(x), x)).collect()).collect()
}

fn sorted(items: &[u32]) -> Vec<u32> {
    let mut items = items.to_vec();
    items.sort_unstable();
    items
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn reservoirs(parts in parts()) {
        for k in [1, 5, 64, 2_000] {
            let empty = reservoir(k, 1);
            laws::bulk(&empty, &parts, Codec::to_bytes);
            // Which items are held is a matter of distribution, unless it is all of them.
            let all = |s: &Reservoir<u32>| (s.population() <= k as u64).then(|| sorted(s.items()));
            laws::hold(&empty, &parts, |s| (s.population(), s.items().len(), all(s)));
            laws::image_holds(&absorbed(&empty, &parts.concat()));
        }
        let words: Vec<Vec<String>> = parts.iter().map(|part| part.iter().map(u32::to_string).collect()).collect();
        laws::hold::<_, String, _>(&Reservoir::<String>::new(9).unwrap(), &words, |s| s.population());
        laws::image_holds(&absorbed::<_, String>(&Reservoir::<String>::new(9).unwrap(), &words.concat()));
    }

    #[test]
    fn weighted_reservoirs(parts in parts()) {
        let parts = pairs(&parts);
        for k in [1, 5, 64, 2_000] {
            let empty = weighted(k, 1);
            laws::bulk(&empty, &parts, Codec::to_bytes);
            laws::hold(&empty, &parts, |s| (s.population(), s.ignored(), s.read().items().len()));
            laws::image_holds(&absorbed(&empty, &parts.concat()));
            // Ranks are drawn once: whatever the order of merges, the same items are held.
            let states: Vec<_> = parts.iter().map(|part| absorbed(&empty, part)).collect();
            let seen = |s: &WeightedReservoir<u32>| (s.read().items().to_vec(), s.read().inclusion_probability(1.0));
            let forward = states.iter().fold(empty.clone(), merged);
            let backward = states.iter().rev().fold(empty.clone(), merged);
            let right = states.iter().rev().cloned().reduce(|sum, state| merged(state, &sum));
            prop_assert_eq!(seen(&forward), seen(&backward));
            prop_assert_eq!(seen(&forward), seen(&right.unwrap_or(empty)));
            laws::sliding(&weighted(k, 1), &states, seen);
        }
    }

    #[test]
    fn bernoullis(parts in parts()) {
        for probability in [0.01, 0.5, 1.0] {
            let empty = bernoulli(probability, 1);
            laws::bulk(&empty, &parts, Codec::to_bytes);
            let all = |s: &Bernoulli<u32>| (probability == 1.0).then(|| sorted(s.items()));
            laws::hold(&empty, &parts, |s| (s.population(), all(s)));
            laws::image_holds(&absorbed(&empty, &parts.concat()));
            // Merging parts is putting them together.
            let states: Vec<_> = parts.iter().map(|part| absorbed(&empty, part)).collect();
            let whole = states.iter().fold(empty, merged);
            let items: Vec<u32> = states.iter().flat_map(|s| s.items().to_vec()).collect();
            prop_assert_eq!(whole.items(), &items);
        }
    }

    #[test]
    fn stratified(parts in parts()) {
        let parts = triples(&parts);
        for allocation in [Allocation::PerStratum(5), Allocation::Proportional(40), Allocation::Neyman(1_500)] {
            let empty = Stratified::<u8, u32>::new(allocation).unwrap();
            laws::bulk(&empty, &parts, Codec::to_bytes);
            laws::hold(&empty, &parts, |s| {
                let read = s.read();
                read.strata().iter().map(|(key, sample)| (*key, sample.population())).collect::<Vec<_>>()
            });
            laws::image_holds(&absorbed(&empty, &parts.concat()));
        }
    }

    /// Images whose bytes are anything, under a checksum that is right, are refused or can be used.
    #[test]
    fn strangers_do_no_harm(parts in parts(), at in 26..400_usize, bytes in any::<[u8; 8]>(), length in 1..9_usize) {
        let damage = |mut image: Vec<u8>| {
            let end = image.len() - 4;
            let at = 26 + (at - 26) % (end - 26);
            image[at..end].iter_mut().zip(&bytes[..length]).for_each(|(byte, other)| *byte = *other);
            let checksum = crc32fast::hash(&image[..end]).to_le_bytes();
            image[end..].copy_from_slice(&checksum);
            image
        };
        let (flat, k) = (parts.concat(), 12);
        let whole = absorbed(&reservoir(k, 1), &flat);
        if let Ok(mut found) = Reservoir::<u32>::from_bytes(&damage(whole.to_bytes())) {
            found.absorb_all(&flat);
            let _ = found.merge(&whole);
            let _ = merged(found.clone(), &found);
            found.absorb(&7);
            found.read().count(|x| x % 2 == 0);
            found.read().mean(|x| f64::from(*x));
        }
        let whole = absorbed(&bernoulli(0.1, 1), &flat);
        if let Ok(mut found) = Bernoulli::<u32>::from_bytes(&damage(whole.to_bytes())) {
            found.absorb_all(&flat);
            let _ = found.merge(&whole);
            found.absorb(&7);
            found.read().count(|x| x % 2 == 0);
        }
        let flat = pairs(&parts).concat();
        let whole = absorbed(&weighted(k, 1), &flat);
        if let Ok(mut found) = WeightedReservoir::<u32>::from_bytes(&damage(whole.to_bytes())) {
            found.absorb_all(&flat);
            let _ = found.merge(&whole);
            let _ = merged(found.clone(), &found);
            found.absorb_with_weight(&7, f64::MAX);
            found.read().count(|x, _| x % 2 == 0);
            found.read().sum(|_, weight| weight);
        }
        let flat = triples(&parts).concat();
        let whole = absorbed(&Stratified::new(Allocation::Neyman(12)).unwrap(), &flat);
        if let Ok(mut found) = Stratified::<u8, u32>::from_bytes(&damage(whole.to_bytes())) {
            found.absorb_all(&flat);
            let _ = found.merge(&whole);
            let _ = merged(found.clone(), &found);
            found.read().count(|x| x % 2 == 0);
            found.read().sum(|x| f64::from(*x));
        }
    }
}

#[test]
fn different_parameters_are_refused() {
    laws::refuses(&absorbed(&reservoir(5, 1), &[1, 2, 3]), &absorbed(&reservoir(6, 1), &[1, 2, 3]));
    laws::refuses(&absorbed(&weighted(5, 1), &[(1, 1.0)]), &absorbed(&weighted(6, 1), &[(1, 1.0)]));
    laws::refuses(&absorbed(&bernoulli(0.5, 1), &[1, 2, 3]), &absorbed(&bernoulli(0.25, 1), &[1, 2, 3]));
    let strata = |allocation, holding| {
        let empty = Stratified::<u8, u32>::new(allocation).unwrap().holding(holding).unwrap();
        absorbed(&empty, &[(1, 1.0, 1)])
    };
    let (neyman, proportional) = (Allocation::Neyman(9), Allocation::Proportional(9));
    laws::refuses(&strata(neyman, 9), &strata(proportional, 9));
    laws::refuses(&strata(neyman, 9), &strata(neyman, 8));
}

/// The sum of the squares of what is found beside what is expected.
fn chi_square(found: &[f64], expected: &[f64]) -> f64 {
    found.iter().zip(expected).map(|(found, expected)| (found - expected).powi(2) / expected).sum()
}

const N: u32 = 2_000;
const K: usize = 20;
const TRIALS: u64 = 2_000;

/// Sixteen parts of very different sizes.
fn uneven() -> Vec<Vec<u32>> {
    let sizes = [1, 1, 700, 2, 3, 5, 400, 8, 13, 21, 34, 55, 89, 144, 233, 291];
    let mut from = 0;
    let parts = sizes.map(|size| {
        from += size;
        (from - size..from).collect()
    });
    assert_eq!(from, N);
    parts.into()
}

/// Holds samples of `0..N` to what a uniform sample of `K` is: every tenth of the population is in it as often, and the
/// share of a part of the population varies as it should.
fn uniform(name: &str, sample: impl Fn(u64) -> Reservoir<u32>) {
    let (mut tenths, mut halves, mut evens) = ([0.0; 10], Vec::new(), Vec::new());
    for seed in 0..TRIALS {
        let sample = sample(seed);
        assert_eq!((sample.items().len(), sample.population()), (K, u64::from(N)));
        sample.items().iter().for_each(|&x| tenths[(x * 10 / N) as usize] += 1.0);
        halves.push(sample.items().iter().filter(|&&x| x < N / 2).count() as f64);
        evens.push(sample.items().iter().filter(|&&x| x % 2 == 0).count() as f64);
    }
    // Without replacement the counts vary less, by a factor of (n − k)/(n − 1).
    let less = (f64::from(N) - K as f64) / (f64::from(N) - 1.0);
    let chi_square = chi_square(&tenths, &[(TRIALS * K as u64) as f64 / 10.0; 10]) / less;
    assert!(chi_square < RARE_9, "{name}: {tenths:?}");
    for counts in [halves, evens] {
        let (mean, variance) = (K as f64 / 2.0, K as f64 / 4.0 * less);
        let found = counts.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / TRIALS as f64;
        // A relative standard error of √(2/trials), and 3.9 of them.
        assert!((found / variance - 1.0).abs() < 0.124, "{name}: variance {found} for {variance}");
    }
}

#[test]
fn reservoirs_are_uniform() {
    let all: Vec<u32> = (0..N).collect();
    uniform("one by one", |seed| absorbed(&reservoir(K, seed), &all));
    uniform("in bulk", |seed| {
        let mut sample = reservoir(K, seed);
        sample.absorb_all(&all);
        sample
    });
    uniform("by slices", |seed| {
        let (mut sample, mut rest, mut state) = (reservoir(K, seed), &all[..], seed);
        while !rest.is_empty() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (slice, after) = rest.split_at((state >> 33) as usize % (rest.len().min(50) + 1));
            sample.absorb_all(slice);
            rest = after;
        }
        sample
    });
}

#[test]
fn merged_reservoirs_are_uniform() {
    let parts = uneven();
    let states = |seed| {
        parts.iter().map(move |part| {
            let mut sample = reservoir(K, seed);
            sample.absorb_all(part);
            sample
        })
    };
    uniform("merged", |seed| states(seed).fold(reservoir(K, seed), |sum, state| merged(sum, &state)));
    uniform("merged backwards", |seed| {
        let states: Vec<_> = states(seed).collect();
        states.into_iter().rev().reduce(|sum, state| merged(state, &sum)).unwrap()
    });
    uniform("merged in pairs", |seed| {
        let mut states: Vec<_> = states(seed).collect();
        while states.len() > 1 {
            states = states.chunks(2).map(|two| merged(two[0].clone(), &two[1])).collect();
        }
        states.remove(0)
    });
    uniform("merged, then absorbing more", |seed| {
        let (first, rest) = parts.split_at(4);
        let sum = states(seed).take(first.len()).fold(reservoir(K, seed), |sum, state| merged(sum, &state));
        absorbed(&sum, &rest.concat())
    });
}

#[test]
fn merging_minds_the_sizes() {
    let part = |item: u32, times: usize, seed| {
        let mut sample = reservoir(100, seed);
        sample.absorb_all(&vec![item; times]);
        sample
    };
    let ones: u32 =
        (0..200).map(|seed| merged(part(0, 10_000, seed), &part(1, 90_000, seed)).items().iter().sum::<u32>()).sum();
    // Of 20,000; a standard error of 42.
    assert!((f64::from(ones) - 18_000.0).abs() < 3.9 * 42.4, "{ones}");
}

/// The number of a subset of three of six.
fn subset(items: impl Iterator<Item = u32>) -> usize {
    let mask = items.fold(0_u32, |mask, item| mask | 1 << item);
    (0..mask).filter(|m| m.count_ones() == 3).count()
}

/// The probabilities of all subsets of three of six items, drawn one after another by weight.
fn successive(weights: [f64; 6]) -> Vec<f64> {
    let mut probabilities = vec![0.0; 20];
    let total: f64 = weights.iter().sum();
    for a in 0..6 {
        for b in (0..6).filter(|&b| b != a) {
            for c in (0..6).filter(|&c| c != a && c != b) {
                let (x, y, z) = (weights[a], weights[b], weights[c]);
                probabilities[subset([a, b, c].iter().map(|&i| i as u32))] +=
                    x / total * y / (total - x) * z / (total - x - y);
            }
        }
    }
    probabilities
}

/// Counts subsets of three of six over 8,000 seeds, and holds them to their probabilities.
fn holds(name: &str, probabilities: &[f64], draw: impl Fn(u64) -> usize) {
    let mut found = vec![0.0; 20];
    (0..8_000).for_each(|seed| found[draw(seed)] += 1.0);
    let expected: Vec<f64> = probabilities.iter().map(|p| p * 8_000.0).collect();
    assert!(chi_square(&found, &expected) < RARE_19, "{name}: {found:?} for {expected:?}");
}

#[test]
fn all_subsets_have_their_probability_in_any_association() {
    let three = |seed| {
        [&[0][..], &[1, 2], &[3, 4, 5]].map(|items| {
            let mut sample = reservoir(3, seed);
            sample.absorb_all(items);
            sample
        })
    };
    let drawn = |sample: Reservoir<u32>| subset(sample.items().iter().copied());
    let even = [1.0 / 20.0; 20];
    holds("one by one", &even, |seed| drawn(absorbed(&reservoir(3, seed), &[0, 1, 2, 3, 4, 5])));
    holds("(a b) c", &even, |seed| {
        let [a, b, c] = three(seed);
        drawn(merged(merged(a, &b), &c))
    });
    holds("a (b c)", &even, |seed| {
        let [a, b, c] = three(seed);
        drawn(merged(a, &merged(b, &c)))
    });
}

#[test]
fn weighted_subsets_have_their_probability() {
    let weights = [1.0, 2.0, 2.5, 4.0, 5.0, 10.0];
    let probabilities = successive(weights);
    let items: Vec<(u32, f64)> = (0..6).zip(weights).collect();
    let drawn = |sample: WeightedReservoir<u32>| subset(sample.read().items().iter().map(|(item, _)| *item));
    holds("one by one", &probabilities, |seed| drawn(absorbed(&weighted(3, seed), &items)));
    let backwards: Vec<_> = items.iter().rev().copied().collect();
    holds("backwards", &probabilities, |seed| drawn(absorbed(&weighted(3, seed), &backwards)));
    holds("merged", &probabilities, |seed| {
        let [a, b, c] = [&items[..1], &items[1..3], &items[3..]].map(|part| absorbed(&weighted(3, seed), part));
        drawn(merged(a, &merged(b, &c)))
    });
    holds("merged, then absorbing more", &probabilities, |seed| {
        let [a, b] = [&items[..2], &items[2..5]].map(|part| absorbed(&weighted(3, seed), part));
        drawn(absorbed(&merged(a, &b), &items[5..]))
    });
}

#[test]
fn bernoulli_samples_are_even() {
    let all: Vec<u32> = (0..N).collect();
    for (name, parts) in [("one part", vec![all]), ("parts", uneven())] {
        let (mut tenths, mut sizes) = ([0.0; 10], Vec::new());
        for seed in 0..TRIALS {
            let states = parts.iter().map(|part| {
                let mut sample = bernoulli(0.02, seed);
                sample.absorb_all(part);
                sample
            });
            let sample = states.fold(bernoulli(0.02, seed), |sum, state| merged(sum, &state));
            sample.items().iter().for_each(|&x| tenths[(x * 10 / N) as usize] += 1.0);
            sizes.push(sample.items().len() as f64);
        }
        let expected = TRIALS as f64 * f64::from(N) * 0.02 / 10.0;
        let chi_square = chi_square(&tenths, &[expected; 10]);
        // Ten degrees: the number is not fixed.
        assert!(chi_square < 35.6, "{name}: {tenths:?}");
        let variance = sizes.iter().map(|size| (size - 40.0).powi(2)).sum::<f64>() / TRIALS as f64;
        assert!((variance / 39.2 - 1.0).abs() < 0.124, "{name}: the size varies by {variance}");
    }
}

#[test]
fn copies_of_one_empty_sample_draw_differently() {
    let positions = |from: u32| {
        let part: Vec<u32> = (from..from + 10_000).collect();
        let mut sample = reservoir(100, 1);
        sample.absorb_all(&part);
        sample.items().iter().map(|x| x - from).collect::<Vec<_>>()
    };
    let (first, second) = (positions(0), positions(10_000));
    // One position in a hundred is common to both.
    assert!(first.iter().filter(|position| second.contains(position)).count() < 7);
    let kept = |from: u32| {
        let part: Vec<u32> = (from..from + 10_000).collect();
        absorbed(&bernoulli(0.01, 1), &part).items().iter().map(|x| x - from).collect::<Vec<_>>()
    };
    let (first, second) = (kept(0), kept(10_000));
    assert!(first.iter().filter(|position| second.contains(position)).count() < 7);
}

#[test]
fn weights_that_are_none_are_left_out() {
    let mut sample = weighted(3, 1);
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324, f64::MAX] {
        sample.absorb(&(1, weight));
    }
    assert_eq!((sample.ignored(), sample.population(), sample.read().items().len()), (8, 0, 0));
    for weight in [1e-280, 1e290, 1e-290, 1e289, 1.0, 1e290] {
        sample.absorb(&(2, weight));
    }
    let read = sample.read();
    assert_eq!((sample.population(), read.items().len()), (6, 3));
    assert!(read.items().iter().all(|(_, weight)| *weight >= 1e289));
    read.sum(|_, weight| weight);
    laws::image_holds(&sample);
    let mut tiny = weighted(2, 1);
    (0..9).for_each(|i| tiny.absorb(&(i, 1e-290)));
    assert_eq!(tiny.read().items().len(), 2);
    laws::image_holds(&tiny);
}

#[test]
fn damaged_checkpoints_are_refused() {
    let stored = postcard::to_allocvec(&absorbed(&reservoir(4, 1), &[1, 2, 3])).unwrap();
    // One more item than there can be: the length before the items.
    let mut damaged = stored.clone();
    let length = damaged.len() - 4;
    assert_eq!(damaged[length], 3);
    damaged[length] = 2;
    assert!(postcard::from_bytes::<Reservoir<u32>>(&stored).is_ok());
    assert!(postcard::from_bytes::<Reservoir<u32>>(&damaged).is_err());
}

/// An interval holds its own value, and is none of NaNs: also where nearly all items are in the sample and one value
/// outweighs all others, and at the ends of the floats.
#[test]
fn intervals_hold_their_values() {
    let holds = |estimate: Estimate, what: &str| {
        assert!(estimate.lower <= estimate.value && estimate.value <= estimate.upper, "{what}: {estimate:?}");
    };
    for n in [2_u32, 3, 12, 101, 102, 1_001] {
        for k in [1, 2, 11, 100, 1_000] {
            for outlier in [1.0, 1e6, 1e130] {
                let value = |&x: &u32| if x == 0 { outlier } else { f64::from(x % 2) };
                let mut uniform = reservoir(k, 1);
                uniform.absorb_all(&(0..n).collect::<Vec<_>>());
                let uniform = uniform.read();
                holds(uniform.sum(value), &format!("sum of {n}, {k} held, {outlier}"));
                holds(uniform.count(|&x| x > 0), &format!("count of {n}, {k} held"));
                let mut by_weight = weighted(k, 1);
                (0..n).for_each(|x| by_weight.absorb_with_weight(&x, if x < 9 { 1e3 } else { 1.0 }));
                let by_weight = by_weight.read();
                holds(by_weight.sum(|x, _| value(x)), &format!("weighted sum of {n}, {k} held, {outlier}"));
                holds(by_weight.sum(|_, weight| weight), &format!("weight of {n}, {k} held"));
            }
        }
    }
}

#[test]
fn weights_may_lie_very_far_apart() {
    // Light and heavy in turn: the heavy ones fill the sample, and are estimated among themselves.
    let mut sample = weighted(20, 1);
    (0..500_u32).for_each(|x| sample.absorb_with_weight(&x, if x % 2 == 0 { 1e-290 } else { 1e290 }));
    let read = sample.read();
    assert!(read.items().iter().all(|(x, _)| x % 2 == 1));
    let heavy = read.sum(|_, weight| f64::from(u8::from(weight > 1.0)));
    assert!(heavy.contains(250.0), "{heavy}");

    // Beyond, ranks would tie and keep the first items.
    for weight in [f64::MIN_POSITIVE, f64::MAX] {
        sample.absorb_with_weight(&0, weight);
    }
    assert_eq!((sample.ignored(), sample.read().population()), (2, 500));
}
