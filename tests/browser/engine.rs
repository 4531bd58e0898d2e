//! The page of the engine.

use crate::support::{COLOURS, Server, assert_no_problems, chromium, has_digit, wait_until_live};

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
