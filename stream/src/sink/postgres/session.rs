//! One connection.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use bytes::BytesMut;
use postgres::error::SqlState;
use postgres::types::Type;
use postgres::{Client, Config, Statement};

use super::columns::{HEADER, TRAILER};
use super::sql::Statements;
use super::table::Connect;
use crate::sink::Cause;
use crate::time::Time;

/// How long a connection that was idle may take to answer before another one is made.
const ANSWER: Duration = Duration::from_secs(5);
/// The bytes that are handed to the connection at a time.
const CHUNK: usize = 1 << 18;

/// What went wrong, and whether it may go well on another connection.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    pub(super) passes: bool,
}

impl Failure {
    pub(super) fn for_good(cause: impl Into<Cause>) -> Self {
        Self { cause: cause.into(), passes: false }
    }
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self { passes: passes(&error), cause: in_words(&error).into() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.downcast::<postgres::Error>() {
            Ok(error) => error.into(),
            Err(error) => Self { cause: error.into(), passes: true },
        }
    }
}

/// Whether it is the connection that has failed, or the server that was not ready: not what was asked of it.
fn passes(error: &postgres::Error) -> bool {
    let Some(code) = error.code() else { return true };
    let ready = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    // Class 08 is "connection exception".
    code.code().starts_with("08") || ready.contains(code)
}

/// What the server said, or why it could not be asked.
fn in_words(error: &postgres::Error) -> String {
    if let Some(said) = error.as_db_error() {
        let mut words = said.message().to_owned();
        // To a text nothing can fail.
        said.detail().map(|detail| write!(words, ": {detail}")).transpose().unwrap_or_default();
        said.where_().map(|place| write!(words, " ({place})")).transpose().unwrap_or_default();
        return words;
    }
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// A connection on which batches are written.
pub(super) struct Session {
    client: Client,
    read_record: Statement,
    insert_record: Statement,
    update_record: Statement,
}

impl Session {
    /// Connects, and makes what a transaction needs.
    pub(super) fn begin(connect: &Connect, config: &Config, sql: &Statements) -> Result<Self, Failure> {
        let mut client = connect(config)?;
        let exists = |client: &mut Client| -> Result<bool, postgres::Error> {
            Ok(client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&sql.records])?.get(0))
        };
        // Only if need be: who may write to the table may not be allowed to make one.
        if !exists(&mut client)?
            && let Err(e) = client.batch_execute(&sql.make_records)
            && !exists(&mut client)?
        {
            let cause = format!("the table of the records, {}, cannot be made: {}", sql.records, in_words(&e));
            return Err(Failure { cause: cause.into(), passes: passes(&e) });
        }
        if let Some(upsert) = &sql.upsert {
            client.batch_execute(&upsert.make_stage)?;
        }
        let read_record = client.prepare(&sql.read_record)?;
        let insert_record = client.prepare(&sql.insert_record)?;
        let update_record = client.prepare(&sql.update_record)?;
        Ok(Self { client, read_record, insert_record, update_record })
    }

    /// The types of the columns; an error if they or the key are not there.
    pub(super) fn types(&mut self, sql: &Statements) -> Result<Vec<Type>, Failure> {
        let types = self.client.prepare(&sql.columns)?.columns().iter().map(|c| c.type_().clone()).collect();
        if let Some(upsert) = &sql.upsert {
            // To plan it shows whether there is a unique index; nothing is run.
            self.client.batch_execute(&format!("EXPLAIN {}", upsert.insert))?;
        }
        Ok(types)
    }

    /// Whether it still stands.
    pub(super) fn stands(&mut self) -> bool {
        !self.client.is_closed() && self.client.is_valid(ANSWER).is_ok()
    }

    /// The last batch in the record.
    pub(super) fn recorded(&mut self, name: &str) -> Result<Option<Time>, Failure> {
        let row = self.client.query_opt(&self.read_record, &[&name])?;
        Ok(row.map(|row| row.try_get(0).map(Time::from_millis)).transpose()?)
    }

    /// Writes a batch and its record, in one transaction. `last` is the batch in the record.
    pub(super) fn write(
        &mut self,
        sql: &Statements,
        name: &str,
        last: Option<Time>,
        batch: Time,
        parts: &[BytesMut],
    ) -> Result<(), Failure> {
        let mut transaction = self.client.transaction()?;
        let millis = batch.millis();
        let recorded = match last {
            Some(last) => transaction.execute(&self.update_record, &[&name, &millis, &last.millis()]),
            None => match transaction.execute(&self.insert_record, &[&name, &millis]) {
                Err(e) if e.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(0),
                inserted => inserted,
            },
        };
        if recorded? == 0 {
            return Err(another_writer(name));
        }
        if parts.iter().any(|part| !part.is_empty()) {
            let mut copy = transaction.copy_in(&sql.copy)?;
            let chunks = parts.iter().flat_map(|part| part.chunks(CHUNK));
            for bytes in [&HEADER[..]].into_iter().chain(chunks).chain([&TRAILER[..]]) {
                copy.write_all(bytes)?;
            }
            copy.finish()?;
            if let Some(upsert) = &sql.upsert {
                transaction.execute(&upsert.insert, &[])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

pub(super) fn another_writer(name: &str) -> Failure {
    Failure::for_good(format!(
        "another output has written under the record {name:?} since; give each one its own by record(..)"
    ))
}
