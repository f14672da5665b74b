//! Markets that several runs of one process replay: one of them keeps the events that it reads, later ones get them from
//! memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{Feed, FeedError, MarketEvent, Nanos};

use crate::ScenarioError;
use crate::market::OpenMarket;

/// Events that are kept take no more memory than this together, whatever the length of the data: 256 MiB.
const BYTES_MAX: usize = 256 << 20;
/// So many markets are known; runs of others read theirs.
const MARKETS_MAX: usize = 4_096;

/// Markets that are kept in memory for the runs of one sweep. A run gets the same events from it, in the same batches, as
/// from its files; a market that has no room is read by each run.
#[derive(Clone, Debug)]
pub struct SharedMarkets {
    bytes_max: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    bytes: usize,
    markets: BTreeMap<String, Known>,
}

#[derive(Debug)]
enum Known {
    /// One run has read it: what no second run asks for takes no room.
    Asked,
    /// Somebody reads it, and keeps its events.
    BeingRead,
    Kept(Arc<Kept>),
    /// There is no room for it beside those that are kept, and those stay.
    NoRoom,
}

/// A market, as it was opened, and all of its events.
#[derive(Debug)]
struct Kept {
    market: OpenMarket<()>,
    /// In the batches in which they were read.
    batches: Vec<Arc<[MarketEvent]>>,
    ends_at: Option<Nanos>,
}

impl Default for SharedMarkets {
    fn default() -> SharedMarkets {
        SharedMarkets::of_at_most(BYTES_MAX)
    }
}

impl SharedMarkets {
    /// Keeps so many bytes of events.
    #[must_use]
    pub fn of_at_most(bytes_max: usize) -> SharedMarkets {
        SharedMarkets { bytes_max, state: Arc::default() }
    }

    /// Markets that are kept, and bytes of their events.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        let state = self.state();
        let kept = state.markets.values().filter(|known| matches!(known, Known::Kept(_)));
        (kept.count(), state.bytes)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The market of this key; `open` opens it where nobody has read it yet. The key tells all that the market depends on.
    pub(crate) fn open(
        &self,
        key: String,
        open: impl FnOnce() -> Result<OpenMarket, ScenarioError>,
    ) -> Result<OpenMarket, ScenarioError> {
        {
            let mut state = self.state();
            match state.markets.get(&key) {
                Some(Known::Kept(kept)) => {
                    let kept = Arc::clone(kept);
                    let market = kept.market.clone();
                    return Ok(market
                        .with(Box::new(Told { kept, batch: 0 }) as Box<dyn Feed + Send>)
                        .0);
                }
                Some(Known::BeingRead | Known::NoRoom) => {
                    drop(state);
                    return open();
                }
                Some(Known::Asked) => {
                    state.markets.insert(key.clone(), Known::BeingRead);
                }
                None => {
                    if state.markets.len() < MARKETS_MAX {
                        state.markets.insert(key, Known::Asked);
                    }
                    drop(state);
                    return open();
                }
            }
        }
        // From here on whoever drops it says that it is not being read any more.
        let claim = Claim { markets: self.clone(), key, bytes: 0 };
        let (market, feed) = open()?.with(());
        let kept = Kept { market: market.clone(), batches: Vec::new(), ends_at: feed.ends_at() };
        let reading: Box<dyn Feed + Send> = Box::new(Reading { feed, keeps: Some((claim, kept)) });
        Ok(market.with(reading).0)
    }

    /// Room for so many bytes more.
    fn takes(&self, bytes: usize) -> bool {
        let mut state = self.state();
        let fits = bytes <= self.bytes_max - state.bytes;
        if fits {
            state.bytes += bytes;
        }
        fits
    }
}

/// The right to keep a market.
struct Claim {
    markets: SharedMarkets,
    key: String,
    /// Room that is taken.
    bytes: usize,
}

impl Claim {
    /// The market was read to its end.
    fn keep(mut self, kept: Kept) {
        let mut state = self.markets.state();
        state.markets.insert(std::mem::take(&mut self.key), Known::Kept(Arc::new(kept)));
        drop(state);
        self.bytes = 0;
    }

    /// There is no room: for ever, or because others are being read.
    fn give_up(mut self, needed: usize) {
        let key = std::mem::take(&mut self.key);
        let mut state = self.markets.state();
        let kept = state.markets.values().map(|known| match known {
            Known::Kept(kept) => kept.batches.iter().map(|batch| size_of_val(&**batch)).sum(),
            _ => 0,
        });
        let fits = needed + kept.sum::<usize>() <= self.markets.bytes_max;
        state.markets.insert(key, if fits { Known::Asked } else { Known::NoRoom });
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.markets.state();
        state.bytes -= self.bytes;
        if matches!(state.markets.get(&self.key), Some(Known::BeingRead)) {
            state.markets.remove(&self.key);
        }
    }
}

/// Reads a market, and keeps what it reads.
struct Reading {
    feed: Box<dyn Feed + Send>,
    keeps: Option<(Claim, Kept)>,
}

impl Feed for Reading {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        self.feed.next_batch(batch)?;
        let Some((mut claim, mut kept)) = self.keeps.take() else { return Ok(()) };
        if batch.is_empty() {
            claim.keep(kept);
            return Ok(());
        }
        let bytes = std::mem::size_of_val(&batch[..]);
        if !claim.markets.takes(bytes) {
            let needed = claim.bytes + bytes;
            // The memory before the room that it took.
            drop(kept);
            claim.give_up(needed);
            return Ok(());
        }
        claim.bytes += bytes;
        kept.batches.push(batch.as_slice().into());
        self.keeps = Some((claim, kept));
        Ok(())
    }

    fn waits(&self) -> bool {
        self.feed.waits()
    }

    fn ends_at(&self) -> Option<Nanos> {
        self.feed.ends_at()
    }

    fn fork(&self) -> Option<Box<dyn Feed + Send>> {
        self.feed.fork()
    }
}

/// A market that somebody has read.
struct Told {
    kept: Arc<Kept>,
    /// The next one.
    batch: usize,
}

impl Feed for Told {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        let Some(next) = self.kept.batches.get(self.batch) else { return Ok(()) };
        batch.extend_from_slice(next);
        self.batch += 1;
        Ok(())
    }

    fn kept_batch(&mut self) -> Option<Arc<[MarketEvent]>> {
        let next = self.kept.batches.get(self.batch)?;
        self.batch += 1;
        Some(Arc::clone(next))
    }

    fn ends_at(&self) -> Option<Nanos> {
        self.kept.ends_at
    }

    fn fork(&self) -> Option<Box<dyn Feed + Send>> {
        Some(Box::new(Told { kept: Arc::clone(&self.kept), batch: self.batch }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_never_fit_is_not_read_to_be_kept_again() {
        let markets = SharedMarkets::of_at_most(100);
        for (needed, tried_again) in [(100, true), (101, false)] {
            let key = "a market".to_owned();
            markets.state().markets.insert(key.clone(), Known::BeingRead);
            Claim { markets: markets.clone(), key: key.clone(), bytes: 0 }.give_up(needed);
            let state = markets.state();
            assert_eq!(matches!(state.markets[&key], Known::Asked), tried_again, "{needed}");
            assert_eq!(matches!(state.markets[&key], Known::NoRoom), !tried_again, "{needed}");
        }
    }
}
