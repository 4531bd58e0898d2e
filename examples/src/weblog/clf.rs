//! Common Log Format and its Combined extension.
//!
//! Lines are taken apart by the few bytes that servers are sure to write: the first space, ` [`, `]`, the quotes.
//! What lies between comes from the outside world and may be anything.

use compact_str::CompactString;

use super::{Malformed, Visit, scan, time};

pub(super) const NO_STATUS: &str = "not three digits from 100 to 599";
pub(super) const NO_SIZE: &str = "not a number or -";

/// The longest time between brackets that is worth a closer look.
const LONGEST_TIME: usize = 48;

pub(super) fn parse(line: &str, combined: bool) -> Result<Visit, Malformed> {
    let bytes = line.as_bytes();
    let host_end = scan::find(bytes, 0, b' ').filter(|end| *end > 0);
    let host_end = host_end.ok_or_else(|| Malformed::new("host", "no host before the first space", line))?;
    let (time_ms, after) = bracketed(bytes, host_end).map_err(|at| no_time(line, at.unwrap_or(host_end)))?;

    let quote = scan::skip_spaces(bytes, after);
    if bytes.get(quote) != Some(&b'"') {
        return Err(Malformed::at("request", "not quoted", line, quote));
    }
    let start = quote + 1;
    let (end, status_at) = request_end(line, start)?;
    let status = line.get(status_at..status_at + 3).and_then(status);
    let status = status.ok_or_else(|| Malformed::at("status", NO_STATUS, line, status_at))?;

    let size_at = scan::skip_spaces(bytes, status_at + 3);
    let size_end = field_end(bytes, size_at);
    let size = line.get(size_at..size_end).filter(|text| !text.is_empty()).and_then(size);
    let size = size.ok_or_else(|| Malformed::at("bytes", NO_SIZE, line, size_at))?;

    if combined {
        let referer_end = quoted(bytes, size_end);
        let agent_at = referer_end.ok_or_else(|| Malformed::at("referer", "missing or not quoted", line, size_end))?;
        quoted(bytes, agent_at).ok_or_else(|| Malformed::at("agent", "missing or not quoted", line, agent_at))?;
    }
    // Both ends are next to an ASCII byte, so that neither can be inside a character.
    let host = line.get(..host_end).unwrap_or("-");
    let request = line.get(start..end).unwrap_or("");
    Ok(Visit {
        time_ms,
        host: CompactString::new(host),
        path: CompactString::new(target(request)),
        status,
        bytes: size,
    })
}

pub(super) fn event_time(line: &str) -> Option<i64> {
    let bytes = line.as_bytes();
    let host_end = scan::find(bytes, 0, b' ').filter(|end| *end > 0)?;
    bracketed(bytes, host_end).ok().map(|(time, _)| time)
}

/// The target of a request line: what is between the method and the protocol, of which the latter may be missing as
/// in HTTP/0.9. Anything else is returned as it stands, `-` if it is empty.
pub(super) fn target(request: &str) -> &str {
    let bytes = request.as_bytes();
    let whole = if request.is_empty() { "-" } else { request };
    let Some(space) = scan::find(bytes, 0, b' ') else {
        return whole;
    };
    let is_method = bytes.iter().take(space).all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'));
    let start = scan::skip_spaces(bytes, space);
    let Some(rest) = request.get(start..).filter(|_| is_method && space > 0) else {
        return whole;
    };
    // From the end, for a target may hold spaces: not by the standard, but in logs.
    if let Some(last) = rest.bytes().rposition(|byte| byte == b' ')
        && let Some((target, protocol)) = rest.split_at_checked(last)
        && protocol.starts_with(" HTTP/")
    {
        let target = target.trim_end_matches(' ');
        return if target.is_empty() { whole } else { target };
    }
    // Two words of which the second is no path are not a request, but somebody trying another protocol on the port.
    if rest.starts_with('/') || rest.contains("://") { rest.trim_end_matches(' ') } else { whole }
}

/// A status of exactly three digits.
pub(super) fn status(text: &str) -> Option<u16> {
    let [hundreds, tens, ones] = *text.as_bytes() else {
        return None;
    };
    let valid = matches!(hundreds, b'1'..=b'5') && tens.is_ascii_digit() && ones.is_ascii_digit();
    let digit = |byte: u8| u16::from(byte.wrapping_sub(b'0'));
    valid.then(|| digit(hundreds) * 100 + digit(tens) * 10 + digit(ones))
}

