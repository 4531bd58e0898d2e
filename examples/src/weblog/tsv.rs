//! The tab-separated columns of the NASA data set.

use compact_str::CompactString;

use super::{Malformed, Visit, clf, scan};

/// How the line that names the columns begins.
const HEADER: &[u8] = b"host\tlogname\ttime\t";

pub(super) fn is_header(line: &str) -> bool {
    line.as_bytes().starts_with(HEADER)
}

/// Hands out one column after the other.
struct Columns<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Columns<'a> {
    fn next(&mut self, name: &'static str) -> Result<&'a str, Malformed> {
        let bytes = self.line.as_bytes();
        let start = self.at;
        let end = scan::find(bytes, start, b'\t').unwrap_or(bytes.len());
        self.at = end + 1;
        self.line.get(start..end).ok_or_else(|| Malformed::new(name, "the column is missing", self.line))
    }
}

fn time(text: &str) -> Result<i64, Malformed> {
    text.parse::<i64>()
        .ok()
        .and_then(|seconds| seconds.checked_mul(1_000))
        .ok_or_else(|| Malformed::new("time", "not a number of seconds", text))
}

pub(super) fn parse(line: &str) -> Result<Visit, Malformed> {
    let mut columns = Columns { line, at: 0 };
    let host = columns.next("host")?;
    if host.is_empty() {
        return Err(Malformed::new("host", "empty", line));
    }
    columns.next("logname")?;
    let time_ms = time(columns.next("time")?)?;
    columns.next("method")?;
    let path = match columns.next("url")? {
        "" => "-",
        path => path,
    };
    let status = columns.next("response")?;
    let status = clf::status(status).ok_or_else(|| Malformed::new("status", clf::NO_STATUS, status))?;
    let bytes = columns.next("bytes")?;
    let bytes = clf::size(bytes).ok_or_else(|| Malformed::new("bytes", clf::NO_SIZE, bytes))?;
    Ok(Visit { time_ms, host: CompactString::new(host), path: CompactString::new(path), status, bytes })
}

pub(super) fn event_time(line: &str) -> Option<i64> {
    let mut columns = Columns { line, at: 0 };
    columns.next("host").ok()?;
    columns.next("logname").ok()?;
    time(columns.next("time").ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::super::{Format, event_time, parse};

    #[test]
    fn columns() {
        let line = "pppa006.compuserve.com\t-\t807256800\tGET\t/images/launch-logo.gif\t200\t1713\t\t\n";
        let visit = parse(line, None).unwrap().unwrap();
        assert_eq!(visit, parse(line, Some(Format::Nasa)).unwrap().unwrap());
        assert_eq!((visit.host.as_str(), visit.path.as_str()), ("pppa006.compuserve.com", "/images/launch-logo.gif"));
        assert_eq!((visit.time_ms, visit.status, visit.bytes), (807_256_800_000, 200, 1_713));
        for size in ["", "-"] {
            let visit = parse(&format!("h\t-\t1\tGET\t/\t304\t{size}"), None).unwrap().unwrap();
            assert_eq!((visit.status, visit.bytes), (304, 0));
        }
    }

    #[test]
    fn the_header_is_no_record() {
        let header = "host\tlogname\ttime\tmethod\turl\tresponse\tbytes\treferer\tuseragent";
        assert_eq!(parse(header, None), Ok(None));
        assert_eq!(parse(header, Some(Format::Nasa)), Ok(None));
        assert_eq!(event_time(header, None), None);
    }

    #[test]
    fn errors_name_the_column() {
        for (line, field) in [
            ("\t-\t1\tGET\t/\t200\t1", "host"),
            ("h\t-\tx\tGET\t/\t200\t1", "time"),
            ("h\t-\t9223372036854775807\tGET\t/\t200\t1", "time"),
            ("h\t-\t1\tGET", "url"),
            ("h\t-\t1\tGET\t/\t20\t1", "status"),
            ("h\t-\t1\tGET\t/\t600\t1", "status"),
            ("h\t-\t1\tGET\t/\t200\t1x", "bytes"),
            ("h\t-\t1\tGET\t/\t200", "bytes"),
        ] {
            assert_eq!(parse(line, Some(Format::Nasa)).unwrap_err().field(), field, "{line}");
        }
    }

    #[test]
    fn the_real_log() {
        let Some(folder) = env::var_os("STREAMGAUGE_DATA") else {
            println!("skipped: STREAMGAUGE_DATA, the folder of nasa_19950801.tsv, is not set");
            return;
        };
        let log = fs::read_to_string(Path::new(&folder).join("nasa_19950801.tsv")).expect("the data set is readable");
        let visits: Vec<_> = log.lines().filter_map(|line| parse(line, None).expect("no line is malformed")).collect();
        assert_eq!(visits.len(), 30_969);
        for (line, visit) in log.lines().skip(1).zip(&visits) {
            assert_eq!(event_time(line, None), Some(visit.time_ms));
            assert_eq!(parse(line, Some(Format::Nasa)), Ok(Some(visit.clone())));
        }
        assert_eq!(visits.iter().filter(|visit| visit.status == 304).count(), 2_421);
    }
}
