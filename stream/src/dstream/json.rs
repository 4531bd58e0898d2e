//! JSON lines.

use serde::de::DeserializeOwned;

/// Parses a line that is a JSON value; an empty line is none. For [`TextStream::parse`](crate::TextStream::parse) and
/// [`parse_or_divert`](crate::TextStream::parse_or_divert).
///
/// ```
/// use streamgauge_stream::{Queue, StreamingContext, TextBlock, Trigger, json};
///
/// #[derive(Clone, serde::Deserialize)]
/// struct Visit {
///     page: String,
///     ms: u32,
/// }
///
/// let ctx = StreamingContext::builder("visits").trigger(Trigger::Available).build();
/// let (queue, blocks) = Queue::new();
/// queue.push(vec![TextBlock::of_lines("input", 1, "{\"page\": \"/\", \"ms\": 7}\n{\"page\": 8}\n".to_owned())]);
/// let (visits, malformed) = ctx.text(blocks).parse_or_divert(json::<Visit>);
/// let pages = visits.map(|visit| (visit.page, visit.ms)).collect_to_memory();
/// let malformed = malformed.map(|line| line.to_string()).collect_to_memory();
/// ctx.run()?;
/// assert_eq!(pages.rows(), [("/".to_owned(), 7)]);
/// assert_eq!(malformed.rows(), ["input:2: invalid type: integer `8`, expected a string at column 10"]);
/// # Ok::<(), streamgauge_stream::Error>(())
/// ```
///
/// # Errors
/// What is wrong with the line, and at which column.
pub fn json<T: DeserializeOwned>(line: &str) -> Result<Option<T>, String> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    // The parser counts lines too, and each of these is its first.
    serde_json::from_str(line).map(Some).map_err(|error| error.to_string().replace(" at line 1 column", " at column"))
}
