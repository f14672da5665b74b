//! Meta regime (MSE 15.1): the one regime of the whole market, from the closes of one symbol at one venue.
//!
//! One close a minute: venues mixed, or every update of a candle taken as a close, would make prices stand
//! still and jump. The running minute's last price counts as its close.

use engine::{
    Context, Entry, Envelope, EpochSeconds, GaugeOf, Input, Nanos, Service, SetOptions, Symbol,
    TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::heat::daily_sigma;
use strategies::portfolio::Policy;
use strategies::regime::{RegimeReading, detect_regime, recommended_policy, sets_policy};

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    ExchangeRaw, MarketState, MetaRegimeState, PortfolioState, SymbolMarketState, VenueName,
    is_marker,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{EXCHANGE_RAW, META_REGIME, REGIME_STATE};

settings! {
    /// Meta regime.
    pub struct MetaRegimeSettings {
        /// Whose closes; where the run does not trade it, its first symbol's.
        pub symbol: String = "BTCUSDT".to_owned(),
        /// Between two readings, in s.
        pub interval_s: i64 = 30 => 1..=60,
    }
}

/// Closes kept: enough for a reading.
const CLOSES: usize = 240;
/// Entries of exchange.raw looked at after a start: all that there may be.
const ALL: usize = 100_000;
/// Entries looked at for each symbol and second between two readings: two venues, and some to spare.
const A_SECOND: usize = 3;
/// The least that is looked at (15.1).
const LEAST: usize = 500;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MetaRegimeService {
    interval: Nanos,
    /// Whose closes.
    symbol: Option<Symbol>,
    symbols: Vec<Symbol>,
    marketstate_keys: Vec<String>,
    state_keys: Vec<String>,
    look: usize,
    /// Opening of each minute and its last price, oldest first.
    closes: Vec<(Nanos, f64)>,
    prices: Vec<f64>,
    iteration: u64,
    /// Each update of either venue is a close.
    mixes: bool,
    /// It writes the risk policy, which another service owns.
    overwrites: bool,
}

impl MetaRegimeService {
    /// Takes over the closes among the newest entries.
    fn gather(&mut self, count: usize, ctx: &mut Context<'_>) {
        let Ok(newest) = ctx.newest(EXCHANGE_RAW.name, count) else {
            return ctx.count("closes_unreadable", 1);
        };
        if self.mixes {
            let updates = newest.iter().take(LEAST).rev();
            self.closes = updates.filter_map(|entry| self.close_of(entry, ctx)).collect();
            return;
        }
        let (mut found, mut oldest) = (Vec::new(), None);
        for entry in &newest {
            let Some((opened, close)) = self.close_of(entry, ctx) else { continue };
            // Newest first: the first of a minute is its last price.
            if oldest.is_none_or(|oldest| opened < oldest) {
                oldest = Some(opened);
                found.push((opened, close));
            }
        }
        let Some(oldest) = oldest else { return };
        self.closes.retain(|(opened, _)| *opened < oldest);
        self.closes.extend(found.into_iter().rev());
        let extra = self.closes.len().saturating_sub(CLOSES);
        self.closes.drain(..extra);
    }

    fn close_of(&self, entry: &Entry, ctx: &mut Context<'_>) -> Option<(Nanos, f64)> {
        let body = entry.body.as_ref()?;
        let Ok(raw) = body.read::<ExchangeRaw>() else {
            if !is_marker(body) {
                ctx.count("closes_unreadable", 1);
            }
            return None;
        };
        let is_ours = self.mixes || raw.exchange == VenueName::Binance;
        (is_ours && Some(raw.symbol) == self.symbol)
            .then(|| (raw.timestamp.0, grid::float(raw.close)))
    }

    fn publish(&mut self, ctx: &mut Context<'_>) {
        self.prices.clear();
        self.prices.extend(self.closes.iter().map(|(_, close)| *close));
        let Ok(reading) = detect_regime(&self.prices) else {
            // What cannot be a close is forgotten, or nothing would ever be read again.
            self.closes.retain(|(_, close)| *close > 0.0);
            return ctx.count("closes_refused", 1);
        };
        let now = EpochSeconds(ctx.now());
        let pnl = match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
            Ok(Some(state)) if !state.stale => Some(state.unrealized_pnl_usd),
            Ok(_) => None,
            Err(_) => {
                ctx.count("portfolio_unreadable", 1);
                None
            }
        };
        self.iteration += 1;
        let state = MetaRegimeState {
            regime: reading.regime.as_str().into(),
            volatility: reading.volatility,
            trend: reading.trend,
            confidence: reading.confidence,
            price: reading.price,
            samples: reading.samples as u64,
            pnl,
            iteration: self.iteration,
            timestamp: now,
        };
        ctx.gauge("meta_regime_confidence", GaugeOf::All, reading.confidence);
        let mut saved =
            ctx.set_record(keys::STATE_MARKET.name, &state, keys::STATE_MARKET.life).is_ok();
        for (place, symbol) in self.symbols.iter().enumerate() {
            let sigma = match ctx.record::<MarketState>(&self.marketstate_keys[place]) {
                Ok(state) => state.map(|state| daily_sigma(state.sigma)),
                Err(_) => {
                    ctx.count("marketstate_unreadable", 1);
                    None
                }
            };
            let of_symbol = SymbolMarketState {
                symbol: *symbol,
                regime: state.regime.clone(),
                vol_regime: None,
                sigma,
                timestamp: now,
            };
            let life = keys::STATE_MARKET_SYMBOL.life;
            saved &= ctx.set_record(&self.state_keys[place], &of_symbol, life).is_ok();
        }
        if !saved {
            ctx.count("regime_not_saved", 1);
        }
        crate::publish(ctx, REGIME_STATE, Envelope::Flat, state.clone());
        crate::publish(ctx, META_REGIME, Envelope::Flat, state);
        if self.overwrites {
            overwrite_policy(&reading, ctx);
        }
    }
}

