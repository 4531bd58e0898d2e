//! The job: from lines to words that trend.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use streamgauge::prelude::*;
use streamgauge::stream::source::Restart;

use super::Generator;
use crate::newest::newest;
use crate::simulation::Written;
use crate::{Check, Failure, Pace, Setting, check_rows, write_rows};

/// Lines a second, if no pace is said: four simulated minutes in one.
const PACE: u64 = 1_200;
/// What is now, what is usual, and how often they are compared.
const NOW: Duration = mins(5);
const USUAL: Duration = mins(60);
const EVERY: Duration = mins(1);
/// How many of the most frequent words are looked at now, and how many of the hour are known by name; among so many
/// counters.
const TOP_NOW: usize = 60;
const TOP_USUAL: usize = 500;
const COUNTERS: usize = 1_024;
/// Words that are shorter say little, and longer ones are none.
const LETTERS: std::ops::RangeInclusive<usize> = 4..=40;

/// What the job is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server; none for made-up text.
    pub connect: Option<String>,
    /// How many times as often as usual a word must be said.
    pub times: f64,
    /// How often a word must be said at least.
    pub least: u64,
    /// What every job is told.
    pub setting: Setting,
}

impl Default for Options {
    fn default() -> Self {
        Self { connect: None, times: 3.0, least: 20, setting: Setting::default() }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How often a word began to trend.
    pub trends: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} times a word began to trend", self.trends)
    }
}

/// A word that was said.
#[derive(Clone, Debug)]
struct Word {
    time: i64,
    text: CompactString,
}

type Counts = Vec<(CompactString, Estimate)>;

/// The words of a window.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Heard {
    end: Time,
    words: u64,
    top: Counts,
    exact: Option<Counts>,
}

/// A word that is said far more often than usual.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Trend {
    word: CompactString,
    count: Estimate,
    /// How often that would be in the same time, at most.
    usual: f64,
    /// How many times as often it is, at least.
    times: f64,
}

/// What trends at a time, the highest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Trending {
    end: Time,
    trends: Vec<Trend>,
}

/// Runs the job until its input ends, or until it is told to stop. Words that begin to trend are written as lines.
///
/// # Errors
/// [`Failure`], with one line that says what is wrong.
pub fn run(options: &Options, out: impl Write + Send + 'static) -> Result<Report, Failure> {
    let Options { times, least, ref setting, .. } = *options;
    if !(times > 1.0 && times.is_finite()) {
        return Err(Failure::Usage(format!("a trend is {times} times as often as usual; it must be a number above 1")));
    }
    // Text from elsewhere ends when it ends.
    let paced = Setting { rate: setting.rate.filter(|_| options.connect.is_none()), ..setting.clone() };
    let ctx = paced.context("trending")?;
    let words = words(&ctx, options)?;
    let now = heard(&words, "now", NOW, TOP_NOW, setting.check)?;
    let usual = heard(&words, "usual", USUAL, TOP_USUAL, setting.check)?;
    // Windows that end together are in the same batch: both are closed by the same watermark.
    let pairs = now.map(|it| (it.end.millis(), it)).join(&usual.map(|it| (it.end.millis(), it)));
    let trending = pairs
        .map(move |(_, (now, usual))| Trending { end: now.end, trends: trends(&now, &usual, times, least) })
        .transform(|trending| trending.sort_by_key(|it| it.end));
    if !setting.no_dashboard {
        panels(&ctx.dashboard(), &now, &trending);
    }
    let check = setting.checked();
    for (name, heard) in [("words of five minutes", &now), ("words of an hour", &usual)] {
        check_rows(heard, check.as_ref(), move |heard: &Heard, check: &Check| hold(heard, name, check));
    }
    let written = write_rows(&begun(&trending), out, |(end, trend): &(Time, Trend), out| {
        let Trend { word, count, usual, times } = trend;
        writeln!(out, "{}\t{word}\t{:.0}\t{usual:.1}\t{times:.1}", Written(end.millis()), count.value)
    });
    paced.run(&ctx, &written, check.as_ref())?;
    Ok(Report { trends: written.load(Ordering::Relaxed) })
}

/// The words of the server, or of one that is started.
fn words(ctx: &StreamingContext, options: &Options) -> Result<DStream<Word>, Failure> {
    let setting = &options.setting;
    let lines = match &options.connect {
        Some(server) => TcpLines::connect(server.as_str()),
        None => {
            let per_second = match setting.rate {
                Some(Pace::PerSecond(rate)) => Some(rate),
                Some(Pace::Max) => None,
                None => Some(PACE),
            };
            let server = Generator::new(setting.seed).serve(setting.readings, per_second);
            let server = server.map_err(|error| Failure::Usage(format!("cannot serve text on loopback: {error}")))?;
            TcpLines::connect(server.to_string()).restart(Restart::never())
        }
    };
    Ok(ctx.text(lines).flat_map(words_of))
}

