//! A journal that stays in memory: a run that failed is run again, and its story told, without a file.

use std::sync::{Arc, Mutex, PoisonError};

use super::{JournalError, JournalFile, JournalFooter, JournalSink};

/// The blocks of a journal, each with the number of its first entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// In their order.
    pub blocks: Vec<(u64, Vec<u8>)>,
    /// Entries and digest; absent while the run goes on, and after one that stopped before its end.
    pub footer: Option<JournalFooter>,
}

impl Blocks {
    /// All blocks of a file.
    pub fn of(file: &mut JournalFile) -> Result<Blocks, JournalError> {
        file.rewind()?;
        let mut blocks = Vec::new();
        while let Some(block) = file.next_block()? {
            blocks.push(block);
        }
        Ok(Blocks { blocks, footer: Some(file.footer().clone()) })
    }
}

/// Keeps the blocks; what was kept is taken with [`MemorySink::take`] of a copy.
#[derive(Clone, Debug, Default)]
pub struct MemorySink(Arc<Mutex<Blocks>>);

impl MemorySink {
    /// What was journaled so far, which it then no longer has.
    pub fn take(&self) -> Blocks {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl JournalSink for MemorySink {
    fn block(&mut self, first_entry: u64, bytes: &[u8]) -> Result<(), JournalError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.blocks.push((first_entry, bytes.to_vec()));
        Ok(())
    }

    fn finish(&mut self, footer: &JournalFooter) -> Result<(), JournalError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).footer = Some(footer.clone());
        Ok(())
    }
}
