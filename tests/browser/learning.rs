//! The panels of learners and detectors, as the examples show them.

use std::fmt::Write as _;
use std::fs;

use crate::support::{COLOURS, Folder, Page, Server, assert_no_problems, chromium};

/// An example on any port, whose input has ended when the page says so.
fn ended(example: &str, args: &[&str]) -> Server {
    Server::example(example, &[args, &["--listen", "127.0.0.1:0"]].concat())
}

const FINISHED: &str = "document.documentElement.dataset.status === 'finished'";

/// Presses keys where the focus is set to first.
fn press(page: &mut Page, selector: &str, keys: &str) {
    page.evaluate(&format!(
        "(() => {{
           const at = document.querySelector({selector:?});
           at.focus();
           for (const key of {keys:?}.split(' ')) at.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true }}));
           return at === document.activeElement;
         }})()"
    ));
}

fn said(page: &mut Page, selector: &str) -> String {
    page.wait(&format!("document.querySelector({selector:?})?.ariaLabel")).as_str().unwrap().to_owned()
}

#[test]
fn alerts_are_marked_listed_and_reached_by_the_keyboard() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let job = ended("anomaly", &["--hosts", "1", "--readings", "15000", "--rate", "max"]);
    let mut page = chromium.open(&job.url);
    page.wait(FINISHED);
    // A canvas says what it shows when it is first drawn, and then no more for some seconds.
    page.go(&job.url);
    page.wait("document.querySelectorAll('[data-kind=anomalies]').length === 3");
    page.wait("document.querySelectorAll('.alert').length > 0");
    // The chart that has alerts says so, and draws them: three colours and more.
    let with_alerts = page.all("[data-kind=anomalies]:has(.alert)", "(card) => card.dataset.panel");
    let panel = format!("[data-panel='{}']", with_alerts[0].as_str().unwrap());
    page.evaluate(&format!("document.querySelector(\"{panel}\").scrollIntoView()"));
    let spoken = said(&mut page, &format!("{panel} canvas"));
    assert!(spoken.contains("970 points") && spoken.contains("Latest alert"), "{spoken}");
    page.wait(&format!("[...document.querySelectorAll(\"{panel} canvas\")].map({COLOURS}).every((n) => n > 2)"));
    let scores = page.texts(&format!("{panel} .alert-score"));
    assert!(scores.iter().all(|score| score.starts_with("score 0.") || score == "score 1"), "{scores:?}");

    press(&mut page, &format!("{panel} .alerts"), "ArrowDown End Home");
    let first = page.texts(&format!("{panel} .alert[aria-selected=true] .alert-time"));
    assert_eq!(first, page.texts(&format!("{panel} .alert:first-child .alert-time")));
    // Both charts point at it.
    page.wait(&format!("document.querySelectorAll(\"{panel} .tooltip:not([hidden])\").length === 2"));
    let pointed = page.texts(&format!("{panel} .when"));
    assert!(pointed.iter().all(|when| when.starts_with(&first[0])), "{pointed:?} {first:?}");
    press(&mut page, &format!("{panel} .alerts"), "Escape");
    page.wait(&format!("document.querySelectorAll(\"{panel} .tooltip:not([hidden])\").length === 0"));
    assert_no_problems(&mut page);
}

#[test]
fn clusters_are_drawn_and_told_in_a_table() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let job = ended("cluster_drift", &["--rows", "20000"]);
    let mut page = chromium.open(&job.url);
    page.wait(FINISHED);
    page.go(&job.url);
    page.wait("document.querySelectorAll('[data-kind=clusters] tbody tr').length === 5");
    let map = "[data-kind=clusters] canvas";
    page.wait(&format!("({COLOURS})(document.querySelector('{map}')) > 6"));
    let spoken = said(&mut page, map);
    assert!(spoken.starts_with("Clusters: 5 clusters. cluster ") && spoken.contains("axis 1"), "{spoken}");

    press(&mut page, map, "Home ArrowRight ArrowRight");
    page.wait("!document.querySelector('[data-kind=clusters] .tooltip').hidden");
    let chosen = page.texts("[data-kind=clusters] .is-chosen :is(th span:last-child, td)");
    assert_eq!((chosen.len(), chosen[0].as_str()), (4, "2"));
    let tooltip = page.texts("[data-kind=clusters] .reading-value");
    assert_eq!(tooltip[1..], chosen[2..], "{tooltip:?} {chosen:?}");
    let shapes = page.texts("[data-kind=clusters] .glyph");
    assert!(shapes.iter().enumerate().all(|(i, shape)| !shapes[..i].contains(shape)), "{shapes:?}");
    assert_no_problems(&mut page);
}

#[test]
fn predictions_are_told_by_class_and_over_time() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let folder = Folder::new();
    let data = folder.path().join("rows.csv");
    let mut rows = String::new();
    (0..4_000).for_each(|i| writeln!(rows, "{},<b>{}", i % 7, i % 7 / 3).unwrap());
    fs::write(&data, rows).unwrap();
    let flags = ["--data", data.to_str().unwrap(), "--learner", "gaussian-nb"];
    let job = ended("prequential", &flags);
    let mut page = chromium.open(&job.url);
    page.wait(FINISHED);
    page.go(&job.url);
    page.wait("document.querySelectorAll('[data-kind=accuracy]').length === 2");
    page.wait("document.querySelectorAll('.matrix tbody tr').length === 3");
    let names = page.texts("[data-panel=\"0\"] .legend-name");
    assert_eq!(names, ["accuracy", "κ"]);
    // Each row of the matrix adds up to what there is of its class.
    let cells = "(row) => [...row.querySelectorAll('b')].reduce((sum, cell) => sum + Number(cell.textContent.replace(/,/g, '')), 0)";
    let actual: Vec<_> = page.all(".matrix tbody tr", cells).iter().map(|n| n.as_f64().unwrap()).collect();
    let of_class = |class| f64::from((0..4_000).filter(|i| i % 7 / 3 == class).count() as u32);
    assert_eq!(actual, [of_class(0), of_class(1), of_class(2)]);
    assert_eq!(page.texts(".matrix .is-right").len(), 3);
    let words = page.texts(".matrix-summary");
    assert!(words[0].contains("of 4,000 right"), "{words:?}");
    let charts = "[data-kind=accuracy] canvas";
    assert!(said(&mut page, charts).contains("200 points"), "{}", said(&mut page, charts));
    assert_no_problems(&mut page);
}
