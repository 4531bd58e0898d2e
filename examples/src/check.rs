//! Approximate answers held against the exact ones.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::{Arc, Mutex};

use streamgauge::prelude::*;

use crate::setting::lock;

/// How many answers may share their luck: windows that overlap hold the same records.
const ALIKE: f64 = 5.0;

/// By how much more than expected an answer may miss, in standard deviations of the number of misses.
const DEVIATIONS: f64 = 4.0;

/// Holds approximate answers against exact ones, contract by contract.
///
/// An answer that is certain (of confidence 1) must never miss: one that does breaks its contract. Of answers with a
/// confidence `c` below 1, a share of 1 − c may miss. The contract breaks when clearly more do: with `n` answers, more
/// than `n (1 − c)` and four standard deviations, where five answers in a row count as one, for windows that overlap
/// share records. A clone is the same check.
///
/// ```
/// use streamgauge::prelude::*;
/// use streamgauge_examples::Check;
///
/// let check = Check::new(false);
/// check.estimate("requests", &"noon", &Estimate::exact(12.0), 12.0);
/// assert_eq!(check.verdict().unwrap(), "checked: requests: 1 answers, 0 missed");
/// check.estimate("requests", &"one", &Estimate::exact(12.0), 13.0);
/// assert!(check.verdict().unwrap_err().starts_with("requests: 1 of 2 answers missed"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Check {
    contracts: Arc<Mutex<BTreeMap<String, Contract>>>,
    is_spoiled: bool,
}

#[derive(Clone, Debug)]
struct Contract {
    answers: u64,
    misses: u64,
    /// How many misses are expected at most.
    expected: f64,
    variance: f64,
    /// The first miss of a certain answer, or else the first one.
    first: Option<(bool, String)>,
}

impl Contract {
    fn add(&mut self, confidence: f64, miss: Option<String>) {
        self.answers += 1;
        self.expected += 1.0 - confidence;
        self.variance += confidence * (1.0 - confidence);
        if let Some(miss) = miss {
            self.misses += 1;
            let certain = confidence >= 1.0;
            if self.first.as_ref().is_none_or(|(was, _)| certain && !was) {
                self.first = Some((certain, miss));
            }
        }
    }

    fn allowed(&self) -> f64 {
        match &self.first {
            Some((true, _)) => 0.0,
            // As many as share their luck may miss together.
            _ if self.variance > 0.0 => self.expected + DEVIATIONS * (self.variance * ALIKE).sqrt() + ALIKE,
            _ => 0.0,
        }
    }
}

impl Check {
    /// A check that has seen nothing. A spoiled one takes every approximate answer as three times what it is.
    pub fn new(is_spoiled: bool) -> Self {
        Self { contracts: Arc::default(), is_spoiled }
    }

    fn add(&self, contract: &str, confidence: f64, miss: Option<String>) {
        let mut contracts = lock(&self.contracts);
        let new = || Contract { answers: 0, misses: 0, expected: 0.0, variance: 0.0, first: None };
        // A name is a constant of the job as a rule: found, not made.
        match contracts.get_mut(contract) {
            Some(known) => known.add(confidence, miss),
            None => contracts.entry(contract.to_owned()).or_insert_with(new).add(confidence, miss),
        }
    }

    fn spoilt(&self, estimate: &Estimate) -> Estimate {
        let by = if self.is_spoiled { 3.0 } else { 1.0 };
        let Estimate { value, lower, upper, .. } = *estimate;
        Estimate { value: by * value, lower: by * lower, upper: by * upper, ..*estimate }
    }

    /// An answer with its interval, at some place in the stream.
    pub fn estimate(&self, contract: &str, at: &dyn Display, answer: &Estimate, truth: f64) {
        let answer = self.spoilt(answer);
        let miss = (!answer.contains(truth)).then(|| format!("{at}: {answer}, exactly {truth}"));
        self.add(contract, answer.confidence, miss);
    }

    /// Quantiles with intervals, at some of them.
    pub fn quantiles(&self, contract: &str, at: &dyn Display, answer: &Quantiles, exact: &Quantiles, of: &[f64]) {
        for &q in of {
            let (answer, truth) = (answer.at(q), exact.at(q).value);
            self.estimate(&format!("{contract} p{}", q * 100.0), at, &answer, truth);
        }
    }

    /// Quantiles of a digest that promises nothing by itself: the rank of the value at `q` among all values must not be
    /// further from `q` than a centroid there is wide, `width · q (1 − q)`.
    pub fn ranks(
        &self,
        contract: &str,
        at: &dyn Display,
        answer: &Quantiles,
        exact: &Quantiles,
        of: &[f64],
        width: f64,
    ) {
        for &q in of {
            let value = self.spoilt(&answer.at(q)).value;
            // Equal values share the ranks from the share below them to the share up to them; a value between two others
            // is one rank off at most.
            let (below, up_to) = (exact.rank(value.next_down()).value, exact.rank(value).value);
            let error = width * q * (1.0 - q);
            let slack = error + 1.0 / exact.count().max(1.0);
            let holds = (below - slack..=up_to + slack).contains(&q);
            let miss =
                || format!("{at}: {value} has the rank {below:.4} to {up_to:.4}, not {q}, by more than {error:.4}");
            self.add(&format!("{contract} p{}", q * 100.0), 1.0, (!holds).then(miss));
        }
    }

