//! How many items two HyperLogLogs have in common: the joint likelihood of their registers.
//!
//! Three sets of items fall on a pair of registers at random: those of ours alone, of theirs alone, and of both, which
//! raise the two alike. The three rates that make the pairs as they are most likely are found by Fisher scoring; the
//! Fisher information there says how far off they may be.
//!
//! Source: the likelihood is that of O. Ertl, *New cardinality estimation algorithms for HyperLogLog sketches*,
//! arXiv:1702.01284, section 5.

use crate::exact::Z95;

/// How many registers hold each value. Expectations are fractions.
type Counts = [f64; 64];

/// Three numbers: of ours alone, of theirs alone, of both.
pub(super) type Three = [f64; 3];

/// As good as no items.
const NONE: f64 = 1e-3;

/// The items of two sketches as far as their registers tell.
pub(super) struct Joint {
    registers: f64,
    /// The highest rank.
    most: usize,
    /// The most likely numbers of items.
    pub(super) items: Three,
}

impl Joint {
    /// From registers, and the numbers to begin with: those of ours, theirs and of both sketches merged, all finite and
    /// above zero.
    pub(super) fn new(ours: &[u8], theirs: &[u8], most: u8, [a, b, union]: Three) -> Self {
        let mut joint = Self { registers: ours.len() as f64, most: usize::from(most), items: [0.0; 3] };
        let both = (a + b - union).min(a).min(b).max(0.01 * a.min(b));
        let start = [a - both, b - both, both].map(|items| items.max(0.01 * both));
        joint.items = joint.most_likely(&Pairs::observed(ours, theirs), start);
        joint
    }

    /// Fisher scoring: steps of the gradient over the expected information.
    fn most_likely(&self, observed: &Pairs, mut items: Three) -> Three {
        for _ in 0..100 {
            let rates = items.map(|items| items / self.registers);
            let (mut gradient, _) = observed.derivatives(rates, self.most);
            let (_, mut information) = self.expected(rates).derivatives(rates, self.most);
            for i in 0..3 {
                // Fewer than none there cannot be: what presses against that stays, and the others are free.
                if items[i] <= NONE && gradient[i] <= 0.0 {
                    (0..3).for_each(|j| (information[i][j], information[j][i]) = (0.0, 0.0));
                    (information[i][i], gradient[i]) = (1.0, 0.0);
                }
            }
            let inverse = inverse(information);
            let mut moved = 0.0_f64;
            for i in 0..3 {
                let step: f64 = (0..3).map(|j| inverse[i][j] * gradient[j]).sum::<f64>() * self.registers;
                let before = items[i];
                items[i] = (before + step).max(before / 8.0).min(before * 64.0).max(NONE);
                // As a share of what the estimate can be off: a step of the whole is one of √m.
                moved = moved.max((items[i] - before).abs() / (items[i] + items.iter().sum::<f64>() * 1e-3));
            }
            if moved < 1e-7 || moved.is_nan() {
                break;
            }
        }
        items
    }

    /// What the pairs would be on average.
    fn expected(&self, [a, b, x]: Three) -> Pairs {
        let (u, v, w) = (a + x, b + x, a + b + x);
        let mut pairs = Pairs::default();
        for k in 0..=self.most {
            let (z, d) = self::steps(k, self.most);
            pairs.ours_lower[k] = chance(u, z, d) * -(-b * z).exp_m1();
            pairs.theirs_lower[k] = chance(v, z, d) * -(-a * z).exp_m1();
            if k == 0 {
                pairs.equal[k] = (-w).exp();
            } else {
                pairs.ours_higher[k] = chance(a, z, d) * (-v * (z + d)).exp();
                pairs.theirs_higher[k] = chance(b, z, d) * (-u * (z + d)).exp();
                pairs.equal[k] = (-w * z).exp() * Equal::at([a, b, x], d).chance;
            }
        }
        pairs.scale(self.registers);
        pairs
    }

