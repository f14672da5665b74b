//! The merge of several sources into one order: time, then symbol, then rank.

use engine::{FeedError, MarketEvent};

/// Events of one symbol in time order, in batches.
pub(crate) trait Source: Send {
    /// Replaces `batch` by the next events; leaves it empty at the end.
    fn fill(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError>;
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

    pub fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        if let [only] = &mut self.heads[..] {
            return only.source.fill(batch);
        }
        if !self.started {
            self.started = true;
            self.heads.iter_mut().try_for_each(Head::refill)?;
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
