//! The parameters of the default market, [`super::walk`], and what all markets of bars have in common.

use engine::{Instrument, Nanos, Symbol};
use serde::{Deserialize, Serialize};

use super::events::{LaidEvent, Shock, events_problem};
use super::rate::{self, Rate};
use super::{MINUTE, MINUTE_MS};
use crate::DataError;
use crate::bars::BarMode;
use crate::decimal;

/// One symbol of a synthetic market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// Mean volume of a minute, in the base asset, before what befalls the market.
    pub volume_per_minute: f64,
    /// Standard deviation of a minute's log return: 0.0007 is 0.07 %.
    pub volatility_per_minute: f64,
}

/// A flash crash of all symbols together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// Share of the loss that is won back, 0 to 1.
    pub recovered_share: f64,
    /// Factor on the volume during fall and recovery.
    pub volume_factor: f64,
}

/// A constant funding rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "FundingKeys")]
pub struct ConstantFunding {
    /// The rate, in units of 1e-8: 10,000 is 0.01 %.
    pub rate_e8: i64,
    /// Hours between settlements, counted from 1970-01-01T00:00Z; 1 to 24.
    pub interval_hours: u32,
}

/// A constant rate as a file has it.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct FundingKeys {
    rate: Option<Rate>,
    /// As a journal has it; a file says `rate`.
    rate_e8: Option<i64>,
    interval_hours: u32,
}

impl TryFrom<FundingKeys> for ConstantFunding {
    type Error = String;

    fn try_from(keys: FundingKeys) -> Result<ConstantFunding, String> {
        let rate_e8 = rate::either(keys.rate, keys.rate_e8)?;
        Ok(ConstantFunding { rate_e8, interval_hours: keys.interval_hours })
    }
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
    /// What else befalls it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<LaidEvent>,
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
            events: Vec::new(),
            funding: Some(ConstantFunding { rate_e8: 10_000, interval_hours: 8 }),
            bars: BarMode::Points,
        }
    }
}

impl SyntheticConfig {
    /// The grids of its symbols, in its order.
    pub fn instruments(&self) -> Vec<Instrument> {
        self.symbols.iter().map(SyntheticSymbol::instrument).collect()
    }

    /// BLAKE3 over all parameters and the seed: the market's identity.
    pub fn digest(&self, seed: u64) -> Result<String, DataError> {
        let text = serde_json::to_vec(&("qsim synthetic market 1", seed, self))
            .map_err(|e| DataError::Misuse(format!("synthetic market: {e}")))?;
        Ok(blake3::hash(&text).to_hex().to_string())
    }

    /// Its events, the crash among them.
    pub(super) fn all_events(&self) -> Vec<LaidEvent> {
        let crash = self.crash.iter().map(FlashCrash::event);
        crash.chain(self.events.iter().cloned()).collect()
    }

    /// Refuses parameters that make no market, naming the first one.
    pub fn validate(&self) -> Result<(), DataError> {
        self.problem().map_or(Ok(()), |problem| Err(refusal(&problem)))
    }

    fn problem(&self) -> Option<String> {
        let symbols: Vec<&SyntheticSymbol> = self.symbols.iter().collect();
        if let Some(problem) = span_problem(self.start_ms, self.minutes)
            .or_else(|| symbols_problem(&symbols))
            .or_else(|| symbols.iter().find_map(|symbol| symbol.scale_problem()))
        {
            return Some(problem);
        }
        let shares = [
            ("common_share", self.common_share, 1.0),
            ("trend_share", self.trend_share, 10.0),
            ("trend_persistence", self.trend_persistence, 0.999_999),
            ("reversion_per_minute", self.reversion_per_minute, 0.999_999),
            ("volatility_of_volatility", self.volatility_of_volatility, 2.0),
        ];
        // The range is written so that NaN fails it.
        let odd = shares.iter().find(|(_, value, max)| !(0.0..=*max).contains(value));
        if let Some((name, value, max)) = odd {
            return Some(format!("{name} is {value}, and must be 0 to {max}"));
        }
        let names: Vec<Symbol> = self.symbols.iter().map(|s| s.symbol).collect();
        // The usual crash comes without being asked for: a short market is one without it.
        let usual = SyntheticConfig::default().crash;
        let length = Nanos(MINUTE.0 * i64::from(self.minutes));
        let of_crash = |crash: &FlashCrash| {
            let event = crash.event();
            let room = || (Some(*crash) != usual).then(|| event.room_problem(length)).flatten();
            event.what.problem().or_else(room)
        };
        self.crash
            .as_ref()
            .and_then(of_crash)
            .map(|problem| format!("crash: {problem}"))
            .or_else(|| funding_problem(self.funding))
            .or_else(|| {
                events_problem(&self.events, &names, (self.start_ms, self.minutes), self.funding)
            })
    }
}

