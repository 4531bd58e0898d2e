//! Agrawal's ten rules.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::ParameterError;
use streamgauge_sketches::random::Draws;

use crate::generate::{DEFAULT_SEED, Generator, draws, probability};
use crate::schema::{Attribute, Schema};

/// People who ask for a loan, in two groups by one of ten rules: class 0 is group A of the paper.
///
/// Agrawal, Imieliński and Swami, *Database mining: a performance perspective*, IEEE TKDE 5(6), 1993. The attributes are
///
/// | | | values |
/// |---|---|---|
/// | 0 | salary | 20,000 to 150,000 |
/// | 1 | commission | 0 from a salary of 75,000 on, else 10,000 to 75,000 |
/// | 2 | age | 20 to 80, whole |
/// | 3 | education | category 0 to 4 |
/// | 4 | make of the car | category 0 to 19 |
/// | 5 | zip code | category 0 to 8 |
/// | 6 | value of the house | 0.5 to 1.5 times 100,000 times (9 − zip code) |
/// | 7 | years that the house was owned | 1 to 30, whole |
/// | 8 | loan | 0 to 500,000 |
///
/// The class is that of the true values. With a perturbation `p`, each number is then moved by up to `p / 2` of its range
/// to either side, and kept within it.
///
/// ```
/// use streamgauge_ml::generate::{Agrawal, Generator};
/// let (row, class) = Agrawal::new(1)?.rows().next().expect("it has no end");
/// assert_eq!(class == 0, row[2] < 40.0 || row[2] >= 60.0);
/// # Ok::<(), streamgauge_sketches::ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agrawal {
    schema: Schema,
    rule: usize,
    perturbation: f64,
    draws: Draws,
}

#[derive(Clone, Copy, Debug)]
struct Person {
    salary: f64,
    commission: f64,
    age: f64,
    education: u64,
    house_value: f64,
    house_years: f64,
    loan: f64,
}

impl Person {
    /// One of three by age: below 40, below 60, older.
    fn by_age<T>(&self, young: T, middle: T, old: T) -> T {
        match self.age {
            age if age < 40.0 => young,
            age if age < 60.0 => middle,
            _ => old,
        }
    }

    /// Whether the rule puts this person into group A.
    fn is_in_group_a(&self, rule: usize) -> bool {
        let thousands = |value: f64, low: f64, high: f64| value >= low * 1e3 && value <= high * 1e3;
        let salary = |(low, high)| thousands(self.salary, low, high);
        let loan = |(low, high)| thousands(self.loan, low, high);
        let income = self.salary + self.commission;
        let education = self.education as f64;
        match rule {
            1 => self.by_age(true, false, true),
            2 => salary(self.by_age((50.0, 100.0), (75.0, 125.0), (25.0, 75.0))),
            3 => self.by_age(0..=1, 1..=3, 2..=4).contains(&self.education),
            4 => {
                let is_typical = self.by_age(0..=1, 1..=3, 2..=4).contains(&self.education);
                let typical = self.by_age((25.0, 75.0), (50.0, 100.0), (50.0, 100.0));
                let other = self.by_age((50.0, 100.0), (75.0, 125.0), (25.0, 75.0));
                salary(if is_typical { typical } else { other })
            }
            5 => {
                let is_typical = salary(self.by_age((50.0, 100.0), (75.0, 125.0), (25.0, 75.0)));
                let typical = self.by_age((100.0, 300.0), (200.0, 400.0), (300.0, 500.0));
                let other = self.by_age((200.0, 400.0), (300.0, 500.0), (100.0, 300.0));
                loan(if is_typical { typical } else { other })
            }
            6 => {
                let (low, high) = self.by_age((50.0, 100.0), (75.0, 125.0), (25.0, 75.0));
                thousands(income, low, high)
            }
            7 => 0.67 * income - 0.2 * self.loan - 20_000.0 > 0.0,
            8 => 0.67 * income - 5_000.0 * education - 20_000.0 > 0.0,
            9 => 0.67 * income - 5_000.0 * education - 0.2 * self.loan - 10_000.0 > 0.0,
            _ => {
                let equity = 0.1 * self.house_value * (self.house_years - 20.0).max(0.0);
                0.67 * income - 5_000.0 * education + 0.2 * equity - 10_000.0 > 0.0
            }
        }
    }
}

