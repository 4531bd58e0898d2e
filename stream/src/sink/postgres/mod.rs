//! A table of PostgreSQL.

mod columns;
mod session;
mod sql;
mod table;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use postgres::types::ToSql;
use postgres::{Client, Config};

pub use self::columns::Columns;
use self::columns::{Computed, Field, Rows};
use self::table::Table;
use super::{Cause, Sink};
use crate::time::Time;

/// Writes the rows of every batch to a table of PostgreSQL, with the batch's time in the same transaction: **exactly
/// once** for a job with checkpoints, `kill -9` and a connection that breaks in mid-commit among it.
///
/// Columns are named with what they hold, a field ([`column`](Self::column), [`text`](Self::text)) or something computed
/// ([`computed`](Self::computed)), of any type that the `postgres` crate takes for a value: integers, floats, `bool`,
/// texts, `Vec<u8>`, `SystemTime`, `Option` of these for what may be null, and what that crate's features add. `start()`
/// checks names and types against the table. Columns that are not named get their defaults. Names are quoted as they
/// are: no need to escape, and upper case counts.
///
/// Rows are **appended**, or with a [`key`](Self::key) inserted and updated: of several rows of a batch with the same
/// key the last one holds.
///
/// **The record.** The time of the last batch is kept in a table `streamgauge_batches(sink text primary key, batch_ms
/// bigint)` beside the table, made if it is not there; `sink` is the table's name, unless [`record`](Self::record) gives
/// another. After a restart a batch that is in it is left out. A job that begins anew without its checkpoints, and
/// another job that writes under the same name, are told by an error; to begin anew on purpose, delete the row. Two
/// outputs to one table need two names.
///
/// **Failures.** A batch is written in one transaction when it is whole: nothing is ever there in part. If the
/// connection breaks, or the server restarts, it connects again and looks into the record before it writes the batch
/// again; three attempts a second apart unless [set otherwise](Self::retry). What the server refuses (a constraint, a
/// value out of range) fails the batch at once, with the server's words. A server that neither answers nor hangs up is
/// waited for: set `connect_timeout` and `tcp_user_timeout` in the connection string, and `statement_timeout` for the
/// user.
///
/// Rows are encoded by partition, side by side, and sent by a binary `COPY`. Memory: the encoded rows of a batch.
///
/// ```no_run
/// use streamgauge_stream::sink::Postgres;
/// # use streamgauge_stream::DStream;
///
/// #[derive(Clone)]
/// struct Load {
///     host: String,
///     cpu: Option<f64>,
///     requests: u32,
/// }
///
/// # fn write(load: DStream<Load>) {
/// load.write_to(
///     Postgres::table("host=localhost user=stats dbname=stats", "load")
///         .column("host", |load: &Load| &load.host)
///         .column("cpu", |load| &load.cpu)
///         .computed("requests", |load| i64::from(load.requests))
///         .key(["host"]),
/// );
/// # }
/// ```
///
/// There is no TLS unless a function that connects with it [is given](Self::connect_with).
pub struct Postgres<T, C = ()> {
    table: Table,
    columns: Arc<C>,
    rows: PhantomData<fn(T)>,
}

impl<T, C> fmt::Debug for Postgres<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres({})", self.table.describe())
    }
}

impl<T> Postgres<T> {
    /// The table of this name, in the database of a connection string: `host=localhost user=me password=.. dbname=..`, or
    /// `postgres://user:password@host:port/database`. What is wrong with the string is told by `start()`, and never
    /// shows the password.
    pub fn table(connection: impl AsRef<str>, table: impl Into<String>) -> Self {
        let table = Table::new(connection.as_ref(), table.into());
        Self { table, columns: Arc::new(()), rows: PhantomData }
    }
}

