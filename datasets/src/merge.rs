//! The merge of several sources into one order: time, then symbol, then rank.

use engine::{FeedError, MarketEvent};

/// Events of one symbol in time order, in batches.
pub(crate) trait Source: Send {
    /// Replaces `batch` by the next events; leaves it empty at the end.
    fn fill(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError>;

    /// One that goes on where this one stands; none where a copy is dearer than to begin again.
    fn fork(&self) -> Option<Box<dyn Source>> {
        None
    }
}

/// Events handed out at a time when there is something to merge.
const BATCH_EVENTS: usize = 4_096;

struct Head {
    source: Box<dyn Source>,
    /// Symbol and rank: settles the order of one nanosecond.
    order: u64,
    buffer: Vec<MarketEvent>,
    next: usize,
    /// Time and order of the next event as one number to compare; `i128::MAX` at the end.
    key: i128,
}

fn key(time: i64, order: u64) -> i128 {
    (i128::from(time) << 56) | i128::from(order)
}

impl Head {
    fn fork(&self) -> Option<Head> {
        let (source, buffer) = (self.source.fork()?, self.buffer.clone());
        Some(Head { source, order: self.order, buffer, next: self.next, key: self.key })
    }

    fn refill(&mut self) -> Result<(), FeedError> {
        self.source.fill(&mut self.buffer)?;
        self.next = 0;
        self.key = match self.buffer.first() {
            Some(event) => key(event.time.0, self.order),
            None => i128::MAX,
        };
        Ok(())
    }
}

/// A book and its trades, which take turns at nearly every event: no search for the next one.
fn merge_two(a: &mut Head, b: &mut Head, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
    let a_first = a.order < b.order;
    while batch.len() < BATCH_EVENTS {
        let (left, right) = (&a.buffer[a.next..], &b.buffer[b.next..]);
        if left.is_empty() || right.is_empty() {
            // One has ended: the rest is the other's.
            let head = if left.is_empty() { &mut *b } else { &mut *a };
            let rest = &head.buffer[head.next..];
            let run = rest.len().min(BATCH_EVENTS - batch.len());
            batch.extend_from_slice(&rest[..run]);
            head.next += run;
            if head.next < head.buffer.len() || head.buffer.is_empty() {
                return Ok(());
            }
            head.refill()?;
            continue;
        }
        let (mut i, mut j) = (0, 0);
        let room = BATCH_EVENTS - batch.len();
        while i + j < room
            && let (Some(x), Some(y)) = (left.get(i), right.get(j))
        {
            if x.time < y.time || (x.time == y.time && a_first) {
                batch.push(*x);
                i += 1;
            } else {
                batch.push(*y);
                j += 1;
            }
        }
        (a.next, b.next) = (a.next + i, b.next + j);
        for head in [&mut *a, &mut *b] {
            if head.next == head.buffer.len() && !head.buffer.is_empty() {
                head.refill()?;
            }
        }
    }
    Ok(())
}

/// Merges sources by a scan over their heads, which for the few sources of a run beats a heap.
pub(crate) struct Merge {
    heads: Vec<Head>,
    started: bool,
}

impl Merge {
    /// Each source comes with its symbol's index and its rank within the symbol.
    pub fn new(sources: Vec<(Box<dyn Source>, u16, u8)>) -> Merge {
        // The place in the list makes each key unique, so that the least one always moves.
        let places = sources.into_iter().zip(0u32..);
        let heads = places.map(|((source, symbol, rank), place)| Head {
            source,
            order: (u64::from(symbol) << 40) | (u64::from(rank) << 32) | u64::from(place),
            buffer: Vec::new(),
            next: 0,
            key: i128::MAX,
        });
        Merge { heads: heads.collect(), started: false }
    }

    /// One that goes on where this one stands, if all of its sources can.
    pub fn fork(&self) -> Option<Merge> {
        let heads: Option<Vec<Head>> = self.heads.iter().map(Head::fork).collect();
        Some(Merge { heads: heads?, started: self.started })
    }

    pub fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        if let [only] = &mut self.heads[..] {
            return only.source.fill(batch);
        }
        if !self.started {
            self.started = true;
            self.heads.iter_mut().try_for_each(Head::refill)?;
        }
        if let [a, b] = &mut self.heads[..] {
            return merge_two(a, b, batch);
        }
        while batch.len() < BATCH_EVENTS {
            let (mut first, mut least, mut second) = (0, i128::MAX, i128::MAX);
            for (i, head) in self.heads.iter().enumerate() {
                if head.key < least {
                    (first, second, least) = (i, least, head.key);
                } else if head.key < second {
                    second = head.key;
                }
            }
            if least == i128::MAX {
                break;
            }
            let head = &mut self.heads[first];
            // The winner goes on until another source is due or its buffer is used up.
            let rest = &head.buffer[head.next..];
            let run = rest
                .iter()
                .take(BATCH_EVENTS - batch.len())
                .take_while(|e| key(e.time.0, head.order) < second)
                .count();
            batch.extend_from_slice(&rest[..run]);
            head.next += run;
            match head.buffer.get(head.next) {
                Some(event) => head.key = key(event.time.0, head.order),
                None => head.refill()?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use engine::{MarketData, Nanos, PriceTicks, SymbolIndex};
    use proptest::prelude::*;

    use super::*;

    /// Events of one symbol, some at a time.
    struct Piece(Vec<MarketEvent>, usize);

    impl Source for Piece {
        fn fill(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
            batch.clear();
            batch.extend(self.0.drain(..self.1.min(self.0.len())));
            Ok(())
        }
    }

    proptest! {
        /// Whatever the number of sources and their batches: time, then symbol, then rank, then the source's
        /// own order.
        #[test]
        fn a_merge_is_a_sort(
            times in prop::collection::vec(prop::collection::vec(0i64..40, 0..60), 1..5),
            size in 1usize..9,
        ) {
            let mut expected = Vec::new();
            let mut sources: Vec<(Box<dyn Source>, u16, u8)> = Vec::new();
            for (times, number) in times.into_iter().zip(0u16..) {
                let mut times = times;
                times.sort_unstable();
                // The first two share a symbol and differ in rank; the second ranks first.
                let (symbol, rank) = (number / 2, (3 - number % 2) as u8);
                let events: Vec<MarketEvent> = times
                    .iter()
                    .zip(1..)
                    .map(|(&time, price)| {
                        let data = MarketData::MarkPrice(PriceTicks(price));
                        MarketEvent::new(Nanos(time), SymbolIndex(symbol), data)
                    })
                    .collect();
                expected.extend(events.iter().map(|event| (event.time, symbol, rank, *event)));
                sources.push((Box::new(Piece(events, size)), symbol, rank));
            }
            expected.sort_by_key(|(time, symbol, rank, _)| (*time, *symbol, *rank));
            let (mut merge, mut found, mut batch) = (Merge::new(sources), Vec::new(), Vec::new());
            loop {
                merge.next_batch(&mut batch).expect("a batch");
                if batch.is_empty() {
                    break;
                }
                found.append(&mut batch);
            }
            let expected: Vec<MarketEvent> = expected.into_iter().map(|row| row.3).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
