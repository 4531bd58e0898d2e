//! What the page saves: data of a panel, and a snapshot.

use serde_json::{Value, json};

use crate::support::data::{START, estimate, hello, panel};
use crate::support::{Page, Scripted, assert_no_problems, chromium};

/// Text that a spreadsheet would run, or that would end a cell.
const LABELS: [&str; 6] =
    ["=HYPERLINK(\"http://evil\")", "+1", "-1", "@SUM(A1)", "a \"b\", c\r\nd", "<script>x</script>"];

fn ranking() -> Value {
    let rows: Vec<_> = LABELS.iter().map(|label| json!({ "label": label, "e": estimate(-5.5, 1.0) })).collect();
    let mut panel = panel(2, "top", 0..0);
    panel["title"] = json!("Busiest / <b>\u{202e}");
    panel["unit"] = json!("requests");
    panel["points"] = json!([{ "t": START, "rows": rows }]);
    panel
}

/// Chooses from the menu of a panel.
fn choose(page: &mut Page, panel: usize, item: &str) {
    page.evaluate(&format!("document.querySelector('[data-panel=\"{panel}\"] .menu-button').click()"));
    page.evaluate(&format!(
        "[...document.querySelectorAll('.menu-item')].find((button) => button.textContent === '{item}').click()"
    ));
}

#[test]
fn data_are_saved_as_csv_and_json() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    chromium.keep_downloads();
    let mut line = panel(0, "line", 0..3);
    line["points"][1]["e"] = json!({ "value": -1.5, "lower": null, "upper": null, "confidence": 1.0 });
    let quantiles = panel(1, "quantiles", 0..2);
    let server = Scripted::start(&hello(&[line.clone(), quantiles, ranking()]));
    let mut page = chromium.open(&server.url);
    page.wait("document.querySelectorAll('.panel').length === 3");

    choose(&mut page, 0, "Save as CSV");
    let (name, csv) = chromium.saved();
    assert_eq!(name, "scripted-line-0.csv");
    let rows: Vec<_> = csv.split("\r\n").collect();
    assert_eq!(rows.len(), 5, "{csv}");
    assert_eq!(rows[0], r#""time","t","value","lower","upper","confidence","contract""#);
    assert_eq!(rows[1], r#""2025-10-09T08:53:20.000Z",1760000000000,100,98,102,0.95,"test p=12: within 2 %""#);
    assert_eq!(rows[2], r#""2025-10-09T08:53:21.000Z",1760000001000,-1.5,,,1,"#);

    choose(&mut page, 1, "Save as CSV");
    let (_, csv) = chromium.saved();
    let rows: Vec<_> = csv.split("\r\n").collect();
    assert_eq!(rows.len(), 1 + 6 + 1);
    assert_eq!(rows[0], r#""time","t","q","value","lower","upper","confidence","contract""#);
    assert!(rows[2].starts_with(r#""2025-10-09T08:53:20.000Z",1760000000000,0.95,300,298,302,"#), "{}", rows[2]);

    // What begins as a formula does is kept from being one; the rest is as it was, quoted.
    choose(&mut page, 2, "Save as CSV");
    let (name, csv) = chromium.saved();
    assert_eq!(name, "scripted-Busiest-b.csv");
    for label in LABELS {
        let quoted = label.replace('"', "\"\"");
        let defused = if label.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
        assert!(csv.contains(&format!(",\"{defused}{quoted}\",-5.5,-6.5,-4.5,")), "{label}: {csv}");
    }

    choose(&mut page, 0, "Save as JSON");
    let (name, text) = chromium.saved();
    assert_eq!(name, "scripted-line-0.json");
    let saved: Value = serde_json::from_str(&text).unwrap();
    // Numbers are written as the page has them, which reads JSON to the last bit.
    let parts = |points: &Value| {
        let part = |point: &Value, name: &str| point["e"][name].as_f64().map(|x| (x * 1e9).round());
        let points = points.as_array().unwrap().iter();
        points
            .map(|point| (point["t"].as_i64(), ["value", "lower", "upper"].map(|name| part(point, name))))
            .collect::<Vec<_>>()
    };
    assert_eq!(parts(&saved["points"]), parts(&line["points"]));
    assert_eq!((&saved["title"], &saved["kind"]), (&json!("line 0"), &json!("line")));
    choose(&mut page, 2, "Save as JSON");
    let saved: Value = serde_json::from_str(&chromium.saved().1).unwrap();
    assert_eq!(saved["points"][0]["rows"][0]["label"], LABELS[0]);
    assert_eq!(saved["unit"], "requests");
    assert_no_problems(&mut page);
}

#[test]
fn a_snapshot_is_one_file_that_runs_nothing() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    chromium.keep_downloads();
    let mut hidden = panel(9, "line", 0..100);
    hidden["page"] = json!("Other");
    let panels =
        [panel(0, "line", 0..100), panel(1, "quantiles", 0..100), ranking(), panel(3, "number", 0..100), hidden];
    let server = Scripted::start(&hello(&panels));
    let mut page = chromium.open(&server.url);
    page.scheme("dark");
    page.wait("document.querySelector('[data-panel=\"0\"] canvas')?.ariaLabel");
    page.evaluate("document.querySelector('#snapshot').click()");
    let (name, html) = chromium.saved();
    assert_eq!(name, "scripted-answers-snapshot.html");

    let file = std::env::temp_dir().join(format!("streamgauge-snapshot-{}.html", std::process::id()));
    std::fs::write(&file, &html).unwrap();
    let mut copy = chromium.open(&format!("file://{}", file.display()));
    assert_eq!(copy.texts("script, link, iframe, object, embed, base, form, button, a[href], canvas"), [""; 0]);
    let handlers = "(element) => element.getAttributeNames().filter((name) => name.startsWith('on'))";
    let handlers = copy.all("*", handlers);
    assert!(handlers.iter().all(|names| names.as_array().unwrap().is_empty()), "{handlers:?}");
    assert_eq!(copy.texts("h1"), ["scripted"]);
    assert_eq!(copy.texts(".panel .title-text")[..2], ["number 3", "line 0"]);
    assert_eq!(copy.texts(".panel").len(), 4);
    assert_eq!(copy.texts("li.row .label")[5], "<script>x</script>");
    // The charts are pictures with words; all of them can be seen, those too that were out of view.
    let pictures = copy.all(".panel img", "(image) => [image.alt, image.naturalWidth, image.src.slice(0, 22)]");
    assert_eq!(pictures.len(), 3);
    for picture in &pictures {
        assert!(picture[0].as_str().unwrap().contains(", 100 points from 9 Oct 2025"), "{picture}");
        assert!(picture[1].as_u64() > Some(100), "{picture}");
        assert_eq!(picture[2], "data:image/png;base64,");
    }
    // The data are there as text.
    assert_eq!(copy.texts(".data summary"), ["Data: 100 rows", "Data: 100 rows", "Data: 300 rows", "Data: 6 rows"]);
    assert_eq!(copy.texts("[data-panel=\"0\"] .data thead th")[..3], ["time", "t", "value"]);
    assert_eq!(copy.texts("[data-panel=\"0\"] .data tbody tr:first-child td")[1..3], ["1760000000000", "100"]);
    // As it was seen, whatever the system prefers where it is opened.
    assert_eq!(copy.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(14, 18, 23)");
    assert_eq!(copy.problems(), [""; 0]);
    assert_no_problems(&mut page);
    std::fs::remove_file(file).unwrap();
}
