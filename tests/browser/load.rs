//! Many panels, many updates.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use crate::support::data::{KINDS, hello, panel, update};
use crate::support::{Page, Scripted, assert_no_problems, chromium};

/// Thirty panels of the kinds in turn.
fn thirty(points: i64) -> Vec<Value> {
    (0..30).map(|id| panel(id, KINDS[id % KINDS.len()], 0..points)).collect()
}

/// Waits until the page has heard of a second, and has drawn it.
fn wait_for(page: &mut Page, second: i64) {
    let t = json!(crate::support::data::START + second * 1000);
    page.wait(&format!(
        "(() => {{
           const time = new Date({t}).toISOString().slice(11, 19);
           return document.querySelector('#clock').textContent.includes(time);
         }})()"
    ));
    page.drawn();
}

/// The bytes of JavaScript objects that are in use, and the nodes of the document.
fn in_use(page: &mut Page) -> (f64, f64) {
    for _ in 0..2 {
        page.command("HeapProfiler.collectGarbage", &json!({}));
    }
    let heap = page.command("Runtime.getHeapUsage", &json!({}));
    let dom = page.command("Memory.getDOMCounters", &json!({}));
    (heap["usedSize"].as_f64().unwrap(), dom["nodes"].as_f64().unwrap())
}

#[test]
fn ten_thousand_updates_take_no_more_memory() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let panels = thirty(0);
    let server = Scripted::start(&hello(&panels));
    let mut page = chromium.open(&server.url);
    page.wait("document.querySelectorAll('.panel').length === 30");
    // As fast as the page takes them: a socket alone would let it fall behind.
    let feed = |page: &mut Page, seconds: std::ops::Range<i64>| {
        for start in seconds.clone().step_by(100) {
            (start..start + 100).for_each(|second| server.send("update", &update(&panels, second)));
            wait_for(page, start + 99);
        }
    };
    // The histories are full then.
    feed(&mut page, 0..1_000);
    let (heap, nodes) = in_use(&mut page);
    feed(&mut page, 1_000..11_000);
    let (heap_after, nodes_after) = in_use(&mut page);
    let grown = (heap_after - heap) / 1e6;
    let _ = writeln!(
        io::stderr(),
        "30 panels, 10,000 updates: heap {:.1} MB, then {:.1} MB; nodes {nodes}, then {nodes_after}",
        heap / 1e6,
        heap_after / 1e6
    );
    assert!(grown < 20.0, "the heap has grown by {grown:.1} MB");
    // A node an update would be ten thousand; some wait to be collected.
    assert!(nodes_after <= nodes + 500.0, "{nodes} nodes have become {nodes_after}");
    assert_no_problems(&mut page);
}

#[test]
fn thirty_panels_of_a_thousand_points_are_smooth() {
    const UPDATES: i64 = 40;
    let Some(mut chromium) = chromium() else {
        return;
    };
    let panels = thirty(1_000);
    let server = Scripted::start(&hello(&panels));
    let mut page = chromium.open(&server.url);
    for (view, height, most_mean) in [("some in view", 900, 25.0), ("all in view", 12_000, 60.0)] {
        page.size(1280, height);
        page.go(&server.url);
        page.wait("document.querySelectorAll('.panel').length === 30");
        // In time of the processor: what else the machine does is not the page's.
        page.command("Performance.disable", &json!({}));
        page.command("Performance.enable", &json!({ "timeDomain": "threadTicks" }));
        page.wait("[...document.querySelectorAll('.panel canvas')].some((canvas) => canvas.ariaLabel)");
        server.send("update", &update(&panels, 1_000));
        wait_for(&mut page, 1_000);
        page.evaluate(
            "window.long = [];
             new PerformanceObserver((list) => long.push(...list.getEntries().map((it) => Math.round(it.duration))))
               .observe({ type: 'longtask' })",
        );
        let before = metrics(&mut page);
        for second in 1_001..=1_000 + UPDATES {
            server.send("update", &update(&panels, second));
            wait_for(&mut page, second);
        }
        let after = metrics(&mut page);
        let [task, script, layout] = [0, 1, 2].map(|i| (after[i] - before[i]) * 1e3 / UPDATES as f64);
        let long = page.evaluate("long");
        let drawn = page.evaluate(
            "[...document.querySelectorAll('.panel canvas')].filter((canvas) => {
               const { top, bottom } = canvas.getBoundingClientRect();
               return bottom > 0 && top < innerHeight;
             }).length",
        );
        let _ = writeln!(
            io::stderr(),
            "30 panels of 1,000 points, {drawn} charts {view}: main thread {task:.1} ms an update, of it JavaScript \
             {script:.1} ms, style and layout {layout:.1} ms; long tasks in {UPDATES} updates: {long}",
        );
        // Generous: the machine of a test may be busy. What is asserted is that no update holds the page up.
        assert!(task < most_mean * 4.0, "{view}: {task} ms an update");
    }
    assert_no_problems(&mut page);
}

/// Seconds of the main thread so far: all, in JavaScript, in style and layout.
fn metrics(page: &mut Page) -> [f64; 3] {
    let answer = page.command("Performance.getMetrics", &json!({}));
    let metrics = answer["metrics"].as_array().unwrap();
    let of = |name: &str| metrics.iter().find(|it| it["name"] == name).and_then(|it| it["value"].as_f64()).unwrap();
    [of("TaskDuration"), of("ScriptDuration"), of("LayoutDuration") + of("RecalcStyleDuration")]
}
