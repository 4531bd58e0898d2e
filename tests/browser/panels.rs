//! Panels of every kind, in the example `panels`: what they show, by pointer and by keys, and that nothing in the data
//! breaks them.

use std::collections::BTreeSet;

use crate::support::data::{KINDS, hello, panel};
use crate::support::{COLOURS, Page, Scripted, Server, assert_no_problems, chromium, has_digit};

/// A running `panels`.
fn server(more: &[&str]) -> Server {
    Server::example("panels", &[&["--listen", "127.0.0.1:0", "--rate", "2000"], more].concat())
}

/// Goes to a page of the example, all of it in view, and waits until its panels have values.
#[track_caller]
fn turn_to(page: &mut Page, to: &str) {
    page.size(1280, 4_000);
    page.wait("document.documentElement.dataset.status === 'live'");
    page.evaluate(&format!("location.hash = {to:?}"));
    let current = if to == FIRST { "answers" } else { to.trim_start_matches("#page=") };
    page.wait(&format!("document.documentElement.dataset.page === {current:?}"));
    page.wait(&format!("{SEEN}.length > 0 && {SEEN}.every((card) => !card.classList.contains('is-empty'))"));
    page.wait(&format!(
        "{SEEN}.flatMap((card) => [...card.querySelectorAll('canvas')]).every((it) => /\\d/.test(it.ariaLabel))"
    ));
}

/// The pages of the example.
const PAGES: [&str; 4] = [FIRST, "#page=Hosts", "#page=Details", "#page=Learning"];
const FIRST: &str = "#answers";
/// The panels of the page that is shown.
const SEEN: &str = "[...document.querySelectorAll('.user-page:not([hidden]) .panel')]";

/// Reads every panel of the page by keys: what of it cannot be reached, says nothing, or has no number is told.
fn unread(page: &mut Page) -> Vec<String> {
    let script = format!(
        "(async () => {{
           const wrong = [];
           for (const card of {SEEN}) {{
             const tell = (what) => wrong.push(`${{card.dataset.kind}} ${{card.dataset.panel}}: ${{what}}`);
             if (!/\\d/.test(card.textContent)) tell('no number');
             const stops = [...card.querySelectorAll('canvas, [tabindex=\"0\"]')];
             if (stops.length === 0) tell('nothing for the keyboard');
             for (const stop of stops.filter((it) => it.checkVisibility())) {{
               stop.focus();
               if (document.activeElement !== stop) tell('cannot be focused');
               if (stop.matches('canvas')) {{
                 if (!/\\d/.test(stop.ariaLabel)) tell('says nothing');
                 for (const key of ['End', 'ArrowLeft']) stop.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true }}));
                 const tooltip = stop.parentElement.querySelector('.tooltip');
                 const end = performance.now() + 20000;
                 while (tooltip.hidden && performance.now() < end) await new Promise(requestAnimationFrame);
                 if (tooltip.hidden || !/\\d/.test(tooltip.textContent)) tell(`keys read nothing: ${{tooltip.textContent}}`);
                 if (/NaN|Infinity|undefined/.test(tooltip.textContent + stop.ariaLabel)) tell(tooltip.textContent + stop.ariaLabel);
               }} else if (!stop.ariaLabel && !stop.closest('[aria-label]')) tell('has no name');
               stop.blur();
             }}
           }}
           return wrong;
         }})()"
    );
    page.evaluate(&script).as_array().unwrap().iter().map(|wrong| wrong.as_str().unwrap().to_owned()).collect()
}

fn kinds(page: &mut Page) -> Vec<String> {
    let kinds = page.evaluate(&format!("{SEEN}.map((card) => card.dataset.kind)"));
    kinds.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_kind_shows_values_is_reached_by_keys_and_says_what_it_shows() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    for more in [&[][..], &["--hostile"]] {
        let server = server(more);
        let mut page = chromium.open(&server.url);
        let mut met = BTreeSet::new();
        for to in PAGES {
            turn_to(&mut page, to);
            met.extend(kinds(&mut page));
            assert_eq!(unread(&mut page), [""; 0], "{to} {more:?}");
            let shown = "document.querySelector('.user-page:not([hidden])').innerText";
            let unseen = "/[\\u202a-\\u202e\\u2066-\\u2069\\u200b\\ufeff]/";
            assert_eq!(page.evaluate(&format!("{unseen}.test({shown})")), false, "{to}");
            assert_eq!(page.texts("main :is(script, img, b.row)"), [""; 0]);
            let narrow = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
            assert_eq!(page.evaluate(narrow), true, "{to}");
        }
        assert_eq!(met, KINDS.map(str::to_owned).into());
        assert_eq!(page.evaluate("document.title"), "panels · streamgauge");
        assert_no_problems(&mut page);
    }
}

