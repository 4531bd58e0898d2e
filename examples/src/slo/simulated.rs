//! Requests to made-up services, with incidents put in.

use crate::simulation::{BEGIN, draws, normal};

/// The time between two requests, in milliseconds.
const TICK: i64 = 10;
/// There is at most one incident of a service in so many requests: half an hour.
const BLOCK: u64 = 30 * MINUTE;
/// The requests of a minute.
const MINUTE: u64 = 6_000;
/// In how many of a hundred blocks there is one.
const PERCENT: u64 = 50;

/// A service, and how long its requests take as a rule: log-normally distributed.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// The median, in milliseconds.
    pub median: f64,
    /// The standard deviation of the logarithm.
    pub spread: f64,
    /// Within how many milliseconds a request should be answered.
    pub objective: f64,
    /// How many of ten requests are its.
    share: u64,
}

/// The services.
pub const SERVICES: [Service; 4] = [
    Service { name: "catalogue", median: 20.0, spread: 0.6, objective: 120.0, share: 4 },
    Service { name: "search", median: 45.0, spread: 0.5, objective: 200.0, share: 3 },
    Service { name: "login", median: 30.0, spread: 0.4, objective: 150.0, share: 2 },
    Service { name: "checkout", median: 80.0, spread: 0.45, objective: 300.0, share: 1 },
];

/// A request that was answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// When, in milliseconds since the epoch.
    pub time: i64,
    /// The name of its service.
    pub service: &'static str,
    /// How long it took, in milliseconds.
    pub latency: f64,
    /// Whether that was within the objective of its service.
    pub is_within: bool,
    /// Whether there was an incident.
    pub is_incident: bool,
}

/// Requests: each follows from the seed and its number.
///
/// ```
/// use streamgauge_examples::slo::Simulated;
///
/// let requests = Simulated::new(7);
/// assert_eq!(requests.request(5), requests.request(5));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Simulated {
    seed: u64,
}

impl Simulated {
    /// The requests of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The request of this number: one every ten milliseconds.
    pub fn request(&self, number: u64) -> Request {
        let mut draws = draws(self.seed, &[number]);
        let mut of_ten = draws.below(10);
        let service = SERVICES.iter().position(|service| {
            let is_it = of_ten < service.share;
            of_ten = of_ten.saturating_sub(service.share);
            is_it
        });
        let index = service.unwrap_or_default();
        let service = &SERVICES[index];
        let usual = service.median * (service.spread * normal(&mut draws)).exp();
        let slower = self.incident(index as u64, number);
        // An incident does not touch every request.
        let latency = slower.filter(|_| draws.below(100) < 30).map_or(usual, |slower| usual * slower);
        Request {
            time: BEGIN + number as i64 * TICK,
            service: service.name,
            latency,
            is_within: latency <= service.objective,
            is_incident: slower.is_some(),
        }
    }

    /// By what an incident makes requests slower, while there is one.
    fn incident(&self, service: u64, number: u64) -> Option<f64> {
        let mut draws = draws(self.seed, &[service, u64::MAX - number / BLOCK]);
        if draws.below(100) >= PERCENT {
            return None;
        }
        let length = (5 + draws.below(10)) * MINUTE;
        let first = draws.below(BLOCK - length);
        let slower = 4.0 + 6.0 * draws.unit();
        (first..first + length).contains(&(number % BLOCK)).then_some(slower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_fast_but_for_incidents() {
        let requests = Simulated::new(1);
        let all: Vec<_> = (0..4 * BLOCK).step_by(7).map(|n| requests.request(n)).collect();
        let slow = |is_incident| {
            let of: Vec<_> = all.iter().filter(|it| it.is_incident == is_incident).collect();
            of.iter().filter(|it| !it.is_within).count() as f64 / of.len() as f64
        };
        assert!(slow(false) < 0.005, "{}", slow(false));
        assert!(slow(true) > 0.08, "{}", slow(true));
        for service in SERVICES {
            let share = all.iter().filter(|it| it.service == service.name).count() as f64 / all.len() as f64;
            assert!((share - service.share as f64 / 10.0).abs() < 0.02, "{}: {share}", service.name);
        }
    }
}
