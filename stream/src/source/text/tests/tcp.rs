use std::net::TcpListener;
use std::thread;

use super::super::TcpLines;
use super::*;
use crate::source::Restart;

#[test]
fn a_line_longer_than_the_bound_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let (mut to, _) = listener.accept().unwrap();
        // Nobody may read all of it.
        let _ = to.write_all(format!("short\n{}\n", "x".repeat(100_000)).as_bytes());
    });
    let mut source = TcpLines::connect(&*address).restart(Restart::never()).buffer_bytes(100);
    source.longest_line = 1_000;
    let one = first(&mut source, WAIT).unwrap();
    assert_eq!(lines(&one.blocks), ["short"]);
    let error = batch(&mut source, &one.to, WAIT).map(drop).unwrap_err();
    assert_eq!(error.to_string(), format!("{address}: byte 6 of the text, line 2: a line is longer than 1000 bytes"));
}
