//! The way in: which parser a line goes to.

use super::{Format, Malformed, Visit, clf, json, scan, tsv};

/// Reads one line, with or without its line break, in the given format or in the one it looks to be in.
///
/// `Ok(None)` is a line that carries no record: a blank one or the header of the NASA data set. Nothing is
/// allocated but the two strings of the [`Visit`], and those only when longer than 24 bytes.
///
/// # Errors
///
/// [`Malformed`] if the line is no record of the format. Without a format a line of the Common or Combined format
/// may end in anything after its size.
pub fn parse(line: &str, format: Option<Format>) -> Result<Option<Visit>, Malformed> {
    let line = trim(line);
    if is_blank(line) {
        return Ok(None);
    }
    match format.map_or_else(|| recognise(line), Ok)? {
        Format::Common => clf::parse(line, false).map(Some),
        Format::Combined => clf::parse(line, true).map(Some),
        Format::Json => json::parse(line).map(Some),
        Format::Nasa if tsv::is_header(line) => Ok(None),
        Format::Nasa => tsv::parse(line).map(Some),
    }
}

/// The time of a line in milliseconds since the epoch, read without the rest of it; `None` if there is none.
///
/// It equals [`Visit::time_ms`] wherever [`parse()`] gives a visit. As only the time is looked at, a line that is
/// malformed further on may have one too.
pub fn event_time(line: &str, format: Option<Format>) -> Option<i64> {
    let line = trim(line);
    match format.map_or_else(|| recognise(line), Ok).ok()? {
        Format::Common | Format::Combined => clf::event_time(line),
        Format::Json => json::event_time(line),
        Format::Nasa => tsv::event_time(line),
    }
}

/// Drops what is no part of a line's text: the line break, and the byte order mark some editors put before the
/// first line.
fn trim(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    line.strip_prefix('\u{feff}').unwrap_or(line)
}

fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// The first byte tells JSON; of the others, the byte that ends the host tells which it is.
fn recognise(line: &str) -> Result<Format, Malformed> {
    let bytes = line.as_bytes();
    let first = bytes.first();
    if first == Some(&b'{')
        || (first.is_some_and(u8::is_ascii_whitespace) && bytes.trim_ascii_start().first() == Some(&b'{'))
    {
        return Ok(Format::Json);
    }
    match scan::find_either(bytes, 0, b' ', b'\t').and_then(|at| bytes.get(at)) {
        Some(b'\t') => Ok(Format::Nasa),
        Some(_) => Ok(Format::Common),
        None => Err(Malformed::new("line", "of no known format", line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMBINED: &str = r#"::1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326 "-" "curl/8""#;
    const JSON: &str = r#"{"time":971211336,"host":"::1","path":"/a","status":200,"bytes":2326}"#;
    const NASA: &str = "::1\t-\t971211336\tGET\t/a\t200\t2326\t\t";

    #[test]
    fn formats_are_recognised_line_by_line() {
        let visits = [COMBINED, &COMBINED[..63], JSON, NASA].map(|line| parse(line, None).unwrap().unwrap());
        for visit in &visits {
            assert_eq!(visit, &visits[0]);
        }
        for line in [COMBINED, JSON, NASA] {
            assert_eq!(event_time(line, None), Some(971_211_336_000));
        }
    }

    #[test]
    fn a_format_can_be_forced() {
        for (line, own) in [(COMBINED, Format::Combined), (JSON, Format::Json), (NASA, Format::Nasa)] {
            for format in Format::ALL {
                let fits = format == own || (own, format) == (Format::Combined, Format::Common);
                assert_eq!(parse(line, Some(format)).is_ok(), fits, "{line} as {format}");
            }
        }
    }

    #[test]
    fn lines_without_a_record() {
        for line in ["", "\n", "\r\n", "  \t \r\n", "\u{feff}"] {
            for format in [None, Some(Format::Common), Some(Format::Json), Some(Format::Nasa)] {
                assert_eq!(parse(line, format), Ok(None));
                assert_eq!(event_time(line, format), None);
            }
        }
    }

    #[test]
    fn line_breaks_and_marks_do_not_matter() {
        let visit = parse(COMBINED, None);
        for line in [format!("{COMBINED}\n"), format!("{COMBINED}\r\n"), format!("\u{feff}{COMBINED}")] {
            assert_eq!(parse(&line, Some(Format::Combined)), visit);
            assert_eq!(event_time(&line, None), Some(971_211_336_000));
        }
        assert_eq!(parse(&format!("  {JSON}"), None), visit);
    }

    #[test]
    fn a_word_is_no_line() {
        assert_eq!(parse("hello", None).unwrap_err().to_string(), r#"line: of no known format, found "hello""#);
    }
}
