//! The job: from payments to what is suspicious.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamgauge::prelude::*;
use streamgauge::sketches::ParameterError;

use super::card::{Card, Reason};
use super::{CITIES, Fraud, Payment, Simulated};
use crate::newest::newest;
use crate::setting::lock;
use crate::simulation::Written;
use crate::{Check, Failure, Setting, check_rows, write_rows};

/// Payments a second, if no pace is said.
const PACE: u64 = 1_000;
/// A session ends when a card has not paid for so long.
const GAP: Duration = mins(10);
/// So many small payments in a session are suspicious.
const MANY: u64 = 6;
/// What is small, in euros.
const SMALL: f64 = 3.0;
/// The size of the sketches of amounts.
const K: u16 = 200;
/// The quantiles of amounts that are drawn, and checked.
const DRAWN: [f64; 3] = [0.5, 0.9, 0.99];
/// Rows of a table, and payments that are shown.
const LISTED: usize = 12;

/// What the job is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many cards there are.
    pub cards: u64,
    /// How many standard deviations beyond the usual, in the logarithm, make an amount suspicious.
    pub deviations: f64,
    /// What every job is told.
    pub setting: Setting,
}

impl Default for Options {
    fn default() -> Self {
        Self { cards: 500, deviations: 4.5, setting: Setting::default() }
    }
}

/// What was said of one kind of fraud, held against the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Told, and fraud of this kind.
    pub right: u64,
    /// Told, and not.
    pub wrong: u64,
    /// Fraud of this kind in all.
    pub fraud: u64,
}

impl Tally {
    fn add(&mut self, is_told: bool, is_fraud: bool) {
        self.right += u64::from(is_told && is_fraud);
        self.wrong += u64::from(is_told && !is_fraud);
        self.fraud += u64::from(is_fraud);
    }

    /// The share of what was told that is fraud; none if nothing was told.
    pub fn precision(&self) -> Option<f64> {
        let told = self.right + self.wrong;
        (told > 0).then(|| self.right as f64 / told as f64)
    }

    /// The share of the fraud that was told; none if there was none.
    pub fn recall(&self) -> Option<f64> {
        (self.fraud > 0).then(|| self.right as f64 / self.fraud as f64)
    }
}

/// What came of it: of each kind, in payments, and in sessions for those that test a card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Amounts beyond the usual.
    pub amount: Tally,
    /// Impossible travel.
    pub travel: Tally,
    /// Sessions of small payments.
    pub testing: Tally,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share));
        let of = [("amount", self.amount), ("travel", self.travel), ("testing", self.testing)];
        for (at, (name, tally)) in of.into_iter().enumerate() {
            let separator = if at > 0 { "; " } else { "" };
            let (precision, recall) = (percent(tally.precision()), percent(tally.recall()));
            let (told, fraud) = (tally.right + tally.wrong, tally.fraud);
            write!(f, "{separator}{name}: {told} told of {fraud}, precision {precision}, recall {recall}")?;
        }
        Ok(())
    }
}

/// A payment that was looked at.
#[derive(Clone, Debug)]
struct Looked {
    payment: Payment,
    reason: Option<Reason>,
}

/// A session of a card.
#[derive(Clone, Debug)]
struct Session {
    start: Time,
    card: u64,
    payments: u64,
    small: u64,
    is_testing: bool,
}

impl Session {
    fn is_suspicious(&self) -> bool {
        self.small >= MANY
    }
}

/// Six hours of all cards.
#[derive(Clone, Debug)]
struct Span {
    end: Time,
    payments: u64,
    cards: Estimate,
    amounts: Quantiles,
    countries: Vec<(CompactString, Estimate)>,
    exact: Option<(Estimate, Quantiles, Vec<(CompactString, Estimate)>)>,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    time: i64,
    card: u64,
    fraud: Fraud,
    why: String,
}

impl Told {
    fn of_payment(looked: &Looked) -> Option<Self> {
        let (Payment { time, card, amount, city, .. }, reason) = (looked.payment, looked.reason?);
        let city = CITIES.get(city).map_or("?", |city| city.name);
        let why = match reason {
            Reason::Amount(beyond) => format!("{amount:.2} EUR is {beyond:.1} deviations beyond the usual"),
            Reason::Travel(speed) => format!("to {city} at {speed:.0} km/h"),
        };
        Some(Self { time, card, fraud: reason.fraud(), why })
    }

