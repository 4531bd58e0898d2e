//! The page without a mouse, and for whoever does not see it.

use crate::support::data::{hello, panel};
use crate::support::{Page, Scripted, assert_no_problems, chromium};

fn start() -> Scripted {
    let panels = [panel(0, "number", 0..60), panel(1, "line", 0..60), panel(2, "top", 0..1)];
    Scripted::start(&hello(&panels))
}

/// What has the focus: its id, its class or its tag.
fn focused(page: &mut Page) -> String {
    let of = "((it) => it.id || it.className || it.tagName)(document.activeElement)";
    page.evaluate(of).as_str().unwrap().to_owned()
}

#[test]
fn everything_is_reached_with_tab_and_seen_there() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = start();
    let mut page = chromium.open(&server.url);
    page.wait("document.querySelectorAll('.panel').length === 3");
    page.evaluate(
        "document.addEventListener('focusin', ({ target }) => {
           const { outlineStyle, outlineWidth } = getComputedStyle(target.matches('input') ? target.nextSibling : target);
           (window.unseen ??= []);
           if (outlineStyle === 'none' || outlineWidth === '0px') unseen.push(target.outerHTML);
         })",
    );
    let mut reached = Vec::new();
    for _ in 0..60 {
        page.press("Tab", false);
        let at = focused(&mut page);
        if at == "BODY" || (reached.len() > 3 && at == "skip") {
            break;
        }
        reached.push(at);
    }
    assert_eq!(page.evaluate("unseen.filter((html) => !html.startsWith('<main'))"), serde_json::json!([]));
    let count = |of: &str| reached.iter().filter(|at| at.as_str() == of).count();
    assert_eq!(reached[0], "skip", "{reached:?}");
    assert_eq!(count("A"), 2, "{reached:?}"); // the pages
    for control in ["theme", "pause", "snapshot"] {
        assert_eq!(count(control), 1, "{control}: {reached:?}");
    }
    assert_eq!(count("INPUT"), 1, "one stop for the range: {reached:?}");
    assert_eq!(count("menu-button"), 3, "{reached:?}");
    assert_eq!(count("CANVAS"), 2 + 6, "{reached:?}"); // and those of the gauges
    assert_eq!(count("ranking"), 1, "{reached:?}");

    // The first stop leads past all of this.
    page.evaluate("document.querySelector('#skip').focus()");
    page.press("Enter", false);
    assert_eq!(focused(&mut page), "main");
    assert_eq!(page.evaluate("location.hash"), "");
    assert_no_problems(&mut page);
}

#[test]
fn a_menu_opens_moves_and_closes_with_keys() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = start();
    let mut page = chromium.open(&server.url);
    page.wait("document.querySelectorAll('.panel').length === 3");
    let button = "document.querySelector('[data-panel=\"1\"] .menu-button')";
    page.evaluate(&format!("{button}.focus()"));
    page.press("Enter", false);
    assert_eq!(page.evaluate(&format!("{button}.ariaExpanded")), "true");
    assert_eq!(page.texts(".menu-item"), ["Full screen", "Save as CSV", "Save as JSON"]);
    let text = "document.activeElement.textContent";
    assert_eq!(page.evaluate(text), "Full screen");
    page.press("ArrowDown", false);
    assert_eq!(page.evaluate(text), "Save as CSV");
    page.press("Escape", false);
    assert_eq!(page.texts(".menu"), [""; 0]);
    assert_eq!(page.evaluate(&format!("document.activeElement === {button}")), true);
    // It closes, too, when the focus goes elsewhere.
    page.press("Enter", false);
    page.evaluate("document.querySelector('#pause').focus()");
    assert_eq!(page.texts(".menu"), [""; 0]);
    assert_eq!(page.evaluate(&format!("{button}.ariaExpanded")), "false");
    assert_no_problems(&mut page);
}

#[test]
fn a_panel_fills_the_window_until_escape() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = start();
    let mut page = chromium.open(&server.url);
    page.wait("document.querySelector('[data-panel=\"1\"] canvas')?.width > 0");
    for panel in 0..3 {
        let card = format!("document.querySelector('[data-panel=\"{panel}\"]')");
        let size = format!("((r) => [r.x, r.y, r.width, r.height])({card}.getBoundingClientRect())");
        let before = page.evaluate(&size);
        page.evaluate(&format!("{card}.querySelector('.menu-button').focus()"));
        page.press("Enter", false);
        page.press("Enter", false);
        assert_eq!(page.evaluate(&size), page.evaluate("[0, 0, innerWidth, innerHeight]"), "panel {panel}");
        // Its chart has grown with it, and nothing behind it can be reached.
        page.wait(&format!("{card}.querySelector('canvas')?.width > 1100 || {panel} === 2"));
        assert_eq!(page.evaluate(&format!("{card}.ariaModal")), "true");
        for _ in 0..8 {
            page.press("Tab", false);
            assert_eq!(
                page.evaluate(&format!(
                    "document.activeElement === document.body || {card}.contains(document.activeElement)"
                )),
                true
            );
        }
        page.press("Escape", false);
        assert_eq!(page.evaluate(&size), before, "panel {panel}");
        assert_eq!(page.texts("[inert], .is-full, [aria-modal]"), [""; 0]);
        let back = format!("document.activeElement === {card}.querySelector('.menu-button')");
        assert_eq!(page.evaluate(&back), true);
    }
    assert_no_problems(&mut page);
}

#[test]
fn a_screen_reader_finds_its_way() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let server = start();
    let mut page = chromium.open(&server.url);
    page.wait("document.querySelectorAll('.panel').length === 3");
    page.wait("[...document.querySelectorAll('canvas')].every((it) => it.ariaLabel || !it.checkVisibility())");
    for landmark in ["header", "nav[aria-label]", "main", "h1"] {
        assert_eq!(page.texts(&format!("body > {landmark}, body > header {landmark}")).len(), 1, "{landmark}");
    }
    // No level of headings is left out.
    let levels = page.all("h1, h2, h3, h4", "(heading) => heading.checkVisibility() ? Number(heading.tagName[1]) : 0");
    let levels: Vec<_> = levels.iter().filter_map(serde_json::Value::as_u64).filter(|level| *level > 0).collect();
    assert_eq!(levels[0], 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    // Every control has a name, every picture words; three places speak by themselves.
    let names = page.all(
        "button, a, input, canvas, [role=img], [tabindex='0']",
        "(it) =>
        !it.checkVisibility() || it.ariaLabel || it.textContent.trim() || it.labels?.[0]?.textContent || it.outerHTML",
    );
    assert!(names.iter().all(|name| !name.as_str().is_some_and(|name| name.starts_with('<'))), "{names:?}");
    assert_eq!(page.all("[role=status], [aria-live]", "(it) => it.id"), ["status", "paused", "spoken"]);
    let described =
        page.all(".panel canvas", "(it) => document.getElementById(it.getAttribute('aria-describedby')).textContent");
    assert!(described.iter().all(|text| text.as_str().unwrap().contains("Arrow keys")), "{described:?}");
    assert_no_problems(&mut page);
}
