//! Lines of text of any length up to a bound, read one at a time.

use std::io::BufRead;

use super::csv_rows::Stop;
use super::guard;

/// A message of all symbols there are has some hundred kilobytes.
const LINE_BYTES_MAX: usize = 16 << 20;

/// Reads lines, and remembers what was passed over.
pub(super) struct TextLines<'a> {
    input: &'a mut dyn BufRead,
    bytes: Vec<u8>,
    line: u64,
    has_mark: bool,
    windows_ends: bool,
}

impl<'a> TextLines<'a> {
    pub fn new(input: &'a mut dyn BufRead) -> TextLines<'a> {
        TextLines { input, bytes: Vec::new(), line: 0, has_mark: false, windows_ends: false }
    }

    /// The next line that is not empty, with its number and without its end; nothing at the end.
    pub fn next(&mut self) -> Result<Option<(u64, &str)>, Stop> {
        loop {
            self.bytes.clear();
            self.line += 1;
            if !self.fill()? {
                return Ok(None);
            }
            const MARK: &[u8] = &[0xEF, 0xBB, 0xBF];
            if self.line == 1 && self.bytes.starts_with(MARK) {
                self.has_mark = true;
                self.bytes.drain(..MARK.len());
            }
            self.windows_ends |= self.bytes.ends_with(b"\r\n");
            let end = self.bytes.trim_ascii_end().len();
            self.bytes.truncate(end);
            if !self.bytes.is_empty() {
                break;
            }
        }
        let line = self.line;
        let text = std::str::from_utf8(&self.bytes).map_err(|_| {
            Stop::Refused(format!("line {line}: is no text (UTF-8); the recording is damaged here, or written in another encoding: write it as UTF-8, or record again"))
        })?;
        Ok(Some((line, text)))
    }

    /// What is to be said of the text.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let mark = self.has_mark.then_some("begins with a byte-order mark, which was passed over");
        let ends =
            self.windows_ends.then_some("has Windows line ends, which were read as line ends");
        mark.into_iter().chain(ends).map(str::to_owned)
    }

    /// Reads to the end of the line; false at the end of the text.
    fn fill(&mut self) -> Result<bool, Stop> {
        loop {
            let line = self.line;
            let some = self.input.fill_buf().map_err(|e| {
                Stop::Refused(guard::told(&e).unwrap_or_else(|| {
                    format!("line {line}: cannot be read on: {e}; the file is cut or damaged, get it again")
                }))
            })?;
            let (taken, ended) = match some.iter().position(|b| *b == b'\n') {
                Some(at) => (&some[..=at], true),
                None => (some, false),
            };
            let length = taken.len();
            self.bytes.extend_from_slice(taken);
            self.input.consume(length);
            if ended || length == 0 {
                return Ok(!self.bytes.is_empty());
            }
            if self.bytes.len() > LINE_BYTES_MAX {
                return Err(Stop::Refused(format!(
                    "line {line}: has no end after {LINE_BYTES_MAX} bytes; this is no recording of one \
                     message a line"
                )));
            }
        }
    }
}
