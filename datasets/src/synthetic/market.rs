//! A made market of any model.

use engine::{Instrument, Nanos, Symbol};
use serde::{Deserialize, Serialize};

use super::bar_market::BarMarket;
use super::config::{ConstantFunding, SyntheticConfig, refusal};
use super::market_keys::Keys;
use super::order_flow::FlowMarket;
use crate::DataError;
use crate::bars::BarMode;

/// A made market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "Keys", into = "Keys")]
pub enum SyntheticMarket {
    /// Random walks with trends: the default.
    Trends(SyntheticConfig),
    /// Bars of a published model.
    Bars(BarMarket),
    /// A level-2 book and trades, made by arriving orders.
    OrderFlow(FlowMarket),
}

impl SyntheticMarket {
    /// The grids of its symbols, in its order.
    pub fn instruments(&self) -> Vec<Instrument> {
        match self {
            SyntheticMarket::Trends(config) => config.instruments(),
            SyntheticMarket::Bars(market) => {
                market.symbols.iter().map(|s| s.symbol.instrument()).collect()
            }
            SyntheticMarket::OrderFlow(market) => {
                market.symbols.iter().map(|s| s.symbol.instrument()).collect()
            }
        }
    }

    /// Its symbols.
    pub fn symbols(&self) -> Vec<Symbol> {
        self.instruments().iter().map(|instrument| instrument.symbol).collect()
    }

    /// Whether it tells a book of levels, and not only what was paid.
    pub fn tells_levels(&self) -> bool {
        matches!(self, SyntheticMarket::OrderFlow(_))
    }

    /// Whether it tells trades: not so if bars come without their path.
    pub fn tells_trades(&self) -> bool {
        let bars = match self {
            SyntheticMarket::Trends(config) => config.bars,
            SyntheticMarket::Bars(market) => market.bars,
            SyntheticMarket::OrderFlow(_) => return true,
        };
        bars != BarMode::Whole
    }

    fn start_and_minutes(&self) -> (i64, u32) {
        match self {
            SyntheticMarket::Trends(config) => (config.start_ms, config.minutes),
            SyntheticMarket::Bars(market) => (market.start_ms, market.minutes),
            SyntheticMarket::OrderFlow(market) => (market.start_ms, market.minutes),
        }
    }

    /// First instant and first instant after the end.
    pub fn range(&self) -> (Nanos, Nanos) {
        let (start_ms, minutes) = self.start_and_minutes();
        let from = Nanos::from_millis(start_ms);
        (from, from.saturating_add(Nanos::from_secs(60 * i64::from(minutes))))
    }

    /// Its funding, if it tells it.
    pub fn funding(&self) -> Option<ConstantFunding> {
        match self {
            SyntheticMarket::Trends(config) => config.funding,
            SyntheticMarket::Bars(market) => market.funding,
            SyntheticMarket::OrderFlow(market) => market.funding,
        }
    }

    /// Refuses parameters that make no market, naming the first one.
    pub fn validate(&self) -> Result<(), DataError> {
        let problem = match self {
            SyntheticMarket::Trends(config) => return config.validate(),
            SyntheticMarket::Bars(market) => market.problem(),
            SyntheticMarket::OrderFlow(market) => market.problem(),
        };
        problem.map_or(Ok(()), |problem| Err(refusal(&problem)))
    }

    /// BLAKE3 over all parameters and the seed: the market's identity.
    pub fn digest(&self, seed: u64) -> Result<String, DataError> {
        if let SyntheticMarket::Trends(config) = self {
            return config.digest(seed);
        }
        let text = serde_json::to_vec(&("qsim synthetic market 2", seed, self))
            .map_err(|error| refusal(&error.to_string()))?;
        Ok(blake3::hash(&text).to_hex().to_string())
    }
}
