//! What is wrong with a line that is no record.

use std::borrow::Cow;

use thiserror::Error;

/// The longest excerpt in characters, counted after escaping.
const EXCERPT: usize = 80;

/// A line that is not a record: which field is wrong, in what way, and the text found there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field}: {problem}, found \"{excerpt}\"")]
pub struct Malformed {
    field: &'static str,
    problem: Cow<'static, str>,
    excerpt: String,
}

impl Malformed {
    #[cold]
    pub(super) fn new(field: &'static str, problem: impl Into<Cow<'static, str>>, found: &str) -> Self {
        Self { field, problem: problem.into(), excerpt: excerpt(found) }
    }

    /// The same for text from byte `start` on, wherever that is: it is moved to a character's start.
    #[cold]
    pub(super) fn at(field: &'static str, problem: impl Into<Cow<'static, str>>, line: &str, start: usize) -> Self {
        let mut start = start.min(line.len());
        while !line.is_char_boundary(start) {
            start -= 1;
        }
        Self::new(field, problem, line.get(start..).unwrap_or(""))
    }

    /// The field that could not be read, such as `status`.
    pub fn field(&self) -> &str {
        self.field
    }

    /// What is wrong with it.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// The text found in its place: at most 80 characters and an ellipsis, with nothing in it that could steer a
    /// terminal.
    pub fn excerpt(&self) -> &str {
        &self.excerpt
    }
}

fn excerpt(text: &str) -> String {
    let mut out = String::new();
    let mut length = 0;
    for c in text.chars() {
        // Quotes and backslashes stay as they are: log lines are full of them, and doubling them helps nobody.
        if matches!(c, '"' | '\'' | '\\') || (' '..='~').contains(&c) {
            length += 1;
            if length > EXCERPT {
                out.push('…');
                break;
            }
            out.push(c);
        } else {
            // Knows control, formatting (such as right-to-left) and unprintable characters.
            let escaped = c.escape_debug();
            length += escaped.clone().count();
            if length > EXCERPT {
                out.push('…');
                break;
            }
            out.extend(escaped);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_and_where() {
        let error = Malformed::new("status", "not three digits", "2x0 12");
        assert_eq!(error.to_string(), r#"status: not three digits, found "2x0 12""#);
        assert_eq!((error.field(), error.problem(), error.excerpt()), ("status", "not three digits", "2x0 12"));
    }

    #[test]
    fn excerpts_are_short_and_harmless() {
        let error = Malformed::new("host", "x", "a\x1b[31m\t\u{202e}é\"\\\0");
        assert_eq!(error.excerpt(), "a\\u{1b}[31m\\t\\u{202e}é\"\\\\0");
        for unit in ["a", "é", "\x07", "\u{202e}", "字"] {
            let text = Malformed::new("host", "x", &unit.repeat(500)).excerpt().to_owned();
            let length = text.chars().count();
            assert!((70..=81).contains(&length) && text.ends_with('…'), "{length} {text}");
        }
    }

    #[test]
    fn any_start_will_do() {
        let line = "aé字";
        for start in 0..10 {
            let error = Malformed::at("x", "y", line, start);
            assert!(line.ends_with(error.excerpt()));
        }
    }
}
