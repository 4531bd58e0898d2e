//! Panels of the example: their numbers, their intervals, their history.

use serde_json::json;

use crate::support::{COLOURS, POINTS, Server, assert_no_problems, chromium, has_digit, wait_until_live};

/// The data of the page, as a browser first gets it.
const HELLO: &str = "new Promise((resolve) => {
    const source = new EventSource('/events');
    source.addEventListener('hello', (event) => {
        source.close();
        resolve(JSON.parse(event.data));
    });
})";

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
