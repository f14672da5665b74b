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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Decoder, Journal, JournalEntry, KeyValue};
    use crate::{Nanos, ServiceId, TimerKey};

    crate::record! {
        /// Anything.
        pub struct Sample {
            /// A text.
            pub note: String = "note",
            /// A number that may be absent.
            pub count: Option<u64> = "count",
        }
    }

    #[test]
    fn entries_in_memory_are_read_in_turn_and_one_by_one() {
        let sink = MemorySink::default();
        let mut journal = Journal::new(Box::new(sink.clone()));
        for n in 0..20_000 {
            let now = Nanos(n);
            journal.timer(now, ServiceId(1), TimerKey(n as u32));
            let sample = Sample { note: format!("number {n}"), count: (n % 2 == 0).then_some(7) };
            journal.set_record(now, n % 3 == 0, "key", &sample, Some(Nanos::from_secs(1)));
        }
        journal.finish(Nanos(20_000)).expect("memory takes all");
        let kept = sink.take();
        assert!(kept.blocks.len() > 1, "more than one block");
        assert_eq!(kept.footer.as_ref().map(|footer| footer.entries), Some(40_000));
        assert_eq!(sink.take(), Blocks::default(), "it was taken");

        let mut count = 0;
        for (first, bytes) in &kept.blocks {
            assert_eq!(*first, count);
            let (mut decoder, mut in_turn) = (Decoder::new(bytes, &[]), Vec::new());
            loop {
                let at = decoder.position();
                let Some((_, entry)) = decoder.next_value().expect("readable") else { break };
                in_turn.push((at, entry));
                count += 1;
            }
            let definitions = decoder.into_definitions();
            for (at, entry) in in_turn.into_iter().rev().step_by(997) {
                let again = Decoder::value_at(bytes, at, &definitions).expect("readable");
                assert_eq!(again, entry);
                let JournalEntry::Set { value, life, .. } = entry else { continue };
                let (KeyValue::Hash(record) | KeyValue::Json(record)) = value else {
                    panic!("a record");
                };
                let note = record.get("note").map(ToString::to_string).unwrap_or_default();
                assert!(note.starts_with("number "), "{note}");
                assert_eq!(life, Some(Nanos::from_secs(1)));
            }
        }
        assert_eq!(count, 40_000);
    }
}
