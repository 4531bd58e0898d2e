//! What the charts show of time: the range, the zoom, and nothing new while the page is paused.

use serde_json::{Value, json};

use crate::support::data::{START, hello, panel, update};
use crate::support::{Page, Scripted, assert_no_problems, chromium};

const CANVAS: &str = "[data-panel=\"0\"] canvas";

fn panels() -> [Value; 3] {
    [panel(0, "line", 0..400), panel(1, "quantiles", 0..400), panel(2, "number", 0..400)]
}

fn open(chromium: &mut crate::support::Chromium, server: &Scripted) -> Page {
    let mut page = chromium.open(&server.url);
    page.wait("[...document.querySelectorAll('.panel canvas')].filter((canvas) => canvas.ariaLabel).length === 3");
    page
}

/// The first and the last second that a chart shows, as its keys reach them.
fn shown(page: &mut Page, panel: usize) -> [i64; 2] {
    page.drawn();
    ["Home", "End"].map(|key| {
        page.evaluate(&format!("document.querySelector('[data-panel=\"{panel}\"] canvas').focus()"));
        page.press(key, false);
        page.drawn();
        let when = format!("document.querySelector('[data-panel=\"{panel}\"] .when').textContent");
        let moment = page.evaluate(&format!("Date.parse({when}.replace(',', ''))"));
        page.press("Escape", false);
        (moment.as_f64().unwrap() as i64 - START) / 1000
    })
}

/// The seconds that the address says the charts are zoomed to.
fn zoom(page: &mut Page) -> Option<[f64; 2]> {
    let zoom = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('zoom')");
    let (start, end) = zoom.as_str()?.split_once("..")?;
    Some([start, end].map(|t| (t.parse::<f64>().unwrap() - START as f64) / 1000.0))
}

#[test]
fn a_range_is_for_all_charts_and_is_kept() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Scripted::start(&hello(&panels()));
    let mut page = open(&mut chromium, &server);
    assert_eq!(page.evaluate("document.querySelector('#range input:checked').value"), "all");
    assert_eq!(shown(&mut page, 0), [0, 399]);
    page.evaluate("document.querySelector('#range input[value=\"1m\"]').click()");
    for panel in 0..3 {
        assert_eq!(shown(&mut page, panel), [339, 399], "panel {panel}");
    }
    // It ends where the data end.
    server.send("update", &update(&panels(), 401));
    page.wait("document.querySelector('#clock').textContent.includes('09:00:01')");
    assert_eq!(shown(&mut page, 0), [341, 401]);
    assert_eq!(page.evaluate("location.hash"), "#answers&range=1m");
    page.reload();
    page.wait("document.querySelector('#range input:checked')?.value === '1m'");
    page.wait("document.querySelector('[data-panel=\"1\"] canvas')?.ariaLabel");
    assert_eq!(shown(&mut page, 1), [339, 399]);
    assert_no_problems(&mut page);
}

#[test]
fn a_drag_zooms_all_charts_and_a_double_click_leads_back() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Scripted::start(&hello(&panels()));
    let mut page = open(&mut chromium, &server);
    page.drag(CANVAS, 0.25, 0.5);
    page.wait("!document.querySelector('#unzoom').hidden");
    let [start, end] = zoom(&mut page).unwrap();
    assert!(50.0 < start && start < 110.0 && 150.0 < end && end < 210.0, "{start} {end}");
    let inside = [start.ceil() as i64, end.floor() as i64];
    for panel in 0..3 {
        assert_eq!(shown(&mut page, panel), inside, "panel {panel}");
    }

    // What is read there are the numbers of the points, and the bounds.
    page.point_at(CANVAS, 0.6);
    page.wait("!document.querySelector('[data-panel=\"0\"] .tooltip').hidden");
    let when = "document.querySelector('[data-panel=\"0\"] .when').textContent";
    let t = page.evaluate(&format!("Date.parse({when}.replace(',', ''))")).as_f64().unwrap();
    let second = (t as i64 - START) / 1000;
    assert!(inside[0] < second && second < inside[1], "{second}");
    let value = crate::support::data::value(second);
    let print = |x: f64| page_precise(x);
    let reading = page.texts("[data-panel=\"0\"] .tooltip :is(.reading-value, .reading-bounds)");
    assert_eq!(reading, [print(value), format!("[{} – {}]", print(value - 2.0), print(value + 2.0))]);

    // It stays where it is while data arrive, and over a reload; a double click leads back.
    server.send("update", &update(&panels(), 400));
    page.wait("document.querySelector('#clock').textContent.includes('09:00:00')");
    assert_eq!(zoom(&mut page), Some([start, end]));
    assert_eq!(shown(&mut page, 1), inside);
    page.reload();
    page.wait("document.querySelector('[data-panel=\"0\"] canvas')?.ariaLabel");
    assert_eq!(shown(&mut page, 0), inside);
    page.double_click(CANVAS);
    page.wait("document.querySelector('#unzoom').hidden");
    assert_eq!(shown(&mut page, 0), [0, 399]);
    assert_no_problems(&mut page);
}

