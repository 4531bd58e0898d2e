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
    page.wait(&format!("{} > 5", rows(".listing:first-child")));
    assert_eq!(page.evaluate("document.querySelector('#page-answers').hidden"), true);
    let titles = page.texts("#page-engine .listing:not(.details *) > .title");
    assert_eq!(titles, ["Batches", "Operators, since the start", "Sources", "Checkpoints", "Warnings"]);
    let delays = page.texts("#page-engine .listing:first-child tbody tr:nth-child(2) td");
    assert!(has_digit(&delays[0]) && delays[1] == "completed" && has_digit(&delays[4]), "{delays:?}");
    let charts = page.texts("#page-engine .job-chart .title-text");
    assert_eq!(charts, ["Input rate", "Scheduling delay", "Processing time", "Total delay"]);
    page.wait(&format!("[...document.querySelectorAll('.job-chart canvas')].map({COLOURS}).every((n) => n > 2)"));

    // A batch that is chosen shows its outputs; chosen again, it does not.
    let choose = "document.querySelector('#page-engine .listing:first-child tbody tr:nth-child(3)').click()";
    assert_eq!(page.evaluate("document.querySelector('.details').hidden"), true);
    page.evaluate(choose);
    page.wait(&format!("{} >= 9", rows(".details")));

    page.evaluate("location.hash = '#answers'");
    page.wait("document.querySelector('#page-engine').hidden && !document.querySelector('#page-answers').hidden");
    wait_until_live(&mut page);
    assert_no_problems(&mut page);
}
