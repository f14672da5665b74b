//! A small seeded market, so that the first command needs no download: correlated random walks with
//! drifting trends, mean reversion and clustered volatility, and a flash crash where one is asked for.

use engine::{Feed, FeedError, Instrument, MarketData, MarketEvent, NamedRng, Nanos};
use engine::{Symbol, SymbolIndex};
use serde::{Deserialize, Serialize};

use crate::DataError;
use crate::bars::{BarMode, GridBar, expand};
use crate::merge::{Merge, Source};

const MINUTE_MS: u32 = 60_000;
const MINUTE: Nanos = Nanos::from_millis(MINUTE_MS as i64);
/// Bars made at a time.
const BARS: usize = 64;
/// Largest price and volume on the grid; beyond it the parameters make no market.
const GRID_MAX: f64 = 1e15;

/// One symbol of a synthetic market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticSymbol {
    /// Its name.
    pub symbol: Symbol,
    /// Price of the first open, USDT.
    pub start_price: f64,
    /// Decimals of one price unit of the grid.
    pub price_decimals: u32,
    /// The order tick, in price units of the grid: all prices are its multiples.
    pub tick_units: i64,
    /// Decimals of one quantity unit of the grid.
    pub qty_decimals: u32,
    /// Mean volume of a minute, in the base asset.
    pub volume_per_minute: f64,
    /// Standard deviation of a minute's log return: 0.0007 is 0.07 %.
    pub volatility_per_minute: f64,
}

/// A flash crash of all symbols together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlashCrash {
    /// Minutes from the market's start to the crash's first minute.
    pub at_minute: u32,
    /// Share of the price lost at the bottom, above 0 and below 1.
    pub depth: f64,
    /// Minutes of the fall, at least 1.
    pub fall_minutes: u32,
    /// Minutes of the recovery, at least 1.
    pub recovery_minutes: u32,
    /// Share of the (logarithmic) loss that is won back, 0 to 1.
    pub recovered_share: f64,
    /// Factor on the volume during fall and recovery.
    pub volume_factor: f64,
}

/// A constant funding rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstantFunding {
    /// The rate, in units of 1e-8: 10,000 is 0.01 %.
    pub rate_e8: i64,
    /// Hours between settlements, counted from 1970-01-01T00:00Z; 1 to 24.
    pub interval_hours: u32,
}

/// A synthetic market of 1-minute bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyntheticConfig {
    /// The symbols, in the order of the run.
    pub symbols: Vec<SyntheticSymbol>,
    /// Opening of the first bar, in milliseconds since 1970-01-01T00:00Z; a whole minute.
    pub start_ms: i64,
    /// Length of the market, in minutes.
    pub minutes: u32,
    /// Share of each symbol's variance that all have in common, 0 to 1.
    pub common_share: f64,
    /// Strength of trends: standard deviation of a minute's drift as a share of its volatility.
    pub trend_share: f64,
    /// Persistence of a trend from minute to minute, 0 to below 1: 0.99 halves it in 69 minutes.
    pub trend_persistence: f64,
    /// Share of the distance to its slow mean that a price goes back each minute, 0 to below 1.
    pub reversion_per_minute: f64,
    /// Standard deviation of the slow log volatility; 0 is constant volatility.
    pub volatility_of_volatility: f64,
    /// The crash, if there is one.
    pub crash: Option<FlashCrash>,
    /// Funding, if it is told by the market.
    pub funding: Option<ConstantFunding>,
    /// What becomes of each bar.
    pub bars: BarMode,
}

impl Default for SyntheticConfig {
    /// One day from 2026-01-01 of three symbols, with a crash of 12 % after 10 hours.
    fn default() -> SyntheticConfig {
        type Row = (&'static str, f64, u32, i64, u32, f64, f64);
        const SYMBOLS: [Row; 3] = [
            ("BTCUSDT", 90_000.0, 2, 10, 3, 90.0, 0.0006),
            ("ETHUSDT", 3_000.0, 2, 1, 3, 2_000.0, 0.0009),
            ("SOLUSDT", 130.0, 3, 10, 2, 15_000.0, 0.0012),
        ];
        let symbols = SYMBOLS.iter().filter_map(|&(name, price, pd, tick, qd, volume, sigma)| {
            Some(SyntheticSymbol {
                symbol: Symbol::new(name).ok()?,
                start_price: price,
                price_decimals: pd,
                tick_units: tick,
                qty_decimals: qd,
                volume_per_minute: volume,
                volatility_per_minute: sigma,
            })
        });
        SyntheticConfig {
            symbols: symbols.collect(),
            start_ms: 1_767_225_600_000,
            minutes: 1_440,
            common_share: 0.6,
            trend_share: 0.15,
            trend_persistence: 0.99,
            reversion_per_minute: 0.01,
            volatility_of_volatility: 0.35,
            crash: Some(FlashCrash {
                at_minute: 600,
                depth: 0.12,
                fall_minutes: 8,
                recovery_minutes: 45,
                recovered_share: 0.7,
                volume_factor: 12.0,
            }),
            funding: Some(ConstantFunding { rate_e8: 10_000, interval_hours: 8 }),
            bars: BarMode::Points,
        }
    }
}

impl SyntheticConfig {
    /// The grids of its symbols, in its order.
    pub fn instruments(&self) -> Vec<Instrument> {
        let grid = |s: &SyntheticSymbol| Instrument {
            symbol: s.symbol,
            price_decimals: s.price_decimals,
            qty_decimals: s.qty_decimals,
        };
        self.symbols.iter().map(grid).collect()
    }