    /// The standard error of a quantity with this gradient by the three numbers, if they are these.
    fn standard_error(&self, items: Three, gradient: Three) -> f64 {
        let items = items.map(|items| items.max(NONE));
        let rates = items.map(|items| items / self.registers);
        let mut expected = self.expected(rates);
        // Two high and equal registers would tell much, if they came about: nothing is to be expected of them.
        expected.equal.iter_mut().filter(|count| **count < 1.0).for_each(|count| *count = 0.0);
        let (_, information) = expected.derivatives(rates, self.most);
        let covariance = inverse(information);
        let mut variance = 0.0;
        for i in 0..3 {
            for j in 0..3 {
                variance += gradient[i] * gradient[j] * covariance[i][j] * self.registers * self.registers;
            }
            // The likelihood takes the numbers for random ones, of a Poisson distribution. They are not.
            variance -= gradient[i] * gradient[i] * items[i];
        }
        variance.max(0.0).sqrt()
    }

    /// The interval of a quantity at 95 %: the values that the estimate is not further from than it may be off, if they
    /// are the truth or if the estimate is: where there are next to none of something, one of the two is too confident.
    ///
    /// `at` leads along the values: from a number of items in `0..=to` to the three numbers, and to the quantity and its
    /// gradient there. The quantity rises; at `best` it is estimated.
    pub(super) fn interval(&self, best: f64, to: f64, at: impl Fn(f64) -> (Three, f64, Three)) -> (f64, f64) {
        let (items, estimate, gradient) = at(best);
        let error_here = self.standard_error(items, gradient);
        // The value there, and how far from it the estimate may be.
        let there = |along: f64| {
            let (items, value, gradient) = at(along);
            (value, Z95 * self.standard_error(items, gradient).max(error_here))
        };
        let search = |mut outside: f64| {
            let (value, off) = there(outside);
            if (value - estimate).abs() <= off {
                return off;
            }
            let mut inside = best;
            for _ in 0..20 {
                let middle = (inside + outside) / 2.0;
                let (value, off) = there(middle);
                *(if (value - estimate).abs() > off { &mut outside } else { &mut inside }) = middle;
            }
            (there(outside).0 - estimate).abs()
        };
        (estimate - search(0.0), estimate + search(to.max(best)))
    }
}

/// A register of value k holds the items that fall on 2⁻ᵏ of the hash space and beyond, and none of those between it
/// and the value before: the two shares.
fn steps(k: usize, most: usize) -> (f64, f64) {
    let z = (-(k as f64)).exp2();
    match k {
        0 => (z, f64::INFINITY),
        k if k == most => (0.0, 2.0 * z),
        _ => (z, z),
    }
}

/// The chance that a register on which this rate of items falls has the value of these steps.
fn chance(rate: f64, z: f64, d: f64) -> f64 {
    (-rate * z).exp() * -(-rate * d).exp_m1()
}

/// How two registers of equal value come about: both sets raise it, or an item of both does.
struct Equal {
    chance: f64,
    first: Three,
    second: [Three; 3],
}

impl Equal {
    /// Within the steps of one value, as a function of the three rates, with its derivatives.
    fn at([a, b, x]: Three, d: f64) -> Self {
        let (u, v, w) = ((-(a + x) * d).exp(), (-(b + x) * d).exp(), (-(a + b + x) * d).exp());
        let chance = (-(a + x) * d).exp_m1() * (-(b + x) * d).exp_m1() - w * (-x * d).exp_m1();
        let (by_a, by_b) = (-u * (-b * d).exp_m1(), -v * (-a * d).exp_m1());
        let by_x = by_a + v;
        let dd = d * d;
        Self {
            chance,
            first: [by_a * d, by_b * d, by_x * d],
            second: [
                [-by_a * dd, w * dd, -by_a * dd],
                [w * dd, -by_b * dd, -by_b * dd],
                [-by_a * dd, -by_b * dd, -by_x * dd],
            ],
        }
    }
}

/// Pairs of registers by their values: all that the likelihood depends on.
struct Pairs {
    ours_lower: Counts,
    theirs_higher: Counts,
    ours_higher: Counts,
    theirs_lower: Counts,
    equal: Counts,
}

