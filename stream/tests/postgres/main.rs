//! The sink to a table of PostgreSQL, against a real one.

#![cfg(all(feature = "postgres", unix))]
#![allow(clippy::unwrap_used)]

mod rate;
mod server;

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use postgres::NoTls;
use streamgauge_stream::sink::conformance::{Subject, check};
use streamgauge_stream::sink::{Columns, Postgres};
use streamgauge_stream::testing::{Breakdown, FaultyDisk, Script, TestJob};
use streamgauge_stream::{ContextBuilder, Error, Sink, Time};

use crate::server::{Server, Wire};

type Row = (String, i64);
const TABLE: &str = "CREATE TABLE counts (id bigserial PRIMARY KEY, word text NOT NULL, n bigint CHECK (n < 1000000))";

fn counts(address: &str) -> Postgres<Row, impl Columns<Row> + use<>> {
    // Nothing to wait for: the server runs by then, or will not.
    let retries = Duration::from_millis(1);
    Postgres::table(address, "counts").text("word", |row: &Row| &row.0).column("n", |row| &row.1).retry(3, retries)
}

/// Three rows in two partitions for every batch: words that come again, and the number of the row.
fn script(batches: u64) -> Script<Row> {
    let row = |n: u64| (format!("w{}", n % 4), n as i64);
    Script::new((0..batches).map(|batch| (batch * 3..batch * 3 + 3).map(row).collect())).in_partitions(2)
}

fn run<S: Sink<Row>>(
    batches: u64,
    sink: S,
    settings: impl FnOnce(ContextBuilder) -> ContextBuilder,
) -> Result<u64, Error> {
    let mut job = TestJob::with(|it| settings(it.threads(2)));
    let rows = job.script(script(batches));
    rows.write_to(sink);
    job.run().map(|report| report.batches)
}

fn expected(batches: u64) -> Vec<String> {
    (0..batches * 3).map(|n| format!("(w{},{n})", n % 4)).collect()
}

const COUNTS: &str = "SELECT word, n FROM counts ORDER BY n, id";

/// A server with a table, or none and the test is over.
macro_rules! server {
    ($($statement:expr),*) => {{
        let Some(server) = Server::start() else { return };
        $(server.tell($statement);)*
        server
    }};
}

#[test]
fn every_batch_is_there_once_whenever_the_job_is_killed() {
    let server = server!(TABLE);
    const BATCHES: u64 = 6;
    let plain = FaultyDisk::new();
    run(BATCHES, counts(&server.address()), |it| it.checkpoint_storage(plain.clone()).checkpoint_every(3)).unwrap();
    assert_eq!(server.ask(COUNTS), expected(BATCHES));
    let mut left_out = 0;
    for at in 1..=plain.sync_points() {
        for moment in [Breakdown::Before, Breakdown::After] {
            server.tell("TRUNCATE counts; DELETE FROM streamgauge_batches");
            let disk = FaultyDisk::new();
            disk.break_down(at, moment);
            let settings = |it: ContextBuilder| it.checkpoint_storage(disk.clone()).checkpoint_every(3);
            let first = run(BATCHES, counts(&server.address()), settings);
            let before = server.ask("SELECT max(xmin::text::bigint) FROM counts");
            disk.restart(at);
            run(BATCHES, counts(&server.address()), settings).unwrap_or_else(|e| panic!("{moment:?} {at}: {e}"));
            assert_eq!(server.ask(COUNTS), expected(BATCHES), "a crash {moment:?} sync point {at}, {first:?}");
            // The rows that were there are those that are there.
            let transactions = "SELECT DISTINCT xmin::text::bigint FROM counts ORDER BY 1";
            let same = server.ask(transactions).iter().any(|transaction| before == [transaction.clone()]);
            left_out += u32::from(first.is_err() && same);
        }
    }
    assert!(left_out > 5, "a committed batch was left alone {left_out} times");
    assert_eq!(server.ask("SELECT * FROM streamgauge_batches"), ["(counts,6000)"]);
}

#[test]
fn a_lost_answer_to_a_commit_does_not_double_the_batch() {
    let server = server!(TABLE);
    let wire = Wire::to(server.port);
    // In one run: it connects again, and finds the batch in the record.
    wire.cut_at_commit();
    assert_eq!(run(4, counts(&wire.address()), |it| it).unwrap(), 4);
    assert!(wire.was_cut());
    assert_eq!(server.ask(COUNTS), expected(4));

    // Over a restart: the job ends with the error, and the next run leaves the batch out.
    server.tell("TRUNCATE counts; DELETE FROM streamgauge_batches");
    let disk = FaultyDisk::new();
    let once = || counts(&wire.address()).retry(1, Duration::ZERO);
    wire.cut_at_commit();
    let error = run(4, once(), |it| it.checkpoint_storage(disk.clone())).unwrap_err().to_string();
    assert!(error.contains("write_to 1 of batch 1000 ms: table counts of PostgreSQL 127.0.0.1"), "{error}");
    assert!(error.contains("1 of 1 attempts failed"), "{error}");
    assert_eq!(server.ask(COUNTS), expected(1));
    disk.restart(0);
    run(4, once(), |it| it.checkpoint_storage(disk.clone())).unwrap();
    assert_eq!(server.ask(COUNTS), expected(4));
}