    /// BLAKE3 over all parameters and the seed: the market's identity.
    pub fn digest(&self, seed: u64) -> Result<String, DataError> {
        let text = serde_json::to_vec(&("qsim synthetic market 1", seed, self))
            .map_err(|e| DataError::Misuse(format!("synthetic market: {e}")))?;
        Ok(blake3::hash(&text).to_hex().to_string())
    }

    /// Refuses parameters that make no market, naming the first one.
    pub fn validate(&self) -> Result<(), DataError> {
        let refuse = |what: String| Err(DataError::Misuse(format!("synthetic market: {what}")));
        if self.symbols.is_empty() || self.symbols.len() > usize::from(u16::MAX) {
            return refuse("symbols must be 1 to 65,535".into());
        }
        if self.minutes == 0 {
            return refuse("minutes must be at least 1".into());
        }
        // Up to the year 2255, so that no time of the market overflows.
        let years = 0..=9_000_000_000_000;
        if !years.contains(&self.start_ms) || self.start_ms % i64::from(MINUTE_MS) != 0 {
            return refuse("start_ms must be a whole minute from 1970 to 2255".into());
        }
        // The range is written so that NaN fails it.
        let shares = [
            ("common_share", self.common_share, 1.0),
            ("trend_share", self.trend_share, 10.0),
            ("trend_persistence", self.trend_persistence, 0.999_999),
            ("reversion_per_minute", self.reversion_per_minute, 0.999_999),
            ("volatility_of_volatility", self.volatility_of_volatility, 2.0),
        ];
        for (name, value, max) in shares {
            if !(0.0..=max).contains(&value) {
                return refuse(format!("{name} is {value}, and must be 0 to {max}"));
            }
        }
        for (i, s) in self.symbols.iter().enumerate() {
            if self.symbols[..i].iter().any(|o| o.symbol == s.symbol) {
                return refuse(format!("{} is there twice", s.symbol));
            }
            if s.price_decimals > 12 || s.qty_decimals > 12 || s.tick_units < 1 {
                return refuse(format!(
                    "{}: decimals are 0 to 12, tick_units at least 1",
                    s.symbol
                ));
            }
            let positive = (f64::MIN_POSITIVE..=1e9).contains(&s.start_price)
                && (0.0..=1e12).contains(&s.volume_per_minute)
                && (0.0..=0.1).contains(&s.volatility_per_minute);
            if !positive {
                return refuse(format!(
                    "{}: start_price must be above 0, volume_per_minute at least 0, \
                     volatility_per_minute 0 to 0.1",
                    s.symbol
                ));
            }
        }
        if let Some(c) = &self.crash {
            let fits = (0.0..=0.99).contains(&c.depth)
                && c.fall_minutes > 0
                && c.recovery_minutes > 0
                && (0.0..=1.0).contains(&c.recovered_share)
                && (0.0..=10_000.0).contains(&c.volume_factor);
            if !fits {
                return refuse(
                    "crash: depth 0 to 0.99, fall_minutes and recovery_minutes at least 1, \
                     recovered_share 0 to 1, volume_factor 0 to 10,000"
                        .into(),
                );
            }
        }
        if self.funding.is_some_and(|f| !(1..=24).contains(&f.interval_hours)) {
            return refuse("funding: interval_hours must be 1 to 24".into());
        }
        Ok(())
    }
}

/// A synthetic market as a feed. It makes its bars as they are asked for.
pub struct SyntheticFeed {
    merge: Merge,
    digest: String,
    ends_at: Nanos,
}

impl SyntheticFeed {
    /// The market of `config` in the run with `seed`.
    pub fn new(config: &SyntheticConfig, seed: u64) -> Result<SyntheticFeed, DataError> {
        config.validate()?;
        let start = Nanos::from_millis(config.start_ms);
        let end = start.saturating_add(Nanos(MINUTE.0.saturating_mul(i64::from(config.minutes))));
        let mut sources: Vec<(Box<dyn Source>, u16, u8)> = Vec::new();
        for (symbol, index) in config.symbols.iter().zip(0u16..) {
            let walk = Walk::new(config, symbol, index, seed);
            sources.push((Box::new(walk), index, 1));
            if let Some(funding) = config.funding {
                let interval = Nanos::from_secs(3_600 * i64::from(funding.interval_hours));
                sources.push((
                    Box::new(Funding {
                        symbol: SymbolIndex(index),
                        next: Nanos((start.0 + interval.0 - 1) / interval.0 * interval.0),
                        interval,
                        end,
                        rate_e8: funding.rate_e8,
                    }),
                    index,
                    3,
                ));
            }
        }
        Ok(SyntheticFeed { merge: Merge::new(sources), digest: config.digest(seed)?, ends_at: end })
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
}

/// One symbol's bars, minute by minute.
struct Walk {
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
    price_units: f64,
    qty_units: f64,
}

/// `10^exponent` by multiplication, which rounds alike everywhere.
fn pow10_f64(exponent: u32) -> f64 {
    (0..exponent).fold(1.0, |power, _| power * 10.0)
}

impl Walk {
    fn new(config: &SyntheticConfig, symbol: &SyntheticSymbol, index: u16, seed: u64) -> Walk {
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
            price_units: pow10_f64(symbol.price_decimals),
            qty_units: pow10_f64(symbol.qty_decimals),
        }
    }

