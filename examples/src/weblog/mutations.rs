//! Damaged lines: whatever is fed to the parser, it answers.

use super::{Format, event_time, parse};

const LINES: [&str; 9] = [
    r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326"#,
    r#"2001:db8::1 - - [03/Mar/2025:08:00:00 +0000] "GET /ä?q=字&r=\"x\" HTTP/1.1" 304 - "https://shop.example/é" "Mozilla/5.0 (X11)""#,
    r#"10.0.0.1 - - [03/Mar/2025:08:00:00 +0000] "\x16\x03\x01\x02\x00\x01\x00\xFC" 400 150 "-" "-" "-" 0.001"#,
    "10.0.0.1 - - [03/Mar/2025:08:00:00 +0000] \"\x16\x03\u{fffd}\u{fffd}\" 400 150 \"-\" \"-\"",
    r#"10.0.0.1 id john [x] q [2025-03-03T08:00:00.5+01:00] "-" 408 0"#,
    r#"{"time":"2025-03-03T08:00:00.123Z","host":"h","path":"/ä\u00e9","status":200,"bytes":12,"extra":{"a":[1,null]}}"#,
    r#"{"@timestamp":1741000000.5,"remote_addr":"::1","request":"GET /x HTTP/1.1","status":"200","body_bytes_sent":"-"}"#,
    "pppa006.compuserve.com\t-\t807256800\tGET\t/images/launch-logo.gif\t200\t1713\t\t",
    "host\tlogname\ttime\tmethod\turl\tresponse\tbytes\treferer\tuseragent",
];

/// What damage is made of: all that means something to one of the formats, and characters of each length.
const PIECES: [&str; 24] = [
    "\"",
    "\\",
    "[",
    "]",
    " [",
    " ",
    "\t",
    "{",
    "}",
    ",",
    ":",
    "-",
    "+",
    "0",
    "9",
    "99999999999999999999",
    "\n",
    "\r",
    "\0",
    "\u{feff}",
    "é",
    "字",
    "𝄞",
    "null",
];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Runs every parser on the line, and checks what must hold of any.
fn check(line: &str) {
    let formats = Format::ALL.into_iter().map(Some).chain([None]);
    for format in formats {
        let time = event_time(line, format);
        match parse(line, format) {
            Ok(Some(visit)) => {
                assert_eq!(time, Some(visit.time_ms), "{line:?} as {format:?}");
                assert!(
                    (100..600).contains(&visit.status) && !visit.host.is_empty() && !visit.path.is_empty(),
                    "{line:?}"
                );
            }
            Ok(None) => {}
            Err(error) => {
                let message = error.to_string();
                assert!(message.chars().count() < 300 && !message.contains(char::is_control), "{message:?}");
            }
        }
    }
}

#[test]
fn truncated_lines() {
    for line in LINES {
        for (at, _) in line.char_indices() {
            check(&line[..at]);
            check(&line[at..]);
        }
    }
}

#[test]
fn mutated_lines() {
    let mut random = Random(1);
    for round in 0..20_000 {
        let mut line: Vec<char> = LINES[round % LINES.len()].chars().collect();
        for _ in 0..=random.below(4) {
            let at = random.below(line.len() + 1);
            let until = (at + random.below(6)).min(line.len());
            match random.below(4) {
                0 => drop(line.drain(at..until)),
                1 => drop(line.splice(at..until, PIECES[random.below(PIECES.len())].chars())),
                2 => drop(line.splice(at..at, PIECES[random.below(PIECES.len())].chars())),
                _ => {
                    // A part of another line.
                    let other: Vec<char> = LINES[random.below(LINES.len())].chars().collect();
                    let from = random.below(other.len());
                    drop(line.splice(at..until, other[from..].iter().copied().take(30)));
                }
            }
        }
        check(&line.iter().collect::<String>());
    }
}

#[test]
fn random_lines() {
    let mut random = Random(2);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.below(120)).map(|_| random.below(256) as u8).collect();
        check(&String::from_utf8_lossy(&bytes));
        let pieces: String = (0..random.below(40)).map(|_| PIECES[random.below(PIECES.len())]).collect();
        check(&pieces);
    }
}

/// Nothing takes time by the square of a line's length: with that this test would take minutes.
#[test]
fn long_lines() {
    for start in ["", "h ", r#"h - - [10/Oct/2000:13:55:36 -0700] ""#, r#"{"time":"#, "h\t-\t"] {
        for piece in
            PIECES.into_iter().chain(["\" ", "[\"", " [10/Oct/2000:13:55:36 -0700", "\" 200", "\"status\":-1,"])
        {
            check(&format!("{start}{}", piece.repeat(300_000 / piece.len())));
        }
    }
}
