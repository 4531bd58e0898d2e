//! The pages and groups that a job names.

use serde_json::{Value, json};

use crate::support::data::{hello, panel};
use crate::support::{Page, Scripted, assert_no_problems, chromium};

const HOSTILE: &str = "<img src=x onerror=\"document.title='pwned'\">&page=\u{202e}";

fn on(mut panel: Value, page: &str, group: &str) -> Value {
    panel["page"] = json!(page);
    panel["group"] = json!(group);
    panel
}

/// The titles of the panels that are seen.
fn seen(page: &mut Page) -> Vec<String> {
    page.evaluate(
        "[...document.querySelectorAll('.panel')].filter((card) => card.checkVisibility())
           .map((card) => card.querySelector('.title-text').textContent).join()",
    )
    .as_str()
    .unwrap()
    .split(',')
    .map(str::to_owned)
    .collect()
}

fn current(page: &mut Page) -> Vec<String> {
    page.texts("nav a[aria-current=page]")
}

#[test]
fn pages_are_tabs_that_the_address_names() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let panels = [
        panel(0, "line", 0..50),
        on(panel(1, "number", 0..50), "Latency", ""),
        on(panel(2, "line", 0..50), "Latency", "Services"),
        on(panel(3, "line", 0..50), HOSTILE, "<script>"),
        on(panel(4, "top", 0..1), "engine", ""),
        on(panel(5, "line", 0..50), "", "Services"),
    ];
    let server = Scripted::start(&hello(&panels));
    let mut page = chromium.open(&server.url);
    page.wait("document.querySelectorAll('.panel').length === 6");

    let shown = HOSTILE.replace('\u{202e}', "\u{fffd}");
    assert_eq!(page.texts("nav a"), ["Answers", "Latency", shown.as_str(), "engine", "Engine"]);
    assert_eq!(current(&mut page), ["Answers"]);
    assert_eq!(seen(&mut page), ["line 0", "line 5"]);
    assert_eq!(page.texts(".user-page:not([hidden]) h2"), ["Answers", "Services"]);

    // By a click; what was out of view is drawn when it is shown.
    page.evaluate("document.querySelectorAll('nav a')[1].click()");
    page.wait("document.documentElement.dataset.page === 'Latency'");
    assert_eq!(seen(&mut page), ["number 1", "line 2"]);
    assert_eq!(page.evaluate("location.hash"), "#page=Latency");
    assert_eq!(page.texts(".user-page:not([hidden]) h2.group-title"), ["Services"]);
    page.wait("/\\d/.test(document.querySelector('[data-panel=\"1\"] .value').textContent)");
    page.wait("document.querySelector('[data-panel=\"2\"] canvas').ariaLabel?.includes('50 points')");

    // By a key, to a page of a name that would do something were it markup; it is there again after a reload.
    page.evaluate("document.querySelectorAll('nav a')[2].focus()");
    page.press("Enter", false);
    page.wait("document.querySelectorAll('nav a')[2].ariaCurrent === 'page'");
    page.reload();
    page.wait("document.querySelectorAll('nav a')[2]?.ariaCurrent === 'page'");
    assert_eq!(seen(&mut page), ["line 3"]);
    assert_eq!(page.texts(".user-page:not([hidden]) h2"), ["<script>"]);
    assert_eq!(page.texts("nav img, main img, main script"), [""; 0]);
    assert_eq!(page.evaluate("document.title"), "scripted · streamgauge");

    // A page of the job may be called as the engine's is.
    page.evaluate("location.hash = '#page=engine'");
    page.wait("document.querySelectorAll('nav a')[3].ariaCurrent === 'page'");
    assert_eq!(seen(&mut page), ["top 4"]);
    page.evaluate("location.hash = '#engine'");
    page.wait("!document.querySelector('#page-engine').hidden");
    assert_eq!(current(&mut page), ["Engine"]);
    // One that is not there is the first.
    page.evaluate("location.hash = '#page=Gone'");
    page.wait("document.documentElement.dataset.page === 'answers'");
    assert_eq!(seen(&mut page), ["line 0", "line 5"]);
    let problems = page.problems();
    // The scripted server has no page of the engine to answer about; its paths come from the example.
    assert_eq!(problems, [""; 0]);
}

#[test]
fn a_job_without_pages_has_one() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Scripted::start(&hello(&[panel(0, "number", 0..5)]));
    let mut page = chromium.open(&server.url);
    page.wait("document.querySelectorAll('.panel').length === 1");
    assert_eq!(page.texts("nav a"), ["Answers", "Engine"]);
    assert_eq!(page.evaluate("location.hash"), "");
    server.greet(&hello(&[]));
    server.hang_up();
    page.wait("document.querySelector('#empty').textContent === 'The job shows no panels'");
    assert_no_problems_but_lost(&mut page);
}

fn assert_no_problems_but_lost(page: &mut Page) {
    let mut problems = page.problems();
    // That nobody answered for a while is no fault of the page.
    problems.retain(|problem| !problem.contains("net::ERR_"));
    assert_eq!(problems, [""; 0]);
}

#[test]
fn thresholds_are_named_and_said_when_they_are_passed() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let thresholds = json!([{ "value": 1e9, "label": "far" }, { "value": 90, "label": "<b>limit" },
                            { "value": null, "label": "no number" }, "nonsense"]);
    let mut panels = ["number", "line", "quantiles"].map(|kind| panel(0, kind, 0..1));
    for (id, panel) in panels.iter_mut().enumerate() {
        panel["id"] = json!(id);
        panel["thresholds"] = thresholds.clone();
    }
    let server = Scripted::start(&hello(&panels));
    let mut page = chromium.open(&server.url);
    // At first all values are 100, or a multiple.
    page.wait("document.querySelectorAll('.is-beyond').length === 3");
    let of_quantiles = ["p50", "p95", "p99"].map(|name| format!("{name} above <b>limit (90)")).join("; ");
    assert_eq!(page.texts(".beyond"), ["above <b>limit (90)", "above <b>limit (90)", &of_quantiles]);
    // Near the level the bounds do not say for certain; below it nothing is said.
    let about = |value: f64| {
        let e = json!({ "value": value, "lower": value - 5.0, "upper": value + 5.0 });
        let point = json!({ "t": 1_760_000_001_000_i64, "e": e });
        json!({ "panels": [{ "id": 0, "points": [point] }, { "id": 1, "points": [point] }], "engine": [] })
    };
    server.send("update", &about(93.0));
    page.wait("document.querySelector('.beyond').textContent === 'above <b>limit (90), not for certain'");
    server.send("update", &about(50.0));
    page.wait("document.querySelectorAll('.is-beyond').length === 1");
    assert_eq!(page.texts(".beyond")[..2], ["", ""]);
    assert_no_problems(&mut page);
}
