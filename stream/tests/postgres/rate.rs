//! How fast rows go into a table: with the sink, and with `COPY` alone. Run by hand:
//! `cargo test --release -p streamgauge-stream --features postgres --test postgres -- --ignored --nocapture rate`

use std::io::Write;
use std::time::Instant;

use bytes::{BufMut, BytesMut};
use streamgauge_stream::Sink;
use streamgauge_stream::testing::TestJob;

use crate::server::Server;
use crate::{Row, counts};

const ROWS: usize = 1_000_000;
const BATCH: usize = 100_000;

fn rows() -> Vec<Vec<Row>> {
    let batch = |batch: usize| (batch * BATCH..(batch + 1) * BATCH).map(|n| (format!("word {n}"), n as i64)).collect();
    (0..ROWS / BATCH).map(batch).collect()
}

/// Rows a second of a job with a sink.
fn of_the_sink(sink: impl Sink<Row>) -> f64 {
    let mut job = TestJob::new();
    job.source(rows()).write_to(sink);
    job.start().unwrap();
    let begun = Instant::now();
    job.run().unwrap();
    ROWS as f64 / begun.elapsed().as_secs_f64()
}

/// Rows a second of `COPY` of bytes that are encoded already, a transaction for each batch.
fn of_copy(server: &Server) -> f64 {
    let encode = |rows: Vec<Row>| {
        let mut bytes = BytesMut::from(&b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0"[..]);
        for (word, n) in rows {
            bytes.put_i16(2);
            bytes.put_i32(word.len() as i32);
            bytes.put_slice(word.as_bytes());
            bytes.put_i32(8);
            bytes.put_i64(n);
        }
        bytes.put_i16(-1);
        bytes
    };
    let batches: Vec<_> = rows().into_iter().map(encode).collect();
    let mut client = server.client();
    let begun = Instant::now();
    for batch in batches {
        let mut copy = client.copy_in("COPY counts (word, n) FROM STDIN (FORMAT binary)").unwrap();
        copy.write_all(&batch).unwrap();
        copy.finish().unwrap();
    }
    ROWS as f64 / begun.elapsed().as_secs_f64()
}

#[test]
#[ignore = "a measurement"]
fn rate() {
    let Some(server) = Server::start() else { return };
    for round in 1..=3 {
        let fresh = |table: &str| {
            server.tell(&format!("DROP TABLE IF EXISTS counts, streamgauge_batches; CREATE TABLE counts ({table})"));
        };
        let keyed = "word text PRIMARY KEY, n bigint";
        fresh("word text, n bigint");
        let copy = of_copy(&server);
        fresh("word text, n bigint");
        let append = of_the_sink(counts(&server.address()));
        fresh(keyed);
        let copy_keyed = of_copy(&server);
        fresh(keyed);
        let upsert = of_the_sink(counts(&server.address()).key(["word"]));
        println!(
            "round {round}: append {append:.0} rows/s, {:.2} of COPY's {copy:.0}; upsert {upsert:.0} rows/s, {:.2} of \
             COPY's {copy_keyed:.0} into a table with the key",
            append / copy,
            upsert / copy_keyed
        );
    }
}
