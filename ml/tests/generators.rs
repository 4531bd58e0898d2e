//! Generators against what their papers say of them.
//!
//! Counts are held to 4.5 standard deviations: a right generator fails such a check for one seed in 150,000.

#![allow(clippy::unwrap_used)]

use streamgauge_ml::generate::{
    Agrawal, Component, Generator, Hyperplane, Led, Mixture, RandomTree, Rbf, Sea, TreeShape, Waveform,
};
use streamgauge_ml::{Attribute, Dataset};

/// The same seed gives the same rows, another one others; rows are of the schema; one that was stored in the middle goes
/// on as if it had not been.
#[track_caller]
fn holds<G: Generator>(generator: &G, other_seed: &G) {
    let schema = generator.schema().clone();
    let rows: Vec<_> = generator.clone().rows().take(2_000).collect();
    for (row, class) in &rows {
        assert!(schema.check(row, *class, 1.0).is_ok(), "{row:?} of class {class}");
        for (value, attribute) in row.iter().zip(schema.attributes()) {
            let is_good = match attribute {
                Attribute::Numeric => value.is_finite(),
                Attribute::Nominal { .. } => attribute.category(*value).is_some(),
            };
            assert!(is_good, "{value} for {attribute:?}");
        }
    }
    let mut stored = generator.clone();
    let first = stored.dataset(777);
    let mut restored: G = postcard::from_bytes(&postcard::to_allocvec(&stored).unwrap()).unwrap();
    let rest = restored.dataset(2_000 - 777);
    let parts = first.iter().chain(rest.iter());
    assert!(parts.eq(rows.iter().map(|(row, class)| (row.as_slice(), *class))), "it goes on where it was stored");
    assert!(other_seed.clone().rows().take(2_000).ne(rows), "another seed gives other rows");
}

#[test]
fn every_generator_is_deterministic_and_goes_on_where_it_was_stored() {
    let sea = |seed| Sea::new(1).unwrap().seed(seed);
    holds(&sea(1), &sea(2));
    for rule in 1..=10 {
        let agrawal = |seed| Agrawal::new(rule).unwrap().perturbation(0.05).unwrap().seed(seed);
        holds(&agrawal(1), &agrawal(2));
    }
    let tree = |concept, seed| RandomTree::new(TreeShape::default(), concept).unwrap().seed(seed);
    holds(&tree(1, 1), &tree(1, 2));
    holds(&tree(1, 1), &tree(2, 1));
    let led = |seed| Led::new().moved(7).unwrap().seed(seed);
    holds(&led(1), &led(2));
    let plane = |concept, seed| Hyperplane::new(10, concept).unwrap().drifting(10, 0.001).unwrap().seed(seed);
    holds(&plane(1, 1), &plane(1, 2));
    holds(&plane(1, 1), &plane(2, 1));
    let rbf = |concept, seed| Rbf::new(10, 5, 50, concept).unwrap().moving(50, 0.0001).unwrap().seed(seed);
    holds(&rbf(1, 1), &rbf(1, 2));
    holds(&rbf(1, 1), &rbf(2, 1));
    holds(&Waveform::new(), &Waveform::new().seed(2));
    holds(&Waveform::with_irrelevant(), &Waveform::with_irrelevant().seed(2));
    let mixture = |concept, seed| Mixture::random(5, 8, concept).unwrap().noise(0.02, -5.0, 15.0).unwrap().seed(seed);
    holds(&mixture(1, 1), &mixture(1, 2));
    holds(&mixture(1, 1), &mixture(2, 1));
    let fading = |seed| sea(1).fade_into(1_000, 500, sea(2)).unwrap().seed(seed).then(1_900, sea(3)).unwrap();
    holds(&fading(1), &fading(2));
}

/// Holds a count of `n` to its probability.
#[track_caller]
fn is_share(count: usize, n: usize, probability: f64) {
    let n = n as f64;
    let away = count as f64 - n * probability;
    assert!(away.abs() <= 4.5 * (n * probability * (1.0 - probability)).sqrt(), "{count} of {n}, not {probability}");
}

fn of_class(rows: &Dataset, class: usize) -> usize {
    rows.iter().filter(|(_, found)| *found == class).count()
}

