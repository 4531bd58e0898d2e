//! Rooms with people, sun, air and sensors that fail now and then.

use serde::{Deserialize, Serialize};

use crate::simulation::{BEGIN, draws, normal};

/// The minutes of a day and of an hour.
const DAY: u64 = 1_440;
const HOUR: f64 = 60.0;
/// CO₂ outside, and what a person adds in a minute, in ppm.
const OUTSIDE: f64 = 420.0;
const BREATH: f64 = 9.0;
/// The light of the lamps, in lux; they are on below so much of the sun.
const LAMPS: f64 = 350.0;
const DARK: f64 = 300.0;
/// Of a hundred days of a sensor, so many have a fault.
const FAULTS: u64 = 10;

/// What the sensors of a room say at a minute, and the truth.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// When, in milliseconds since the epoch.
    pub time: i64,
    /// The number of the room.
    pub room: u64,
    /// In degrees Celsius; NaN if the sensor does not answer, as for the others.
    pub temperature: f64,
    /// In lux.
    pub light: f64,
    /// In ppm.
    pub co2: f64,
    /// How many people are in.
    pub people: u64,
}

/// Some people in a room, from a minute of the day to another.
#[derive(Clone, Copy, Debug)]
struct Visit {
    from: f64,
    to: f64,
    people: u64,
}

/// Rooms: each reading follows from the seed and its number.
#[derive(Clone, Copy, Debug)]
pub struct Simulated {
    seed: u64,
    rooms: u64,
}

impl Simulated {
    /// So many rooms, at least one.
    pub fn new(seed: u64, rooms: u64) -> Self {
        Self { seed, rooms: rooms.max(1) }
    }

    /// The reading of this number: all rooms in turn, minute by minute.
    pub fn reading(&self, number: u64) -> Reading {
        let (room, minute) = (number % self.rooms, number / self.rooms);
        let (day, of_day) = (minute / DAY, (minute % DAY) as f64);
        let visits = self.visits(room, day);
        let people = visits.iter().filter(|visit| (visit.from..visit.to).contains(&of_day)).map(|it| it.people).sum();
        let mut of_room = draws(self.seed, &[room, 1]);
        let (window, exchange) = (0.4 + 0.6 * of_room.unit(), 1.0 / (25.0 + 35.0 * of_room.unit()));
        let mut of_weather = draws(self.seed, &[day, 2]);
        let clouds = 0.2 + 0.8 * of_weather.unit();
        let sun = 700.0 * window * clouds * (std::f64::consts::PI * (of_day / HOUR - 6.0) / 12.0).sin().max(0.0);
        let mut of_day_and_room = draws(self.seed, &[room, day, 3]);
        let forgets = of_day_and_room.below(100) < 8 && of_day < 20.0 * HOUR;
        let was_there = visits.first().is_some_and(|first| first.from <= of_day);
        let lamps = if sun < DARK && (people > 0 || forgets && was_there) { LAMPS } else { 0.0 };
        let excess = excess(&visits, of_day, exchange);
        let mut noise = draws(self.seed, &[room, minute, 4]);
        let mut reading = Reading {
            time: BEGIN + minute as i64 * 60_000,
            room,
            temperature: 19.5 + sun / 250.0 + 0.003 * excess + 0.25 * normal(&mut noise),
            light: (sun + lamps + 8.0 * normal(&mut noise)).max(0.0),
            co2: OUTSIDE + excess + 12.0 * normal(&mut noise),
            people,
        };
        self.fail(&mut reading, day, of_day);
        reading
    }

    /// Who is in a room on a day, by the plan of the house: hardly anyone at weekends.
    fn visits(&self, room: u64, day: u64) -> Vec<Visit> {
        let mut draws = draws(self.seed, &[room, day, 5]);
        // The first day is a Thursday.
        let is_workday = (day + 3) % 7 < 5;
        let plan = [(8.0, 1.5, 12.0, 0.5, 85), (12.75, 0.75, 16.5, 2.0, 85), (19.0, 0.5, 20.5, 0.5, 10)];
        let mut visits = Vec::new();
        for (from, from_spread, to, to_spread, percent) in plan {
            let (first, last) = (from + from_spread * draws.unit(), to + to_spread * draws.unit());
            let (comes, people) = (draws.below(100), 1 + draws.below(4));
            if comes < if is_workday { percent } else { 4 } {
                visits.push(Visit { from: first * HOUR, to: last * HOUR, people });
            }
        }
        visits
    }

    /// A sensor that does not answer, is dark, or says nonsense for a while.
    fn fail(&self, reading: &mut Reading, day: u64, of_day: f64) {
        let mut draws = draws(self.seed, &[reading.room, day, 6]);
        let (happens, kind) = (draws.below(100) < FAULTS, draws.below(3));
        let first = draws.unit() * DAY as f64;
        if happens && (first..first + 30.0 + 90.0 * draws.unit()).contains(&of_day) {
            match kind {
                0 => reading.co2 = f64::NAN,
                1 => reading.light = 0.0,
                _ => reading.temperature += 15.0,
            }
        }
    }
}

/// The CO₂ that people have brought in by a minute of the day: what is added tends to what the exchange of air carries
/// away, and fades when they have gone. Nothing is left at midnight.
fn excess(visits: &[Visit], minute: f64, exchange: f64) -> f64 {
    let (mut excess, mut at) = (0.0, 0.0);
    let mut pass = |to: f64, people: u64| {
        let tends_to = people as f64 * BREATH / exchange;
        excess = tends_to + (excess - tends_to) * (-(exchange * (to - at))).exp();
        at = to;
    };
    for visit in visits.iter().filter(|visit| visit.from < minute) {
        pass(visit.from, 0);
        pass(visit.to.min(minute), visit.people);
    }
    pass(minute, 0);
    excess
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn air_gets_worse_while_people_are_in_and_recovers() {
        let visits = [Visit { from: 60.0, to: 180.0, people: 2 }];
        let at = |minute| excess(&visits, minute, 1.0 / 40.0);
        assert_eq!(at(60.0), 0.0);
        assert!(at(90.0) > 300.0 && at(180.0) > at(90.0) && at(180.0) < 720.0, "{} {}", at(90.0), at(180.0));
        assert!(at(400.0) < 5.0);
    }

    #[test]
    fn rooms_are_in_use_on_workdays_and_sensors_fail_rarely() {
        let rooms = Simulated::new(1, 3);
        let all: Vec<_> = (0..3 * 14 * DAY).map(|n| rooms.reading(n)).collect();
        let used = all.iter().filter(|reading| reading.people > 0).count() as f64 / all.len() as f64;
        assert!((0.12..0.4).contains(&used), "{used}");
        let missing = all.iter().filter(|reading| reading.co2.is_nan()).count();
        assert!(missing < all.len() / 50, "{missing}");
        assert!(all.iter().all(|reading| reading.light >= 0.0 && reading.temperature.is_finite()));
    }
}