impl Default for Pairs {
    fn default() -> Self {
        let none = [0.0; 64];
        Self { ours_lower: none, theirs_higher: none, ours_higher: none, theirs_lower: none, equal: none }
    }
}

impl Pairs {
    fn observed(ours: &[u8], theirs: &[u8]) -> Self {
        let mut pairs = Self::default();
        for (&ours, &theirs) in ours.iter().zip(theirs) {
            let (i, j) = (usize::from(ours % 64), usize::from(theirs % 64));
            if i < j {
                pairs.ours_lower[i] += 1.0;
                pairs.theirs_higher[j] += 1.0;
            } else if i > j {
                pairs.ours_higher[i] += 1.0;
                pairs.theirs_lower[j] += 1.0;
            } else {
                pairs.equal[i] += 1.0;
            }
        }
        pairs
    }

    fn scale(&mut self, factor: f64) {
        let all = [
            &mut self.ours_lower,
            &mut self.theirs_higher,
            &mut self.ours_higher,
            &mut self.theirs_lower,
            &mut self.equal,
        ];
        all.into_iter().flatten().for_each(|count| *count *= factor);
    }

    /// The gradient of the log-likelihood by the three rates, and the information: its second derivatives, negated.
    fn derivatives(&self, rates: Three, most: usize) -> (Three, [Three; 3]) {
        let [a, b, x] = rates;
        let (mut gradient, mut information) = ([0.0; 3], [[0.0; 3]; 3]);
        // A register that only depends on one rate, or on the sum of two.
        let singles: [(&Counts, f64, Three); 4] = [
            (&self.ours_lower, a + x, [1.0, 0.0, 1.0]),
            (&self.theirs_higher, b, [0.0, 1.0, 0.0]),
            (&self.ours_higher, a, [1.0, 0.0, 0.0]),
            (&self.theirs_lower, b + x, [0.0, 1.0, 1.0]),
        ];
        for k in 0..=most {
            let (z, d) = steps(k, most);
            for (counts, rate, of) in singles {
                let count = counts[k];
                if count == 0.0 {
                    continue;
                }
                let (mut first, mut second) = (-z, 0.0);
                if k > 0 {
                    first += d / (rate * d).exp_m1();
                    second = (d / (2.0 * (rate * d / 2.0).sinh())).powi(2);
                }
                for i in 0..3 {
                    gradient[i] += count * first * of[i];
                    (0..3).for_each(|j| information[i][j] += count * second * of[i] * of[j]);
                }
            }
            let count = self.equal[k];
            if count == 0.0 {
                continue;
            }
            let equal = (k > 0).then(|| Equal::at(rates, d));
            for i in 0..3 {
                gradient[i] -= count * z;
                if let Some(Equal { chance, first, second }) = &equal {
                    gradient[i] += count * first[i] / chance;
                    for j in 0..3 {
                        information[i][j] += count * (first[i] / chance * first[j] / chance - second[i][j] / chance);
                    }
                }
            }
        }
        (gradient, information)
    }
}

/// The inverse of a symmetric matrix by its cofactors, of rows and columns brought to one scale.
fn inverse(matrix: [Three; 3]) -> [Three; 3] {
    let scale: Three = std::array::from_fn(|i| matrix[i][i].max(f64::MIN_POSITIVE).sqrt());
    let m: [Three; 3] = std::array::from_fn(|i| std::array::from_fn(|j| matrix[i][j] / scale[i] / scale[j]));
    let cofactor = |i: usize, j: usize| {
        let (i1, i2, j1, j2) = ((i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3);
        m[i1][j1] * m[i2][j2] - m[i1][j2] * m[i2][j1]
    };
    let determinant: f64 = (0..3).map(|j| m[0][j] * cofactor(0, j)).sum();
    std::array::from_fn(|i| std::array::from_fn(|j| cofactor(j, i) / determinant / scale[i] / scale[j]))
}
