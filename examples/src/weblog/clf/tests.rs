//! Tests of the Common and Combined formats.

use super::super::{Format, Visit, event_time, parse};

const TIME: &str = "[10/Oct/2000:13:55:36 -0700]";
const MS: i64 = 971_211_336_000;

fn visit(line: &str) -> Visit {
    assert_eq!(event_time(line, None), Some(MS), "{line}");
    parse(line, None).expect(line).expect(line)
}

fn path(request: &str) -> String {
    let line = format!(r#"h - - {TIME} "{request}" 200 5 "-" "-""#);
    assert_eq!(parse(&line, Some(Format::Combined)), Ok(Some(visit(&line))));
    visit(&line).path.into()
}

#[test]
fn the_textbook_line() {
    let visit =
        visit(r#"127.0.0.1 user-identifier frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif?b=c HTTP/1.0" 200 2326"#);
    assert_eq!((visit.host.as_str(), visit.path.as_str()), ("127.0.0.1", "/a.gif?b=c"));
    assert_eq!((visit.time_ms, visit.status, visit.bytes), (MS, 200, 2_326));
}

#[test]
fn hosts_and_users() {
    for host in ["2001:db8::1", "example.org", "-", "höst", "h\u{fffd}\x01"] {
        for user in
            ["- -", "- frank", "id john q. public", r#"- a\"b"#, "- [ops] x", "- x[1]", "-  -", r#"- "q""#, "- [a [b"]
        {
            let line = format!(r#"{host} {user} {TIME} "GET / HTTP/1.1" 304 -"#);
            let visit = visit(&line);
            assert_eq!(
                (visit.host.as_str(), visit.path.as_str(), visit.status, visit.bytes),
                (host, "/", 304, 0),
                "{line}"
            );
        }
    }
}

#[test]
fn requests() {
    for (request, expected) in [
        ("GET /x HTTP/1.1", "/x"),
        ("POST /x?a=%20&b=é HTTP/2.0", "/x?a=%20&b=é"),
        ("GET /old", "/old"),
        ("GET  /x  HTTP/1.1", "/x"),
        ("GET /a b HTTP/1.1", "/a b"),
        ("OPTIONS * HTTP/1.1", "*"),
        ("CONNECT example.org:443 HTTP/1.1", "example.org:443"),
        ("GET http://example.org/x", "http://example.org/x"),
        ("VERSION-CONTROL /x HTTP/1.1", "/x"),
        ("", "-"),
        ("-", "-"),
        (" ", " "),
        ("GET", "GET"),
        ("GET HTTP/1.0", "GET HTTP/1.0"),
        ("GET  HTTP/1.0", "GET  HTTP/1.0"),
        ("EHLO mail", "EHLO mail"),
        (r"\x16\x03\x01\x02\x00\x01\x00\xFC", r"\x16\x03\x01\x02\x00\x01\x00\xFC"),
        (r"\x16 /x HTTP/1.1", r"\x16 /x HTTP/1.1"),
        ("\x16\x03\u{fffd}\u{fffd}\x01 \x02", "\x16\x03\u{fffd}\u{fffd}\x01 \x02"),
        (r#"GET /a\"b\\ HTTP/1.1"#, r#"/a\"b\\"#),
        (r#"GET /a"b" HTTP/1.1"#, r#"/a"b""#),
        (r#"GET /a" 2000 c HTTP/1.1"#, r#"/a" 2000 c"#),
    ] {
        assert_eq!(path(request), expected, "{request}");
    }
}

#[test]
fn a_last_backslash_that_escapes_nothing() {
    assert_eq!(visit(&format!(r#"h - - {TIME} "GET /a\" 200 5"#)).path, r"/a\");
}

#[test]
fn other_times() {
    for time in ["10/Oct/2000:20:55:36", "2000-10-10T20:55:36+00:00", "971211336.000", "10/Oct/2000:20:55:36.000 +0000"]
    {
        visit(&format!(r#"h - - [{time}] "GET / HTTP/1.1" 200 5"#));
    }
    let late = format!(r#"h - - [nonsense] "GET / HTTP/1.1" 200 5 "x {TIME}" "-""#);
    assert_eq!(parse(&late, None).unwrap_err().field(), "time");
    assert_eq!(event_time(&late, None), None);
}

#[test]
fn errors_say_what_and_where() {
    for (line, message) in [
        (" - -", r#"host: no host before the first space, found " - -""#),
        ("h - - x", r#"time: not [day/month/year:hour:minute:second zone], found " - - x""#),
        ("h - - [x]", r#"time: not [day/month/year:hour:minute:second zone], found "[x]""#),
        ("h - - [10/Oct/2000:13:55:36 -0700] GET", r#"request: not quoted, found "GET""#),
        ("h - - [10/Oct/2000:13:55:36 -0700] \"GET", r#"request: its quote is not closed, found "GET""#),
        ("h - - [10/Oct/2000:13:55:36 -0700] \"GET /\"", r#"status: not three digits from 100 to 599, found """#),
        ("h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 20", r#"status: not three digits from 100 to 599, found "20""#),
        (
            "h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 600 1",
            r#"status: not three digits from 100 to 599, found "600 1""#,
        ),
        (
            "h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 099 1",
            r#"status: not three digits from 100 to 599, found "099 1""#,
        ),
        (
            "h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 2000 1",
            r#"status: not three digits from 100 to 599, found "2000 1""#,
        ),
        ("h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200", r#"bytes: not a number or -, found """#),
        ("h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 1k", r#"bytes: not a number or -, found "1k""#),
        (
            "h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 99999999999999999999",
            r#"bytes: not a number or -, found "99999999999999999999""#,
        ),
    ] {
        assert_eq!(parse(line, Some(Format::Common)).unwrap_err().to_string(), message, "{line}");
    }
}

#[test]
fn combined_needs_its_two_fields() {
    let common = format!(r#"h - - {TIME} "GET / HTTP/1.1" 200 5"#);
    for (rest, field) in [
        ("", "referer"),
        (" -", "referer"),
        (r#" "a"#, "referer"),
        (r#""a" "b""#, "bytes"),
        (r#" "a""#, "agent"),
        (r#" "a" b"#, "agent"),
        (r#" "a" "b"#, "agent"),
    ] {
        let error = parse(&format!("{common}{rest}"), Some(Format::Combined)).unwrap_err();
        assert_eq!(error.field(), field, "{rest}: {error}");
    }
    for rest in [r#" "a" "b""#, r#" "a" "b" "10.0.0.1" 0.002 rest"#, r#" "a\"" "\\""#, r#" "" """#, r#" "a" "b\""#] {
        let line = format!("{common}{rest}");
        assert_eq!(parse(&line, Some(Format::Combined)), Ok(Some(visit(&line))), "{rest}");
    }
}
