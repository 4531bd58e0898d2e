//! Data that would do something if it were taken for more than text.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::support::{Folder, Server, assert_no_problems, chromium, wait_until_live};

/// Paths that would do something if they were taken for more than text. The last turns the direction of what follows.
const HOSTILE: [&str; 5] = [
    "/<script>document.title='pwned'</script>",
    "/<img src=x onerror=document.title='pwned'>",
    "/</li></ol><b class=row>&lt;",
    "/שלום/\u{627}\u{644}",
    "/\u{202e}gpj.exe",
];

/// A log of 20 minutes, a line a second, of these paths.
fn hostile_log(folder: &Path) -> PathBuf {
    let mut log = String::new();
    for (second, path) in (0..1200).zip(HOSTILE.iter().cycle()) {
        let (minute, second) = (second / 60, second % 60);
        writeln!(
            log,
            "192.0.2.{second} - - [10/Oct/2024:13:{minute:02}:{second:02} +0000] \"GET {path} HTTP/1.1\" 200 {second} \
             \"-\" \"<script>document.title='pwned'</script>\"",
        )
        .unwrap();
    }
    let path = folder.join("<b>hostile.log");
    fs::write(&path, log).unwrap();
    path
}

#[test]
fn text_from_the_data_stays_text() {
    let Some(mut chromium) = chromium() else {
        return;
    };
    let folder = Folder::new();
    let log = hostile_log(folder.path());
    let input = ["--input", log.to_str().unwrap(), "--speed", "max"];
    let server = Server::start("127.0.0.1:0", &input);
    let mut page = chromium.open(&server.url);
    wait_until_live(&mut page);
    page.wait("document.querySelectorAll('li.row').length === 5");

    let mut labels = page.texts("li.row .label");
    labels.sort_unstable();
    let mut expected = HOSTILE.map(|path| path.replace('\u{202e}', "\u{fffd}"));
    expected.sort_unstable();
    assert_eq!(labels, expected);
    assert_eq!(page.texts(".source-name").len(), 1);
    assert_eq!(page.evaluate("document.title"), "weblog · streamgauge");
    assert_eq!(page.texts("main :is(script, img, b.row), .engine :is(script, img, b)"), [""; 0]);
    let bidi = page.all("li.row .label", "(label) => getComputedStyle(label).unicodeBidi");
    assert!(bidi.iter().all(|bidi| bidi == "isolate"), "{bidi:?}");
    assert_no_problems(&mut page);

    // Were it not text, the policy of the server would still keep it from running.
    page.evaluate(
        "new Promise((resolve) => {
           document.body.insertAdjacentHTML('beforeend', `<img src=x onerror=\"document.title = 'pwned'\">`);
           document.body.lastElementChild.addEventListener('error', resolve);
         }).then(() => 0)",
    );
    assert_eq!(page.evaluate("document.title"), "weblog · streamgauge");
    let problems = page.problems();
    let told = problems.iter().any(|text| text.contains("violation of script-src"));
    assert!(told, "{problems:?}");
}

#[test]
fn files_of_the_page_carry_a_policy() {
    let server = Server::site();
    for path in ["/", "/app.js", "/style.css", "/favicon.svg"] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(head.contains(header), "{path} lacks {header}: {head}");
        }
    }
}
