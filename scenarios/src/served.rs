//! A scenario's exchange and market for a server: without latency of its own, because the way to a server takes time
//! by itself, and at another time, if the clients' clocks ask for it.

use std::path::Path;

use engine::{Feed, FeedError, Instrument, MarketEvent, Nanos};
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
    /// moved with it; the rules are those of the market's own date. `further` is the number of accounts beside the first
    /// one, which are set as it is. The exchange is there `lead` before its market.
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
        let mut market = market::open(&scenario, &rules, data)?;
        let by = begins_at.map_or(Nanos::ZERO, |begin| begin - market.range.0);
        if by != Nanos::ZERO {
            if !market.halts.is_empty() || !scenario.exchange.events.is_empty() {
                return Err(build(
                    "a market that is moved in time cannot have halts or [[exchange.events]]: serve it with --speed, at its own time".into(),
                ));
            }
            if scenario.exchange.rules_at.is_none() {
                let own = chrono_text(market.range.0);
                scenario.exchange.rules_at = Some(own);
            }
            market.range = (market.range.0 + by, market.range.1 + by);
            market.feed = Box::new(Moved { feed: market.feed, by });
        }
        // What befalls the exchange befalls it here, too; the rest of the timeline is for those who trade.
        let members = pipeline::chain(&scenario.pipeline, &market.instruments)
            .map_err(|error| build(error.to_string()))?;
        let plan =
            scenario.timeline_plan(&members, &market.instruments, market.range).map_err(build)?;
        market.range.0 = market.range.0 - lead;
        let exchange =
            venue::build(&scenario, &market, &rules, plan.faults, further).map_err(build)?;
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

fn chrono_text(time: Nanos) -> String {
    let mut text = time.to_string();
    // Times of rules are whole seconds.
    if let Some(point) = text.find('.') {
        text.truncate(point);
        text.push('Z');
    }
    text
}

/// A market at another time.
struct Moved {
    feed: Box<dyn Feed + Send>,
    by: Nanos,
}

impl Feed for Moved {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        self.feed.next_batch(batch)?;
        batch.iter_mut().for_each(|event| event.time += self.by);
        Ok(())
    }

    fn ends_at(&self) -> Option<Nanos> {
        self.feed.ends_at().map(|end| end + self.by)
    }
}

/// A market that is given event by event.
pub(crate) struct NoFeed;

impl Feed for NoFeed {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        Ok(())
    }
}
