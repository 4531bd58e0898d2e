//! The dashboard of the `weblog` example, in a real browser.
//!
//! Skipped where there is no Chromium. The example is found beside the test, or where `STREAMGAUGE_WEBLOG` says:
//! `cargo test` builds it, but `cargo test --test browser` takes it as `cargo build --examples` has left it. If
//! `STREAMGAUGE_SCREENSHOTS` names a folder, pictures of the page are written there.

#![allow(clippy::unwrap_used)]

mod chromium;
mod folder;
mod process;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use serde_json::json;

use crate::chromium::{Chromium, Page};
use crate::folder::Folder;
use crate::process::Process;

/// The data of the page, as a browser first gets it.
const HELLO: &str = "new Promise((resolve) => {
    const source = new EventSource('/events');
    source.addEventListener('hello', (event) => {
        source.close();
        resolve(JSON.parse(event.data));
    });
})";

/// The number of colours on a canvas; one when it is blank.
const COLOURS: &str = "(canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}";

/// The points that a canvas says it shows.
const POINTS: &str = "(canvas) => Number(canvas.ariaLabel?.match(/, (\\d+) points/)?.[1] ?? 0)";

/// A running `weblog`.
struct Server {
    _process: Process,
    url: String,
}

impl Server {
    fn start(address: &str, more: &[&str]) -> Self {
        let mut command = Command::new(weblog());
        command.args(["--listen", address]).args(more);
        let process = Process::spawn(&mut command);
        let url = process.line("dashboard: ");
        Self { _process: process, url }
    }

    /// The synthetic site.
    fn site() -> Self {
        Self::start("127.0.0.1:0", &[])
    }

    fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

fn weblog() -> PathBuf {
    if let Some(path) = env::var_os("STREAMGAUGE_WEBLOG") {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let path = profile.join("examples/weblog").with_extension(env::consts::EXE_EXTENSION);
    let missing = "is not there: cargo build -p streamgauge-examples --examples";
    assert!(path.exists(), "{} {missing}", path.display());
    path
}

fn chromium() -> Option<Chromium> {
    let chromium = Chromium::launch();
    if chromium.is_none() {
        // Past the capture of the test harness, so that it is seen.
        let _ = writeln!(io::stderr(), "skipped: no Chromium found");
    }
    chromium
}

/// Waits until the page is connected and all cards have values.
#[track_caller]
fn wait_until_live(page: &mut Page) {
    page.wait("document.documentElement.dataset.status === 'live'");
    page.wait(
        "[...document.querySelectorAll('.panel, .gauge')].every((card) =>
           !card.classList.contains('is-empty') && /\\d/.test(card.querySelector('.value')?.textContent))",
    );
}

#[track_caller]
fn assert_no_problems(page: &mut Page) {
    assert_eq!(page.problems(), [""; 0]);
}

fn has_digit(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
}

#[test]
fn panels_hold_numbers_that_change() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Server::site();
    let mut page = chromium.open(&server.url);
    wait_until_live(&mut page);

    let kinds = page.all("section.card[data-panel]", "(card) => card.dataset.kind");
    let expected = ["number", "number", "number", "line", "line", "line", "quantiles", "top"];
    assert_eq!(kinds, expected);
    let contracts = page.texts(".panel .contract");
    assert_eq!(contracts.len(), 8);
    assert!(!contracts.iter().any(String::is_empty), "{contracts:?}");
    for summary in ["exact", "HyperLogLog p=12", "t-digest", "Misra–Gries"] {
        let told = contracts.iter().any(|contract| contract.contains(summary));
        assert!(told, "{summary} is not in {contracts:?}");
    }

