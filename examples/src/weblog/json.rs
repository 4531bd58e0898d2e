//! JSON lines: one object a line, with its fields under any of the usual names.
//!
//! Of several names for the same field the first that holds a value wins, also if one name comes twice; only `host`
//! gives way to every other name of the client, since many servers write there which of their own hosts was asked.

use std::fmt;

use compact_str::CompactString;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Malformed, Visit, clf, time};

/// What a name of the object stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Time,
    /// Milliseconds, whatever their number: the name [`Visit`] itself is written with.
    TimeMs,
    Client,
    Host,
    Path,
    Request,
    Status,
    Bytes,
    Other,
}

impl Field {
    fn of(name: &str) -> Self {
        match name {
            "time" | "timestamp" | "ts" | "@timestamp" | "time_local" | "date" => Self::Time,
            "time_ms" => Self::TimeMs,
            "remote_addr" | "client_ip" | "clientip" | "ip" | "remote_host" => Self::Client,
            "host" => Self::Host,
            "path" | "url" | "uri" | "request_uri" => Self::Path,
            "request" => Self::Request,
            "status" | "response" | "status_code" | "code" => Self::Status,
            "bytes" | "size" | "bytes_sent" | "body_bytes_sent" | "length" => Self::Bytes,
            _ => Self::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Time | Self::TimeMs => "time",
            Self::Client | Self::Host => "host",
            Self::Path | Self::Request => "path",
            Self::Status => "status",
            Self::Bytes => "bytes",
            Self::Other => "json",
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Time | Self::TimeMs => "not a time",
            Self::Client | Self::Host | Self::Path | Self::Request | Self::Other => "not a text",
            Self::Status => clf::NO_STATUS,
            Self::Bytes => clf::NO_SIZE,
        }
    }
}

/// What has been read of the object so far.
#[derive(Default)]
struct Fields {
    only_time: bool,
    time: Option<i64>,
    client: Option<CompactString>,
    host: Option<CompactString>,
    path: Option<CompactString>,
    status: Option<u16>,
    bytes: Option<u64>,
    /// Values that are of no use: they are an error only if no other name has a better one.
    bad: Vec<Malformed>,
}

/// Keeps the first value that there is; tells whether there was none to keep.
fn keep<T>(slot: &mut Option<T>, value: impl FnOnce() -> Option<T>) -> bool {
    if slot.is_none() {
        *slot = value();
    }
    slot.is_none()
}

impl Fields {
    fn text(&mut self, field: Field, text: &str) {
        let owned = |text: &str| (!text.is_empty()).then(|| CompactString::new(text));
        let failed = match field {
            Field::Time => keep(&mut self.time, || time::any(text.as_bytes())),
            Field::TimeMs => keep(&mut self.time, || text.parse().ok()),
            Field::Client => keep(&mut self.client, || owned(text)),
            Field::Host => keep(&mut self.host, || owned(text)),
            Field::Path => keep(&mut self.path, || owned(if text.is_empty() { "-" } else { text })),
            Field::Request => keep(&mut self.path, || owned(clf::target(text))),
            Field::Status => keep(&mut self.status, || clf::status(text)),
            Field::Bytes => keep(&mut self.bytes, || clf::size(text)),
            Field::Other => false,
        };
        if failed {
            self.fail(field, text);
        }
    }

    fn integer(&mut self, field: Field, number: i64) {
        let failed = match field {
            Field::Time => keep(&mut self.time, || time::epoch(number)),
            Field::TimeMs => keep(&mut self.time, || Some(number)),
            Field::Status => {
                keep(&mut self.status, || u16::try_from(number).ok().filter(|status| (100..600).contains(status)))
            }
            Field::Bytes => keep(&mut self.bytes, || u64::try_from(number).ok()),
            _ => true,
        };
        if failed {
            self.fail(field, number);
        }
    }

    fn fraction(&mut self, field: Field, number: f64) {
        if field == Field::Time {
            if keep(&mut self.time, || time::epoch_fraction(number)) {
                self.fail(field, number);
            }
        } else if number.fract() == 0.0 && number.abs() < 9e15 {
            // Some writers have no whole numbers, and write 200 as 200.0 or 2e2.
            self.integer(field, number as i64);
        } else {
            self.fail(field, number);
        }
    }

    #[cold]
    fn fail(&mut self, field: Field, found: impl fmt::Display) {
        if self.bad.iter().all(|known| known.field() != field.name()) {
            self.bad.push(Malformed::new(field.name(), field.expected(), &found.to_string()));
        }
    }

    #[cold]
    fn missing(&mut self, field: Field, line: &str) -> Malformed {
        let bad = self.bad.iter().position(|bad| bad.field() == field.name()).map(|at| self.bad.swap_remove(at));
        bad.unwrap_or_else(|| Malformed::new(field.name(), "none of its usual names is there", line))
    }
}

/// Reads an object into [`Fields`]. They are borrowed rather than returned: so a time that has been found outlives
/// the error by which reading stops early.
struct Object<'f>(&'f mut Fields);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Name)? {
            let wanted = matches!(field, Field::Time | Field::TimeMs) || !self.0.only_time;
            if field == Field::Other || !wanted {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Value { fields: self.0, field })?;
            }
            if self.0.only_time && self.0.time.is_some() {
                return Err(A::Error::custom("the rest is not needed"));
            }
        }
        Ok(())
    }
}

/// Reads a name as a [`Field`], without a string of its own.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Field, E> {
        Ok(Field::of(name))
    }
}

/// Reads the value of one field.
struct Value<'f> {
    fields: &'f mut Fields,
    field: Field,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.fields.text(self.field, text);
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.fields.integer(self.field, number);
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.fields.integer(self.field, number),
            Err(_) if self.field == Field::Bytes => {
                keep(&mut self.fields.bytes, || Some(number));
            }
            Err(_) => self.fields.fail(self.field, number),
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.fields.fraction(self.field, number);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.fields.fail(self.field, value);
        Ok(())
    }

    /// `null` is the same as no such name.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.fields.fail(self.field, "an array");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.fields.fail(self.field, "an object");
        Ok(())
    }
}

pub(super) fn parse(line: &str) -> Result<Visit, Malformed> {
    let mut fields = Fields::default();
    let mut json = serde_json::Deserializer::from_str(line);
    Object(&mut fields).deserialize(&mut json).and_then(|()| json.end()).map_err(|error| {
        // The text up to the error tells more than the text from it on.
        Malformed::at("json", error.to_string(), line, error.column().saturating_sub(40))
    })?;
    let time_ms = fields.time.ok_or_else(|| fields.missing(Field::Time, line))?;
    let host = fields.client.take().or(fields.host.take()).ok_or_else(|| fields.missing(Field::Host, line))?;
    let path = fields.path.take().ok_or_else(|| fields.missing(Field::Path, line))?;
    let status = fields.status.ok_or_else(|| fields.missing(Field::Status, line))?;
    let bytes = match fields.bytes {
        Some(bytes) => bytes,
        None if fields.bad.iter().any(|bad| bad.field() == "bytes") => {
            return Err(fields.missing(Field::Bytes, line));
        }
        None => 0,
    };
    Ok(Visit { time_ms, host, path, status, bytes })
}

pub(super) fn event_time(line: &str) -> Option<i64> {
    let mut fields = Fields { only_time: true, ..Fields::default() };
    // Fails as soon as the time has been found.
    let _ = Object(&mut fields).deserialize(&mut serde_json::Deserializer::from_str(line));
    fields.time
}

#[cfg(test)]
mod tests;