#[test]
fn a_connection_that_is_killed_in_mid_batch_leaves_nothing_and_another_one_writes_it() {
    // The connection is ended by the second row that it writes; a sequence does not go back with the transaction.
    let trigger = "CREATE SEQUENCE rows;
        CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('rows') = 5 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW;
        END $$;
        CREATE TRIGGER ends BEFORE INSERT ON counts FOR EACH ROW EXECUTE FUNCTION ends()";
    let server = server!(TABLE, trigger);
    run(4, counts(&server.address()), |it| it).unwrap();
    assert_eq!(server.ask(COUNTS), expected(4));

    server.tell("TRUNCATE counts; DELETE FROM streamgauge_batches; SELECT setval('rows', 1, false)");
    let error = run(4, counts(&server.address()).retry(1, Duration::ZERO), |it| it).unwrap_err().to_string();
    assert!(error.contains("write_to 1 of batch 2000 ms: table counts of PostgreSQL"), "{error}");
    assert!(error.contains("1 of 1 attempts failed"), "{error}");
    assert_eq!(server.ask(COUNTS), expected(1));
}

#[test]
fn a_server_that_is_gone_ends_the_job_and_one_that_is_back_goes_on() {
    let mut server = server!(TABLE);
    let disk = FaultyDisk::new();
    let settings = |it: ContextBuilder| it.checkpoint_storage(disk.clone());
    // Between two batches it is started anew: the next one connects again.
    let mut job = TestJob::with(settings);
    job.script(script(6)).write_to(counts(&server.address()));
    job.ticks(2).unwrap();
    server.kill();
    server.run();
    job.tick().unwrap();
    assert_eq!(server.ask(COUNTS), expected(3));
    // It is killed while a batch computes.
    server.kill();
    let error = job.tick().unwrap_err().to_string();
    assert!(error.contains("batch 4000 ms: table counts of PostgreSQL") && error.contains("refused"), "{error}");
    drop(job);
    // A start without a server is refused.
    disk.restart(0);
    let error = run(6, counts(&server.address()), settings).unwrap_err().to_string();
    assert!(error.contains("the job cannot start: write_to 1: table counts of PostgreSQL"), "{error}");
    server.run();
    disk.restart(0);
    run(6, counts(&server.address()), settings).unwrap();
    assert_eq!(server.ask(COUNTS), expected(6));
}

#[test]
fn rows_with_a_key_are_inserted_and_updated_and_the_last_one_holds() {
    let table = "CREATE TABLE counts (word text PRIMARY KEY, n bigint, changed int DEFAULT 7)";
    let server = server!(table, "INSERT INTO counts VALUES ('w0', -1, 8), ('other', -1, 8)");
    let disk = FaultyDisk::new();
    run(5, counts(&server.address()).key(["word"]), |it| it.checkpoint_storage(disk.clone())).unwrap();
    let rows = server.ask("SELECT * FROM counts ORDER BY word");
    assert_eq!(rows, ["(other,-1,8)", "(w0,12,8)", "(w1,13,7)", "(w2,14,7)", "(w3,11,7)"]);

    // A batch with one key many times.
    server.tell("DELETE FROM streamgauge_batches");
    let mut job = TestJob::new();
    let rows = job.source([(0..5_000).map(|n| ("again".to_owned(), n)).collect::<Vec<Row>>()]);
    rows.write_to(counts(&server.address()).key(["word"]));
    job.run().unwrap();
    assert_eq!(server.ask("SELECT n FROM counts WHERE word = 'again'"), ["(4999)"]);

    server.tell("ALTER TABLE counts DROP CONSTRAINT counts_pkey; DELETE FROM streamgauge_batches");
    let error = run(1, counts(&server.address()).key(["word"]), |it| it).unwrap_err().to_string();
    assert!(error.contains("cannot start") && error.contains("no unique or exclusion constraint"), "{error}");
}

