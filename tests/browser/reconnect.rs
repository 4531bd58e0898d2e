//! A server that goes, comes back, or falls silent.

use serde_json::json;

use crate::support::data::{hello, panel, update};
use crate::support::{Scripted, Server, assert_no_problems, chromium, wait_until_live};

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
fn a_server_that_falls_silent_is_noticed_and_one_that_comes_again_is_taken_up() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let panels = [panel(0, "line", 0..50), panel(1, "number", 0..50)];
    let server = Scripted::start(&hello(&panels));
    let mut page = chromium.open(&server.url);
    page.wait("document.documentElement.dataset.status === 'live'");
    // The connection is open and says nothing.
    page.wait("document.querySelector('#silence').textContent.startsWith('no update for')");
    server.send("update", &update(&panels, 50));
    page.wait("document.querySelector('#silence').textContent === ''");
    page.wait("document.querySelector('#clock').textContent.includes('08:54:10')");

    // It goes, and comes as another job, time and again: each is taken up whole, and nothing of the last is left.
    for round in 2..6 {
        let mut anew = hello(&[panel(0, "number", 0..round)]);
        anew["session"] = json!(format!("session {round}"));
        server.greet(&anew);
        server.hang_up();
        page.wait(&format!("document.documentElement.dataset.session === 'session {round}'"));
        page.wait("document.documentElement.dataset.status === 'live'");
        assert_eq!(page.all(".panel", "(card) => card.dataset.kind"), ["number"]);
        page.wait(&format!("document.querySelector('.panel canvas').ariaLabel?.includes('{round} points')"));
    }
    // A message that is no JSON, or not what it should be, is passed over.
    for nonsense in
        [json!(null), json!({ "panels": 5 }), json!({ "panels": [null, { "id": 0, "points": [null, { "t": "x" }] }] })]
    {
        server.send("update", &nonsense);
    }
    server.send("update", &update(&[panel(0, "number", 0..0)], 99));
    page.wait("document.querySelector('#clock').textContent.includes('08:54:59')");
    server.send("stopped", &json!({}));
    page.wait("document.documentElement.dataset.status === 'finished'");
}