#[test]
fn audits_tell_what_was_inside_what_was_promised_and_a_breach() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let mut audits = [panel(0, "audit", 0..100), panel(1, "audit", 0..100)];
    let last = &mut audits[1]["points"][99];
    (last["misses"], last["missed"], last["breach"]) = (30.into(), 2.into(), 1_760_000_050_000_i64.into());
    (last["exact"], last["error"], last["lower"]) = (serde_json::Value::Null, serde_json::Value::Null, "<b>".into());
    let server = Scripted::start(&hello(&audits));
    let mut page = chromium.open(&server.url);
    page.wait("document.querySelectorAll('[data-kind=audit] canvas[aria-label]').length === 2");
    // Of 300 comparisons none was missed; of the other 30 were.
    let verdicts = page.texts(".audit-verdict");
    assert_eq!(verdicts, ["100 % of 300 inside; promised 95 %", "90 % of 300 inside; promised 95 %"]);
    assert_eq!(page.all(".audit-breach", "(it) => it.hidden"), [true, false]);
    assert!(page.texts(".audit-breach")[1].contains("Promise broken, as of 9 Oct 2025, 08:54:10 UTC"));
    let told = page.texts(".audit-latest");
    assert!(told[0].starts_with("Latest (furthest of 3): ") && told[0].contains(" exactly "), "{told:?}");
    assert!(told[1].contains("exactly –") && !told[1].contains("NaN"), "{told:?}");
    let words = page.all("[data-kind=audit] canvas", "(canvas) => canvas.ariaLabel");
    assert!(
        words[0].as_str().unwrap().contains("100 points") && words[0].as_str().unwrap().contains("% of 300 inside")
    );
    let read = press(&mut page, "[data-panel=\"0\"] canvas", &["End", "ArrowLeft"]);
    for name in ["Lowest error promised", "Highest error promised", "Observed error"] {
        assert!(read.contains(name), "{read}");
    }
    assert!(read.contains("-2 %") || read.contains("−2 %"), "{read}");
    assert_no_problems(&mut page);
}

/// Presses keys on the first element of a selector, and gives the text of the tooltip of its card; empty if it has none.
fn press(page: &mut Page, selector: &str, keys: &[&str]) -> String {
    let script = format!(
        "(async () => {{
           const on = document.querySelector({selector:?});
           on.focus();
           for (const key of {keys:?}) on.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true, cancelable: true }}));
           for (let i = 0; i < 2; i += 1) await new Promise(requestAnimationFrame);
           const tooltip = on.closest('.card').querySelector('.tooltip');
           return tooltip.hidden ? '' : tooltip.innerText.replace(/\\s+/g, ' ');
         }})()"
    );
    page.evaluate(&script).as_str().unwrap().to_owned()
}

