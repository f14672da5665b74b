//! The default market: correlated random walks with drifting trends, mean reversion and clustered
//! volatility, and a flash crash where one is asked for.

use engine::{FeedError, MarketEvent, NamedRng, Nanos, SymbolIndex};

use super::config::{SyntheticConfig, SyntheticSymbol};
use super::events::Overlay;
use super::grid::{Grid, busy};
use super::{BARS, MINUTE, MINUTE_MS};
use crate::bars::{GridBar, expand};
use crate::merge::Source;

/// One symbol's bars, minute by minute.
#[derive(Clone)]
pub(super) struct Walk {
    config: SyntheticConfig,
    symbol: SyntheticSymbol,
    index: SymbolIndex,
    /// The factor that all symbols share: each walk draws the same numbers from the same name.
    common: NamedRng,
    own: NamedRng,
    minute: u32,
    /// Logarithm of the price without the crash.
    level: f64,
    /// The slow mean that the price returns to.
    mean: f64,
    /// Drift of a minute, in units of the volatility.
    drift: f64,
    /// Logarithm of the volatility's factor.
    heat: f64,
    /// The last close on the grid, which is the next open.
    last: Option<i64>,
    grid: Grid,
    overlay: Overlay,
}

impl Walk {
    pub fn new(config: &SyntheticConfig, symbol: &SyntheticSymbol, index: u16, seed: u64) -> Walk {
        let level = libm::log(symbol.start_price);
        Walk {
            config: config.clone(),
            symbol: symbol.clone(),
            index: SymbolIndex(index),
            common: NamedRng::new(seed, "market:common"),
            own: NamedRng::new(seed, &format!("market:{}", symbol.symbol)),
            minute: 0,
            level,
            mean: level,
            drift: 0.0,
            heat: 0.0,
            last: None,
            grid: Grid::new(symbol),
            overlay: Overlay::new(&config.all_events(), symbol.symbol),
        }
    }

    fn bar(&mut self) -> GridBar {
        let c = &self.config;
        // Every minute draws the same number of normals, so that no parameter shifts the stream.
        let (common, common_drift, common_heat) =
            (self.common.normal(), self.common.normal(), self.common.normal());
        let own = [(); 5].map(|()| self.own.normal());
        let shared = |common: f64, own: f64| {
            libm::sqrt(c.common_share) * common + libm::sqrt(1.0 - c.common_share) * own
        };
        const HEAT_PERSISTENCE: f64 = 0.98;
        let keep = libm::sqrt(1.0 - HEAT_PERSISTENCE * HEAT_PERSISTENCE);
        self.heat = HEAT_PERSISTENCE * self.heat + keep * c.volatility_of_volatility * common_heat;
        let p = c.trend_persistence;
        self.drift =
            p * self.drift + libm::sqrt(1.0 - p * p) * c.trend_share * shared(common_drift, own[1]);
        let sigma = self.symbol.volatility_per_minute * libm::exp(self.heat);

        let noise = shared(common, own[0]);
        let back = c.reversion_per_minute * (self.mean - self.level);
        // The mean follows slowly, so that a trend is not held back for ever.
        self.mean += 0.002 * (self.level - self.mean);
        self.level += sigma * (noise + self.drift) + back;

        let laid = self.overlay.at(self.minute);
        let open = match self.last {
            Some(last) => last,
            None => self.grid.on_tick(libm::log(self.symbol.start_price)),
        };
        let close_log = self.level + laid.log;
        let prices = self.grid.bar(open, close_log, sigma, (own[2], own[3]), &laid);

        // Half a variance keeps the mean of a lognormal at 1.
        let calmed = 0.5 * c.volatility_of_volatility * c.volatility_of_volatility;
        let heat = libm::exp(self.heat - calmed);
        let volume = self.symbol.volume_per_minute * busy(own[4], noise) * heat * laid.volume;
        let bar = GridBar {
            open_time: Nanos::from_millis(c.start_ms) + Nanos(MINUTE.0 * i64::from(self.minute)),
            open: prices.open,
            high: prices.high,
            low: prices.low,
            close: prices.close,
            volume: self.grid.lots(volume),
        };
        self.last = Some(prices.close);
        self.minute += 1;
        bar
    }
}

impl Source for Walk {
    fn fork(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(self.clone()))
    }

    fn fill(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        for _ in 0..BARS {
            if self.minute == self.config.minutes {
                break;
            }
            let bar = self.bar();
            expand(&bar, self.index, MINUTE_MS, self.config.bars.alone(), batch);
        }
        Ok(())
    }
}
