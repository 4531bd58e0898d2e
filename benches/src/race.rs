//! Timing several implementations against each other.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;

/// Times work by the processor time of this thread: other programs on the machine disturb it less than a clock.
pub fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = ThreadTime::now();
    black_box(work());
    start.elapsed()
}

/// An operation done by several implementations, round by round in alternation.
///
/// The machine's mood changes from second to second and hits all of a round alike: only ratios within a round say
/// something.
#[allow(missing_debug_implementations)]
pub struct Race<'a> {
    title: String,
    operations: f64,
    goal: Option<f64>,
    runners: Vec<(String, Box<dyn FnMut() -> Duration + 'a>)>,
}

impl<'a> Race<'a> {
    /// A race over so many operations a round.
    pub fn new(title: impl Into<String>, operations: usize) -> Self {
        Self { title: title.into(), operations: operations as f64, goal: None, runners: Vec::new() }
    }

    /// The ratio of our time to that of the best peer that is aimed for.
    pub fn goal(mut self, ratio: f64) -> Self {
        self.goal = Some(ratio);
        self
    }

    /// Adds an implementation: the first is ours, the others are peers. A run times its own work with [`time`], so that
    /// what it prepares does not count.
    pub fn run(mut self, name: impl Into<String>, run: impl FnMut() -> Duration + 'a) -> Self {
        self.runners.push((name.into(), Box::new(run)));
        self
    }

    /// Runs the rounds (`ROUNDS` in the environment, 11 if not set) after one to warm up, and prints a line for each
    /// implementation: the median time of an operation, and the median, lowest and highest ratio of ours to it.
    pub fn finish(mut self) {
        let rounds = std::env::var("ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(11).max(1);
        let mut times = vec![Vec::new(); self.runners.len()];
        for round in 0..=rounds {
            for (times, (_, run)) in times.iter_mut().zip(&mut self.runners) {
                let nanos = run().as_secs_f64() * 1e9 / self.operations;
                if round > 0 {
                    times.push(nanos);
                }
            }
        }
        println!("\n{}", self.title);
        let ours = times[0].clone();
        let mut best: Option<(f64, String)> = None;
        for ((name, _), theirs) in self.runners.iter().zip(&times) {
            let mut ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
            ratios.sort_unstable_by(f64::total_cmp);
            let (ratio, low, high) = (crate::median(&ratios), ratios[0], ratios[ratios.len() - 1]);
            println!("  {name:<36} {:>10.2} ns   ours/this {ratio:.3} [{low:.3}, {high:.3}]", crate::median(theirs));
            let is_peer = !std::ptr::eq(theirs, &times[0]) && !name.starts_with('(');
            if is_peer && best.as_ref().is_none_or(|(highest, _)| ratio > *highest) {
                best = Some((ratio, name.clone()));
            }
        }
        if let (Some(goal), Some((ratio, peer))) = (self.goal, best) {
            let verdict = if ratio <= goal { "reached" } else { "MISSED" };
            println!("  → {ratio:.3} of {peer}, goal {goal}: {verdict}");
        }
    }
}