    /// A price on the order tick, at least one tick.
    fn on_tick(&self, log_price: f64) -> i64 {
        let units = (libm::exp(log_price) * self.price_units).min(GRID_MAX);
        let tick = self.symbol.tick_units;
        let ticks = libm::round(units / tick as f64) as i64;
        ticks.max(1).saturating_mul(tick)
    }

    /// The crash's share in the log price after `minutes`, and its factor on the volume.
    fn crash(&self, minutes: u32) -> (f64, f64) {
        let Some(crash) = &self.config.crash else {
            return (0.0, 1.0);
        };
        if minutes <= crash.at_minute {
            return (0.0, 1.0);
        }
        let after = minutes - crash.at_minute;
        let bottom = libm::log(1.0 - crash.depth);
        let final_loss = bottom * (1.0 - crash.recovered_share);
        if after <= crash.fall_minutes {
            let share = f64::from(after) / f64::from(crash.fall_minutes);
            return (bottom * share, crash.volume_factor);
        }
        let rising = after - crash.fall_minutes;
        if rising <= crash.recovery_minutes {
            let share = f64::from(rising) / f64::from(crash.recovery_minutes);
            let loss = bottom + (final_loss - bottom) * share;
            // The volume calms down as the price comes back.
            let factor = crash.volume_factor + (1.0 - crash.volume_factor) * share;
            return (loss, factor);
        }
        (final_loss, 1.0)
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

        let (loss, crash_volume) = self.crash(self.minute + 1);
        let open = match self.last {
            Some(last) => last,
            None => self.on_tick(libm::log(self.symbol.start_price)),
        };
        let close_log = self.level + loss;
        let close = self.on_tick(close_log);
        let open_log = libm::log(open as f64 / self.price_units);
        let reach = |normal: f64| 0.5 * sigma * normal.abs();
        let high = self.on_tick(open_log.max(close_log) + reach(own[2]));
        let low = self.on_tick(open_log.min(close_log) - reach(own[3]));

        let busy = libm::exp(0.5 * own[4] - 0.125 + self.heat) * (1.0 + noise.abs());
        let volume = self.symbol.volume_per_minute * busy * crash_volume * self.qty_units;
        let bar = GridBar {
            open_time: Nanos::from_millis(c.start_ms) + Nanos(MINUTE.0 * i64::from(self.minute)),
            open,
            high: high.max(open).max(close),
            low: low.min(open).min(close),
            close,
            volume: libm::round(volume.clamp(0.0, GRID_MAX)) as i64,
        };
        self.last = Some(close);
        self.minute += 1;
        bar
    }
}

impl Source for Walk {
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

struct Funding {
    symbol: SymbolIndex,
    next: Nanos,
    interval: Nanos,
    end: Nanos,
    rate_e8: i64,
}

impl Source for Funding {
    fn fill(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        if self.next <= self.end {
            batch.push(MarketEvent::new(
                self.next,
                self.symbol,
                MarketData::FundingRate(self.rate_e8),
            ));
            self.next = self.next.saturating_add(self.interval);
        }
        Ok(())
    }
}
