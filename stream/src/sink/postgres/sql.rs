//! What is said to the server.

use crate::sink::Cause;

/// The table of the records.
const RECORDS: &str = "streamgauge_batches";
/// The temporary table that rows to be inserted or updated come to first, and its column of their order.
const STAGE: &str = "pg_temp.streamgauge_rows";
const ORDER: &str = "\"streamgauge: order of rows\"";

/// An identifier, as it is.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A list of identifiers.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// The statements for one table.
#[derive(Debug, Default)]
pub(super) struct Statements {
    /// The names of the record's table, for `to_regclass`.
    pub(super) records: String,
    pub(super) make_records: String,
    pub(super) read_record: String,
    pub(super) insert_record: String,
    pub(super) update_record: String,
    /// Gives the types of the columns.
    pub(super) columns: String,
    /// Takes the rows: into the table, or into the stage.
    pub(super) copy: String,
    /// For a table with a key.
    pub(super) upsert: Option<Upsert>,
}

#[derive(Debug)]
pub(super) struct Upsert {
    pub(super) make_stage: String,
    /// From the stage into the table.
    pub(super) insert: String,
}

impl Statements {
    pub(super) fn new(schema: Option<&str>, table: &str, columns: &[&str], key: &[String]) -> Result<Self, Cause> {
        let names = schema.into_iter().chain([table]).chain(columns.iter().copied());
        if let Some(name) = names.clone().find(|name| name.is_empty() || name.contains('\0')) {
            return Err(format!("{name:?} is no name of a schema, a table or a column").into());
        }
        if columns.is_empty() {
            return Err("there are no columns; name them by column, text or computed".into());
        }
        if let Some(twice) = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name)) {
            return Err(format!("column {} is named twice", twice.1).into());
        }
        if let Some(key) = key.iter().find(|key| !columns.contains(&key.as_str())) {
            return Err(format!("the key has a column {key}, and it is not among the columns that are written").into());
        }
        let within = schema.map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
        let (table, records) = (format!("{within}{}", quoted(table)), format!("{within}{}", quoted(RECORDS)));
        let listed = list(columns.iter().copied());
        let upsert = (!key.is_empty()).then(|| {
            let keys = list(key.iter().map(String::as_str));
            let others = columns.iter().filter(|name| !key.iter().any(|key| key == *name)).map(|name| quoted(name));
            let set: Vec<_> = others.map(|name| format!("{name} = EXCLUDED.{name}")).collect();
            let on_conflict =
                if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", set.join(", ")) };
            let unqualified = STAGE.trim_start_matches("pg_temp.");
            Upsert {
                make_stage: format!(
                    "CREATE TEMP TABLE {unqualified} ON COMMIT DELETE ROWS AS SELECT {listed} FROM {table} WITH NO DATA; \
                     ALTER TABLE {STAGE} ADD COLUMN {ORDER} bigserial"
                ),
                // Of several rows with a key the last one: the server would refuse to change a row twice.
                insert: format!(
                    "INSERT INTO {table} ({listed}) SELECT DISTINCT ON ({keys}) {listed} FROM {STAGE} \
                     ORDER BY {keys}, {ORDER} DESC ON CONFLICT ({keys}) DO {on_conflict}"
                ),
            }
        });
        let into = if upsert.is_some() { STAGE } else { &table };
        Ok(Self {
            make_records: format!(
                "CREATE TABLE IF NOT EXISTS {records} (sink text PRIMARY KEY, batch_ms bigint NOT NULL)"
            ),
            read_record: format!("SELECT batch_ms FROM {records} WHERE sink = $1"),
            insert_record: format!("INSERT INTO {records} (sink, batch_ms) VALUES ($1, $2)"),
            // Of the batch before and no other: two jobs under one name do not get past each other.
            update_record: format!("UPDATE {records} SET batch_ms = $2 WHERE sink = $1 AND batch_ms = $3"),
            columns: format!("SELECT {listed} FROM {table}"),
            copy: format!("COPY {into} ({listed}) FROM STDIN (FORMAT binary)"),
            records,
            upsert,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_they_are() {
        let hostile = "a\"; DROP TABLE x; --";
        let statements = Statements::new(Some("S"), hostile, &["b\"", "c d"], &["b\"".to_owned()]).unwrap();
        let quoted = "\"a\"\"; DROP TABLE x; --\"";
        assert_eq!(statements.columns, format!("SELECT \"b\"\"\", \"c d\" FROM \"S\".{quoted}"));
        let upsert = statements.upsert.unwrap().insert;
        assert!(upsert.ends_with("ON CONFLICT (\"b\"\"\") DO UPDATE SET \"c d\" = EXCLUDED.\"c d\""), "{upsert}");
        let only_key = Statements::new(None, "t", &["k"], &["k".to_owned()]).unwrap();
        assert!(only_key.upsert.unwrap().insert.ends_with("DO NOTHING"));
    }

    #[test]
    fn what_cannot_be_said_is_told() {
        let says = |table: &str, columns: &[&str], key: &[&str]| {
            let key: Vec<_> = key.iter().map(|key| key.to_string()).collect();
            Statements::new(None, table, columns, &key).unwrap_err().to_string()
        };
        assert!(says("t", &[], &[]).contains("no columns"));
        assert!(says("t", &["a", "b", "a"], &[]).contains("column a is named twice"));
        assert!(says("t", &["a"], &["id"]).contains("a column id"));
        assert!(says("t\0", &["a"], &[]).contains("is no name"));
        assert!(says("", &["a"], &[]).contains("is no name"));
    }
}
