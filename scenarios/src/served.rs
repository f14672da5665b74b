//! A scenario's exchange and market for a server: without latency of its own, because the way to a server takes time
//! by itself, and at another time, if the clients' clocks ask for it.

use std::collections::VecDeque;
use std::path::Path;

use engine::{Feed, FeedError, Instrument, MarketData, MarketEvent, Nanos, SymbolIndex};
use rust_decimal::Decimal;
use sim_exchange::SimExchange;

use crate::{Scenario, ScenarioError, market, venue};

/// A venue that is ready to be served.
pub struct ServedVenue {
    /// The exchange with its accounts.
    pub exchange: SimExchange,
    /// Its market.
    pub feed: Box<dyn Feed + Send>,
    /// Grids of its symbols.
    pub instruments: Vec<Instrument>,
    /// First instant and first instant after the end.
    pub range: (Nanos, Nanos),
    /// What is doubtful about the market.
    pub warnings: Vec<String>,
}

impl Scenario {
    /// Opens exchange and market for a server. `begins_at`: the market's first instant is this one, and all of it is
    /// moved with it. The rules are then those of that date, unless the scenario says `rules_at`, and funding settles at
    /// the hours at which it does there. `further` is the number of accounts beside the first one, which are set as it
    /// is. The exchange is there `lead` before its market.
    pub fn serve(
        &self,
        data: Option<&Path>,
        begins_at: Option<Nanos>,
        further: usize,
        lead: Nanos,
    ) -> Result<ServedVenue, ScenarioError> {
        let build = |problem: String| ScenarioError::Build { origin: self.origin.clone(), problem };
        let mut scenario = self.clone();
        scenario.exchange.request_latency_us = 0;
        scenario.exchange.response_latency_us = 0;
        scenario.exchange.latency = None;
        let rules = scenario.exchange.rules(&scenario.symbols()).map_err(build)?;
        let mut market =
            market::open(&scenario, &rules, market::Source::unshared(data), begins_at)?;
        let by = begins_at.map_or(Nanos::ZERO, |begin| begin - market.range.0);
        if by != Nanos::ZERO {
            if !market.halts.is_empty() || !scenario.exchange.events.is_empty() {
                return Err(build(
                    "a market that is moved in time cannot have halts or [[exchange.events]]: serve it with --speed, at its own time".into(),
                ));
            }
            market.range = (market.range.0 + by, market.range.1 + by);
            market.feed = Box::new(Moved::new(market.feed, by));
        }
        // What befalls the exchange befalls it here, too; the rest of the timeline is for those who trade.
        let members = scenario.members(&market.instruments).map_err(build)?;
        let plan =
            scenario.timeline_plan(&members, &market.instruments, market.range).map_err(build)?;
        market.range.0 = market.range.0 - lead;
        let mut exchange =
            venue::build(&scenario, &market, &rules, plan.faults, further).map_err(build)?;
        if by != Nanos::ZERO
            && let Some(funding) =
                scenario.market.synthetic.as_ref().and_then(|made| made.funding())
        {
            // Its settlement at the market's first instant was at the hour before this one's.
            for symbol in 0..market.instruments.len() {
                let rate = Decimal::new(funding.rate_e8, 8);
                exchange.funding_was(SymbolIndex(symbol as u16), rate);
            }
        }
        let market::OpenMarket { feed, instruments, range, warnings, .. } = market;
        Ok(ServedVenue { exchange, feed, instruments, range, warnings })
    }
}

impl Scenario {
    /// Leaves only these symbols of a made market.
    pub fn only_symbols(&mut self, names: &[String]) {
        let Ok(mut market) = serde_json::to_value(&self.market) else { return };
        let symbols = market.pointer_mut("/synthetic/symbols").and_then(|all| all.as_array_mut());
        if let Some(symbols) = symbols {
            let name =
                |row: &serde_json::Value| row["symbol"].as_str().unwrap_or_default().to_owned();
            symbols.retain(|row| names.contains(&name(row)));
        }
        if let Ok(market) = serde_json::from_value(market) {
            self.market = market;
        }
    }
}

/// Settlements of funding are at 00:00, 08:00 and 16:00 UTC, or between these.
const SETTLES_EVERY: i64 = 8 * 3_600_000_000_000;

/// A market at another time. Each settlement of funding waits for the hour at which one is due there: so they come at the
/// times of day at which they came, and none with the market's first instant.
struct Moved {
    feed: Box<dyn Feed + Send>,
    by: Nanos,
    /// By so much are settlements moved.
    settlements_by: Nanos,
    /// Those whose time has not come, oldest first.
    waiting: VecDeque<MarketEvent>,
    /// What the feed has told last.
    told: Vec<MarketEvent>,
}

impl Moved {
    fn new(feed: Box<dyn Feed + Send>, by: Nanos) -> Moved {
        let settlements_by = Nanos(by.0 + (-by.0).rem_euclid(SETTLES_EVERY));
        Moved { feed, by, settlements_by, waiting: VecDeque::new(), told: Vec::new() }
    }
}

impl Feed for Moved {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        // An empty batch would be the end, and one may have nothing but settlements.
        while batch.is_empty() {
            self.feed.next_batch(&mut self.told)?;
            if self.told.is_empty() {
                return Ok(());
            }
            for mut event in self.told.drain(..) {
                if let MarketData::FundingRate(_) = event.data {
                    event.time += self.settlements_by;
                    self.waiting.push_back(event);
                    continue;
                }
                event.time += self.by;
                while let Some(due) = self.waiting.pop_front_if(|due| due.time <= event.time) {
                    batch.push(due);
                }
                batch.push(event);
            }
        }
        Ok(())
    }

    fn ends_at(&self) -> Option<Nanos> {
        self.feed.ends_at().map(|end| end + self.by)
    }
}