#[test]
fn tables_are_sorted_by_their_heads() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = server(&[]);
    let mut page = chromium.open(&server.url);
    turn_to(&mut page, "#page=Hosts");
    page.wait("document.querySelectorAll('[data-kind=table] tbody tr').length === 40");
    assert_eq!(page.texts("[data-kind=table] th"), ["host", "requests", "failed", "median ms", "p99 ms"]);

    let sort = |page: &mut Page, column: usize| {
        // In one go: the next batch brings other numbers.
        let script = format!(
            "(() => {{
               const table = document.querySelector('[data-kind=table] table');
               table.querySelectorAll('.sort')[{column}].click();
               const cells = [...table.querySelectorAll('tbody tr')].map((row) => row.children[{column}].textContent);
               return [table.querySelectorAll('th')[{column}].ariaSort, cells];
             }})()"
        );
        let sorted = page.evaluate(&script);
        let cells = sorted[1].as_array().unwrap().iter().map(|cell| cell.as_str().unwrap().to_owned());
        (sorted[0].as_str().map(str::to_owned), cells.collect::<Vec<_>>())
    };
    let numbers = |cells: &[String]| -> Vec<f64> {
        cells.iter().map(|cell| cell.trim_start_matches("≈ ").replace(',', "").parse().unwrap()).collect()
    };
    let (order, cells) = sort(&mut page, 1);
    assert_eq!(order.as_deref(), Some("descending"));
    assert!(numbers(&cells).is_sorted_by(|a, b| a >= b), "{cells:?}");
    let (order, cells) = sort(&mut page, 1);
    assert_eq!(order.as_deref(), Some("ascending"));
    assert!(numbers(&cells).is_sorted(), "{cells:?}");
    let (order, cells) = sort(&mut page, 4);
    assert_eq!(order.as_deref(), Some("descending"));
    assert!(numbers(&cells).is_sorted_by(|a, b| a >= b), "{cells:?}");
    let (order, cells) = sort(&mut page, 0);
    assert_eq!(order.as_deref(), Some("ascending"));
    assert!(cells.is_sorted() && cells[0] == "host-00", "{cells:?}");
    sort(&mut page, 0);
    assert_eq!(sort(&mut page, 0).0, None);
    // The order outlasts an update.
    sort(&mut page, 1);
    let before = page.texts("[data-kind=table] .as-of");
    page.wait(&format!("document.querySelector('[data-kind=table] .as-of').textContent !== {:?}", before[0]));
    let cells = page.texts("[data-kind=table] tbody td:nth-child(2)");
    assert!(numbers(&cells).is_sorted_by(|a, b| a >= b), "{cells:?}");
    assert_no_problems(&mut page);
}

#[test]
fn samples_say_what_they_stand_for() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = server(&[]);
    let mut page = chromium.open(&server.url);
    turn_to(&mut page, FIRST);
    page.wait("document.querySelectorAll('[data-kind=samples] .record').length === 20");
    page.wait("/^20 of [\\d,]+, uniform$/.test(document.querySelector('[data-kind=samples] .contract').textContent)");
    let records = page.texts("[data-kind=samples] .record-text");
    assert!(records.iter().all(|record| record.starts_with("host-") && record.ends_with(" ms")), "{records:?}");
    assert_no_problems(&mut page);
}

#[test]
fn cells_and_bins_are_read_by_keys_and_said_in_words() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = server(&[]);
    let mut page = chromium.open(&server.url);
    turn_to(&mut page, "#page=Hosts");
    // The least and the highest colour, some between, text.
    page.wait(&format!("({COLOURS})(document.querySelector('[data-kind=heat] canvas')) > 20"));
    let heat = "[data-kind=heat] canvas";
    let cell = press(&mut page, heat, &["End", "ArrowUp"]);
    assert!(cell.contains("UTC") && cell.contains("host-") && has_digit(&cell), "{cell}");
    let above = press(&mut page, heat, &["ArrowDown", "ArrowDown"]);
    assert_ne!(cell.split("host-").last(), above.split("host-").last());
    assert_eq!(press(&mut page, heat, &["Escape"]), "");
    let words = page.all(heat, "(canvas) => canvas.ariaLabel");
    let words = words[0].as_str().unwrap();
    assert!(words.contains("heat map of") && words.contains("Highest now: host-"), "{words}");

    turn_to(&mut page, "#page=Details");
    let distribution = "[data-kind=distribution] canvas";
    let highest = press(&mut page, distribution, &["ArrowRight"]);
    assert!(highest.starts_with("from ") && highest.contains("in this bin"), "{highest}");
    assert!(highest.contains("below it") && highest.contains(" – "), "a KLL sketch has a band: {highest}");
    let first = press(&mut page, distribution, &["Home"]);
    let last = press(&mut page, distribution, &["End"]);
    let edge = |text: &str| text.split(' ').nth(1).unwrap().replace(',', "").parse::<f64>().unwrap();
    assert!(edge(&first) < edge(&highest) && edge(&highest) < edge(&last), "{first} / {highest} / {last}");
    assert_eq!(press(&mut page, distribution, &["Escape"]), "");
    let words = page.all(distribution, "(canvas) => canvas.ariaLabel");
    let words = words[0].as_str().unwrap();
    assert!(words.contains("a logarithmic axis") && words.contains("p99 "), "{words}");
    let marks = page.texts("[data-kind=distribution] .legend-name");
    assert_eq!(marks[..5], ["min", "p50", "p90", "p99", "max"]);
    assert_no_problems(&mut page);
}

