//! What the page keeps of the points that it was sent.

use serde_json::json;

use crate::support::data::hello;
use crate::support::{Scripted, chromium};

/// The points of the unit test of the job's histories, which has the same sum.
const KEPT: &str = "(async () => {
    const { History } = await import('/history.js');
    const history = new History();
    for (let i = 0; i < 5000; i += 1) {
        const noise = (prime) => ((i * prime) % 65536) / 64;
        const e = { contract: 'none', value: noise(25717) };
        const t = i * 1000 + ((i * 7919) % 900);
        history.add([{ alert: i % 97 === 0, e, kept: 0.5, score: noise(40503), t }]);
    }
    const { points } = history;
    const sum = points.reduce((sum, point) => (sum * 31 + point.t) % 1000000007, 0);
    return [points.length, sum, points.filter((point) => point.alert).length];
})()";

#[test]
fn the_page_thins_as_the_job_does() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Scripted::start(&hello(&[]));
    let mut page = chromium.open(&server.url);
    assert_eq!(page.evaluate(KEPT), json!([970, 562_378_984, 52]));
}