/// As the page prints a number of three digits before the point: seven digits in all, without zeros at the end.
fn page_precise(x: f64) -> String {
    let decimals = if x >= 100.0 { 4 } else { 5 };
    let text = format!("{x:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[test]
fn keys_zoom_and_move() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Scripted::start(&hello(&panels()));
    let mut page = open(&mut chromium, &server);
    page.evaluate("document.querySelector('[data-panel=\"0\"] canvas').focus()");
    page.press("+", false);
    page.wait("location.hash.includes('zoom')");
    let [start, end] = zoom(&mut page).unwrap();
    assert!((end - start - 199.5).abs() < 1.0 && (start - 99.75).abs() < 1.0, "{start} {end}");
    // A chart has its new axis in the next frame.
    page.drawn();
    page.press("ArrowRight", true);
    let moved = zoom(&mut page).unwrap();
    assert!((moved[0] - start - (end - start) / 4.0).abs() < 1.0, "{moved:?}");
    page.drawn();
    page.press("ArrowLeft", true);
    assert!((zoom(&mut page).unwrap()[0] - start).abs() < 1.0);
    page.drawn();
    page.press("-", false);
    assert_eq!(zoom(&mut page), None);
    for back in ["0", "Escape"] {
        page.drawn();
        page.press("+", false);
        assert!(zoom(&mut page).is_some());
        page.drawn();
        page.press(back, false);
        assert_eq!(zoom(&mut page), None, "{back}");
    }
    // What a key reads is said; the way back to the whole is a button, too.
    page.drawn();
    page.press("Home", false);
    page.wait("document.querySelector('#spoken').textContent.startsWith('9 Oct 2025, 08:53:20 UTC; ')");
    page.press("Escape", false);
    page.drawn();
    page.press("+", false);
    page.evaluate("document.querySelector('#unzoom').click()");
    assert_eq!(zoom(&mut page), None);
    assert_no_problems(&mut page);
}

#[test]
fn a_span_without_data_says_so_and_a_bad_address_does_no_harm() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Scripted::start(&hello(&panels()));
    let zoom = "1000..2000";
    let mut page = chromium.open(&format!("{}/#answers&zoom={zoom}", server.url));
    page.wait("document.querySelector('[data-panel=\"0\"] canvas')?.ariaLabel");
    // The axis of the span is there, and nothing of the series.
    let blue = "((canvas) => {
        const { width, height } = canvas;
        const copy = new OffscreenCanvas(width, height).getContext('2d');
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, width, height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) if (data[i] === 0 && data[i + 1] === 114 && data[i + 2] === 178) count += 1;
        return count;
    })";
    let of_line = format!("{blue}(document.querySelector('[data-panel=\"0\"] canvas'))");
    assert_eq!(page.evaluate(&of_line), 0);
    for bad in ["zoom=5..1", "zoom=a..b", "zoom=1..1e99", "range=<b>", "zoom=%00", "%"] {
        page.evaluate(&format!("location.hash = {}", json!(format!("#answers&{bad}"))));
        page.wait(&format!("{of_line} > 100"));
    }
    assert_no_problems(&mut page);
}

#[test]
fn a_paused_page_stands_still_and_then_shows_what_came() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Scripted::start(&hello(&panels()));
    let mut page = open(&mut chromium, &server);
    page.evaluate("document.querySelector('#pause').click()");
    assert_eq!(page.evaluate("document.querySelector('#pause').ariaPressed"), "true");
    let told = page.texts("#paused");
    assert!(told[0].starts_with("paused at "), "{told:?}");
    let (clock, value) = (page.texts("#clock"), page.texts("[data-panel=\"2\"] .value"));
    (400..410).for_each(|second| server.send("update", &update(&panels(), second)));
    page.wait("document.querySelector('#waiting').textContent === '10 updates waiting'");
    // Also what is drawn again for another reason shows what was there.
    assert_eq!(shown(&mut page, 0), [0, 399]);
    assert_eq!((page.texts("#clock"), page.texts("[data-panel=\"2\"] .value")), (clock, value));

    page.evaluate("document.querySelector('#pause').click()");
    assert_eq!(page.texts("#paused, #waiting"), ["", ""]);
    page.wait("document.querySelector('#clock').textContent.includes('09:00:09')");
    assert_eq!(shown(&mut page, 0), [0, 409]);

    // A server that came anew meanwhile is what the page goes on with, and with what came after.
    page.evaluate("document.querySelector('#pause').click()");
    server.send("update", &update(&panels(), 500));
    server.greet(&hello(&[panel(0, "line", 0..20)]));
    server.hang_up();
    server.wait_for_connections(2);
    server.send("update", &update(&panels(), 20));
    page.wait("document.querySelector('#waiting').textContent === '3 updates waiting'");
    assert_eq!(page.evaluate("document.querySelectorAll('.panel').length"), 3);
    page.evaluate("document.querySelector('#pause').click()");
    page.wait("document.querySelectorAll('.panel').length === 1");
    page.wait("document.querySelector('[data-panel=\"0\"] canvas').ariaLabel");
    assert_eq!(shown(&mut page, 0), [0, 20]);
}