/// A size in bytes, where `-` and nothing mean 0.
pub(super) fn size(text: &str) -> Option<u64> {
    if text.is_empty() || text == "-" {
        return Some(0);
    }
    text.bytes().try_fold(0_u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The time in brackets after byte `from` and the position after it, or else the position of the first ` [`.
///
/// As the user's name may hold brackets, there may be more than one ` [` before the time. If the first does not open
/// it, the others before the request's quote are tried; none after it, since from there on the client chooses the text.
fn bracketed(bytes: &[u8], from: usize) -> Result<(i64, usize), Option<usize>> {
    let mut first = None;
    let mut quote = None;
    let mut at = from;
    while let Some(bracket) = scan::find(bytes, at, b'[') {
        at = bracket + 1;
        if bytes.get(bracket.wrapping_sub(1)) != Some(&b' ') {
            continue;
        }
        if quote.is_some_and(|quote| quote < bracket) {
            break;
        }
        let text = bytes.get(at..).unwrap_or(&[]);
        if text.get(26) == Some(&b']')
            && let Some(time) = time::clf_fixed(text)
        {
            return Ok((time, at + 27));
        }
        let text = text.get(..LONGEST_TIME).unwrap_or(text);
        if let Some(length) = scan::find(text, 0, b']')
            && let Some(time) = text.get(..length).and_then(time::any)
        {
            return Ok((time, at + length + 1));
        }
        first = first.or(Some(bracket));
        // Looked for once only, or else a long line of brackets would take time by the square of its length.
        quote.get_or_insert_with(|| scan::find(bytes, from, b'"').unwrap_or(bytes.len()));
    }
    Err(first)
}

#[cold]
fn no_time(line: &str, at: usize) -> Malformed {
    Malformed::at("time", "not [day/month/year:hour:minute:second zone]", line, at)
}

/// The positions of the quote that ends the request and of the status after it.
///
/// Some servers escape quotes in the request and some do not, so a quote is the last only if a status follows.
fn request_end(line: &str, start: usize) -> Result<(usize, usize), Malformed> {
    let bytes = line.as_bytes();
    let mut first = None;
    let mut at = start;
    while let Some(quote) = closing(bytes, at) {
        first = first.or(Some(quote));
        if let Some(status_at) = status_after(bytes, quote) {
            return Ok((quote, status_at));
        }
        at = quote + 1;
    }
    // A server that does not escape may have written a backslash just before the last quote.
    let mut at = start;
    while let Some(quote) = scan::find(bytes, at, b'"') {
        if let Some(status_at) = status_after(bytes, quote) {
            return Ok((quote, status_at));
        }
        at = quote + 1;
    }
    Err(match first {
        Some(quote) => Malformed::at("status", NO_STATUS, line, scan::skip_spaces(bytes, quote + 1)),
        None => Malformed::at("request", "its quote is not closed", line, start),
    })
}

/// Where the status begins, if after this quote comes one: three digits, in range or not.
#[inline]
fn status_after(bytes: &[u8], quote: usize) -> Option<usize> {
    let at = scan::skip_spaces(bytes, quote + 1);
    let digits = bytes.get(at..at + 3)?.iter().all(u8::is_ascii_digit);
    (digits && at > quote + 1 && matches!(bytes.get(at + 3), None | Some(b' '))).then_some(at)
}

/// The first quote at or after `from` that no backslash escapes.
#[inline]
fn closing(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let hit = scan::find_either(bytes, at, b'"', b'\\')?;
        if bytes.get(hit) == Some(&b'"') {
            return Some(hit);
        }
        at = hit + 2;
    }
}

/// The position after a quoted field that follows `from` and spaces.
#[inline]
fn quoted(bytes: &[u8], from: usize) -> Option<usize> {
    let start = scan::skip_spaces(bytes, from);
    if start == from || bytes.get(start) != Some(&b'"') {
        return None;
    }
    closing(bytes, start + 1).or_else(|| scan::find(bytes, start + 1, b'"')).map(|end| end + 1)
}

/// The position of the space or the end of line that ends a short field.
#[inline]
fn field_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while bytes.get(at).is_some_and(|byte| *byte != b' ') {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests;
