//! The job: from readings to who is in.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use compact_str::format_compact;
use streamgauge::ml::evaluate::{Confusion, Delayed, Prequential};
use streamgauge::ml::tree::HoeffdingTree;
use streamgauge::prelude::*;

use super::{Reading, Simulated};
use crate::setting::lock;
use crate::simulation::Written;
use crate::{Check, Failure, Setting, check_rows, write_rows};

/// Readings a second, if no pace is said: of four rooms, fifty simulated minutes in one.
const PACE: u64 = 200;
/// The size of the sketches of CO₂.
const K: u16 = 64;
/// The quantiles of CO₂ that are told.
const TOLD: [f64; 2] = [0.5, 0.95];
/// How much of the past weighs in the accuracy lately: a reading half after about 700 of its tree.
const FADING: f64 = 0.999;
/// From so many readings on, trees must be better than the more frequent answer.
const LEARNED: u64 = 10_000;
/// From so many ppm of CO₂ on air is stale.
const STALE: f64 = 1_000.0;
/// The classes: nobody, someone.
const CLASSES: usize = 2;

/// What the job is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many rooms there are.
    pub rooms: u64,
    /// How many readings of its tree later the truth about one is told.
    pub late: u32,
    /// One tree for all rooms, instead of one for each.
    pub one_tree: bool,
    /// What every job is told.
    pub setting: Setting,
}

impl Default for Options {
    fn default() -> Self {
        Self { rooms: 4, late: 60, one_tree: false, setting: Setting::default() }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// The readings that were predicted.
    pub readings: u64,
    /// The share of them that were right.
    pub accuracy: f64,
    /// The share that the more frequent answer would have had.
    pub majority: f64,
    /// Cohen's κ.
    pub kappa: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { readings, accuracy, majority, kappa } = *self;
        let (accuracy, majority) = (100.0 * accuracy, 100.0 * majority);
        write!(
            f,
            "{readings} readings: {accuracy:.1} % right, where the more frequent answer has {majority:.1} %; κ {kappa:.3}"
        )
    }
}

/// A reading, and what its tree said before it heard the truth.
#[derive(Clone, Debug)]
struct Predicted {
    reading: Reading,
    someone: bool,
    /// How often the tree was right lately.
    accuracy: Estimate,
}

impl Predicted {
    fn is_used(&self) -> bool {
        self.reading.people > 0
    }

    fn is_right(&self) -> bool {
        self.someone == self.is_used()
    }
}

/// Six hours of a room.
#[derive(Clone, Debug)]
struct Span {
    end: Time,
    room: u64,
    used: f64,
    predicted: f64,
    right: f64,
    co2: Quantiles,
    exact: Option<Quantiles>,
}

impl Span {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { end, room, used, predicted, right, ref co2, .. } = *self;
        write!(out, "{}\troom-{room}\t{used:.3}\t{predicted:.3}\t{right:.3}", Written(end.millis()))?;
        for q in TOLD {
            let Estimate { value, lower, upper, .. } = co2.at(q);
            write!(out, "\t{value:.0} [{lower:.0}, {upper:.0}]")?;
        }
        writeln!(out)
    }
}

type Tree = Delayed<HoeffdingTree>;

/// What the tree says of a reading. It learns it when the truth about it is told.
fn predict(tree: &mut Tree, reading: Reading) -> Predicted {
    let Reading { time, temperature, light, co2, people, .. } = reading;
    let hour = time.rem_euclid(86_400_000) as f64 / 3_600_000.0;
    let said = tree.step(&[temperature, light, co2, hour], usize::from(people > 0));
    Predicted { reading, someone: said.ok().flatten() == Some(1), accuracy: tree.outcomes().accuracy() }
}

/// Runs the job until its input ends, or until it is told to stop. Rooms are written as lines, hour by hour.
///
/// # Errors
/// [`Failure`], with one line that says what is wrong.
pub fn run(options: &Options, out: impl Write + Send + 'static) -> Result<Report, Failure> {
    let Options { rooms, late, one_tree, ref setting } = *options;
    let usage = |error: &dyn fmt::Display| Failure::Usage(error.to_string());
    let ctx = setting.context("sensors")?;
    let sketch = Kll::with_k(K).map_err(|error| usage(&error))?.seeded(setting.seed);
    let schema = Schema::numeric(4, CLASSES).map_err(|error| usage(&error))?;
    let evaluation = Prequential::new(HoeffdingTree::new(schema)).and_then(|it| it.fading(FADING));
    let tree = Delayed::new(evaluation.map_err(|error| usage(&error))?, late);
    let simulated = Simulated::new(setting.seed, rooms);
    let readings = setting.numbers(&ctx, PACE).map(move |number| simulated.reading(number));
    let predicted = if one_tree {
        DStream::clone(&readings.named("tree").train_with(tree, predict))
    } else {
        DStream::clone(&readings.key_by(|reading: &Reading| &reading.room).named("trees").train_with(tree, predict))
    };
    // Rooms come by lane: in the order of time again, for what comes after newer readings counts as late.
    let predicted = predicted.transform(|rows| rows.sort_by_key(|it| (it.reading.time, it.reading.room)));
    let spans = spans(&predicted, sketch, setting.check);
    let none = Confusion::new(CLASSES).map_err(|error| usage(&error))?;
    let confusion = Arc::new(Mutex::new(none.clone()));
    let check = setting.checked();
    count(&predicted, &confusion, check.clone());
    check_rows(&spans, check.as_ref(), hold);
    if !setting.no_dashboard {
        panels(&ctx.dashboard(), &predicted, &spans, rooms, none);
    }
    let written = write_rows(&spans, out, Span::write);
    setting.run(&ctx, &written, check.as_ref())?;
    let confusion = lock(&confusion);
    Ok(Report {
        readings: confusion.total() as u64,
        accuracy: confusion.accuracy().value,
        majority: majority(&confusion) / confusion.total().max(1.0),
        kappa: confusion.kappa(),
    })
}