#[test]
fn hostile_keys_and_records_are_harmless() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = server(&["--hostile"]);
    let mut page = chromium.open(&server.url);
    turn_to(&mut page, "#page=Hosts");
    for text in ["<script>", "onerror", "long long", "(empty)", "\u{fffd}gpj.exe\u{fffd}", "</td>"] {
        page.wait(&format!(
            "[...document.querySelectorAll('[data-kind=table] tbody td:first-child')]
               .some((cell) => cell.textContent.includes({text:?}))"
        ));
    }
    turn_to(&mut page, FIRST);
    page.wait(
        "[...document.querySelectorAll('.record-text')].some((it) =>
           /long long|NaN|inf|<script>|onerror/.test(it.textContent))",
    );
    assert_eq!(page.evaluate("document.title"), "panels · streamgauge");
    assert_eq!(page.texts("main :is(script, img, b.row)"), [""; 0]);
    let outside = "[...document.querySelectorAll('main :is(bdi, td, b, p, span)')]
        .filter((it) => !it.closest('.records'))";
    // What is no number is shown as none.
    assert_eq!(page.evaluate(&format!("{outside}.filter((it) => /NaN|Infinity/.test(it.textContent)).length")), 0);
    let unseen = "/[\\u202a-\\u202e\\u2066-\\u2069\\u200b\\ufeff]/.test(document.body.textContent)";
    assert_eq!(page.evaluate(unseen), false);
    let lengths = "[...document.querySelectorAll('main bdi')].map((it) => it.textContent.length)";
    let longest = page.evaluate(&format!("Math.max(...{lengths})"));
    assert!(longest.as_u64() <= Some(241), "{longest}");
    for (to, selector) in [("Hosts", "[data-kind=heat] canvas"), ("Details", "[data-kind=distribution] canvas")] {
        turn_to(&mut page, &format!("#page={to}"));
        let told = press(&mut page, selector, &["End", "Home", "ArrowDown", "ArrowRight"]);
        assert!(has_digit(&told) && !told.contains("NaN"), "{told}");
    }
    // The page is no wider than the window, whatever is in it.
    assert_eq!(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), true);
    assert_no_problems(&mut page);
}

#[test]
fn heat_maps_show_the_span_of_all_charts() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Scripted::start(&hello(&[panel(0, "heat", 0..200), panel(1, "line", 0..200)]));
    let mut page = chromium.open(&server.url);
    page.wait("document.querySelectorAll('.panel canvas[aria-label]').length === 2");
    let heat = "[data-kind=heat] canvas";
    let time = |text: &str| text.split(", ").nth(1).and_then(|it| it.split(' ').next()).unwrap_or_default().to_owned();
    let ends = |page: &mut Page| ["Home", "End"].map(|key| time(&press(page, heat, &["Escape", key])));
    assert_eq!(ends(&mut page), ["08:53:20", "08:56:39"]);
    page.evaluate("document.querySelector('#range input[value=\"1m\"]').click()");
    page.drawn();
    assert_eq!(ends(&mut page), ["08:55:39", "08:56:39"]);
    page.evaluate("document.querySelector('#range input[value=all]').click()");
    page.drawn();
    // A zoom by keys is around what is read; a drag is one, too.
    press(&mut page, heat, &["End", "+"]);
    page.wait("location.hash.includes('zoom')");
    page.drawn();
    assert_ne!(ends(&mut page)[0], "08:53:20");
    press(&mut page, heat, &["Escape", "Escape"]);
    page.wait("!location.hash.includes('zoom')");
    page.drag(heat, 0.5, 0.75);
    page.wait("location.hash.includes('zoom')");
    page.drawn();
    let [start, end] = ends(&mut page);
    assert!("08:54:20" < start.as_str() && start < end && end.as_str() < "08:56:20", "{start} {end}");
    page.evaluate("location.hash = '#answers&zoom=1000..2000'");
    page.drawn();
    assert_eq!(press(&mut page, heat, &["End"]), "");
    assert_no_problems(&mut page);
}
