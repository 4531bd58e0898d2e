//! Who may ask, and what they may do.

use std::net::SocketAddr;

use crate::client::{Asked, FREE, get, request, send};

#[test]
fn another_address_needs_a_token_or_a_word() {
    let open: SocketAddr = ([0, 0, 0, 0], 0).into();
    let mut asked = Asked::new(1);
    asked.dashboard.listen(open);
    let error = asked.job.start().unwrap_err().to_string();
    assert!(error.contains("others could see the data"), "{error}");
    assert!(error.contains(".token(…)") && error.contains("0.0.0.0:0"), "{error}");

    let mut asked = Asked::new(1);
    asked.dashboard.listen(open).without_token();
    asked.job.tick().unwrap();
    let address = ([127, 0, 0, 1], asked.address().port()).into();
    assert_eq!(request(address, "GET", "/healthz", &[("Host", "gauge.example")]).status, 200);

    for wrong in ["", "two words", "naïve", "a\r\nb"] {
        let mut asked = Asked::new(1);
        asked.dashboard.listen(FREE).token(wrong);
        assert!(asked.job.start().is_err(), "{wrong:?}");
    }
}

#[test]
fn with_a_token_nothing_is_told_without_it() {
    let mut asked = Asked::new(1);
    asked.dashboard.token("s3cret=");
    asked.job.tick().unwrap();
    let address = asked.address();
    let paths = ["/", "/events", "/metrics", "/healthz", "/style.css", "/api/v1/applications", "/nothing"];
    for path in paths {
        for headers in [&[][..], &[("Authorization", "Bearer s3cret")], &[("Cookie", "streamgauge_token=other")]] {
            let answer = request(address, "GET", path, headers);
            assert_eq!(answer.status, 401, "{path} {headers:?}");
            assert!(!answer.body.contains("test"), "{}", answer.body);
        }
    }
    let bearer = [("Authorization", "Bearer s3cret=")];
    assert_eq!(request(address, "GET", "/api/v1/applications", &bearer).json()[0]["id"], "test");
    // In a browser: once in the address, from then on as a cookie that no script can read.
    let first = get(address, "/?token=s3cret=");
    assert_eq!((first.status, first.header("location")), (303, Some("/")));
    let cookie = first.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert!(first.head.contains("HttpOnly") && first.head.contains("SameSite=Strict"));
    assert_eq!(request(address, "GET", "/", &[("Cookie", &format!("other=1; {cookie}"))]).status, 200);
    assert_eq!(get(address, "/?token=s3cret").status, 401);
}

#[test]
fn other_names_are_refused_on_loopback() {
    let mut asked = Asked::new(1);
    asked.job.tick().unwrap();
    let address = asked.address();
    for host in ["gauge.example", "gauge.example:80", "127.0.0.1.example", "", "[::2]"] {
        for path in ["/", "/metrics", "/api/v1/applications"] {
            assert_eq!(request(address, "GET", path, &[("Host", host)]).status, 421, "{host:?} {path}");
        }
    }
    for host in ["localhost", "localhost:7878", "127.0.0.1", "[::1]:7878"] {
        assert_eq!(request(address, "GET", "/", &[("Host", host)]).status, 200, "{host}");
    }
}

#[test]
fn a_job_is_stopped_from_outside_only_where_that_is_enabled() {
    let stop = "/api/v1/applications/test/streaming/stop";
    let mut asked = Asked::new(3);
    asked.job.tick().unwrap();
    let refused = request(asked.address(), "POST", stop, &[("x-streamgauge-stop", "1")]);
    assert_eq!(refused.status, 403);
    assert!(refused.json()["error"].as_str().unwrap().contains(".allow_stop()"));
    assert!(!asked.job.context().is_stopping());

    let mut asked = Asked::new(3);
    asked.dashboard.allow_stop();
    asked.job.tick().unwrap();
    let address = asked.address();
    // A form of another page can send this.
    assert_eq!(request(address, "POST", stop, &[]).status, 400);
    assert_eq!(request(address, "GET", stop, &[("x-streamgauge-stop", "1")]).status, 405);
    assert!(!asked.job.context().is_stopping());
    assert_eq!(request(address, "POST", stop, &[("x-streamgauge-stop", "1")]).status, 202);
    assert!(asked.job.context().is_stopping());
    assert!(asked.job.stop().is_ok());
}

#[test]
fn odd_requests_are_answered_and_the_job_goes_on() {
    let mut asked = Asked::new(3);
    asked.job.tick().unwrap();
    let address = asked.address();
    let host = format!("Host: {address}\r\nConnection: close\r\n");
    let long = "x".repeat(100_000);
    for request in [
        format!("GET /{long} HTTP/1.1\r\n{host}\r\n"),
        format!("POST /api/v1/applications/test/streaming/stop HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n"),
        format!("DELETE / HTTP/1.1\r\n{host}\r\n"),
        format!("GET /api/v1/applications/%00%ff/streaming/statistics HTTP/1.1\r\n{host}\r\n"),
        format!("GET /../../etc/passwd HTTP/1.1\r\n{host}\r\n"),
        "nonsense\r\n\r\n".to_owned(),
    ] {
        let status = send(address, &request).status;
        assert!((400..500).contains(&status), "{status} for {:?}", &request[..60]);
    }
    asked.job.tick().unwrap();
    assert_eq!(get(address, "/healthz").status, 200);
}

#[test]
fn connections_beyond_the_most_are_closed_and_those_that_end_make_room() {
    let mut asked = Asked::new(1);
    asked.job.tick().unwrap();
    let address = asked.address();
    let mut silent: Vec<_> = (0..256).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    // All of them are accepted before this one.
    let mut beyond = std::net::TcpStream::connect(address).unwrap();
    let mut nothing = Vec::new();
    let ended = std::io::Read::read_to_end(&mut beyond, &mut nothing);
    assert!(ended.is_err() || nothing.is_empty());
    silent.truncate(10);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        // Places are given back when the server has seen the end of a connection.
        let answered = std::panic::catch_unwind(|| get(address, "/healthz").status);
        if answered.is_ok_and(|status| status == 200) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "no place was given back");
        std::thread::yield_now();
    }
}