#[test]
fn sea_has_its_thresholds_and_its_noise() {
    let n = 50_000;
    for (concept, threshold) in [(1, 8.0), (2, 9.0), (3, 7.0), (4, 9.5)] {
        let below = threshold * threshold / 200.0;
        for noise in [0.0, 0.1, 0.5] {
            let rows = Sea::new(concept).unwrap().noise(noise).unwrap().dataset(n);
            is_share(of_class(&rows, 1), n, below * (1.0 - noise) + (1.0 - below) * noise);
            let turned = rows.iter().filter(|(row, class)| (row[0] + row[1] <= threshold) != (*class == 1)).count();
            is_share(turned, n, noise);
            assert!(rows.iter().all(|(row, _)| row.iter().all(|x| (0.0..10.0).contains(x))));
        }
    }
    assert_eq!(Sea::new(0).unwrap_err().to_string(), "Sea: concept must be 1 to 4, not 0");
    assert_eq!(Sea::new(1).unwrap().noise(1.5).unwrap_err().to_string(), "Sea: noise must be 0 to 1, not 1.5");
}

#[test]
fn agrawal_has_the_groups_of_the_paper() {
    let n = 50_000;
    // Worked out from the distributions: ages are 20 below 40, 20 below 60, 21 from 60 on; salaries lie in a range of 50 or
    // so of 130 thousand; educations are even among five; loans lie in a range of 200 of 500 thousand.
    let (young, middle, old) = (20.0 / 61.0, 20.0 / 61.0, 21.0 / 61.0);
    let shares =
        [(1, young + old), (2, 50.0 / 130.0), (3, young * 0.4 + middle * 0.6 + old * 0.6), (4, 50.0 / 130.0), (5, 0.4)];
    for (rule, share) in shares {
        let rows = Agrawal::new(rule).unwrap().dataset(n);
        is_share(of_class(&rows, 0), n, share);
    }
    // The class is that of the true values, so a perturbation changes no class, only what is seen; and never far.
    let true_rows = Agrawal::new(7).unwrap().dataset(n);
    let income = |row: &[f64]| row[0] + row[1];
    assert!(true_rows.iter().all(|(row, class)| (0.67 * income(row) - 0.2 * row[8] - 2e4 > 0.0) == (class == 0)));
    let perturbed = Agrawal::new(7).unwrap().perturbation(0.05).unwrap().dataset(n);
    let wrong =
        perturbed.iter().filter(|(row, class)| (0.67 * income(row) - 0.2 * row[8] - 2e4 > 0.0) != (*class == 0));
    let wrong = wrong.count() as f64 / n as f64;
    assert!((0.005..0.05).contains(&wrong), "{wrong}");
    for (row, _) in perturbed.iter() {
        let ranges = [
            (20e3, 150e3),
            (0.0, 75e3),
            (20.0, 80.0),
            (0.0, 4.0),
            (0.0, 19.0),
            (0.0, 8.0),
            (5e4, 135e4),
            (1.0, 30.0),
            (0.0, 5e5),
        ];
        assert!(row.iter().zip(ranges).all(|(x, (low, high))| (low..=high).contains(x)), "{row:?}");
    }
    assert_eq!(Agrawal::new(11).unwrap_err().to_string(), "Agrawal: rule must be 1 to 10, not 11");
}

#[test]
fn led_is_wrong_as_often_as_it_is_told() {
    let n = 50_000;
    let clean = Led::new().noise(0.0).unwrap().dataset(n);
    (0..10).for_each(|digit| is_share(of_class(&clean, digit), n, 0.1));
    // The display of each digit, as it is without noise.
    let display = |digit| clean.iter().find(|(_, class)| *class == digit).unwrap().0[..7].to_vec();
    let displays: Vec<Vec<f64>> = (0..10).map(display).collect();
    for moved in [0, 4] {
        let rows = Led::new().moved(moved).unwrap().dataset(n);
        (0..7).for_each(|segment| {
            let place = if segment < moved { segment + 7 } else { segment };
            let wrong = rows.iter().filter(|(row, class)| row[place] != displays[*class][segment]).count();
            is_share(wrong, n, 0.1);
        });
        // What says nothing is even, whatever the digit.
        for place in (14..24).chain(0..moved) {
            let lit = rows.iter().filter(|(row, class)| *class == 1 && row[place] == 1.0).count();
            is_share(lit, of_class(&rows, 1), 0.5);
        }
    }
    assert_eq!(Led::new().moved(8).unwrap_err().to_string(), "Led: moved segments must be 0 to 7, not 8");
}