/// What is wrong, as an error.
pub(super) fn refusal(problem: &str) -> DataError {
    DataError::Misuse(format!("synthetic market: {problem}"))
}

/// What is wrong with start and length.
pub(super) fn span_problem(start_ms: i64, minutes: u32) -> Option<String> {
    if minutes == 0 {
        return Some("minutes must be at least 1".into());
    }
    // Up to the year 2255, so that no time of the market overflows.
    let years = 0..=9_000_000_000_000;
    let whole = years.contains(&start_ms) && start_ms % i64::from(MINUTE_MS) == 0;
    if !whole {
        return Some("start_ms must be a whole minute from 1970 to 2255".into());
    }
    let end_ms = start_ms + i64::from(minutes) * i64::from(MINUTE_MS);
    (!years.contains(&end_ms)).then(|| "minutes must end before 2255: lower them".into())
}

/// What is wrong with names and grids.
pub(super) fn symbols_problem(symbols: &[&SyntheticSymbol]) -> Option<String> {
    if symbols.is_empty() || symbols.len() > usize::from(u16::MAX) {
        return Some("symbols must be 1 to 65,535".into());
    }
    for (i, s) in symbols.iter().enumerate() {
        if symbols[..i].iter().any(|o| o.symbol == s.symbol) {
            return Some(format!("{} is there twice", s.symbol));
        }
        if s.price_decimals > 12 || s.qty_decimals > 12 || s.tick_units < 1 {
            return Some(format!("{}: decimals are 0 to 12, tick_units at least 1", s.symbol));
        }
        if !(f64::MIN_POSITIVE..=1e9).contains(&s.start_price) {
            return Some(format!("{}: start_price must be above 0, at most 1e9", s.symbol));
        }
        // A thousandth of a unit in 1e9 is what a decimal may lose as a float.
        let units = s.start_price * decimal::pow10(s.price_decimals).unwrap_or(1) as f64;
        if units < s.tick_units as f64 * (1.0 - 1e-12) {
            return Some(format!(
                "{}: start_price is {}, below one tick, {}: raise it, or lower tick_units or raise price_decimals",
                s.symbol,
                s.start_price,
                decimal::text(s.tick_units, s.price_decimals)
            ));
        }
    }
    None
}

/// What is wrong with the interval.
pub(super) fn funding_problem(funding: Option<ConstantFunding>) -> Option<String> {
    let odd = funding.is_some_and(|f| !(1..=24).contains(&f.interval_hours));
    odd.then(|| "funding: interval_hours must be 1 to 24".into())
}

impl SyntheticSymbol {
    /// What is wrong with the sizes of a market of bars.
    pub(super) fn scale_problem(&self) -> Option<String> {
        let fits = (0.0..=1e12).contains(&self.volume_per_minute)
            && (0.0..=0.1).contains(&self.volatility_per_minute);
        (!fits).then(|| {
            format!(
                "{}: volume_per_minute must be at least 0 (at most 1e12), volatility_per_minute 0 to 0.1",
                self.symbol
            )
        })
    }

    pub(super) fn instrument(&self) -> Instrument {
        Instrument {
            symbol: self.symbol,
            price_decimals: self.price_decimals,
            qty_decimals: self.qty_decimals,
        }
    }
}

impl FlashCrash {
    pub(super) fn event(&self) -> LaidEvent {
        let &FlashCrash {
            at_minute,
            depth,
            fall_minutes,
            recovery_minutes,
            recovered_share,
            volume_factor,
        } = self;
        let what = Shock::FlashCrash {
            depth,
            fall_minutes,
            recovery_minutes,
            recovered_share,
            volume_factor,
        };
        LaidEvent { at_minute, symbol: None, what }
    }
}