impl<T, C> Postgres<T, C> {
    /// A column that is a field of the row: `|row| &row.host`. Say the row's type at the first one.
    pub fn column<V, F>(self, name: impl Into<String>, get: F) -> Postgres<T, (Arc<C>, Field<F, V>)>
    where
        V: ToSql + 'static,
        F: Fn(&T) -> &V + Send + Sync + 'static,
    {
        let field = Field { name: name.into(), get, of: PhantomData };
        Postgres { table: self.table, columns: Arc::new((self.columns, field)), rows: PhantomData }
    }

    /// A column that is a text in the row, of whatever type: `|row| row.host.as_str()`.
    pub fn text<F>(self, name: impl Into<String>, get: F) -> Postgres<T, (Arc<C>, Field<F, str>)>
    where
        F: Fn(&T) -> &str + Send + Sync + 'static,
    {
        let field = Field { name: name.into(), get, of: PhantomData };
        Postgres { table: self.table, columns: Arc::new((self.columns, field)), rows: PhantomData }
    }

    /// A column that is computed from the row: `|row| i64::from(row.requests)`.
    pub fn computed<V, F>(self, name: impl Into<String>, get: F) -> Postgres<T, (Arc<C>, Computed<F, V>)>
    where
        V: ToSql + 'static,
        F: Fn(&T) -> V + Send + Sync + 'static,
    {
        let computed = Computed { name: name.into(), get, of: PhantomData };
        Postgres { table: self.table, columns: Arc::new((self.columns, computed)), rows: PhantomData }
    }

    /// The schema of the table, and of the record; where the server finds them unless set.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.table.schema = Some(schema.into());
        self
    }

    /// Inserts rows whose key is new, and updates those whose key is there: `INSERT .. ON CONFLICT (key) DO UPDATE`. The
    /// table needs a unique index on these columns; they should be `NOT NULL`, for the server takes no null for a key
    /// that is there.
    pub fn key<N: Into<String>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        self.table.key = columns.into_iter().map(Into::into).collect();
        self
    }

    /// The name under which the last batch is recorded; that of the table unless set.
    pub fn record(mut self, name: impl Into<String>) -> Self {
        self.table.record = Some(name.into());
        self
    }

    /// How often a batch is tried when the connection breaks, at least once, and how long to wait in between; 3 times
    /// and 1 s unless set.
    pub fn retry(mut self, attempts: u32, pause: Duration) -> Self {
        (self.table.attempts, self.table.pause) = (attempts.max(1), pause);
        self
    }

    /// How to connect; `|config| config.connect(NoTls)` unless set. For TLS, with a connector for this version of the
    /// `postgres` crate.
    pub fn connect_with(
        mut self,
        connect: impl Fn(&Config) -> Result<Client, ::postgres::Error> + Send + Sync + 'static,
    ) -> Self {
        self.table.connect = Arc::new(connect);
        self
    }
}

impl<T: 'static, C: Columns<T>> Sink<T> for Postgres<T, C> {
    type Part = Rows<C>;

    fn target(&self) -> String {
        self.table.describe()
    }

    fn open(&mut self) -> Result<(), Cause> {
        let mut columns = Vec::new();
        self.columns.each(&mut |column| columns.push(column));
        let table = &mut self.table;
        // On a thread of its own: the caller's may be one of an async runtime, in which the driver cannot wait.
        let opened = thread::scope(|scope| scope.spawn(|| table.open(&columns)).join());
        opened.unwrap_or_else(|panic| Err(crate::error::panic_message(&*panic).into()))
    }

    fn committed(&mut self) -> Result<Option<Time>, Cause> {
        Ok(self.table.last)
    }

    fn part(&mut self, _: Time, _: usize) -> Result<Rows<C>, Cause> {
        let (columns, types) = (self.columns.clone(), self.table.types.clone());
        Ok(Rows { columns, types, bytes: BytesMut::new() })
    }

    fn commit(&mut self, batch: Time, parts: Vec<Rows<C>>) -> Result<(), Cause> {
        self.table.commit(batch, &parts.into_iter().map(|part| part.bytes).collect::<Vec<_>>())
    }
}