#[test]
fn a_hyperplane_halves_the_cube_and_turns() {
    let n = 50_000;
    let rows = Hyperplane::new(10, 3).unwrap().dataset(n);
    is_share(of_class(&rows, 1), n, 0.5);
    let side = |weights: &[f64], row: &[f64]| row.iter().zip(weights).map(|(x, w)| (x - 0.5) * w).sum::<f64>() >= 0.0;
    let still = Hyperplane::new(10, 3).unwrap();
    let turned = rows.iter().filter(|(row, class)| side(still.weights(), row) != (*class == 1)).count();
    is_share(turned, n, 0.05);

    // Drifting, the plane of the beginning is ever more wrong, that of the moment never.
    let mut drifting = Hyperplane::new(10, 3).unwrap().noise(0.0).unwrap().drifting(10, 0.001).unwrap();
    let mut wrong = [0, 0];
    let mut row = Vec::new();
    for i in 0..n {
        let now = drifting.weights().to_vec();
        let class = drifting.next_into(&mut row);
        assert_eq!(side(&now, &row), class == 1);
        assert!(drifting.weights().iter().zip(&now).all(|(a, b)| ((a - b).abs() - 0.001).abs() < 1e-12));
        wrong[i / (n / 2)] += usize::from(side(still.weights(), &row) != (class == 1));
    }
    assert!(wrong[0] > n / 20 && wrong[1] > wrong[0], "{wrong:?}");
    assert!(Hyperplane::new(10, 3).unwrap().drifting(11, 0.1).is_err());
    assert!(Hyperplane::new(10, 3).unwrap().drifting(1, f64::NAN).is_err());
    assert!(Hyperplane::new(0, 3).is_err());
}

#[test]
fn clouds_move_as_fast_as_they_are_told() {
    let mut rbf = Rbf::new(3, 4, 20, 5).unwrap().moving(8, 0.001).unwrap();
    let mut row = Vec::new();
    let places = |rbf: &Rbf| rbf.clouds().map(|(middle, _)| middle.to_vec()).collect::<Vec<_>>();
    let (mut turns, begin) = (0, places(&rbf));
    for _ in 0..5_000 {
        let before = places(&rbf);
        rbf.next_into(&mut row);
        for (at, (old, new)) in before.iter().zip(places(&rbf)).enumerate() {
            let far = old.iter().zip(&new).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
            assert!(new.iter().all(|x| (0.0..=1.0).contains(x)));
            match at {
                0..8 if (far - 0.001).abs() > 1e-12 => turns += 1,
                0..8 => {}
                _ => assert_eq!(old, &new),
            }
        }
    }
    assert!(turns > 8 && turns < 400, "each turns a few times at the faces of the cube: {turns}");
    assert!(places(&rbf)[..8].iter().zip(&begin).all(|(a, b)| a != b));
    assert!(Rbf::new(3, 4, 20, 5).unwrap().moving(21, 0.1).is_err());
    assert!(Rbf::new(3, 4, 0, 5).is_err() && Rbf::new(3, 0, 9, 5).is_err());

    // The nearest of few narrow clouds says the class: a cloud gives the points that are around it.
    let still = Rbf::new(20, 3, 3, 9).unwrap();
    let clouds: Vec<_> = still.clouds().map(|(middle, class)| (middle.to_vec(), class)).collect();
    let rows = still.clone().dataset(10_000);
    let right = rows.iter().filter(|(row, class)| {
        let away = |middle: &[f64]| middle.iter().zip(*row).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        clouds.iter().min_by(|a, b| away(&a.0).total_cmp(&away(&b.0))).unwrap().1 == *class
    });
    assert!(right.count() > 9_000);
}

#[test]
fn the_class_is_what_a_tree_says() {
    let n = 20_000;
    for concept in 0..20 {
        let tree = RandomTree::new(TreeShape::default(), concept).unwrap();
        assert!((8..=5_usize.pow(5)).contains(&tree.leaves()), "{}", tree.leaves());
        let ones = of_class(&tree.clone().dataset(n), 1);
        assert!((n / 10..n * 9 / 10).contains(&ones), "concept {concept}: {ones}");
    }
    // Eight rows can be, and each always has the same class.
    let shape = TreeShape {
        nominal: 3,
        categories: 2,
        numeric: 0,
        classes: 4,
        depth: 9,
        first_leaf: 9,
        ..TreeShape::default()
    };
    let tree = RandomTree::new(shape, 6).unwrap();
    assert_eq!(tree.leaves(), 8);
    let rows: std::collections::BTreeSet<_> =
        tree.rows().take(n).map(|(row, class)| (row.iter().map(|x| *x as u8).collect::<Vec<_>>(), class)).collect();
    assert_eq!(rows.len(), 8);
    let too_deep = RandomTree::new(TreeShape { depth: 10, ..TreeShape::default() }, 1).unwrap_err();
    assert!(too_deep.to_string().contains("depth must be one with at most 2^22 leaves, not 10"), "{too_deep}");
    assert!(RandomTree::new(TreeShape { depth: u32::MAX, ..shape }, 1).is_err());
    assert!(RandomTree::new(TreeShape { nominal: 0, ..shape }, 1).is_err());
    assert!(RandomTree::new(TreeShape { leaf_share: -0.1, ..shape }, 1).is_err());
}