    page.wait("document.querySelectorAll('li.row').length === 10");
    // Each card has its values, and beside each of them what is guaranteed.
    for (kind, value, interval, count) in [
        ("number", ".value", ".interval", 3),
        ("line", ".legend-entry .value", ".legend-interval", 3),
        ("quantiles", ".legend-entry .value", ".legend-interval", 3),
        ("top", "li.row .value", ".row-interval", 10),
    ] {
        let values = page.texts(&format!("[data-kind={kind}] {value}"));
        let intervals = page.texts(&format!("[data-kind={kind}] {interval}"));
        assert_eq!((values.len(), intervals.len()), (count, count), "{kind}");
        assert!(values.iter().all(|text| has_digit(text)), "{values:?}");
        // The t-digest, which guarantees nothing, says so.
        let words = if kind == "quantiles" { "no guarantee" } else { "exact" };
        let stated = |text: &String| text == words || has_digit(text);
        assert!(intervals.iter().all(stated), "{intervals:?}");
    }
    let labels = page.texts("li.row .label");
    assert!(labels.iter().all(|label| label.starts_with('/')), "{labels:?}");

    let engine = page.all(".gauge", "(card) => card.dataset.engine");
    let expected = ["rate", "processing", "delay", "late", "malformed", "watermark"];
    assert_eq!(engine, expected);
    let gauges = page.texts(".gauge .value");
    assert!(gauges.iter().all(|text| has_digit(text)), "{gauges:?}");

    page.wait(&format!(
        "[...document.querySelectorAll('#page-answers canvas[role=img]')].map({COLOURS}).every((n) => n > 2)"
    ));

    let numbers = json!(page.texts("[data-kind=number] .value"));
    page.wait(&format!(
        "[...document.querySelectorAll('[data-kind=number] .value')].every((value, i) =>
           value.textContent !== {numbers}[i])"
    ));
    assert_no_problems(&mut page);
}

#[test]
fn a_page_opened_late_shows_the_history() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Server::site();
    let mut page = chromium.open(&server.url);
    page.wait(&format!("[...document.querySelectorAll('.panel canvas')].map({POINTS}).some((n) => n > 10)"));

    page.go(&server.url);
    let hello = page.evaluate(HELLO);
    let panels = hello["panels"].as_array().unwrap();
    let (top, charts) = panels.split_last().unwrap();
    assert_eq!(top["points"].as_array().unwrap().len(), 1);
    for panel in charts {
        assert!(panel["points"].as_array().unwrap().len() > 10, "{panel}");
    }
    // A canvas says what it shows when it is first drawn, and then no more for some seconds.
    page.wait("[...document.querySelectorAll('.panel canvas')].every((canvas) => canvas.ariaLabel)");
    let points = page.all(".panel canvas", POINTS);
    assert_eq!(points.len(), 7);
    assert!(points.iter().all(|n| n.as_u64() > Some(10)), "{points:?}");
    assert_no_problems(&mut page);
}

#[test]
fn the_page_of_the_engine_shows_batches_and_what_they_did() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Server::site();
    let mut page = chromium.open(&format!("{}/#engine", server.url));
    let rows = |of: &str| format!("document.querySelectorAll('#page-engine {of} tbody tr').length");
    page.wait(&format!("{} > 5", rows("[aria-label=Batches]")));
    assert_eq!(page.evaluate("document.querySelector('#page-answers').hidden"), true);
    let titles = page.texts("#page-engine .listing:not(.details *, [hidden]) > .title");
    let last = ["Active batches", "Batches", "Operators, since the start", "Sources", "Checkpoints", "Warnings"];
    assert!(titles.ends_with(&last.map(str::to_owned)), "{titles:?}");
    let delays = page.texts("#page-engine [aria-label=Batches] tbody tr:nth-child(2) td");
    assert!(has_digit(&delays[0]) && delays[1] == "completed" && has_digit(&delays[4]), "{delays:?}");
    let charts = page.texts("#page-engine .job-chart:not([hidden], .by-source *) .title-text");
    let sparks = ["Input rate", "Scheduling delay", "Processing time", "Total delay"];
    assert_eq!(charts, [&sparks[..], &["Watermark", "Left out", "Memory"]].concat());
    let drawn = "document.querySelectorAll('.job-charts:first-child canvas')";
    page.wait(&format!("[...{drawn}].length === 8 && [...{drawn}].map({COLOURS}).every((n) => n > 2)"));
    let facts = page.texts("#page-engine > .facts");
    assert!(facts[0].contains("running for ") && facts[0].contains(" batches completed"), "{facts:?}");
    page.evaluate("document.querySelector('.by-source').open = true");
    assert_eq!(page.texts(".by-source .job-chart:not([hidden]) .series-name"), ["read", "limit"]);

    // A batch that is chosen shows its outputs; chosen again, it does not.
    let choose = "document.querySelector('#page-engine [aria-label=Batches] tbody tr:nth-child(3)').click()";
    assert_eq!(page.evaluate("document.querySelector('.details').hidden"), true);
    page.evaluate(choose);
    page.wait(&format!("{} >= 9", rows(".details")));
    assert_eq!(page.texts("#page-engine tr[aria-selected=true] td:nth-child(2)"), ["completed"]);
    // The line keeps the choice, whatever comes before it.
    page.wait("[...document.querySelectorAll('[aria-label=Batches] tbody tr')].findIndex((row) => row.ariaSelected === 'true') > 2");
    assert!(page.texts(".details > .facts")[0].contains(" retries · "));

    page.evaluate("location.hash = '#answers'");
    page.wait("document.querySelector('#page-engine').hidden && !document.querySelector('#page-answers').hidden");
    wait_until_live(&mut page);
    assert_no_problems(&mut page);
}

