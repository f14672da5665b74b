//! Funding settlements of a made market.

use engine::{FeedError, MarketData, MarketEvent, Nanos, Symbol, SymbolIndex};

use super::config::ConstantFunding;
use super::events::{LaidEvent, Shock};
use crate::merge::Source;

/// The settlements of one symbol.
#[derive(Clone)]
pub(super) struct Settlements {
    symbol: SymbolIndex,
    next: Nanos,
    interval: Nanos,
    end: Nanos,
    rate_e8: i64,
    /// From, to before, and the rate between.
    spikes: Vec<(Nanos, Nanos, i64)>,
}

/// The first settlement at or after `start`.
fn first(start: Nanos, interval: Nanos) -> Nanos {
    Nanos((start.0 + interval.0 - 1) / interval.0 * interval.0)
}

fn interval(funding: ConstantFunding) -> Nanos {
    Nanos::from_secs(3_600 * i64::from(funding.interval_hours))
}

/// Whether a settlement falls into `[from, to)`.
pub(super) fn settles_within(funding: ConstantFunding, from: Nanos, to: Nanos) -> bool {
    first(from, interval(funding)) < to
}

impl Settlements {
    /// Those of `symbol` from `start` to `end`, both included, with the spikes among `events`.
    pub fn new(
        funding: ConstantFunding,
        symbol: (Symbol, u16),
        (start, end): (Nanos, Nanos),
        events: &[LaidEvent],
    ) -> Settlements {
        let interval = interval(funding);
        let of_symbol = events.iter().filter(|event| event.concerns(symbol.0));
        let spikes = of_symbol.filter_map(|event| match event.what {
            Shock::FundingSpike { minutes, rate_e8 } => {
                let (from, to) = event.span(start, minutes);
                Some((from, to, rate_e8))
            }
            _ => None,
        });
        Settlements {
            symbol: SymbolIndex(symbol.1),
            next: first(start, interval),
            interval,
            end,
            rate_e8: funding.rate_e8,
            spikes: spikes.collect(),
        }
    }

    fn rate(&self) -> i64 {
        let spike =
            self.spikes.iter().rev().find(|(from, to, _)| (*from..*to).contains(&self.next));
        spike.map_or(self.rate_e8, |(_, _, rate)| *rate)
    }
}

impl Source for Settlements {
    fn fork(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(self.clone()))
    }

    fn fill(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        if self.next <= self.end {
            let rate = MarketData::FundingRate(self.rate());
            batch.push(MarketEvent::new(self.next, self.symbol, rate));
            self.next = self.next.saturating_add(self.interval);
        }
        Ok(())
    }
}