#[test]
fn waves_have_their_means_and_variances() {
    let n = 60_000;
    let rows = Waveform::with_irrelevant().dataset(n);
    (0..3).for_each(|class| is_share(of_class(&rows, class), n, 1.0 / 3.0));
    // Class 0 mixes the waves around points 10 and 14: halfway between, both are 4 high.
    let of = |class: usize, point: usize| rows.iter().filter(move |(_, c)| *c == class).map(move |(row, _)| row[point]);
    let moments = |class, point| {
        let n = of(class, point).count() as f64;
        let mean = of(class, point).sum::<f64>() / n;
        (mean, of(class, point).map(|x| (x - mean) * (x - mean)).sum::<f64>() / n)
    };
    // Of 20,000: the mean to 0.007 and the variance of 1 to 0.01 by one deviation.
    for (class, point, height, variance) in [(0, 12, 4.0, 1.0), (1, 8, 4.0, 1.0), (2, 0, 0.0, 1.0), (0, 30, 0.0, 1.0)] {
        let (mean, found) = moments(class, point);
        assert!(
            (mean - height).abs() < 0.035 && (found - variance).abs() < 0.05,
            "{class} at {point}: {mean}, {found}"
        );
    }
    // At point 10 the heights are 6 and 2 in class 0: the share, even, adds 4² / 12 to the variance.
    let (mean, variance) = moments(0, 10);
    assert!((mean - 4.0).abs() < 0.05 && (variance - 1.0 - 16.0 / 12.0).abs() < 0.12, "{mean}, {variance}");
}

#[test]
fn a_mixture_moves() {
    let component = |mean: f64, velocity: f64, weight| Component {
        mean: vec![mean, 0.0],
        velocity: vec![velocity, 0.0],
        deviation: 2.0,
        weight,
    };
    let mut mixture =
        Mixture::new([component(0.0, 0.01, 1.0), component(50.0, 0.0, 3.0)]).unwrap().noise(0.2, 90.0, 91.0).unwrap();
    let n = 40_000;
    let rows = mixture.dataset(n);
    assert_eq!(mixture.mean(0), Some(vec![400.0, 0.0]));
    assert_eq!(mixture.mean(2), None);
    for (class, share) in [(0, 0.2), (1, 0.6), (2, 0.2)] {
        is_share(of_class(&rows, class), n, share);
    }
    let squares = rows
        .iter()
        .enumerate()
        .filter(|(_, (_, class))| *class == 0)
        .map(|(i, (row, _))| (row[0] - 0.01 * i as f64).powi(2));
    let variance = squares.sum::<f64>() / of_class(&rows, 0) as f64;
    // Of 8,000: a deviation of the variance is 4 √(2 / 8,000).
    assert!((variance - 4.0).abs() < 4.5 * 4.0 * (2.0 / 8_000_f64).sqrt(), "{variance}");
    assert!(rows.iter().all(|(row, class)| class < 2 || row.iter().all(|x| (90.0..91.0).contains(x))));

    let wrong = |components: &[Component]| Mixture::new(components.to_vec()).unwrap_err().to_string();
    assert_eq!(wrong(&[]), "Mixture: components must be at least 1, not 0");
    assert!(wrong(&[component(f64::NAN, 0.0, 1.0)]).contains("coordinate of a component must be finite, not NaN"));
    assert!(wrong(&[component(0.0, 0.0, 0.0)]).contains("weight must be above 0"));
    assert!(
        wrong(&[Component { velocity: vec![], ..component(0.0, 0.0, 1.0) }])
            .contains("as many as the first has, not 0")
    );
    assert!(
        wrong(&[Component { deviation: -1.0, ..component(0.0, 0.0, 1.0) }]).contains("deviation must be at least 0")
    );
    assert!(Mixture::random(2, 2, 1).unwrap().noise(0.1, 1.0, 1.0).is_err());
}