/// The graph is drawn from what a job tells of its operators; here from names as bad as they come.
#[test]
fn the_graph_of_operators_is_drawn_in_layers() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Server::site();
    let mut page = chromium.open(&format!("{}/#engine", server.url));
    page.wait("document.documentElement.dataset.status === 'live'");
    let draw = r#"import('/graph.js').then(({ OperatorGraph }) => {
        const host = document.createElement('div');
        host.id = 'tried';
        document.querySelector('main').append(host);
        const graph = new OperatorGraph(host);
        const bad = '<img src=x onerror=alert(1)>\u202e' + 'x'.repeat(3000);
        const one = (name, inputs, elapsed) => ({ name, kind: 'map', inputs, elapsed, rowsIn: 7, rowsOut: 7, merges: 0, rate: NaN });
        graph.show([{ name: 'alone', kind: 'map', elapsed: 1 }], 1);
        window.withoutInputs = graph.root.hidden;
        graph.show([one('source', [], 1), one(bad, ['source', 'nowhere'], 60), one('in a circle', ['in a circle', bad], 9),
            one('sink', ['source', 'in a circle'], 30)], 2);
    })"#;
    page.evaluate(draw);
    page.wait("document.querySelectorAll('#tried .graph-node').length === 4");
    assert_eq!(page.evaluate("window.withoutInputs"), true);
    assert_eq!(page.evaluate("document.querySelectorAll('#tried svg > path').length"), 4);
    assert_eq!(page.evaluate("document.querySelectorAll('#tried :is(img, script)').length"), 0);
    let of = |what: &str| format!("[...document.querySelectorAll('#tried .graph-node')].map((node) => {what})");
    let lefts = page.evaluate(&of("Math.round(node.getBoundingClientRect().left)"));
    let lefts: Vec<i64> = lefts.as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect();
    assert!(lefts.is_sorted_by(|a, b| a < b), "each to the right of what it reads: {lefts:?}");
    assert_eq!(page.evaluate(&of("node.dataset.heat")), serde_json::json!(["0", "4", "1", "3"]));
    let spoken = page.evaluate("document.querySelector('#tried .graph-node:last-child').ariaLabel");
    let spoken = spoken.as_str().unwrap();
    assert!(
        spoken.contains("30 % of the processing time") && spoken.ends_with("reads source, in a circle"),
        "{spoken}"
    );
    // One stop of the tab key; from there the arrows follow the stream.
    assert_eq!(page.evaluate(&of("node.tabIndex")), serde_json::json!([0, -1, -1, -1]));
    page.evaluate("document.querySelector('#tried .graph-node').focus()");
    let press =
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }))";
    (0..2).for_each(|_| drop(page.evaluate(press)));
    assert_eq!(page.evaluate("document.activeElement.ariaLabel.split(',')[0]"), "in a circle");
    assert_eq!(page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true);
    assert_no_problems(&mut page);
}

