//! Words of a line, for both sides.

/// Calls a function with every word between single spaces.
#[inline]
pub(crate) fn each_word<'a>(line: &'a str, mut word: impl FnMut(&'a str)) {
    let mut from = 0;
    for (at, &byte) in line.as_bytes().iter().enumerate() {
        if byte == b' ' {
            word(&line[from..at]);
            from = at + 1;
        }
    }
    word(&line[from..]);
}
