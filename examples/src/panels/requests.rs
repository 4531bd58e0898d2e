//! Made-up requests, each from the seed and its number.

use std::fmt;

use compact_str::{CompactString, format_compact};
use serde::{Deserialize, Serialize};
use streamgauge::sketches::random::Draws;
use streamgauge::stream::Time;
use streamgauge::stream::source::{Limit, Next, Partition, Plan, Source, SourceError};

/// A request to a made-up site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Who answered it.
    pub host: CompactString,
    /// What was asked for.
    pub path: CompactString,
    /// Who asked.
    pub client: u64,
    /// Whether it failed.
    pub failed: bool,
    /// The size of the answer, with a heavy tail.
    pub bytes: f64,
    /// The time it took, in milliseconds.
    pub millis: f64,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, path, client: _, failed, bytes, millis } = self;
        let status = if *failed { 500 } else { 200 };
        write!(f, "{host} GET {path} {status} {bytes:.0} B {millis:.1} ms")
    }
}

/// Paths, the median sizes of their answers in bytes, and the median times these take, in milliseconds.
const PATHS: [(&str, f64, f64); 8] = [
    ("/", 9_000.0, 18.0),
    ("/search", 30_000.0, 140.0),
    ("/cart", 2_500.0, 35.0),
    ("/checkout", 1_500.0, 220.0),
    ("/item/42", 15_000.0, 28.0),
    ("/static/app.js", 250_000.0, 6.0),
    ("/api/prices", 600.0, 55.0),
    ("/feed.xml", 80_000.0, 12.0),
];

/// Names that would do something if they were taken for more than text, that turn the direction of what follows, that
/// have no visible character, that differ in what cannot be seen. One of a megabyte comes with them.
const HOSTILE: [&str; 7] = [
    "<script>document.title='pwned'</script>",
    "<img src=x onerror=document.title='pwned'>",
    "\u{202e}gpj.exe\u{202c}",
    "\u{2066}\u{200b}\u{feff}",
    "",
    "שלום/\u{627}\u{644}/%00\u{0}\n\t",
    "</td></table><b class=row>&lt;",
];

/// Values that are no numbers, or hardly so.
const VALUES: [f64; 6] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1e12, 5e-324];

/// In how many of the requests there is something hostile: one of so many.
const HOSTILE_ONE_IN: u64 = 20;

/// Made-up requests.
///
/// ```
/// use streamgauge_examples::panels::Requests;
///
/// let requests = Requests { seed: 7, rate: 100, hostile: false };
/// assert_eq!(requests.request(5), requests.request(5));
/// assert!(requests.request(5).bytes >= 0.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    /// All follows from it.
    pub seed: u64,
    /// Requests a second.
    pub rate: u64,
    /// Whether some keys and values try to break a page.
    pub hostile: bool,
}

impl Requests {
    /// How many hosts there are.
    const HOSTS: u64 = 40;
    /// How many clients there are.
    const CLIENTS: u64 = 30_000;

    /// The request of this number.
    pub fn request(&self, number: u64) -> Request {
        let mut draws = Draws::new(self.seed);
        draws.stir(number);
        // The lower its number, the busier a host; each has its bad times, of some minutes.
        let host = ((draws.unit() * draws.unit()) * Self::HOSTS as f64) as u64;
        let minutes = number as f64 / self.rate.max(1) as f64 / 60.0;
        let trouble = (minutes * (0.7 + 0.1 * (host % 7) as f64) + host as f64).sin().max(0.0).powi(3);
        let failed = draws.unit() < 0.01 + 0.25 * trouble;
        let (path, bytes, millis) = PATHS[((draws.unit() * draws.unit()) * PATHS.len() as f64) as usize];
        let log_normal = |draws: &mut Draws, median: f64, sigma: f64| median * (sigma * normal(draws)).exp();
        let request = Request {
            host: format_compact!("host-{host:02}"),
            path: path.into(),
            client: draws.below(Self::CLIENTS),
            failed,
            bytes: if draws.unit() < 0.1 { 0.0 } else { log_normal(&mut draws, bytes, 0.5).round() },
            millis: log_normal(&mut draws, millis * (1.0 + 3.0 * trouble), 0.3),
        };
        if self.hostile && draws.below(HOSTILE_ONE_IN) == 0 { hostile(request, &mut draws) } else { request }
    }