/// A job of this process: of an output whose name and errors are from elsewhere, and that may be stopped from the page.
#[test]
fn the_page_of_the_engine_tells_errors_harmlessly_and_stops_the_job_when_asked_to() {
    use std::time::Duration;

    use streamgauge::prelude::*;

    let Some(mut chromium) = chromium() else {
        return;
    };
    let settings = StreamingContext::builder("to be stopped").on_failure(OnFailure::SkipOutput);
    let ctx = settings.batch_interval(Duration::from_millis(50)).build();
    let numbers = ctx.source(Rate::per_second(1_000).max_rate(500));
    numbers.for_each_batch(|_, _: Batch<(u64, Time)>| Err::<(), _>(format!("<b>no</b>\u{202e}{}", "w".repeat(4_000))));
    ctx.dashboard().listen(([127, 0, 0, 1], 0).into()).allow_stop();
    ctx.start().unwrap();
    let mut page = chromium.open(&format!("http://{}/#engine", ctx.dashboard().address()));
    page.wait("document.querySelectorAll('[aria-label=Batches] tbody tr.is-marked').length > 3");
    page.evaluate("document.querySelector('[aria-label=Batches] tbody tr').click()");
    page.wait("document.querySelectorAll('.details .is-marked').length === 1");
    let failure = &page.texts(".details .is-marked td:last-child")[0];
    assert!(failure.contains("<b>no</b>\u{fffd}www") && failure.ends_with('…'), "{failure}");
    assert_eq!(page.evaluate("document.querySelectorAll('main b:not(.series-value, .value)').length"), 0);
    assert_eq!(page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true);
    // The source is held to half of what it has, so it is ever more behind.
    page.evaluate("document.querySelector('.by-source').open = true");
    page.wait(
        "[...document.querySelectorAll('.by-source .series-value')].filter((it) => +it.textContent.replace(',', '') > 0).length >= 2",
    );

    page.evaluate("window.confirm = (question) => { window.asked = question; return false; }");
    page.evaluate("document.querySelector('#stop').focus(); document.activeElement.click()");
    assert_eq!(page.evaluate("document.activeElement.id"), "stop");
    assert!(page.evaluate("window.asked").as_str().unwrap().contains("cannot be started again"));
    assert!(ctx.await_termination_for(Duration::from_millis(200)).unwrap().is_none(), "it was not to be stopped");
    page.evaluate("window.confirm = () => true");
    page.evaluate("document.activeElement.click()");
    page.wait("document.documentElement.dataset.status === 'finished' && document.querySelector('#stop').hidden");
    page.wait("document.querySelector('#page-engine > .facts').textContent.startsWith('finished after ')");
    assert!(ctx.await_termination().is_ok());
    assert_no_problems(&mut page);
}

#[test]
fn the_page_survives_a_restart_of_the_server() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Server::site();
    let address = server.address().to_owned();
    let mut page = chromium.open(&server.url);
    wait_until_live(&mut page);
    let session = page.evaluate("document.documentElement.dataset.session");
    assert_no_problems(&mut page);

    drop(server);
    page.wait("document.documentElement.dataset.status === 'reconnecting'");
    let _server = Server::start(&address, &[]);
    wait_until_live(&mut page);

    assert_ne!(page.evaluate("document.documentElement.dataset.session"), session);
    let ids = page.all(".panel", "(card) => card.dataset.panel");
    assert_eq!(ids, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(page.texts(".gauge .title").len(), 6);
    let mut problems = page.problems();
    // That nobody answered for a while is no fault of the page.
    problems.retain(|problem| !problem.contains("net::ERR_"));
    assert_eq!(problems, [""; 0]);
}

#[test]
fn the_dark_scheme_is_dark() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Server::site();
    let mut page = chromium.open(&server.url);
    wait_until_live(&mut page);
    // The page, and the first series of all charts over time.
    let shows = |page: &mut Page, scheme: &str, ground: &str, series: [u8; 3]| {
        page.scheme(scheme);
        let ground = format!("getComputedStyle(document.body).backgroundColor === 'rgb({ground})'");
        page.wait(&ground);
        let series = json!(series);
        page.wait(&format!(
            "[...document.querySelectorAll('.wide canvas')].every((canvas) => {{
               const {{ width, height }} = canvas;
               const copy = new OffscreenCanvas(width, height).getContext('2d');
               copy.drawImage(canvas, 0, 0);
               const {{ data }} = copy.getImageData(0, 0, width, height);
               for (let i = 0; i < data.length; i += 4) {{
                 if ({series}.every((part, k) => part === data[i + k])) return true;
               }}
               return false;
             }})"
        ));
    };
    shows(&mut page, "light", "243, 245, 248", [0, 114, 178]);
    assert_eq!(page.texts("#theme"), ["Dark"]);
    shows(&mut page, "dark", "14, 18, 23", [86, 180, 233]);
    assert_eq!(page.texts("#theme"), ["Light"]);
    assert_no_problems(&mut page);
}