impl Agrawal {
    /// One of the rules of the paper, 1 to 10; nothing is perturbed.
    ///
    /// # Errors
    /// [`ParameterError`] if there is no such rule.
    pub fn new(rule: usize) -> Result<Self, ParameterError> {
        if !(1..=10).contains(&rule) {
            let value = rule.to_string();
            return Err(ParameterError { summary: "Agrawal", parameter: "rule", allowed: "1 to 10", value });
        }
        let category = |categories| Attribute::Nominal { categories };
        let (n, number) = (category, Attribute::Numeric);
        let attributes = [number, number, number, n(5), n(20), n(9), number, number, number];
        Ok(Self { schema: Schema::new(attributes, 2)?, rule, perturbation: 0.0, draws: draws(DEFAULT_SEED, 0) })
    }

    /// How far numbers are moved after their class was found, as a share of their range.
    ///
    /// # Errors
    /// [`ParameterError`] unless it lies in 0 to 1.
    pub fn perturbation(self, perturbation: f64) -> Result<Self, ParameterError> {
        Ok(Self { perturbation: probability("Agrawal", "perturbation", perturbation)?, ..self })
    }

    /// The seed of the rows.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { draws: draws(seed, 0), ..self }
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.draws.unit()
    }

    fn perturbed(&mut self, value: f64, low: f64, high: f64) -> f64 {
        if self.perturbation == 0.0 {
            return value;
        }
        let moved = value + (self.draws.unit() - 0.5) * self.perturbation * (high - low);
        moved.clamp(low, high)
    }
}

impl Generator for Agrawal {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn next_into(&mut self, row: &mut Vec<f64>) -> usize {
        let salary = self.between(20_000.0, 150_000.0);
        let commission = if salary >= 75_000.0 { 0.0 } else { self.between(10_000.0, 75_000.0) };
        let age = (20 + self.draws.below(61)) as f64;
        let education = self.draws.below(5);
        let (car, zip_code) = (self.draws.below(20) as f64, self.draws.below(9) as f64);
        let house = 100_000.0 * (9.0 - zip_code);
        let house_value = self.between(0.5 * house, 1.5 * house);
        let house_years = (1 + self.draws.below(30)) as f64;
        let loan = self.between(0.0, 500_000.0);
        let person = Person { salary, commission, age, education, house_value, house_years, loan };
        let class = usize::from(!person.is_in_group_a(self.rule));
        row.clear();
        row.push(self.perturbed(salary, 20_000.0, 150_000.0));
        row.push(if commission == 0.0 { 0.0 } else { self.perturbed(commission, 10_000.0, 75_000.0) });
        row.push(self.perturbed(age, 20.0, 80.0));
        row.extend([education as f64, car, zip_code]);
        row.push(self.perturbed(house_value, 0.5 * house, 1.5 * house));
        row.push(self.perturbed(house_years, 1.0, 30.0));
        row.push(self.perturbed(loan, 0.0, 500_000.0));
        class
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_those_of_the_paper() {
        let someone = Person {
            salary: 60_000.0,
            commission: 20_000.0,
            age: 30.0,
            education: 1,
            house_value: 200_000.0,
            house_years: 25.0,
            loan: 150_000.0,
        };
        // The groups of one person under rules 1 to 10, worked out by hand.
        let groups = |person: Person| (1..=10).map(|rule| person.is_in_group_a(rule)).collect::<Vec<_>>();
        assert_eq!(groups(someone), [true; 10]);
        let middle = Person { age: 45.0, ..someone };
        // 3: education 1 is typical; 4: 50 to 100; 5: salary not in 75 to 125, so loan in 300 to 500; 6: 80 in 75 to 125.
        assert_eq!(groups(middle), [false, false, true, true, false, true, true, true, true, true]);
        let old = Person { age: 70.0, education: 4, salary: 140_000.0, commission: 0.0, loan: 450_000.0, ..someone };
        // 7: 93,800 − 90,000 − 20,000; 8: 93,800 − 20,000 − 20,000; 9: 93,800 − 20,000 − 90,000 − 10,000.
        assert_eq!(groups(old), [true, false, true, false, false, false, false, true, false, true]);
        let poor = Person { salary: 20_000.0, commission: 10_000.0, education: 4, house_years: 20.0, ..old };
        // 8: 20,100 − 20,000 − 20,000; 10: 20,100 − 20,000 + 0 − 10,000, and with six years more 0.2 × 120,000 on top.
        assert!(!poor.is_in_group_a(8) && !poor.is_in_group_a(10));
        assert!(Person { house_years: 26.0, ..poor }.is_in_group_a(10));
    }
}