    fn of_session(session: &Session) -> Option<Self> {
        let Session { start, card, payments, small, .. } = *session;
        let why = format!("{small} of {payments} payments in a session are below {SMALL:.0} EUR");
        session.is_suspicious().then(|| Self { time: start.millis(), card, fraud: Fraud::Testing, why })
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { time, card, fraud, why } = self;
        writeln!(out, "{}\t{card}\t{}\t{why}", Written(*time), fraud.name())
    }
}

/// Runs the job until its input ends, or until it is told to stop. What is suspicious is written as lines.
///
/// # Errors
/// [`Failure`], with one line that says what is wrong.
pub fn run(options: &Options, out: impl Write + Send + 'static) -> Result<Report, Failure> {
    let Options { cards, deviations, ref setting } = *options;
    if !(deviations > 0.0 && deviations.is_finite()) {
        return Err(Failure::Usage(format!("the deviations are {deviations}; they must be a number above 0")));
    }
    let ctx = setting.context("fraud")?;
    let sketch = Kll::with_k(K).map_err(|error| Failure::Usage(error.to_string()))?.seeded(setting.seed);
    let payments = Simulated::new(setting.seed, cards);
    let payments = setting.numbers(&ctx, PACE).map(move |number| payments.payment(number));
    let looked = payments.key_by(|payment: &Payment| &payment.card).named("cards").map_with_state(
        move |payment, card: &mut State<'_, u64, Card>| Looked {
            reason: card.or_default().look(&payment, deviations),
            payment,
        },
    );
    let sessions = sessions(&payments);
    let spans = spans(&payments, sketch, setting.check);
    let told =
        looked.flat_map(|looked| Told::of_payment(&looked)).union(&sessions.flat_map(|it| Told::of_session(&it)));
    let told = told.transform(|told| told.sort_by_key(|told| (told.time, told.card)));
    let report = Arc::new(Mutex::new(Report::default()));
    count(&looked, &sessions, &report);
    if !setting.no_dashboard {
        panels(&ctx.dashboard(), &spans, &payments, &told, &report)
            .map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let check = setting.checked();
    check_rows(&spans, check.as_ref(), hold);
    let written = write_rows(&told, out, |told, out| told.write(out));
    setting.run(&ctx, &written, check.as_ref())?;
    Ok(std::mem::take(&mut *lock(&report)))
}

/// The sessions of each card.
fn sessions(payments: &DStream<Payment>) -> DStream<Session> {
    payments
        .event_time(|payment: &Payment| payment.time, secs(1))
        .session(GAP)
        .key_by(|payment: &Payment| &payment.card)
        .named("sessions")
        .summarize(|on| {
            let small = on.when(|payment: &Payment| payment.amount < SMALL).count();
            (on.count(), small, on.when(|payment: &Payment| payment.fraud == Some(Fraud::Testing)).count())
        })
        .map(|Window { start, value: (card, (payments, small, testing)), .. }| Session {
            start,
            card,
            payments: payments.count(),
            small: small.count(),
            is_testing: testing.count() > 0,
        })
}

/// The last six hours of all cards, every span.
fn spans(payments: &DStream<Payment>, sketch: Kll, is_checked: bool) -> DStream<Span> {
    payments
        .event_time(|payment: &Payment| payment.time, secs(1))
        .window(hours(6), hours(1))
        .named("payments")
        .summarize(|on| {
            let questions = (
                on.distinct(|payment: &Payment| &payment.card),
                on.map(|payment: &Payment| payment.amount).of(sketch),
                on.top(10, |payment: &Payment| country(payment)),
            );
            let exact = is_checked.then(|| questions.exact());
            (on.count(), questions, exact)
        })
        .map(|Window { end, value: (payments, (cards, amounts, countries), exact), .. }| Span {
            end,
            payments: payments.count(),
            cards,
            amounts,
            countries,
            exact,
        })
}

fn country(payment: &Payment) -> &'static str {
    CITIES.get(payment.city).map_or("?", |city| city.country)
}

