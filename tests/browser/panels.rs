//! A panel of every kind, in the example `panels`: what it shows, by pointer and by keys, and that nothing in the data
//! breaks it.

use crate::support::{COLOURS, Page, Server, assert_no_problems, chromium, has_digit};

/// A running `panels`.
fn server(more: &[&str]) -> Server {
    Server::example("panels", &[&["--listen", "127.0.0.1:0", "--rate", "2000"], more].concat())
}

#[track_caller]
fn wait_for_all(page: &mut Page) {
    page.wait("document.documentElement.dataset.status === 'live'");
    page.wait("[...document.querySelectorAll('.panel')].every((card) => !card.classList.contains('is-empty'))");
}

/// Presses keys on the first element of a selector, and gives the text of the tooltip of its card; empty if it has none.
fn press(page: &mut Page, selector: &str, keys: &[&str]) -> String {
    let script = format!(
        "(async () => {{
           const on = document.querySelector({selector:?});
           on.focus();
           for (const key of {keys:?}) on.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true }}));
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
    wait_for_all(&mut page);
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
    wait_for_all(&mut page);
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
    wait_for_all(&mut page);
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
    wait_for_all(&mut page);
    for text in ["<script>", "onerror", "long long", "(empty)", "\u{fffd}gpj.exe\u{fffd}", "</td>"] {
        page.wait(&format!(
            "[...document.querySelectorAll('[data-kind=table] tbody td:first-child')]
               .some((cell) => cell.textContent.includes({text:?}))"
        ));
    }
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
    for selector in ["[data-kind=heat] canvas", "[data-kind=distribution] canvas"] {
        let told = press(&mut page, selector, &["End", "Home", "ArrowDown", "ArrowRight"]);
        assert!(has_digit(&told) && !told.contains("NaN"), "{told}");
    }
    // The page is no wider than the window, whatever is in it.
    assert_eq!(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), true);
    assert_no_problems(&mut page);
}