#[test]
fn drift_is_where_it_is_said_to_be() {
    // Two concepts of one class each, so that a row says where it came from.
    let only = |class: usize, seed| {
        let at = |c: usize| Component {
            mean: vec![0.0],
            velocity: vec![0.0],
            deviation: 1.0,
            weight: if c == class { 1.0 } else { 1e-12 },
        };
        Mixture::new([at(0), at(1), at(2)]).unwrap().seed(seed)
    };
    let abrupt = only(0, 1).then(300, only(1, 2)).unwrap().then(500, only(2, 3)).unwrap();
    let classes: Vec<usize> = abrupt.rows().map(|(_, class)| class).take(1_000).collect();
    assert!(classes[..300].iter().all(|class| *class == 0));
    assert!(classes[300..500].iter().all(|class| *class == 1));
    assert!(classes[500..].iter().all(|class| *class == 2));

    // Gradual, over many seeds: the sigmoid.
    let (at, width, seeds) = (500_i64, 200_i64, 400);
    let mut taken = vec![0_usize; 1_000];
    for seed in 0..seeds {
        let fading = only(0, 1).fade_into(at as u64, width as u64, only(1, 2)).unwrap().seed(seed);
        fading.rows().zip(&mut taken).for_each(|((_, class), taken)| *taken += class);
    }
    for (from, taken) in (0_i64..).step_by(50).zip(taken.chunks(50)) {
        let expected: f64 =
            (from..from + 50).map(|t| 1.0 / (1.0 + (-4.0 * (t - at) as f64 / width as f64).exp())).sum();
        let n = 50 * seeds as usize;
        is_share(taken.iter().sum(), n, expected / 50.0);
    }

    let error = Sea::new(1).unwrap().then(5, Waveform::new()).unwrap_err().to_string();
    assert!(
        error.starts_with("Drift: attributes and classes of the second concept must be those of the first"),
        "{error}"
    );
}

/// Streams of the same recipe by another implementation: class counts within 4.5 deviations of each other.
#[test]
fn classes_are_as_frequent_as_in_other_streams_of_the_recipe() {
    let Some(streams) = std::env::var_os("STREAMGAUGE_STREAMS") else {
        eprintln!("skipped: STREAMGAUGE_STREAMS does not name the folder of the streams");
        return;
    };
    let read = |name: &str| {
        let path = std::path::Path::new(&streams).join(name);
        let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Dataset::read_omlb(std::io::BufReader::new(file)).unwrap()
    };
    #[track_caller]
    fn alike(theirs: &Dataset, ours: &Dataset, class_of: impl Fn(usize) -> usize) {
        assert_eq!(theirs.schema(), ours.schema());
        for class in 0..theirs.schema().classes() {
            let (n, m) = (of_class(theirs, class) as f64, of_class(ours, class_of(class)) as f64);
            let p = n / theirs.len() as f64;
            let deviation = (2.0 * theirs.len() as f64 * p * (1.0 - p)).sqrt();
            assert!((n - m).abs() <= 4.5 * deviation, "class {class}: {n} and {m}");
        }
    }
    alike(&read("agrawal_f1.small.bin"), &Agrawal::new(1).unwrap().perturbation(0.05).unwrap().dataset(100_000), |c| c);
    let agrawal = |rule, seed| Agrawal::new(rule).unwrap().perturbation(0.05).unwrap().seed(seed);
    let drifting = agrawal(1, 1).then(25_000, agrawal(3, 3)).unwrap();
    let mut drifting = drifting.then(50_000, agrawal(4, 4)).unwrap().then(75_000, agrawal(7, 7)).unwrap();
    alike(&read("agrawal_abrupt.small.bin"), &drifting.dataset(100_000), |c| c);
    let sea = |concept| Sea::new(concept).unwrap().seed(concept as u64);
    let drifting = sea(1).then(25_000, sea(2)).unwrap().then(50_000, sea(3)).unwrap();
    let rows = drifting.then(75_000, sea(4)).unwrap().dataset(100_000);
    alike(&read("sea_abrupt.small.bin"), &rows, |class| 1 - class);
    alike(&read("led_noise10.small.bin"), &Led::new().dataset(100_000), |c| c);
    alike(&read("waveform.small.bin"), &Waveform::new().dataset(100_000), |c| c);
}
