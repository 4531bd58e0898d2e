//! What the tests stand on: a browser, the example job, a server that a test scripts.

mod chromium;
pub(crate) mod data;
mod examples;
mod folder;
mod process;
mod scripted;

use std::io::{self, Write as _};

pub(crate) use self::chromium::{Chromium, Page};
pub(crate) use self::examples::Server;
pub(crate) use self::folder::Folder;
pub(crate) use self::scripted::Scripted;

/// The number of colours on a canvas; one when it is blank.
pub(crate) const COLOURS: &str = "(canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}";

/// The points that a canvas says it shows.
pub(crate) const POINTS: &str = "(canvas) => Number(canvas.ariaLabel?.match(/, (\\d+) points/)?.[1] ?? 0)";

pub(crate) fn chromium() -> Option<Chromium> {
    let chromium = Chromium::launch();
    if chromium.is_none() {
        // Past the capture of the test harness, so that it is seen.
        let _ = writeln!(io::stderr(), "skipped: no Chromium found");
    }
    chromium
}

/// Waits until the page is connected and all cards have values.
#[track_caller]
pub(crate) fn wait_until_live(page: &mut Page) {
    page.wait("document.documentElement.dataset.status === 'live'");
    page.wait(
        "[...document.querySelectorAll('.panel, .gauge')].every((card) =>
           !card.classList.contains('is-empty') && /\\d/.test(card.querySelector('.value')?.textContent))",
    );
}

#[track_caller]
pub(crate) fn assert_no_problems(page: &mut Page) {
    assert_eq!(page.problems(), [""; 0]);
}

pub(crate) fn has_digit(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
}
