use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus, seq::SliceRandom};
use streamgauge_sketches::{Absorb, Kll, Merge, Panes, Quantiles, Summary, Weight, Weighted};

use crate::HOLD_OF_2000;

/// A sketch of all values, by way of so many parts that began with the same seed.
fn sketch(empty: &Kll, values: &[f64], parts: usize) -> Kll {
    let mut whole = empty.clone();
    if parts == 1 {
        whole.absorb_all(values);
        return whole;
    }
    for part in values.chunks(values.len().div_ceil(parts)) {
        let mut summary = empty.clone();
        summary.absorb_all(part);
        whole.merge(&summary).unwrap();
    }
    whole
}

#[test]
fn intervals_hold() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let whole = [(100, 1_003, 1), (100, 8_100, 1), (32, 16_090, 1), (100, 8_100, 16), (50, 12_900, 64)];
    // Two sketches of parts that are read as one without being merged, as a window reads its two stacks.
    let apart = [(100, 8_100, 1), (50, 12_900, 16)];
    let cases = whole.map(|case| (case, false)).into_iter().chain(apart.map(|case| (case, true)));
    for ((k, n, parts), apart) in cases {
        let mut values = vec![0.0; n];
        let (mut rank_holds, mut share_holds, mut at_holds, mut mean_holds) = (0, 0, [0; 3], 0);
        let (mut width, mut square, mut at_width) = (0.0, 0.0, 0.0);
        for trial in 0..2_000_u64 {
            values.fill_with(|| random.random());
            let empty = Kll::with_k(k).unwrap().seeded(trial);
            let read = if apart {
                let (front, back) = values.split_at(n / 3);
                sketch(&empty, front, parts).read_merged(&sketch(&empty, back, parts)).unwrap()
            } else {
                sketch(&empty, &values, parts).read()
            };
            let share = values.iter().filter(|&&x| x <= 0.3).count() as f64 / n as f64;
            let rank = read.rank(0.3);
            let between = values.iter().filter(|&&x| 0.3 < x && x <= 0.8).count() as f64 / n as f64;
            share_holds += usize::from(read.pmf(&[0.3, 0.8])[1].contains(between));
            rank_holds += usize::from(rank.contains(share));
            width += (rank.upper - rank.lower) / 2_000.0;
            square += (rank.value - share).powi(2) / 2_000.0;
            for (holds, q) in at_holds.iter_mut().zip([0.1, 0.5, 0.99]) {
                let at = (q * n as f64).ceil() as usize - 1;
                let truth = *values.select_nth_unstable_by(at, f64::total_cmp).1;
                let estimate = read.at(q);
                *holds += usize::from(estimate.contains(truth));
                // The values are uniform, so widths in values are widths in ranks.
                at_width += if q == 0.5 { (estimate.upper - estimate.lower) / 2_000.0 } else { 0.0 };
            }
            let sum: f64 = values.iter().sum();
            mean_holds += usize::from(read.trimmed_mean(0.0, 1.0).contains(sum / n as f64));
        }
        let case = format!("k {k}, {n} values in {parts} parts, read apart: {apart}");
        assert!(rank_holds >= HOLD_OF_2000, "{case}: {rank_holds} ranks hold");
        assert!(share_holds >= HOLD_OF_2000, "{case}: {share_holds} shares hold");
        assert!(at_holds.iter().all(|&holds| holds >= HOLD_OF_2000), "{case}: {at_holds:?} quantiles hold");
        assert!(mean_holds >= HOLD_OF_2000, "{case}: {mean_holds} means hold");
        let theoretical = 2.0 * 1.96 * square.sqrt();
        assert!(width <= 1.15 * theoretical, "{case}: ranks {width}, not {theoretical}");
        assert!(at_width <= 1.15 * theoretical, "{case}: quantiles {at_width}, not {theoretical}");
    }
}

/// Windows merge in their own way: small panes and large ones, at every phase.
#[test]
fn intervals_of_windows_hold() {
    const PANES: usize = 12;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(6);
    for k in [20, 100] {
        let (mut rank_holds, mut at_holds, mut width, mut square) = (0, [0; 3], 0.0, 0.0);
        for trial in 0..2_000_u64 {
            let mut window = Panes::<Kll>::new(PANES as u32, trial);
            let mut panes: Vec<Vec<f64>> = Vec::new();
            for pane in 0..30 {
                let values = if pane % 5 == 2 { 5 * usize::from(k) } else { usize::from(k) / 2 + pane };
                panes.push((0..values).map(|_| random.random()).collect());
                window.push(pane as i64, sketch(&Kll::with_k(k).unwrap(), &panes[pane], 1)).unwrap();
                window.evict(pane as i64 - PANES as i64 + 1).unwrap();
            }
            let mut values = panes.split_off(panes.len() - PANES).concat();
            let n = values.len() as f64;
            let read = window.reading().unwrap().unwrap();
            assert_eq!(read.count(), n);
            assert_eq!((read.min(), read.max()), values.iter().fold((1.0, 0.0), |(a, b), &x| (x.min(a), x.max(b))));
            let (rank, share) = (read.rank(0.3), values.iter().filter(|&&x| x <= 0.3).count() as f64 / n);
            rank_holds += usize::from(rank.contains(share));
            width += (rank.upper - rank.lower) / 2_000.0;
            square += (rank.value - share).powi(2) / 2_000.0;
            for (holds, q) in at_holds.iter_mut().zip([0.1, 0.5, 0.99]) {
                let at = (q * n).ceil() as usize - 1;
                *holds += usize::from(read.at(q).contains(*values.select_nth_unstable_by(at, f64::total_cmp).1));
            }
        }
        assert!(rank_holds >= HOLD_OF_2000, "k {k}: {rank_holds} ranks hold");
        assert!(at_holds.iter().all(|&holds| holds >= HOLD_OF_2000), "k {k}: {at_holds:?} quantiles hold");
        let theoretical = 2.0 * 1.96 * square.sqrt();
        assert!(width <= 1.15 * theoretical, "k {k}: ranks {width}, not {theoretical}");
        assert!(square.sqrt() <= 0.49 / f64::from(k), "k {k}: off by {}", square.sqrt());
    }
}

