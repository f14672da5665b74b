//! Holds a replay against its recording, block by block, and shows the first entry that differs.

use std::fmt;

use super::{Decoded, Decoder, JournalError, JournalFile, JournalFooter, JournalSink};

/// The first entry at which replay and recording part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its number, counted from 0.
    pub entry: u64,
    /// What was recorded; `None` when the recording had ended.
    pub recorded: Option<Decoded>,
    /// What the replay did; `None` when the replay had ended.
    pub replayed: Option<Decoded>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |who: &str, entry: &Option<Decoded>| match entry {
            Some(entry) => write!(f, "\n  {who} at {}: {}", entry.time, entry.text),
            None => write!(f, "\n  {who}: nothing more"),
        };
        line("recorded", &self.recorded)?;
        line("replayed", &self.replayed)?;
        write!(f, "\n  first difference: entry {}", self.entry)
    }
}

/// A sink that compares with a recorded journal.
pub struct Compare {
    file: JournalFile,
    services: Vec<String>,
}

impl Compare {
    /// Against `file`, from its start. `services` are the names of the run's services.
    pub fn new(mut file: JournalFile, services: Vec<String>) -> Result<Compare, JournalError> {
        file.rewind()?;
        Ok(Compare { file, services })
    }

    /// Whether the recording goes on behind this block of the replay, which is `closed` or has only begun; and where, in
    /// bytes, the recording's closed blocks end. What the recording has of the block has to be its beginning.
    pub(super) fn follows(
        &mut self,
        first_entry: u64,
        bytes: &[u8],
        closed: bool,
    ) -> Result<(bool, u64), JournalError> {
        let recorded = self.file.next_block()?.map(|(_, block)| block);
        let at_tail = self.file.at_tail() || recorded.is_none();
        let recorded = recorded.unwrap_or_default();
        let same = match at_tail {
            true => bytes.starts_with(&recorded),
            false => closed && bytes == recorded,
        };
        if !same {
            return Err(self.differ(first_entry, &recorded, bytes));
        }
        Ok((!at_tail, self.file.whole_until()))
    }

    fn differ(&self, first_entry: u64, recorded: &[u8], replayed: &[u8]) -> JournalError {
        let mut old = Decoder::new(recorded, &self.services);
        let mut new = Decoder::new(replayed, &self.services);
        let mut entry = first_entry;
        loop {
            let from = (old.position(), new.position());
            // What cannot be decoded is a difference like any other.
            let (a, b) = (old.next_entry().ok().flatten(), new.next_entry().ok().flatten());
            let same_bytes =
                recorded.get(from.0..old.position()) == replayed.get(from.1..new.position());
            if !same_bytes || a.is_none() || b.is_none() {
                return JournalError::Differs(Box::new(Difference {
                    entry,
                    recorded: a,
                    replayed: b,
                }));
            }
            entry += 1;
        }
    }
}

impl JournalSink for Compare {
    fn block(&mut self, first_entry: u64, bytes: &[u8]) -> Result<(), JournalError> {
        let recorded = self.file.next_block()?.map(|(_, block)| block).unwrap_or_default();
        if recorded == bytes { Ok(()) } else { Err(self.differ(first_entry, &recorded, bytes)) }
    }

    fn finish(&mut self, footer: &JournalFooter) -> Result<(), JournalError> {
        match self.file.next_block()? {
            Some((first, block)) => Err(self.differ(first, &block, &[])),
            None if self.file.footer() == footer => Ok(()),
            None => Err(self.differ(footer.entries, &[], &[])),
        }
    }
}