/// The words of a line.
fn words_of(line: &str) -> Vec<Word> {
    let timed = line.split_once('\t').and_then(|(time, text)| Some((time.parse().ok()?, text)));
    let (time, text) = timed.unwrap_or_else(|| (now(), line));
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    let words = words.filter(|word| LETTERS.contains(&word.chars().count()));
    words.map(|word| Word { time, text: word.to_lowercase().into() }).collect()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The most frequent words of windows.
fn heard(
    words: &DStream<Word>,
    name: &str,
    length: Duration,
    top: usize,
    is_checked: bool,
) -> Result<DStream<Heard>, Failure> {
    let sketch = HeavyHitters::<CompactString>::with_counters(top, COUNTERS);
    let sketch = sketch.map_err(|error| Failure::Usage(error.to_string()))?;
    let windows = words.event_time(|word: &Word| word.time, secs(1)).window(length, EVERY).named(name);
    let summed = windows.summarize(|on| {
        let top = on.part(|word: &Word| word.text.as_str()).of(sketch);
        let exact = is_checked.then(|| top.exact());
        (on.count(), top, exact)
    });
    Ok(summed.map(|Window { end, value: (words, top, exact), .. }| Heard { end, words: words.count(), top, exact }))
}

/// The words that are surely said more often than usual, so many times at least: the lowest that their count may be, held
/// against the highest that it may have been before.
fn trends(now: &Heard, usual: &Heard, times: f64, least: u64) -> Vec<Trend> {
    let before = usual.words.saturating_sub(now.words);
    if before < now.words {
        // There is no usual yet.
        return Vec::new();
    }
    // A word that is not listed was not seen more often than the last that is.
    let unlisted = usual.top.last().map_or(0.0, |(_, count)| count.upper);
    let often = now.top.iter().filter(|(_, count)| count.lower >= least as f64);
    let trend = |(word, count): &(CompactString, Estimate)| {
        let known = usual.top.iter().find(|(known, _)| known == word);
        let hour = known.map_or(unlisted, |(_, count)| count.upper);
        let usual = (hour - count.lower).max(0.0) * now.words as f64 / before as f64;
        // A word that was never said is taken as said once.
        Trend { word: word.clone(), count: *count, usual, times: count.lower / usual.max(1.0) }
    };
    let mut trends: Vec<_> = often.map(trend).filter(|trend| trend.times >= times).collect();
    trends.sort_by(|a, b| b.times.total_cmp(&a.times).then_with(|| a.word.cmp(&b.word)));
    trends
}

/// The words that did not trend a moment before.
fn begun(trending: &DStream<Trending>) -> DStream<(Time, Trend)> {
    let all = trending.map(|trending| (0_u32, trending));
    let begun = all.key_by(|(key, _): &(u32, Trending)| key).named("trends").flat_map_with_state(
        |(_, Trending { end, trends }), last: &mut State<'_, u32, BTreeSet<CompactString>>| {
            let before = last.or_default();
            let now = trends.iter().map(|trend| trend.word.clone()).collect();
            let before = std::mem::replace(before, now);
            let begun = trends.into_iter().filter(|trend| !before.contains(&trend.word)).map(|trend| (end, trend));
            begun.collect::<Vec<_>>()
        },
    );
    DStream::clone(&begun)
}

fn hold(heard: &Heard, name: &str, check: &Check) {
    if let Some(exact) = &heard.exact {
        check.top(name, &Written(heard.end.millis()), &heard.top, exact);
    }
}

fn panels(dashboard: &Dashboard, now: &DStream<Heard>, trending: &DStream<Trending>) {
    const TRENDS: &str = "What trends";
    const WORDS: &str = "Words of five minutes";
    let latest = newest(trending, "latest trends", 1)
        .flat_map(|Trending { end, trends }| trends.into_iter().map(|trend| (end, trend)).collect::<Vec<_>>());
    let columns = ["word", "said", "usual, at most", "times, at least", "until"];
    dashboard
        .table("Trending", &latest, columns, |(end, Trend { word, count, usual, times })| {
            [word.into(), count.into(), usual.into(), times.into(), Cell::text(Written(end.millis()))]
        })
        .group(TRENDS);
    let by_word = trending.flat_map(|Trending { end, trends }| {
        trends.into_iter().map(|Trend { word, times, .. }| (word, (end, times))).collect::<Vec<_>>()
    });
    dashboard
        .heat_map("When it trended", &by_word, |(_, (end, times))| Point::at(*end, (*times).into()))
        .unit("times the usual")
        .group(TRENDS);
    dashboard.line("Words that trend", trending, |it| Point::at(it.end, it.trends.len().into())).group(TRENDS);
    dashboard.line("Words", now, |now| Point::at(now.end, now.words.into())).group(WORDS);
    dashboard
        .ranking("Most frequent", now, |now| Point::at(now.end, now.top.iter().take(10).cloned().collect::<Vec<_>>()))
        .group(WORDS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_and_without_a_time() {
        let words =
            |line| words_of(line).into_iter().map(|word| (word.time, word.text.to_string())).collect::<Vec<_>>();
        assert_eq!(words("1500\tThe Comet, a comet!"), [(1_500, "comet".to_owned()), (1_500, "comet".to_owned())]);
        let now = now();
        assert!(words("no time\there it is").iter().all(|(time, _)| *time >= now));
        assert_eq!(words("").len() + words("\t\t").len() + words("7\t").len(), 0);
    }

    #[test]
    fn a_trend_is_certain() {
        let count = |lower: f64, upper: f64| Estimate { lower, upper, ..Estimate::exact(upper) };
        let heard = |words, top: &[(&str, Estimate)]| {
            let top = top.iter().map(|(word, count)| ((*word).into(), *count)).collect();
            Heard { end: Time::default(), words, top, exact: None }
        };
        let now =
            heard(1_000, &[("comet", count(60.0, 60.0)), ("often", count(50.0, 50.0)), ("maybe", count(30.0, 60.0))]);
        let usual = heard(
            11_000,
            &[("often", count(500.0, 510.0)), ("comet", count(70.0, 80.0)), ("last", count(60.0, 330.0))],
        );
        let told: Vec<_> =
            trends(&now, &usual, 3.0, 20).into_iter().map(|it| (it.word.to_string(), it.usual)).collect();
        // Of "maybe" up to 330 may have been said before, 30 in a tenth of it.
        assert_eq!(told, [("comet".to_owned(), 2.0)]);
        assert!(trends(&now, &heard(1_500, &[]), 3.0, 20).is_empty(), "no usual yet");
    }
}