/// Paths that would do something if they were taken for more than text. The last turns the direction of what follows.
const HOSTILE: [&str; 5] = [
    "/<script>document.title='pwned'</script>",
    "/<img src=x onerror=document.title='pwned'>",
    "/</li></ol><b class=row>&lt;",
    "/שלום/\u{627}\u{644}",
    "/\u{202e}gpj.exe",
];

/// A log of 20 minutes, a line a second, of these paths.
fn hostile_log(folder: &Path) -> PathBuf {
    let mut log = String::new();
    for (second, path) in (0..1200).zip(HOSTILE.iter().cycle()) {
        let (minute, second) = (second / 60, second % 60);
        writeln!(
            log,
            "192.0.2.{second} - - [10/Oct/2024:13:{minute:02}:{second:02} +0000] \"GET {path} HTTP/1.1\" 200 {second} \
             \"-\" \"<script>document.title='pwned'</script>\"",
        )
        .unwrap();
    }
    let path = folder.join("<b>hostile.log");
    fs::write(&path, log).unwrap();
    path
}

#[test]
fn text_from_the_data_stays_text() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let folder = Folder::new();
    let log = hostile_log(folder.path());
    let input = ["--input", log.to_str().unwrap(), "--speed", "max"];
    let server = Server::start("127.0.0.1:0", &input);
    let mut page = chromium.open(&server.url);
    wait_until_live(&mut page);
    page.wait("document.querySelectorAll('li.row').length === 5");

    let mut labels = page.texts("li.row .label");
    labels.sort_unstable();
    let mut expected = HOSTILE.map(|path| path.replace('\u{202e}', "\u{fffd}"));
    expected.sort_unstable();
    assert_eq!(labels, expected);
    assert_eq!(page.texts(".source-name").len(), 1);
    assert_eq!(page.evaluate("document.title"), "weblog · streamgauge");
    assert_eq!(page.texts("main :is(script, img, b.row), .engine :is(script, img, b)"), [""; 0]);
    let bidi = page.all("li.row .label", "(label) => getComputedStyle(label).unicodeBidi");
    assert!(bidi.iter().all(|bidi| bidi == "isolate"), "{bidi:?}");
    assert_no_problems(&mut page);

    // Were it not text, the policy of the server would still keep it from running.
    page.evaluate(
        "new Promise((resolve) => {
           document.body.insertAdjacentHTML('beforeend', `<img src=x onerror=\"document.title = 'pwned'\">`);
           document.body.lastElementChild.addEventListener('error', resolve);
         }).then(() => 0)",
    );
    assert_eq!(page.evaluate("document.title"), "weblog · streamgauge");
    let problems = page.problems();
    let told = problems.iter().any(|text| text.contains("violation of script-src"));
    assert!(told, "{problems:?}");
}

#[test]
fn files_of_the_page_carry_a_policy() {
    let server = Server::site();
    for path in ["/", "/app.js", "/style.css", "/favicon.svg"] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.contains(header), "{path} lacks {header}: {head}");
        }
    }
}

#[test]
fn screenshots() {
    let Some(folder) = env::var_os("STREAMGAUGE_SCREENSHOTS").map(PathBuf::from) else {
        return;
    };
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Server::site();
    let mut page = chromium.open(&server.url);
    wait_until_live(&mut page);
    page.wait(&format!("[...document.querySelectorAll('.panel canvas')].map({POINTS}).every((n) => n > 40)"));
    fs::create_dir_all(&folder).unwrap();
    for scheme in ["light", "dark"] {
        page.scheme(scheme);
        let picture = page.screenshot();
        fs::write(folder.join(format!("dashboard-{scheme}.png")), picture).unwrap();
    }
}
