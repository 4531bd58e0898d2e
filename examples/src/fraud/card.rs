//! What is known of a card.

use serde::{Deserialize, Serialize};
use streamgauge::prelude::*;

use super::{CITIES, Fraud, Payment};

/// Payments of a card before anything is said of its amounts.
const FEW: f64 = 10.0;
/// Nobody travels faster, in kilometres an hour; and a way that is shorter than this says nothing.
const FASTEST: f64 = 1_000.0;
const NEAR: f64 = 200.0;

/// What a card pays, and where it was last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Card {
    /// Of the logarithms of the amounts.
    amounts: Moments,
    last: Option<(i64, usize)>,
}

/// Why a payment is suspicious.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reason {
    /// The amount, by so many deviations beyond the usual.
    Amount(f64),
    /// So many kilometres an hour.
    Travel(f64),
}

impl Reason {
    pub(super) fn fraud(self) -> Fraud {
        match self {
            Self::Amount(_) => Fraud::Amount,
            Self::Travel(_) => Fraud::Travel,
        }
    }
}

impl Card {
    /// Looks at a payment, then learns it. What is suspicious is not learned: the next payment is held against what the
    /// holder of the card did.
    pub(super) fn look(&mut self, payment: &Payment, deviations: f64) -> Option<Reason> {
        let reason = self.travel(payment).or_else(|| self.amount(payment.amount.ln(), deviations));
        if reason.is_none() {
            self.last = Some((payment.time, payment.city));
            // A small payment is none of the usual ones either.
            if self.beyond(payment.amount.ln()).is_none_or(|beyond| beyond > -deviations / 2.0) {
                self.amounts.absorb(&payment.amount.ln());
            }
        }
        reason
    }

    fn travel(&self, payment: &Payment) -> Option<Reason> {
        let (time, city) = self.last?;
        let (from, to) = (CITIES.get(city)?, CITIES.get(payment.city)?);
        let (way, hours) = (from.distance(to), (payment.time - time).max(1_000) as f64 / 3_600_000.0);
        (way > NEAR && way / hours > FASTEST).then_some(Reason::Travel(way / hours))
    }

    fn amount(&self, amount: f64, deviations: f64) -> Option<Reason> {
        let beyond = self.beyond(amount)?;
        (beyond > deviations).then_some(Reason::Amount(beyond))
    }

    /// How many deviations an amount is above the usual; none while there is no usual yet.
    fn beyond(&self, amount: f64) -> Option<f64> {
        // Few payments that happen to be alike do not make all others strange.
        let deviation = self.amounts.standard_deviation().max(0.3);
        (self.amounts.count() >= FEW).then(|| (amount - self.amounts.mean()) / deviation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(minute: i64, amount: f64, city: usize) -> Payment {
        Payment { time: minute * 60_000, card: 1, amount, city, fraud: None }
    }

    #[test]
    fn a_card_is_held_against_what_its_holder_did() {
        let mut card = Card::default();
        (0..20).for_each(|n| assert_eq!(card.look(&payment(n, 20.0 + n as f64, 0), 4.5), None));
        assert!(matches!(card.look(&payment(30, 4_000.0, 0), 4.5), Some(Reason::Amount(beyond)) if beyond > 10.0));
        // London to New York in ten minutes, and the holder goes on in London.
        assert!(matches!(card.look(&payment(40, 20.0, 9), 4.5), Some(Reason::Travel(_))));
        assert_eq!(card.look(&payment(41, 20.0, 0), 4.5), None);
        // Nine hours later he may be there.
        assert_eq!(card.look(&payment(41 + 9 * 60, 20.0, 9), 4.5), None);
    }

    #[test]
    fn nothing_is_said_of_the_amounts_of_a_new_card() {
        let mut card = Card::default();
        assert_eq!(card.look(&payment(0, 5.0, 0), 4.5), None);
        assert_eq!(card.look(&payment(1, 5_000.0, 0), 4.5), None);
    }
}
