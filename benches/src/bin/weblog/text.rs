//! A file of lines, read by several threads.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use memchr::{memchr, memrchr};

/// What a thread reads at once: a size that stays in its cache.
const PIECE: usize = 256 << 10;

/// A file that is read in blocks: a line belongs to the block in which it begins.
pub(crate) struct Text {
    path: PathBuf,
    length: u64,
}

/// A thread's way to read a file: its own position and its own buffer.
pub(crate) struct Reader {
    file: File,
    buffer: Vec<u8>,
}

impl Text {
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), length: path.metadata()?.len() })
    }

    /// Calls `work` with the number and the range of every block. Threads take the blocks in order, each the next one
    /// as soon as it is done with its last.
    pub(crate) fn each_block(
        &self,
        threads: usize,
        block: u64,
        work: impl Fn(u64, (u64, u64), &mut Reader) -> io::Result<()> + Sync,
    ) -> io::Result<()> {
        let next = AtomicU64::new(0);
        let thread = || {
            let mut reader = Reader { file: File::open(&self.path)?, buffer: vec![0; PIECE] };
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let start = number * block;
                if start >= self.length {
                    return Ok(());
                }
                let end = (start + block).min(self.length);
                work(number, (start, end), &mut reader)?;
            }
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(thread)).collect();
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| panic!("a thread panicked")))
        })
    }
}

impl Reader {
    /// Gives the lines that begin in a range, some at a time, with their line ends.
    pub(crate) fn pieces(&mut self, (start, end): (u64, u64), mut piece: impl FnMut(&[u8])) -> io::Result<()> {
        // From the byte before: if that is a line end, then a line begins here.
        let mut at = start.saturating_sub(1);
        let mut in_line_before = start > 0;
        let mut held = 0;
        self.file.seek(SeekFrom::Start(at))?;
        loop {
            if held == self.buffer.len() {
                self.buffer.resize(2 * held, 0);
            }
            let read = self.file.read(&mut self.buffer[held..])?;
            held += read;
            let bytes = &self.buffer[..held];
            let mut from = 0;
            if in_line_before {
                match memchr(b'\n', bytes) {
                    Some(line_end) => from = line_end + 1,
                    None if read == 0 => return Ok(()),
                    None => {
                        at += held as u64;
                        held = 0;
                        continue;
                    }
                }
                in_line_before = false;
            }
            if at + from as u64 >= end {
                return Ok(());
            }
            // The last line is the one that holds the last byte of the range.
            let last = usize::try_from(end - 1 - at).unwrap_or(usize::MAX);
            let last_end = bytes.get(last..).and_then(|rest| Some(last + memchr(b'\n', rest)? + 1));
            if last_end.is_some() || read == 0 {
                piece(&bytes[from..last_end.unwrap_or(held)]);
                return Ok(());
            }
            let whole = memrchr(b'\n', &bytes[from..]).map_or(from, |line_end| from + line_end + 1);
            if from < whole {
                piece(&bytes[from..whole]);
            }
            self.buffer.copy_within(whole..held, 0);
            at += whole as u64;
            held -= whole;
        }
    }

    /// Gives the lines that begin in a range, without their line ends. Bytes that are no UTF-8 become U+FFFD.
    pub(crate) fn lines(&mut self, range: (u64, u64), mut line: impl FnMut(&str)) -> io::Result<()> {
        self.pieces(range, |bytes| {
            let text = match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => String::from_utf8_lossy(bytes),
            };
            let mut rest = &*text;
            while !rest.is_empty() {
                let end = memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
                line(&rest[..end]);
                rest = rest.get(end + 1..).unwrap_or_default();
            }
        })
    }
}
