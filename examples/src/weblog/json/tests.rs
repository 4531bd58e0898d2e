//! Tests of the JSON lines.

use super::super::{Format, Visit, event_time, parse};

fn visit(line: &str) -> Visit {
    let visit = parse(line, None).expect(line).expect(line);
    assert_eq!(event_time(line, None), Some(visit.time_ms), "{line}");
    visit
}

fn line(rest: &str) -> String {
    format!(r#"{{"time":1,"host":"h","path":"/","status":200{rest}}}"#)
}

#[test]
fn own_records_round_trip() {
    let original =
        Visit { time_ms: -5, host: "2001:db8::1".into(), path: "/ä\"\\\n".into(), status: 503, bytes: u64::MAX };
    assert_eq!(visit(&serde_json::to_string(&original).unwrap()), original);
}

#[test]
fn usual_names() {
    let expected = visit(r#"{"time":971211336,"host":"h","path":"/x","status":200,"bytes":7}"#);
    for time in ["time", "timestamp", "ts", "@timestamp", "time_local", "date"] {
        for value in [
            "971211336",
            "971211336.0",
            "971211336000",
            "971211336000000",
            "\"971211336\"",
            "\"2000-10-10T20:55:36Z\"",
            "\"2000-10-10T13:55:36.000-07:00\"",
            "\"10/Oct/2000:13:55:36 -0700\"",
            "\"10\\/Oct\\/2000:13:55:36 -0700\"",
        ] {
            assert_eq!(
                visit(&format!(r#"{{"{time}":{value},"host":"h","path":"/x","status":200,"bytes":7}}"#)),
                expected
            );
        }
    }
    for host in ["host", "remote_addr", "client_ip", "clientip", "ip", "remote_host"] {
        for path in ["path", "url", "uri", "request_uri", "request"] {
            for status in ["status", "response", "status_code", "code"] {
                for bytes in ["bytes", "size", "bytes_sent", "body_bytes_sent", "length"] {
                    let line =
                        format!(r#"{{"{bytes}":"7","{status}":"200","{path}":"/x","{host}":"h","ts":971211336}}"#);
                    assert_eq!(visit(&line), expected, "{line}");
                }
            }
        }
    }
}

#[test]
fn requests_give_their_target() {
    for (request, path) in [("GET /x?y HTTP/1.1", "/x?y"), ("", "-"), ("-", "-"), ("\\u0016\\u0003", "\u{16}\u{3}")] {
        let line = format!(r#"{{"request":"{request}","time":1,"ip":"h","status":400}}"#);
        assert_eq!(visit(&line).path, path);
    }
}

#[test]
fn sizes() {
    for (rest, bytes) in [
        ("", 0),
        (r#","bytes":null"#, 0),
        (r#","bytes":"-""#, 0),
        (r#","bytes":"""#, 0),
        (r#","bytes":12"#, 12),
        (r#","bytes":1.2e1"#, 12),
        (r#","bytes":18446744073709551615"#, u64::MAX),
        (r#","bytes":null,"size":3"#, 3),
        (r#","bytes":-1,"size":3"#, 3),
    ] {
        assert_eq!(visit(&line(rest)).bytes, bytes, "{rest}");
    }
    for wrong in ["-1", "1.5", "1e300", "true", "[1]", "{}", r#""x""#] {
        assert_eq!(parse(&line(&format!(r#","bytes":{wrong}"#)), None).unwrap_err().field(), "bytes", "{wrong}");
    }
}

#[test]
fn the_first_value_wins() {
    let visit = visit(&line(r#","time":2,"path":"/b","url":"/c","status":404,"host":"b","bytes":1,"bytes":2"#));
    assert_eq!(
        (visit.time_ms, visit.path.as_str(), visit.status, visit.host.as_str(), visit.bytes),
        (1_000, "/", 200, "h", 1)
    );
}

#[test]
fn the_client_comes_before_the_host() {
    assert_eq!(visit(&line(r#","remote_addr":"10.0.0.1""#)).host, "10.0.0.1");
    assert_eq!(visit(&line(r#","remote_addr":null"#)).host, "h");
    assert_eq!(visit(&line(r#","remote_addr":"""#)).host, "h");
}

#[test]
fn unknown_fields_are_passed_over() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let rest = format!(r#","x":{deep},"y":{{"status":"no","z":[1,"a\"b",null,true]}},"":1.5e3"#);
    assert_eq!(visit(&line(&rest)), visit(&line("")));
}

#[test]
fn errors_name_the_field() {
    for (line, field) in [
        (r#"{"host":"h","path":"/","status":200}"#, "time"),
        (r#"{"time":"soon","host":"h","path":"/","status":200}"#, "time"),
        (r#"{"time":1e30,"host":"h","path":"/","status":200}"#, "time"),
        (r#"{"time":18446744073709551615,"host":"h","path":"/","status":200}"#, "time"),
        (r#"{"time":{"$date":1},"host":"h","path":"/","status":200}"#, "time"),
        (r#"{"time":1,"path":"/","status":200}"#, "host"),
        (r#"{"time":1,"host":"","path":"/","status":200}"#, "host"),
        (r#"{"time":1,"host":7,"path":"/","status":200}"#, "host"),
        (r#"{"time":1,"host":"h","status":200}"#, "path"),
        (r#"{"time":1,"host":"h","request":{"uri":"/"},"status":200}"#, "path"),
        (r#"{"time":1,"host":"h","path":"/"}"#, "status"),
        (r#"{"time":1,"host":"h","path":"/","status":600}"#, "status"),
        (r#"{"time":1,"host":"h","path":"/","status":-200}"#, "status"),
        (r#"{"time":1,"host":"h","path":"/","status":"OK"}"#, "status"),
        (r#"{"time":1,"host":"h","path":"/","status":200"#, "json"),
        (r#"{"time":1,"host":"h","path":"/","status":200} x"#, "json"),
        ("{}{}", "json"),
        ("[1]", "json"),
        ("7", "json"),
    ] {
        assert_eq!(parse(line, Some(Format::Json)).unwrap_err().field(), field, "{line}");
    }
    let message = parse(r#"{"time": nope}"#, None).unwrap_err().to_string();
    assert_eq!(message, r#"json: expected ident at line 1 column 11, found "{"time": nope}""#);
}

#[test]
fn the_time_alone_needs_no_whole_line() {
    assert_eq!(event_time(r#"{"a":[1,2],"ts":5,"#, None), Some(5_000));
    assert_eq!(event_time(r#"{"a":[1,2],"t"#, None), None);
    assert_eq!(event_time("[]", Some(Format::Json)), None);
}