/// One value in four is kept, and stands for four: the interval knows of the sampling.
#[test]
fn intervals_of_sampled_values_hold() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let (mut holds, mut width, mut square) = (0, 0.0, 0.0);
    for trial in 0..2_000_u64 {
        let mut kll = Kll::with_k(50).unwrap().seeded(trial);
        let mut below = 0;
        for _ in 0..4_000 {
            let x = random.random::<f64>();
            below += u32::from(x <= 0.5);
            if random.random::<f64>() < 0.25 {
                kll.absorb_weighted(&x, Weight::of_fraction(0.25));
            }
        }
        let (rank, share) = (kll.read().rank(0.5), f64::from(below) / 4_000.0);
        holds += usize::from(rank.contains(share));
        width += (rank.upper - rank.lower) / 2_000.0;
        square += (rank.value - share).powi(2) / 2_000.0;
    }
    assert!(holds >= HOLD_OF_2000, "{holds} hold");
    assert!(width <= 1.15 * 2.0 * 1.96 * square.sqrt(), "{width}, errors of {}", square.sqrt());
}

/// The largest number of failures that independent trials reach in all but one of ten thousand seeds.
fn most_failures(trials: u32, probability: f64) -> u32 {
    let mut term = (1.0 - probability).powi(trials as i32);
    let (mut failures, mut until) = (0, term);
    while until < 1.0 - 1e-4 {
        term *= f64::from(trials - failures) / f64::from(failures + 1) * probability / (1.0 - probability);
        failures += 1;
        until += term;
    }
    failures
}

#[test]
fn ranks_are_within_the_stated_error() {
    const TRIALS: u32 = 300;
    let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
    let most = most_failures(TRIALS, 0.01);
    assert_eq!(most, 11);
    let n = 12_900;
    let ascending: Vec<f64> = (0..n).map(f64::from).collect();
    let descending: Vec<f64> = ascending.iter().rev().copied().collect();
    let tied: Vec<f64> = ascending.iter().map(|x| (x / 500.0).floor()).collect();
    for (name, ordered, shuffled) in [
        ("random", &ascending, true),
        ("ascending", &ascending, false),
        ("descending", &descending, false),
        ("tied", &tied, true),
    ] {
        let mut values = ordered.clone();
        for parts in [1, 16, 64] {
            let (mut one, mut any) = (0, 0);
            for trial in 0..TRIALS {
                if shuffled {
                    values.shuffle(&mut random);
                }
                let empty = Kll::with_k(50).unwrap().seeded(trial.into());
                let read = sketch(&empty, &values, parts).read();
                let error = |x: f64| {
                    let truth = match name {
                        "tied" => ((x + 1.0) * 500.0).min(f64::from(n)),
                        _ => x + 1.0,
                    };
                    (read.rank(x).value - truth / f64::from(n)).abs()
                };
                let middle = ordered[ordered.len() / 3];
                one += u32::from(error(middle) > empty.rank_error());
                any += u32::from(ordered.iter().step_by(40).any(|&x| error(x) > empty.largest_rank_error()));
            }
            assert!(one <= most && any <= most, "{name} in {parts} parts: {one} and {any} of {TRIALS} fail");
        }
    }
}

/// Each part has all of the values but for a trifle: only their coins can keep the errors from adding up.
#[test]
fn parts_of_similar_items_toss_different_coins() {
    let (mut one, parts, trials) = (0, 16_u64, 300);
    let error = Kll::with_k(50).unwrap().rank_error();
    let mut square = 0.0;
    for trial in 0..trials {
        let empty = Kll::with_k(50).unwrap().seeded(trial);
        let mut whole = empty.clone();
        for part in 0..parts {
            let mut summary = empty.clone();
            (0..1_333_u64).for_each(|i| summary.absorb(&((i * 601 % 1_333) as f64 + part as f64 * 1e-9)));
            whole.merge(&summary).unwrap();
        }
        let off = whole.read().rank(500.5).value - 501.0 / 1_333.0;
        one += u32::from(off.abs() > error);
        square += off * off / trials as f64;
    }
    assert!(one <= most_failures(trials as u32, 0.01), "{one} of {trials} fail");
    assert!(square.sqrt() < error / 2.6, "{square}");
}

/// The exact answers are those of the definition.
#[test]
fn exact_readings() {
    let values: Vec<f64> = (1..=10).map(f64::from).collect();
    let read: Quantiles = sketch(&Kll::default(), &values, 1).read();
    assert_eq!(read.at(0.5).contract(), "KLL k=200, exact so far");
    assert_eq!((read.at(0.3).value, read.at(0.31).value), (3.0, 4.0));
    assert_eq!((read.rank(3.0).value, read.rank(3.9).value), (0.3, 0.3));
    assert!((read.trimmed_mean(0.25, 0.75).value - 5.5).abs() < 1e-12);
    assert!((read.trimmed_mean(0.0, 0.15).value - 4.0 / 3.0).abs() < 1e-12);
}