#[test]
fn a_table_that_does_not_fit_is_told_at_the_start() {
    let server = server!(TABLE);
    let address = server.address();
    let says = |sink: Box<dyn FnOnce() -> Result<u64, Error>>, words: &str| {
        let error = sink().unwrap_err().to_string();
        assert!(
            error.contains("the job cannot start: write_to 1: table ") && error.contains(words),
            "{error}\n{words}"
        );
    };
    let a = address.clone();
    says(
        Box::new(move || run(1, Postgres::table(a, "nowhere").column("n", |row: &Row| &row.1), |it| it)),
        "relation \"nowhere\" does not exist",
    );
    let a = address.clone();
    says(
        Box::new(move || run(1, counts(&a).column("extra", |row| &row.1), |it| it)),
        "column \"extra\" does not exist",
    );
    let a = address.clone();
    says(
        Box::new(move || run(1, Postgres::table(a, "counts").column("n", |row: &Row| &row.0), |it| it)),
        "column n is of type int8, which is not written from alloc::string::String",
    );
    let a = address.clone();
    says(
        Box::new(move || run(1, Postgres::table(a, "counts").computed("n", |row: &Row| row.1 as i32), |it| it)),
        "column n is of type int8, which is not written from i32",
    );
    let a = address.clone();
    says(Box::new(move || run(1, Postgres::table(a, "counts"), |it| it)), "there are no columns");
    // What is wrong with a connection is told without what is secret.
    for connection in [
        "host=127.0.0.1 port=1 user=me password=hunter2 dbname=x",
        "postgres://me:hunter2@127.0.0.1:1/x",
        "host=127.0.0.1 password=my hunter2",
        "postgres://me:hunter2@127.0.0.1:none/x",
        "hunter2",
    ] {
        let sink = counts(connection);
        assert!(!format!("{sink:?}").contains("hunter2"), "{sink:?}");
        let error = run(1, sink, |it| it).unwrap_err().to_string();
        assert!(error.contains("table counts of PostgreSQL") && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_row_that_is_refused_fails_its_batch_and_leaves_nothing_of_it() {
    let server = server!(TABLE);
    let fails = |bad: Row, words: &[&str]| {
        server.tell("TRUNCATE counts; CREATE TABLE IF NOT EXISTS streamgauge_batches (sink text PRIMARY KEY, batch_ms bigint NOT NULL); DELETE FROM streamgauge_batches");
        let mut job = TestJob::new();
        let good = |n| ("good".to_owned(), n);
        // Many rows before and after, so that the server refuses while they are sent.
        let rows = (0..40_000).map(good).chain([bad]).chain((40_000..80_000).map(good)).collect::<Vec<Row>>();
        job.source([vec![good(1)], rows]).write_to(counts(&server.address()));
        let error = job.run().unwrap_err().to_string();
        assert!(error.contains("write_to 1 of batch 2000 ms: table counts of PostgreSQL"), "{error}");
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert_eq!(server.ask("SELECT count(*) FROM counts"), ["(1)"]);
        assert_eq!(server.ask("SELECT batch_ms FROM streamgauge_batches"), ["(1000)"]);
    };
    fails(("big".to_owned(), 1_000_000), &["violates check constraint", "counts_n_check"]);
    fails(("a\0b".to_owned(), 1), &["column word", "NUL character (at byte 1)"]);
}

#[test]
fn texts_of_every_kind_and_types_with_nothing_come_back_as_they_went() {
    let server = server!(
        "CREATE SCHEMA \"My \"\"Schema\"",
        "CREATE TABLE \"My \"\"Schema\".\"T;--\" (\"A\" text, \"b\"\" c\" float8, at timestamptz, bytes bytea, list int4[])"
    );
    type Wide = (String, Option<f64>, i64);
    let texts = ["", "'", "\"; DROP TABLE x; --", "\\N", "\\.", "tab\tline\nreturn\r", "ü €🦀", "\u{1}\u{7f}", "NULL"];
    let rows: Vec<Wide> =
        texts.iter().zip(0..).map(|(text, n)| (text.to_string(), (n % 2 == 0).then_some(n as f64), n)).collect();
    let mut job = TestJob::new();
    job.source([rows.clone()]).write_to(
        Postgres::table(server.address(), "T;--")
            .schema("My \"Schema")
            .record("re'cord\"")
            .column("A", |row: &Wide| &row.0)
            .column("b\" c", |row| &row.1)
            .computed("at", |row| UNIX_EPOCH + Duration::from_millis(row.2 as u64))
            .computed("bytes", |row| row.0.clone().into_bytes())
            .connect_with(|config| config.connect(NoTls)),
    );
    job.run().unwrap();
    let found = server.client().query(
        "SELECT \"A\", \"b\"\" c\", (extract(epoch FROM at) * 1000)::int8, bytes FROM \"My \"\"Schema\".\"T;--\"",
        &[],
    );
    let found: Vec<(String, Option<f64>, i64, Vec<u8>)> =
        found.unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    let expected: Vec<_> = rows.into_iter().map(|(text, some, n)| (text.clone(), some, n, text.into_bytes())).collect();
    assert_eq!(found, expected);
    assert_eq!(server.ask("SELECT sink FROM \"My \"\"Schema\".streamgauge_batches"), ["(\"re'cord\"\"\")"]);
}

#[test]
fn a_job_that_begins_anew_and_another_one_under_the_same_name_are_told() {
    let server = server!(TABLE);
    run(3, counts(&server.address()), |it| it).unwrap();
    let error = run(3, counts(&server.address()), |it| it).unwrap_err().to_string();
    assert!(error.contains("a record of the batches up to 3000 ms") && error.contains("begun anew"), "{error}");
    assert_eq!(server.ask(COUNTS), expected(3));
    // Two outputs of a job to one table.
    server.tell("TRUNCATE counts; DELETE FROM streamgauge_batches");
    let two = |record: &str| {
        let mut job = TestJob::new();
        let rows = job.script(script(2));
        rows.write_to(counts(&server.address()));
        rows.write_to(counts(&server.address()).record(record));
        job.run()
    };
    let error = two("counts").unwrap_err().to_string();
    assert!(error.contains("write_to 2 of batch 1000 ms") && error.contains("another output has written"), "{error}");
    server.tell("TRUNCATE counts; DELETE FROM streamgauge_batches");
    two("counts, once more").unwrap();
    assert_eq!(server.ask("SELECT count(*) FROM counts"), ["(12)"]);
}

#[test]
fn who_may_not_make_the_table_of_the_records_writes_when_it_is_there() {
    let server = server!(
        TABLE,
        "CREATE ROLE guest LOGIN; GRANT INSERT, SELECT ON counts TO guest; GRANT USAGE ON SEQUENCE counts_id_seq TO guest; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    );
    let address = server.address().replace("tester", "guest");
    let error = run(1, counts(&address), |it| it).unwrap_err().to_string();
    assert!(error.contains("the table of the records") && error.contains("permission denied"), "{error}");
    server.tell("CREATE TABLE streamgauge_batches (sink text PRIMARY KEY, batch_ms bigint NOT NULL); GRANT SELECT, INSERT, UPDATE ON streamgauge_batches TO guest");
    run(2, counts(&address), |it| it).unwrap();
    assert_eq!(server.ask(COUNTS), expected(2));
}

#[test]
fn a_job_can_be_started_and_refused_within_an_async_runtime() {
    let server = server!(TABLE);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let error = run(1, Postgres::table(server.address(), "counts").column("none", |row: &Row| &row.1), |it| it);
        assert!(error.unwrap_err().to_string().contains("does not exist"));
        run(2, counts(&server.address()), |it| it).unwrap();
    });
    assert_eq!(server.ask(COUNTS), expected(2));
}

/// The sink in the conformance kit: a trigger notes which transaction wrote which batch.
struct InPostgres<F> {
    server: Server,
    sink: F,
}

impl<F: Fn(&str) -> S, S: Sink<Row>> Subject for InPostgres<F> {
    type Row = Row;
    type Sink = S;

    fn sink(&mut self) -> S {
        (self.sink)(&self.server.address())
    }

    fn row(&self, n: u64) -> Row {
        (format!("w{n}"), n as i64)
    }

    fn visible(&mut self) -> Vec<(Time, Vec<Row>)> {
        let query = "SELECT batch, word, n FROM counts JOIN batches ON counts.xmin::text = batches.by ORDER BY id";
        let mut batches: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
        for row in self.server.client().query(query, &[]).unwrap() {
            batches.entry(row.get(0)).or_default().push((row.get(1), row.get(2)));
        }
        batches.into_iter().map(|(batch, rows)| (Time::from_millis(batch), rows)).collect()
    }

    fn replaces(&self) -> bool {
        false
    }

    fn broken(&mut self) -> Option<S> {
        Some((self.sink)("host=127.0.0.1 port=1 user=tester"))
    }
}

#[test]
fn conformance() {
    let history = "CREATE TABLE streamgauge_batches (sink text PRIMARY KEY, batch_ms bigint NOT NULL);
        CREATE TABLE batches (batch bigint, by text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO batches VALUES (NEW.batch_ms, txid_current()::text); RETURN NEW;
        END $$;
        CREATE TRIGGER note AFTER INSERT OR UPDATE ON streamgauge_batches FOR EACH ROW EXECUTE FUNCTION note()";
    let server = server!(TABLE, history);
    check(&mut InPostgres { server, sink: counts });
    let server = server!(TABLE, history, "CREATE UNIQUE INDEX ON counts (n)");
    check(&mut InPostgres { server, sink: |address: &str| counts(address).key(["n"]) });
}