/// The policy of the regime over that of portfolio governance.
fn overwrite_policy(reading: &RegimeReading, ctx: &mut Context<'_>) {
    let key = keys::GOVERNANCE_POLICY.name;
    let current = ctx.get(key).ok().flatten().and_then(|text| Policy::of(&text));
    let Ok(wanted) = recommended_policy(reading.regime, None) else { return };
    if sets_policy(reading.confidence, wanted, current.unwrap_or(Policy::Balanced))
        && ctx.set(key, wanted.as_str(), SetOptions::default()).is_err()
    {
        ctx.count("regime_not_saved", 1);
    }
}

impl Configured for MetaRegimeService {
    type Settings = MetaRegimeSettings;
    const COUNTERS: &'static [&'static str] = &[
        "closes_refused",
        "closes_unreadable",
        "marketstate_unreadable",
        "portfolio_unreadable",
        "regime_not_saved",
    ];
    const GAUGES: &'static [&'static str] = &["meta_regime_confidence"];

    fn configured(
        settings: &MetaRegimeSettings,
        setup: Setup<'_>,
    ) -> Result<MetaRegimeService, String> {
        let wanted = Symbol::new(&settings.symbol).map_err(|error| format!("symbol: {error}"))?;
        let symbols = setup.symbols;
        let symbol = symbols.iter().find(|symbol| **symbol == wanted).or(symbols.first());
        let seconds = usize::try_from(settings.interval_s).unwrap_or(60);
        Ok(MetaRegimeService {
            interval: Nanos::from_secs(settings.interval_s),
            symbol: symbol.copied(),
            symbols: symbols.to_vec(),
            marketstate_keys: keys::MARKETSTATE.of_each(symbols),
            state_keys: keys::STATE_MARKET_SYMBOL.of_each(symbols),
            look: (A_SECOND * seconds * symbols.len()).max(LEAST),
            closes: Vec::new(),
            prices: Vec::new(),
            iteration: 0,
            mixes: setup.pipeline.audited.has(Audited::MixedCloses),
            overwrites: setup.pipeline.audited.has(Audited::RegimeOverwritesPolicy),
        })
    }
}

impl Service for MetaRegimeService {
    fn wiring(&self) -> Wiring {
        let mut read = vec![keys::MARKETSTATE, keys::PORTFOLIO];
        let mut written = vec![keys::STATE_MARKET, keys::STATE_MARKET_SYMBOL];
        if self.overwrites {
            read.push(keys::GOVERNANCE_POLICY);
            written.push(keys::GOVERNANCE_POLICY);
        }
        Wiring {
            writes: vec![META_REGIME.name, REGIME_STATE.name],
            looks: vec![EXCHANGE_RAW.name],
            keys_read: keys::patterns(&read),
            keys_written: keys::patterns(&written),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let count = match input {
            Input::Start => ALL,
            Input::Timer(_) => self.look,
            _ => return,
        };
        self.gather(count, ctx);
        if count != ALL {
            self.publish(ctx);
        }
        ctx.timer_after(self.interval, TimerKey(0));
    }
}