fn majority(confusion: &Confusion) -> f64 {
    (0..CLASSES).map(|class| confusion.actual(class)).fold(0.0, f64::max)
}

/// The last six hours of each room, every hour, in the order of time.
fn spans(predicted: &DStream<Predicted>, sketch: Kll, is_checked: bool) -> DStream<Span> {
    let share = |part: Estimate, all: &Estimate| part.value / all.value.max(1.0);
    predicted
        .event_time(|it: &Predicted| it.reading.time, secs(1))
        .window(hours(6), hours(1))
        .key_by(|it: &Predicted| &it.reading.room)
        .named("rooms")
        .summarize(|on| {
            let answers = on.when(|it: &Predicted| !it.reading.co2.is_nan());
            let co2 = answers.map(|it: &Predicted| it.reading.co2).of(sketch);
            let exact = is_checked.then(|| co2.exact());
            let counts = (
                on.count(),
                on.when(Predicted::is_used).count(),
                on.when(|it: &Predicted| it.someone).count(),
                on.when(Predicted::is_right).count(),
            );
            (counts, co2, exact)
        })
        .map(move |Window { end, value: (room, ((all, used, predicted, right), co2, exact)), .. }| Span {
            end,
            room,
            used: share(used, &all),
            predicted: share(predicted, &all),
            right: share(right, &all),
            co2,
            exact,
        })
        .transform(|spans| spans.sort_by_key(|span| (span.end, span.room)))
}

/// Counts what was right. When they have learned, the trees must be better than the more frequent answer.
fn count(predicted: &DStream<Predicted>, confusion: &Arc<Mutex<Confusion>>, check: Option<Check>) {
    let confusion = confusion.clone();
    predicted.for_each_batch(move |_, batch| {
        let rows = batch.collect().map_err(|error| error.to_string())?;
        let mut confusion = lock(&confusion);
        for it in rows {
            confusion
                .add(usize::from(it.is_used()), Some(usize::from(it.someone)))
                .map_err(|error| error.to_string())?;
        }
        let total = confusion.total();
        if let Some(check) = check.as_ref().filter(|_| total >= LEARNED as f64) {
            let (right, majority) = (confusion.accuracy().value * total, majority(&confusion));
            check.holds("better than the more frequent answer", right > majority, || {
                format!("{total} readings: {right:.0} are right, the more frequent answer has {majority}")
            });
        }
        Ok::<(), String>(())
    });
}

fn hold(span: &Span, check: &Check) {
    if let Some(exact) = span.exact.as_ref().filter(|exact| !exact.is_empty()) {
        check.quantiles("CO₂", &format!("{} room-{}", Written(span.end.millis()), span.room), &span.co2, exact, &TOLD);
    }
}

fn panels(dashboard: &Dashboard, predicted: &DStream<Predicted>, spans: &DStream<Span>, rooms: u64, none: Confusion) {
    /// Rooms whose occupancy is drawn.
    const DRAWN: u64 = 4;
    const LEARNING: &str = "Trees";
    let answers = predicted.map(|it| (usize::from(it.is_used()), Some(usize::from(it.someone))));
    let so_far = answers.running().summarize(|on| on.of(none.clone()));
    let lately = answers.summarize(|on| on.of(none));
    dashboard
        .accuracy("Right, since the beginning", &so_far, |it| {
            let more_frequent = majority(it) / it.total().max(1.0);
            Accuracy::of(it.accuracy()).kappa(it.kappa()).with("the more frequent answer", more_frequent)
        })
        .group(LEARNING);
    dashboard
        .accuracy("Right, batch by batch", &lately, |it| Accuracy::of(it.accuracy()).kappa(it.kappa()))
        .group(LEARNING);
    dashboard
        .confusion("Is someone in? Actual and predicted", &so_far, &["nobody", "someone"], |it, actual, predicted| {
            it.count(actual, predicted)
        })
        .group(LEARNING);
    // A point every ten minutes is enough to be drawn.
    let drawn = predicted.filter(|it| it.reading.time % 600_000 == 0).map(|it| (name(it.reading.room), it));
    let at = |it: &Predicted, value: Estimate| Point::at(Time::from_millis(it.reading.time), value);
    dashboard.lines("Right lately, by room", &drawn, move |(_, it)| at(it, it.accuracy)).group(LEARNING);

    for room in 0..rooms.min(DRAWN) {
        let of_room = drawn.filter(move |(_, it)| it.reading.room == room);
        let share = |is: bool| Estimate::exact(if is { 1.0 } else { 0.0 });
        dashboard
            .chart(&format!("{}: is someone in?", name(room)))
            .line("predicted", &of_room, move |(_, it)| at(it, share(it.someone)))
            .line("so it was", &of_room, move |(_, it)| at(it, share(it.is_used())))
            .group("Who is in");
    }

    let spans = spans.map(|span| (name(span.room), span));
    dashboard
        .lines("CO₂, median of six hours", &spans, |(_, span)| Point::at(span.end, span.co2.at(0.5)))
        .unit("ppm")
        .group("Air and use");
    dashboard
        .lines("CO₂, p95 of six hours", &spans, |(_, span)| Point::at(span.end, span.co2.at(0.95)))
        .unit("ppm")
        .threshold(STALE, "open a window")
        .group("Air and use");
    dashboard
        .heat_map("Use of rooms, of six hours", &spans, |(_, span)| Point::at(span.end, (100.0 * span.used).into()))
        .unit("%")
        .group("Air and use");
}

fn name(room: u64) -> CompactString {
    format_compact!("room-{room}")
}
