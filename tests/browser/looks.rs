//! How the page looks: its colours, its width, pictures of it.

use std::path::PathBuf;
use std::{env, fs};

use serde_json::json;

use crate::support::data::{KINDS, hello, panel};
use crate::support::{POINTS, Page, Scripted, Server, assert_no_problems, chromium, wait_until_live};

#[test]
fn the_dark_scheme_is_dark() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Server::site();
    let mut page = chromium.open(&server.url);
    wait_until_live(&mut page);
    // The page, and the first series of all charts over time.
    let shows = |page: &mut Page, scheme: &str, ground: &str, series: [u8; 3]| {
        page.scheme(scheme);
        let ground = format!("getComputedStyle(document.body).backgroundColor === 'rgb({ground})'");
        page.wait(&ground);
        let series = json!(series);
        page.wait(&format!(
            "[...document.querySelectorAll('.wide canvas')].every((canvas) => {{
               const {{ width, height }} = canvas;
               const copy = new OffscreenCanvas(width, height).getContext('2d');
               copy.drawImage(canvas, 0, 0);
               const {{ data }} = copy.getImageData(0, 0, width, height);
               for (let i = 0; i < data.length; i += 4) {{
                 if ({series}.every((part, k) => part === data[i + k])) return true;
               }}
               return false;
             }})"
        ));
    };
    shows(&mut page, "light", "243, 245, 248", [0, 114, 178]);
    assert_eq!(page.texts("#theme"), ["Dark"]);
    shows(&mut page, "dark", "14, 18, 23", [86, 180, 233]);
    assert_eq!(page.texts("#theme"), ["Light"]);
    assert_no_problems(&mut page);
}

#[test]
fn screenshots() {
    let Some(folder) = env::var_os("STREAMGAUGE_SCREENSHOTS").map(PathBuf::from) else {
        return;
    };
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Server::site();
    let mut page = chromium.open(&server.url);
    wait_until_live(&mut page);
    page.wait(&format!("[...document.querySelectorAll('.panel canvas')].map({POINTS}).every((n) => n > 40)"));
    fs::create_dir_all(&folder).unwrap();
    for scheme in ["light", "dark"] {
        page.scheme(scheme);
        let picture = page.screenshot();
        fs::write(folder.join(format!("dashboard-{scheme}.png")), picture).unwrap();
    }

    // A panel of every kind, wide and on a phone.
    let mut panels: Vec<_> = KINDS.iter().enumerate().map(|(id, kind)| panel(id, kind, 0..300)).collect();
    panels[0]["thresholds"] = json!([{ "value": 60, "label": "limit" }]);
    panels[1]["thresholds"] = json!([{ "value": 160, "label": "limit" }, { "value": 5000, "label": "far away" }]);
    for panel in &mut panels[8..] {
        panel["group"] = json!("Learning");
    }
    let server = Scripted::start(&hello(&panels));
    for (name, width) in [("panels", 1280), ("phone", 390)] {
        for scheme in ["light", "dark"] {
            let mut page = chromium.open(&server.url);
            page.scheme(scheme);
            page.size(width, 8_000);
            page.wait(&format!("document.querySelectorAll('.panel').length === {}", KINDS.len()));
            page.drawn();
            fs::write(folder.join(format!("{name}-{scheme}.png")), page.screenshot()).unwrap();
        }
    }
}

/// The pairs of colours that text is set in, and how much they must differ; lines and marks may do with less.
const PAIRS: [(&str, &str, f64); 18] = [
    ("ink", "page", 4.5),
    ("ink", "card", 4.5),
    ("ink", "bar", 4.5),
    ("muted", "page", 4.5),
    ("muted", "card", 4.5),
    ("limit", "page", 4.5),
    ("limit", "card", 4.5),
    ("focus", "page", 3.0),
    ("focus", "card", 3.0),
    ("live", "card", 3.0),
    ("series-1", "card", 3.0),
    ("series-2", "card", 3.0),
    ("series-3", "card", 3.0),
    ("series-4", "card", 3.0),
    ("series-5", "card", 3.0),
    ("series-6", "card", 3.0),
    ("series-7", "card", 3.0),
    ("series-8", "card", 3.0),
];

#[test]
fn colours_differ_enough_to_be_read() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Server::site();
    let mut page = chromium.open(&server.url);
    for scheme in ["light", "dark"] {
        page.scheme(scheme);
        for (text, ground, least) in PAIRS {
            // As the Web Content Accessibility Guidelines define it.
            let contrast = page.evaluate(&format!(
                "(() => {{
                   const probe = document.body.appendChild(document.createElement('i'));
                   const luminance = (name) => {{
                     probe.style.color = `var(--${{name}})`;
                     const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
                     const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
                     return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                   }};
                   const [a, b] = [luminance('{text}'), luminance('{ground}')].sort((a, b) => b - a);
                   probe.remove();
                   return (a + 0.05) / (b + 0.05);
                 }})()"
            ));
            let contrast = contrast.as_f64().unwrap();
            assert!(contrast >= least, "{text} on {ground}, {scheme}: {contrast:.2}");
        }
    }
}

#[test]
fn a_phone_shows_all_of_it() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let mut panels: Vec<_> = KINDS.iter().enumerate().map(|(id, kind)| panel(id, kind, 0..100)).collect();
    panels[0]["title"] = json!("A title that is so long that no phone is wide enough for it, nor most other screens");
    panels[1]["page"] = json!("A page whose name is so long that no phone is wide enough for it");
    panels[2]["group"] = json!("x".repeat(200));
    panels[4]["group"] = json!("<b>");
    panels[0]["thresholds"] = json!([{ "value": 1, "label": "y".repeat(200) }]);
    let server = Scripted::start(&hello(&panels));
    let mut page = chromium.open(&server.url);
    page.size(390, 844);
    page.wait(&format!("document.querySelectorAll('.panel').length === {}", KINDS.len()));
    for tab in [0, 1, 2] {
        page.evaluate(&format!("document.querySelectorAll('nav a')[{tab}].click()"));
        page.wait(&format!("document.querySelectorAll('nav a')[{tab}].ariaCurrent === 'page'"));
        assert_eq!(page.evaluate("document.documentElement.scrollWidth <= 390"), true, "tab {tab}");
        let small = page.evaluate(
            "[...document.querySelectorAll('button, nav a, #range label')].filter((control) => {
               const { width, height } = control.getBoundingClientRect();
               return control.checkVisibility() && (width < 44 || height < 44);
             }).map((control) => control.outerHTML)",
        );
        assert_eq!(small, json!([]));
    }
    assert_no_problems(&mut page);
}

#[test]
fn who_wants_no_motion_sees_none() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = Scripted::start(&hello(&[panel(0, "line", 0..10)]));
    let mut page = chromium.open(&server.url);
    page.wait("document.documentElement.dataset.status === 'live'");
    let features = json!([{ "name": "prefers-reduced-motion", "value": "reduce" }]);
    page.command("Emulation.setEmulatedMedia", &json!({ "features": features }));
    page.evaluate("document.documentElement.dataset.status = 'reconnecting'");
    let moving = "document.getAnimations().length";
    assert_eq!(page.evaluate(moving), 0);
    page.command(
        "Emulation.setEmulatedMedia",
        &json!({ "features": [{ "name": "prefers-reduced-motion", "value": "no-preference" }] }),
    );
    page.wait(&format!("{moving} === 1"));
}