    /// The most frequent items: each with its count, and none left out that is surely more frequent.
    pub fn top<K: Display + PartialEq>(
        &self,
        contract: &str,
        at: &dyn Display,
        answer: &[(K, Estimate)],
        exact: &[(K, Estimate)],
    ) {
        let lowest = answer.last().map_or(0.0, |(_, count)| self.spoilt(count).upper);
        for (item, truth) in exact {
            match answer.iter().find(|(known, _)| known == item) {
                Some((_, count)) => self.estimate(contract, &format!("{at}, {item}"), count, truth.value),
                None => {
                    let miss = || format!("{at}: {item} was seen {} times, and is not among the top", truth.value);
                    self.add(contract, 1.0, (truth.value > lowest).then(miss));
                }
            }
        }
    }

    /// Something that must hold.
    pub fn holds(&self, contract: &str, holds: bool, why: impl FnOnce() -> String) {
        self.add(contract, 1.0, (!holds).then(why));
    }

    /// All contracts with their answers in one line; or the first that broke, with how.
    ///
    /// # Errors
    /// The name of the contract, and what was wrong, in words.
    pub fn verdict(&self) -> Result<String, String> {
        let contracts = lock(&self.contracts);
        if contracts.is_empty() {
            return Ok("checked: there was no answer".to_owned());
        }
        let mut told = "checked: ".to_owned();
        for (at, (name, contract)) in contracts.iter().enumerate() {
            let Contract { answers, misses, .. } = *contract;
            if misses as f64 > contract.allowed() {
                let (_, first) = contract.first.clone().unwrap_or_default();
                let allowed = contract.allowed().floor();
                return Err(format!(
                    "{name}: {misses} of {answers} answers missed, at most {allowed} may; the first at {first}"
                ));
            }
            let separator = if at > 0 { "; " } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(told, "{separator}{name}: {answers} answers, {misses} missed");
        }
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use streamgauge::sketches::{Family, Method};

    use super::*;

    fn probably(value: f64) -> Estimate {
        Estimate::within(value, value - 1.0, value + 1.0, 0.95, Method::new(Family::Kll, 200))
    }

    #[test]
    fn one_in_twenty_may_miss_but_not_one_in_two() {
        for (every, breaks) in [(20, false), (2, true)] {
            let check = Check::new(false);
            (0..400)
                .for_each(|n| check.estimate("size", &n, &probably(10.0), if n % every == 0 { 20.0 } else { 10.5 }));
            assert_eq!(check.verdict().is_err(), breaks, "{:?}", check.verdict());
        }
    }

    #[test]
    fn a_certain_answer_must_never_miss_whatever_the_others_are() {
        let check = Check::new(false);
        (0..400).for_each(|n| check.estimate("size", &n, &probably(10.0), 10.0));
        check.estimate("size", &"then", &Estimate::exact(10.0), 11.0);
        assert_eq!(
            check.verdict().unwrap_err(),
            "size: 1 of 401 answers missed, at most 0 may; the first at then: 10, exactly 11"
        );
    }

    #[test]
    fn ranks_of_equal_values_are_all_right_and_others_are_not() {
        let values = |n: &[u32]| {
            let mut digest = TDigest::default();
            n.iter().for_each(|n| digest.absorb(&f64::from(*n)));
            let mut exact = ExactQuantiles::default();
            n.iter().for_each(|n| exact.absorb(&f64::from(*n)));
            (digest.read(), exact.read())
        };
        let equal = values(&[7; 1_000]);
        let check = Check::new(false);
        check.ranks("bytes", &"noon", &equal.0, &equal.1, &[0.01, 0.5, 0.99], 0.04);
        assert!(check.verdict().is_ok(), "{:?}", check.verdict());
        let spread = values(&(0..1_000).collect::<Vec<_>>());
        check.ranks("bytes", &"one", &equal.0, &spread.1, &[0.5], 0.04);
        assert!(check.verdict().unwrap_err().starts_with("bytes p50: 1 of 2"), "{:?}", check.verdict());
    }

    #[test]
    fn what_is_missing_from_the_top_must_not_be_more_frequent() {
        let counts = |counts: &[(&'static str, f64)]| -> Vec<_> {
            counts.iter().map(|(item, count)| (*item, Estimate::exact(*count))).collect()
        };
        let check = Check::new(false);
        check.top("pages", &"noon", &counts(&[("a", 9.0), ("b", 5.0)]), &counts(&[("a", 9.0), ("c", 5.0)]));
        assert!(check.verdict().is_ok());
        check.top("pages", &"one", &counts(&[("a", 9.0), ("b", 5.0)]), &counts(&[("a", 9.0), ("c", 6.0)]));
        assert!(check.verdict().unwrap_err().contains("c was seen 6 times"));
    }
}