/// Holds what is told against what the simulation knows.
fn count(looked: &DStream<Looked>, sessions: &DStream<Session>, report: &Arc<Mutex<Report>>) {
    let payments = report.clone();
    looked.for_each_batch(move |_, batch| {
        let looked = batch.collect()?;
        let mut report = lock(&payments);
        for Looked { payment, reason } in looked {
            let told = reason.map(Reason::fraud);
            let both = |fraud| (told == Some(fraud), payment.fraud == Some(fraud));
            let (is_told, is_fraud) = both(Fraud::Amount);
            report.amount.add(is_told, is_fraud);
            let (is_told, is_fraud) = both(Fraud::Travel);
            report.travel.add(is_told, is_fraud);
        }
        Ok::<(), Error>(())
    });
    let report = report.clone();
    sessions.for_each_batch(move |_, batch| {
        let mut report = lock(&report);
        batch.collect()?.iter().for_each(|it| report.testing.add(it.is_suspicious(), it.is_testing));
        Ok::<(), Error>(())
    });
}

fn hold(span: &Span, check: &Check) {
    if let Some((cards, amounts, countries)) = &span.exact {
        let at = Written(span.end.millis());
        check.estimate("distinct cards", &at, &span.cards, cards.value);
        check.quantiles("amount", &at, &span.amounts, amounts, &DRAWN);
        check.top("payments by country", &at, &span.countries, countries);
    }
}

fn panels(
    dashboard: &Dashboard,
    spans: &DStream<Span>,
    payments: &DStream<Payment>,
    told: &DStream<Told>,
    report: &Arc<Mutex<Report>>,
) -> Result<(), ParameterError> {
    const TOLD: &str = "What was told";
    const PAYMENTS: &str = "Payments of six hours";
    let columns = ["time", "card", "of", "why"];
    dashboard
        .table("Newest", &newest(told, "newest", LISTED), columns, |Told { time, card, fraud, why }| {
            [Cell::text(Written(*time)), Cell::text(card), fraud.name().into(), why.into()]
        })
        .group(TOLD);
    let suspicious = told.key_by(|told: &Told| &told.card).named("suspicions").running().complete();
    let suspicious = suspicious.summarize(|on| on.count()).map(|(card, told)| (format!("card {card}"), told));
    dashboard.top("By card", &suspicious, |(_, told)| *told).group(TOLD);
    type Share = fn(&Tally) -> Option<f64>;
    let shares: [(&str, Share); 2] =
        [("Precision: of what was told", Tally::precision), ("Recall: of the fraud", Tally::recall)];
    type Kind = fn(&Report) -> Tally;
    let kinds: [(&str, Kind); 3] =
        [("amount", |it| it.amount), ("travel", |it| it.travel), ("testing", |it| it.testing)];
    for (title, share) in shares {
        let chart = kinds.iter().fold(dashboard.chart(title), |chart, (name, kind)| {
            let (report, kind) = (report.clone(), *kind);
            chart.line(name, spans, move |span| {
                let tally = kind(&lock(&report));
                Point::at(span.end, share(&tally).map_or(f64::NAN, |share| 100.0 * share).into())
            })
        });
        chart.unit("%").group(TOLD);
    }

    let count = |span: &Span| Point::at(span.end, span.payments.into());
    dashboard.number("Payments", spans, count).group(PAYMENTS);
    dashboard.number("Cards", spans, |span| Point::at(span.end, span.cards)).group(PAYMENTS);
    let amounts = |span: &Span| Point::at(span.end, span.amounts.clone());
    dashboard.quantiles("Amounts", spans, &DRAWN, amounts).unit("EUR").group(PAYMENTS);
    dashboard.distribution("Amounts, all of them", spans, amounts).unit("EUR").group(PAYMENTS);
    dashboard.ranking("By country", spans, |span| Point::at(span.end, span.countries.clone())).group(PAYMENTS);
    let some = Reservoir::new(LISTED)?;
    let some = payments.summarize(|on| on.of(some));
    dashboard.samples("Some of the latest", &some, records).group(PAYMENTS);
    Ok(())
}

/// Payments in words.
fn records(sample: &streamgauge::sketches::sample::Sample<Payment>) -> Records {
    let words = |Payment { time, card, amount, city, .. }: &Payment| {
        let city = CITIES.get(*city).map_or("?", |city| city.name);
        format!("{}  card {card}  {amount:.2} EUR  {city}", Written(*time))
    };
    sample.items().iter().map(words).collect::<Records>().out_of(sample.population())
}
