//! The bytes of a csv on their way to its reader, and the numbers of its lines.

use std::io::{BufRead, Read};

use csv::ByteRecord;

/// Bytes without a line end after which the file is no csv of market data.
pub(super) const LINE_BYTES_MAX: usize = 1 << 16;

/// The input on its way to the csv reader: remembers how it ended, and stops where a line does not end.
pub(super) struct Lines<'a> {
    input: &'a mut dyn BufRead,
    /// Bytes since the last line end.
    pub unended: usize,
    /// The line is longer than any of market data.
    pub endless: bool,
    /// The last line has no end, and was asked for more.
    is_over: bool,
    started: bool,
    has_mark: bool,
    windows_ends: bool,
}

impl<'a> Lines<'a> {
    pub fn new(input: &'a mut dyn BufRead) -> Lines<'a> {
        Lines {
            input,
            unended: 0,
            endless: false,
            is_over: false,
            started: false,
            has_mark: false,
            windows_ends: false,
        }
    }

    /// What is to be said of the text.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let mark = self.has_mark.then_some("begins with a byte-order mark, which was passed over");
        let ends =
            self.windows_ends.then_some("has Windows line ends, which were read as line ends");
        mark.into_iter().chain(ends).map(str::to_owned)
    }
}

impl Read for Lines<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let length = self.input.read(out)?;
        self.is_over = length == 0 && self.unended > 0;
        if !self.started {
            self.started = true;
            self.has_mark = out[..length].starts_with(&[0xEF, 0xBB, 0xBF]);
            self.windows_ends = out[..length].windows(2).any(|pair| pair == b"\r\n");
        }
        match out[..length].iter().rposition(|b| *b == b'\n') {
            Some(at) => self.unended = length - at - 1,
            None => self.unended += length,
        }
        if self.unended > LINE_BYTES_MAX {
            self.endless = true;
            return Err(std::io::Error::other("a line without an end"));
        }
        Ok(length)
    }
}

/// The line of the record that was read last. The csv reader tells where it began to look for it: before
/// the empty lines that it passes over, and on the line before where lines end as in Windows, of whose ends it
/// takes the second half with the next record.
pub(super) fn line_of(record: &ByteRecord, reader: &csv::Reader<Lines<'_>>) -> u64 {
    let (before, after) = (record.position().map_or((0, 0), place), place(reader.position()));
    let lines = reader.get_ref();
    let line_ends = after.0 - before.0;
    let has_taken_its_end = if lines.is_over {
        false
    } else if lines.windows_ends {
        // Some lines of such a file may end otherwise: then no half of an end is among the bytes.
        let fields = record.as_slice().len() + record.len().saturating_sub(1);
        after.1 - before.1 == fields as u64 + line_ends
    } else {
        line_ends > 0
    };
    after.0 - u64::from(has_taken_its_end)
}

/// Line and byte.
fn place(position: &csv::Position) -> (u64, u64) {
    (position.line(), position.byte())
}
