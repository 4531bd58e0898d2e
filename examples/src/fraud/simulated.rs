//! Payments of made-up cards, with fraud put in.

use serde::{Deserialize, Serialize};

use crate::simulation::{BEGIN, draws, normal};

/// A day, and when shops open and close, in milliseconds.
const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 3_600_000;
const OPENS: i64 = 8 * HOUR;
const OPEN: i64 = 14 * HOUR;
/// Payments of a card on a day.
const PER_CARD: u64 = 5;
/// There is at most one fraud in so many payments, and none in the first ones: there is no usual yet.
const BLOCK: u64 = 200;
/// Days without fraud.
const QUIET_DAYS: u64 = 3;
/// In how many of a hundred blocks there is one.
const PERCENT: u64 = 40;
/// The small payments by which a stolen card is tested: every other payment.
const TESTS: u64 = 12;

/// A city on the globe.
#[derive(Clone, Copy, Debug)]
pub struct City {
    /// Its name.
    pub name: &'static str,
    /// Its country.
    pub country: &'static str,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

const fn city(name: &'static str, country: &'static str, latitude: f64, longitude: f64) -> City {
    City { name, country, latitude, longitude }
}

/// Where cards pay.
pub const CITIES: [City; 10] = [
    city("London", "GB", 51.5, -0.1),
    city("Paris", "FR", 48.9, 2.4),
    city("Madrid", "ES", 40.4, -3.7),
    city("Berlin", "DE", 52.5, 13.4),
    city("Rome", "IT", 41.9, 12.5),
    city("Warsaw", "PL", 52.2, 21.0),
    city("Istanbul", "TR", 41.0, 29.0),
    city("Cairo", "EG", 30.0, 31.2),
    city("Stockholm", "SE", 59.3, 18.1),
    city("New York", "US", 40.7, -74.0),
];

impl City {
    /// The way to another city along the globe, in kilometres.
    pub fn distance(&self, other: &Self) -> f64 {
        const DIAMETER: f64 = 12_742.0;
        let (north, east) =
            ((other.latitude - self.latitude).to_radians(), (other.longitude - self.longitude).to_radians());
        let cosines = self.latitude.to_radians().cos() * other.latitude.to_radians().cos();
        let half = (north / 2.0).sin().powi(2) + cosines * (east / 2.0).sin().powi(2);
        DIAMETER * half.sqrt().min(1.0).asin()
    }
}

/// What is wrong with a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fraud {
    /// The amount is far beyond what the card usually pays.
    Amount,
    /// The card was too far away a moment before.
    Travel,
    /// One of many small payments that try whether the card works.
    Testing,
}

impl Fraud {
    /// Its name, as it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Travel => "travel",
            Self::Testing => "testing",
        }
    }
}

/// A payment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payment {
    /// When, in milliseconds since the epoch.
    pub time: i64,
    /// The number of the card.
    pub card: u64,
    /// The amount, in euros.
    pub amount: f64,
    /// Where: the number of one of the [`CITIES`].
    pub city: usize,
    /// What is wrong with it, if it is fraud.
    pub fraud: Option<Fraud>,
}

/// Payments: each follows from the seed and its number.
///
/// ```
/// use streamgauge_examples::fraud::Simulated;
///
/// let payments = Simulated::new(7, 500);
/// assert_eq!(payments.payment(5), payments.payment(5));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Simulated {
    seed: u64,
    cards: u64,
}

impl Simulated {
    /// The payments of so many cards, at least one.
    pub fn new(seed: u64, cards: u64) -> Self {
        Self { seed, cards: cards.max(1) }
    }

    /// The payment of this number, in the order of time.
    pub fn payment(&self, number: u64) -> Payment {
        let usual = self.usual(number);
        let (block, at) = (number / BLOCK, number % BLOCK);
        let mut draws = draws(self.seed, &[block, 1]);
        let first = 10 + draws.below(BLOCK - 10 - 2 * TESTS);
        if number < QUIET_DAYS * self.per_day() || at < first || draws.below(100) >= PERCENT {
            return usual;
        }
        // The card has just paid, where it belongs.
        let stolen = self.usual(block * BLOCK + first - 4);
        let amount = self.level(stolen.card);
        let times = 20.0 + 40.0 * draws.unit();
        let away = 1 + draws.below(CITIES.len() as u64 - 1) as usize;
        match draws.below(3) {
            0 if at == first => Payment {
                card: stolen.card,
                city: stolen.city,
                amount: amount * times,
                fraud: Some(Fraud::Amount),
                ..usual
            },
            1 if at == first => {
                let city = (stolen.city + away) % CITIES.len();
                Payment { card: stolen.card, city, amount, fraud: Some(Fraud::Travel), ..usual }
            }
            2 if at < first + 2 * TESTS && (at - first).is_multiple_of(2) => {
                let amount = 0.5 + 2.0 * draws.unit();
                Payment { card: stolen.card, city: stolen.city, amount, fraud: Some(Fraud::Testing), ..usual }
            }
            _ => usual,
        }
    }

    fn per_day(&self) -> u64 {
        self.cards * PER_CARD
    }

    /// What a card pays as a rule.
    fn level(&self, card: u64) -> f64 {
        8.0 + 50.0 * draws(self.seed, &[card, 2]).unit()
    }

    /// A payment that is no fraud.
    fn usual(&self, number: u64) -> Payment {
        let per_day = self.per_day();
        let (day, of_day) = (number / per_day, number % per_day);
        let mut draws = draws(self.seed, &[number, 3]);
        let card = draws.below(self.cards);
        let (spread, rare) = (0.5 * normal(&mut draws), draws.below(1_000));
        // Now and then something larger.
        let times = if rare < 3 { 3.0 + 4.0 * draws.unit() } else { 1.0 };
        let time = BEGIN + day as i64 * DAY + OPENS + OPEN * of_day as i64 / per_day as i64;
        Payment { time, card, amount: self.level(card) * spread.exp() * times, city: self.city(card, day), fraud: None }
    }

    /// Where a card is on a day: at home, or on a journey.
    fn city(&self, card: u64, day: u64) -> usize {
        let mut draws = draws(self.seed, &[card, day / 3, 4]);
        let home = (card % CITIES.len() as u64) as usize;
        if draws.below(100) < 5 { draws.below(CITIES.len() as u64) as usize } else { home }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payments_are_in_the_order_of_time_and_fraud_is_rare() {
        let payments = Simulated::new(1, 300);
        let all: Vec<_> = (0..40_000).map(|n| payments.payment(n)).collect();
        assert!(all.is_sorted_by_key(|payment| payment.time));
        for fraud in [Fraud::Amount, Fraud::Travel, Fraud::Testing] {
            let of = all.iter().filter(|payment| payment.fraud == Some(fraud)).count();
            let each = if fraud == Fraud::Testing { TESTS as usize } else { 1 };
            // 177 blocks with fraud of three kinds in two of five: 24 ± 4.5.
            assert!((8 * each..45 * each).contains(&of), "{fraud:?}: {of}");
        }
        assert!(all.iter().all(|payment| payment.amount > 0.0 && payment.amount.is_finite()));
    }

    #[test]
    fn ways_along_the_globe() {
        let [london, paris, .., new_york] = CITIES;
        assert!((london.distance(&paris) - 344.0).abs() < 15.0);
        assert!((london.distance(&new_york) - 5_570.0).abs() < 30.0);
        assert_eq!(paris.distance(&paris), 0.0);
    }
}