    /// The load of a host in percent at the reading of this number: a wave with noise, and at times much more.
    pub fn load(&self, number: u64) -> f64 {
        let mut draws = Draws::new(!self.seed);
        draws.stir(number);
        if self.hostile && draws.below(HOSTILE_ONE_IN) == 0 {
            return VALUES[draws.below(VALUES.len() as u64) as usize];
        }
        let wave = 40.0 + 15.0 * (number as f64 / 60.0).sin() + 1.5 * normal(&mut draws);
        if (100..104).contains(&(number % 170)) { wave + 40.0 } else { wave }
    }

    /// The paths that are asked for, but for one that is too long to be listed.
    pub fn paths(&self) -> Vec<CompactString> {
        let hostile = if self.hostile { &HOSTILE[..] } else { &[] };
        PATHS.iter().map(|(path, ..)| path).chain(hostile).map(|path| CompactString::from(*path)).collect()
    }
}

/// A request that tries to break the page.
fn hostile(mut request: Request, draws: &mut Draws) -> Request {
    let name = match draws.below(HOSTILE.len() as u64 + 1) as usize {
        at if at < HOSTILE.len() => HOSTILE[at].into(),
        _ => CompactString::from("long ".repeat(1 << 18)),
    };
    let value = VALUES[draws.below(VALUES.len() as u64) as usize];
    match draws.below(4) {
        0 => request.path = name,
        1 => request.bytes = value,
        2 => request.millis = value,
        _ => request.host = name,
    }
    request
}

/// A normally distributed number, by the method of Box and Muller.
fn normal(draws: &mut Draws) -> f64 {
    (-2.0 * draws.unit().max(f64::MIN_POSITIVE).ln()).sqrt() * (std::f64::consts::TAU * draws.unit()).cos()
}

/// Requests as they come, at their rate. The position is the number of the next one.
#[derive(Debug)]
pub(super) struct Live {
    requests: Requests,
    begun: Option<(Time, u64)>,
    is_closed: bool,
}

impl Live {
    pub(super) fn new(requests: Requests) -> Self {
        Self { requests, begun: None, is_closed: false }
    }
}

impl Source for Live {
    type Item = Request;
    type Position = u64;

    fn name(&self) -> String {
        "made-up requests".to_owned()
    }

    fn start(&self) -> u64 {
        0
    }

    fn plan(&mut self, from: &u64, limit: Limit) -> Result<Plan<u64>, SourceError> {
        let (begun, first) = *self.begun.get_or_insert((limit.time, *from));
        let due = (limit.time.since(begun).as_secs_f64() * self.requests.rate as f64) as u64;
        let to = if self.is_closed { *from } else { first.saturating_add(due).max(*from) };
        Ok(Plan { to, next: Next::Idle })
    }

    fn read(&mut self, from: &u64, to: &u64) -> Result<Vec<Box<dyn Partition<Request>>>, SourceError> {
        Ok(vec![Box::new(Numbers { requests: self.requests, from: *from, to: *to })])
    }

    fn close(&mut self) {
        self.is_closed = true;
    }
}

struct Numbers {
    requests: Requests,
    from: u64,
    to: u64,
}

impl Partition<Request> for Numbers {
    fn read(&self, out: &mut dyn FnMut(&mut Vec<Request>)) -> Result<(), SourceError> {
        let mut chunk = Vec::new();
        for number in self.from..self.to {
            chunk.push(self.requests.request(number));
            if chunk.len() >= 1_000 {
                out(&mut chunk);
                chunk.clear();
            }
        }
        out(&mut chunk);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_requests_come_soon_and_only_if_asked_for() {
        let all = |hostile| {
            let requests = Requests { seed: 1, rate: 100, hostile };
            (0..3_000).map(|n| requests.request(n)).collect::<Vec<_>>()
        };
        let usual = all(false);
        assert!(usual.iter().all(|it| it.host.starts_with("host-") && it.bytes.is_finite() && it.millis > 0.0));
        let hostile = all(true);
        for name in HOSTILE {
            assert!(hostile.iter().any(|it| it.host == name), "{name:?}");
        }
        assert!(hostile.iter().any(|it| it.host.len().max(it.path.len()) > 1 << 20));
        let load = |hostile| (0..1_000).map(move |n| Requests { seed: 1, rate: 100, hostile }.load(n));
        assert!(load(false).all(f64::is_finite) && load(true).any(f64::is_nan));
        assert!(hostile.iter().any(|it| it.bytes.is_nan()) && hostile.iter().any(|it| it.millis.is_infinite()));
    }
}
