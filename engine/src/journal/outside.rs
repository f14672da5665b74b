//! Numbers that a service did not compute by our own rules: outputs of model files, whose kernels differ from
//! processor to processor. They are journaled as inputs, and a replay reads them back.

use std::collections::VecDeque;

use super::{Decoder, Journal, JournalFile, Seen, kind, varint};
use crate::{Nanos, ServiceId};

/// Recorded numbers for the replay, in their order.
pub trait RecordedNumbers: Send {
    /// Fills `out` with the next numbers of the recording; `false` (and `out` as it was) where those belong to
    /// another service, are not as many, or there are no more: the replay has then gone another way.
    fn next(&mut self, service: ServiceId, out: &mut [f64]) -> bool;
}

/// Numbers as they lie in a journal, read block by block.
pub struct NumbersOf {
    file: Option<JournalFile>,
    waiting: VecDeque<(ServiceId, Vec<f64>)>,
}

impl NumbersOf {
    /// Of this recording. Nothing is read before the first question: most runs have no such numbers.
    pub fn new(file: JournalFile) -> NumbersOf {
        NumbersOf { file: Some(file), waiting: VecDeque::new() }
    }

    fn refill(&mut self) {
        while self.waiting.is_empty() {
            // What cannot be read, the comparison with the same file says better.
            let block = self.file.as_mut().and_then(|file| file.next_block().ok().flatten());
            let Some((_, block)) = block else {
                self.file = None;
                return;
            };
            let mut decoder = Decoder::new(&block, &[]);
            while let Ok(Some(numbers)) = decoder.next_outside() {
                self.waiting.push_back(numbers);
            }
        }
    }
}

impl RecordedNumbers for NumbersOf {
    fn next(&mut self, service: ServiceId, out: &mut [f64]) -> bool {
        self.refill();
        let fits =
            |(of, numbers): &&(ServiceId, Vec<f64>)| *of == service && numbers.len() == out.len();
        if self.waiting.front().filter(fits).is_none() {
            return false;
        }
        self.waiting.pop_front().is_some_and(|(_, numbers)| {
            out.copy_from_slice(&numbers);
            true
        })
    }
}

impl Journal {
    pub(crate) fn outside(&mut self, now: Nanos, service: ServiceId, numbers: &[f64]) {
        self.begin(now, kind::OUTSIDE);
        self.service(service);
        varint(&mut self.block, numbers.len() as u64);
        for number in numbers {
            self.block.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        self.tell(now, Seen::Outside(service, numbers));
    }
}

/// An entry of a stream, as a journal tells it: names and texts of the fields that are present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Name of the stream.
    pub stream: String,
    /// The fields. Those of a raw entry are as they were written.
    pub fields: Vec<(String, String)>,
}

impl Publication {
    /// The first field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Decoded, FileSink};

    const ME: ServiceId = ServiceId(3);

    #[test]
    fn numbers_come_back_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.journal");
        let sink = FileSink::create(&path, &serde_json::json!({})).expect("a file");
        let mut journal = Journal::new(Box::new(sink));
        let odd = f64::from_bits(0x7ff8_0000_dead_beef);
        journal.outside(Nanos(5), ME, &[0.25, odd]);
        journal.action(Nanos(6), "between");
        journal.outside(Nanos(7), ME, &[0.5]);
        journal.finish(Nanos(8)).expect("written");

        let mut file = JournalFile::open(&path).expect("a journal");
        let (_, block) = file.next_block().expect("readable").expect("a block");
        let names = vec![String::new(); 4];
        let mut decoder = Decoder::new(&block, &names);
        let Ok(Some(Decoded { text, .. })) = decoder.next_entry() else {
            panic!("an entry");
        };
        assert!(text.contains("numbers from outside") && text.contains("0.25"), "{text}");

        let mut numbers = NumbersOf::new(JournalFile::open(&path).expect("a journal"));
        let mut two = [0.0; 2];
        assert!(!numbers.next(ServiceId(4), &mut two), "they belong to another service");
        assert!(!numbers.next(ME, &mut [0.0]), "they are two");
        assert!(numbers.next(ME, &mut two));
        assert_eq!(two.map(f64::to_bits), [0.25f64.to_bits(), odd.to_bits()]);
        let mut one = [0.0];
        assert!(numbers.next(ME, &mut one));
        assert_eq!(one, [0.5]);
        assert!(!numbers.next(ME, &mut one), "there are no more");
    }
}
