//! Made markets, seeded: bars of several models or a book that makes itself, and events laid over them.
//!
//! - `trends`: the default, so that the first command needs no download ([`walk`]);
//! - `jump_diffusion`, `garch`, `regimes`: models of the literature, each with its source in its file;
//! - `order_flow`: a level-2 book and trades, made by orders that arrive by chance;
//! - events ([`LaidEvent`]): flash crash, squeeze, gap, thin book, funding spike.
//!
//! Invariant: the same parameters and seed give the same events on every machine, whatever is asked first.

mod bar_market;
mod config;
mod correlation;
mod draws;
mod event_keys;
pub(crate) mod events;
pub mod fit;
mod funding;
mod garch;
mod grid;
mod jump_diffusion;
mod market;
mod market_keys;
mod order_flow;
mod rate;
mod regimes;
mod walk;

use engine::{Feed, FeedError, MarketEvent, Nanos};

use crate::DataError;
use crate::merge::{Merge, Source};
use funding::Settlements;
use order_flow::Flow;
use walk::Walk;

pub use bar_market::{BarMarket, BarSymbol, PriceModel};
pub use config::{ConstantFunding, FlashCrash, SyntheticConfig, SyntheticSymbol};
pub use events::{LaidEvent, Shock};
pub use garch::Garch;
pub use jump_diffusion::JumpDiffusion;
pub use market::SyntheticMarket;
pub use order_flow::{FlowMarket, FlowSymbol, Hawkes, OrderFlow};
pub use regimes::Regime;

const MINUTE_MS: u32 = 60_000;
const MINUTE: Nanos = Nanos::from_millis(MINUTE_MS as i64);
/// Bars made at a time.
const BARS: usize = 64;
/// Largest price and volume on the grid; beyond it the parameters make no market.
const GRID_MAX: f64 = 1e15;

/// Ranks of a symbol's sources at one instant: prices, then funding, which settles on them.
const PRICES: u8 = 1;
const FUNDING: u8 = 3;

/// A synthetic market as a feed. It makes its events as they are asked for.
pub struct SyntheticFeed {
    merge: Merge,
    digest: String,
    ends_at: Nanos,
}

impl SyntheticFeed {
    /// The default market of `config` in the run with `seed`.
    pub fn new(config: &SyntheticConfig, seed: u64) -> Result<SyntheticFeed, DataError> {
        SyntheticFeed::of(&SyntheticMarket::Trends(config.clone()), seed)
    }

    /// The market in the run with `seed`.
    pub fn of(market: &SyntheticMarket, seed: u64) -> Result<SyntheticFeed, DataError> {
        market.validate()?;
        let mut sources: Vec<(Box<dyn Source>, u16, u8)> = Vec::new();
        let events = match market {
            SyntheticMarket::Trends(config) => {
                for (symbol, index) in config.symbols.iter().zip(0u16..) {
                    let walk = Walk::new(config, symbol, index, seed);
                    sources.push((Box::new(walk), index, PRICES));
                }
                &config.events
            }
            SyntheticMarket::Bars(market) => {
                let bars = market.sources(seed).map_err(|problem| config::refusal(&problem))?;
                for (source, index) in bars.into_iter().zip(0u16..) {
                    sources.push((Box::new(source), index, PRICES));
                }
                &market.events
            }
            SyntheticMarket::OrderFlow(market) => {
                for (symbol, index) in market.symbols.iter().zip(0u16..) {
                    let flow = Flow::new(market, symbol, index, seed);
                    sources.push((Box::new(flow), index, PRICES));
                }
                &market.events
            }
        };
        let range = market.range();
        for (symbol, index) in market.symbols().into_iter().zip(0u16..) {
            if let Some(funding) = market.funding() {
                let settlements = Settlements::new(funding, (symbol, index), range, events);
                sources.push((Box::new(settlements), index, FUNDING));
            }
        }
        let (merge, digest) = (Merge::new(sources), market.digest(seed)?);
        Ok(SyntheticFeed { merge, digest, ends_at: range.1 })
    }

    /// The market's identity: its parameters and its seed.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl Feed for SyntheticFeed {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        self.merge.next_batch(batch)
    }

    fn ends_at(&self) -> Option<Nanos> {
        Some(self.ends_at)
    }

    fn fork(&self) -> Option<Box<dyn Feed + Send>> {
        let (merge, digest) = (self.merge.fork()?, self.digest.clone());
        Some(Box::new(SyntheticFeed { merge, digest, ends_at: self.ends_at }))
    }
}
