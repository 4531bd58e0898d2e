//! Texts as they are sent: titles, labels, and what comes from the data.

use std::fmt::{Display, Write};

/// Characters of a text that are sent: a record may be of any length.
const LONGEST: usize = 200;

/// The first 200 characters of what is displayed, and an ellipsis if there are more. What is longer is not written out.
pub(super) fn cut(text: &(impl Display + ?Sized)) -> String {
    let mut shown = String::new();
    cut_into(&mut shown, text);
    shown
}

/// [`cut`] into a text whose memory is used again.
pub(super) fn cut_into(shown: &mut String, text: &(impl Display + ?Sized)) {
    shown.clear();
    let mut start = Start { shown, room: LONGEST };
    // The one failure is that there is no more room, or one that `text` tells of itself: its start is what there is.
    let _ = write!(start, "{text}");
}

struct Start<'a> {
    shown: &'a mut String,
    room: usize,
}

impl Write for Start<'_> {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        let mut characters = part.char_indices();
        let Some((end, _)) = characters.nth(self.room) else {
            self.room -= part.chars().count();
            self.shown.push_str(part);
            return Ok(());
        };
        self.shown.push_str(&part[..end]);
        self.shown.push('…');
        // Ends the writing.
        Err(std::fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says so much, in pieces, and counts how many of them were taken.
    struct Pieces(usize, std::cell::Cell<usize>);

    impl Display for Pieces {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            for _ in 0..self.0 {
                self.1.set(self.1.get() + 1);
                write!(f, "añ…")?;
            }
            Ok(())
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"ñ".repeat(200)), "ñ".repeat(200));
        assert_eq!(cut(&"ñ".repeat(201)), "ñ".repeat(200) + "…");
        assert_eq!(cut(&"x".repeat(1 << 20)).chars().count(), 201);
        assert_eq!(cut(""), "");
    }

    #[test]
    fn what_is_not_shown_is_not_written() {
        let endless = Pieces(usize::MAX, std::cell::Cell::new(0));
        assert_eq!(cut(&endless).chars().count(), 201);
        assert_eq!(endless.1.get(), 67);
        assert_eq!(cut(&Pieces(2, std::cell::Cell::new(0))), "añ…añ…");
    }
}
