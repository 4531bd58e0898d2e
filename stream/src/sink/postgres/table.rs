//! The table that is written, over as many connections as it takes.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use postgres::config::Host;
use postgres::types::Type;
use postgres::{Client, Config, NoTls};

use super::columns::ColumnInfo;
use super::session::{Failure, Session, another_writer};
use super::sql::Statements;
use crate::sink::Cause;
use crate::time::Time;

pub(super) type Connect = dyn Fn(&Config) -> Result<Client, postgres::Error> + Send + Sync;

pub(super) struct Table {
    /// None if the connection string is wrong.
    config: Option<Config>,
    pub(super) connect: Arc<Connect>,
    pub(super) schema: Option<String>,
    name: String,
    pub(super) record: Option<String>,
    pub(super) key: Vec<String>,
    pub(super) attempts: u32,
    pub(super) pause: Duration,
    /// The types of the columns. This and what follows are known once it has been opened.
    pub(super) types: Arc<[Type]>,
    sql: Statements,
    session: Option<Session>,
    /// The last batch that is known to be in the record.
    pub(super) last: Option<Time>,
    /// The batch that was tried last: it is in the record if the answer to its commit was lost.
    tried: Option<Time>,
}

impl Table {
    pub(super) fn new(connection: &str, name: String) -> Self {
        Self {
            config: connection.parse().ok(),
            connect: Arc::new(|config| config.connect(NoTls)),
            schema: None,
            name,
            record: None,
            key: Vec::new(),
            attempts: 3,
            pause: Duration::from_secs(1),
            types: Arc::new([]),
            sql: Statements::default(),
            session: None,
            last: None,
            tried: None,
        }
    }

    /// The table, and where it is; without what is secret.
    pub(super) fn describe(&self) -> String {
        let table = self.full_name();
        let Some(config) = &self.config else { return format!("table {table} of PostgreSQL") };
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => folder.display().to_string(),
            None => config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
        format!("table {table} of PostgreSQL {host}:{port}/{database}")
    }

    fn full_name(&self) -> String {
        self.schema.iter().map(|schema| format!("{schema}.")).chain([self.name.clone()]).collect()
    }

    fn record_name(&self) -> String {
        self.record.clone().unwrap_or_else(|| self.full_name())
    }

    /// Checks all that can be known before the first batch, and reads the record. Leaves no connection behind.
    pub(super) fn open(&mut self, columns: &[ColumnInfo<'_>]) -> Result<(), Cause> {
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        self.sql = Statements::new(self.schema.as_deref(), &self.name, &names, &self.key)?;
        if self.record_name().contains('\0') {
            return Err("the name of the record has a NUL character".into());
        }
        let mut session = self.begin().map_err(|failure| failure.cause)?;
        let types = session.types(&self.sql).map_err(|failure| failure.cause)?;
        if let Some((column, of)) = columns.iter().zip(&types).find(|(column, of)| !(column.accepts)(of)) {
            let cause =
                format!("column {} is of type {of}, which is not written from {}", column.name, column.rust_type);
            return Err(cause.into());
        }
        self.types = types.into();
        self.last = session.recorded(&self.record_name()).map_err(|failure| failure.cause)?;
        Ok(())
    }

    fn begin(&self) -> Result<Session, Failure> {
        // What is wrong with it is not told: it may be a part of the password.
        let config = self.config.as_ref().ok_or_else(|| {
            Failure::for_good(
                "the connection string is none: write it as host=localhost user=me dbname=stats, or as \
                 postgres://user:password@host:port/database",
            )
        })?;
        Session::begin(&*self.connect, config, &self.sql)
    }

    /// Writes the encoded rows of a batch.
    pub(super) fn commit(&mut self, batch: Time, parts: &[BytesMut]) -> Result<(), Cause> {
        let mut attempt = 1;
        loop {
            match self.try_commit(batch, parts) {
                Ok(()) => return Ok(()),
                Err(failure) => {
                    // Whatever it was, the next attempt, or the next batch, begins on a connection of its own.
                    self.session = None;
                    if !failure.passes {
                        return Err(failure.cause);
                    }
                    if attempt == self.attempts {
                        let cause = format!("{attempt} of {attempt} attempts failed, the last one: {}", failure.cause);
                        return Err(cause.into());
                    }
                }
            }
            thread::sleep(self.pause);
            attempt += 1;
        }
    }

    fn try_commit(&mut self, batch: Time, parts: &[BytesMut]) -> Result<(), Failure> {
        let name = self.record_name();
        let session = match self.session.take().and_then(|mut session| session.stands().then_some(session)) {
            Some(session) => self.session.insert(session),
            None => {
                let mut session = self.begin()?;
                let recorded = session.recorded(&name)?;
                if recorded != self.last && recorded != self.tried {
                    return Err(another_writer(&name));
                }
                self.last = recorded;
                self.session.insert(session)
            }
        };
        if self.tried == Some(batch) && self.last == Some(batch) {
            // The attempt before went through, and only its answer was lost.
            return Ok(());
        }
        self.tried = Some(batch);
        session.write(&self.sql, &name, self.last, batch, parts)?;
        self.last = Some(batch);
        Ok(())
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.describe())
    }
}
