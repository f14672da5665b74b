//! MetricPack builder (EHR 3.30): trades rebuilt from `apply.result`, and what they came to. It decides
//! nothing. Its state is a function of the stream: a successor reads it again up to the checkpoint.

use std::collections::VecDeque;

use engine::{
    Context, Delivery, EntryId, GaugeOf, GroupStart, Input, Nanos, Reader, Service, SetOptions,
    Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::performance::{
    Candle, ExitRegime, Outcome, key_figures, outcome, regime_of_dx, simple_dx,
};

use super::trades::{Exit, Leg, OpenTrades, candles};
use crate::audited::Audited;
use crate::keys;
use crate::records::ApplyResult;
use crate::settings::{Configured, Setup, settings};
use crate::streams::APPLY_RESULT;

settings! {
    /// MetricPack builder.
    pub struct MetricPackSettings {
    }
}

const GROUP: &str = "metricpack_builder";
const PRICES: Nanos = Nanos::from_secs(10);
/// Results that may come again are known by so many.
const SEEN_MAX: usize = 10_000;
/// ATR as a share of the entry price.
const ATR_SHARE: f64 = 0.02;
/// 50 bars of five minutes.
const BARS_1M: usize = 250;
const BAR_MINUTES: usize = 5;
const FIGURES_OF: usize = 20;

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MetricPack {
    symbols: Vec<Symbol>,
    snapshot_keys: Vec<String>,
    candle_keys: Vec<String>,
    open: Vec<OpenTrades>,
    /// Digests of `plan:order`, oldest first.
    seen: VecDeque<String>,
    closed: VecDeque<f64>,
    profit: f64,
    loss: f64,
    wins: u64,
    losses: u64,
    flat: u64,
    /// It looks for JSON in a field that results do not have.
    expects_data: bool,
    /// Its counter of profits takes no losses.
    gains_only: bool,
}

impl MetricPack {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol]) -> MetricPack {
        MetricPack {
            symbols: symbols.to_vec(),
            snapshot_keys: keys::POSITION_SNAPSHOT.of_each(symbols),
            candle_keys: keys::CANDLES_1M.of_each(symbols),
            open: vec![OpenTrades::default(); symbols.len()],
            seen: VecDeque::new(),
            closed: VecDeque::new(),
            profit: 0.0,
            loss: 0.0,
            wins: 0,
            losses: 0,
            flat: 0,
            expects_data: false,
            gains_only: false,
        }
    }

    /// After a start: everything up to the checkpoint once more, without telling of it.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        let Ok(Some(text)) = ctx.get(keys::METRICPACK_LAST_ID.name) else { return };
        let Ok(last) = text.parse::<EntryId>() else {
            return ctx.count("checkpoint_unreadable", 1);
        };
        let newest = ctx.newest(APPLY_RESULT.name, SEEN_MAX).unwrap_or_default();
        for entry in newest.iter().rev().filter(|entry| entry.id <= last) {
            let result = entry.body.as_ref().and_then(|body| body.read::<ApplyResult>().ok());
            if let Some(result) = result
                && let Some((_, exits)) = self.take(&result)
            {
                exits.iter().filter(|exit| exit.closed).for_each(|exit| self.add(exit));
            }
        }
    }

    /// The place of the symbol and the exits of a result that is new and tells of an order.
    fn take(&mut self, result: &ApplyResult) -> Option<(usize, Vec<Exit>)> {
        let place = self.symbols.iter().position(|symbol| *symbol == result.symbol)?;
        let leg = Leg::of(result).filter(|_| result.executed)?;
        let identity = format!("{}:{}", result.plan_id, leg.order_id);
        if self.seen.contains(&identity) {
            return None;
        }
        if self.seen.len() == SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back(identity);
        if leg.reduces {
            return Some((place, self.open[place].exit(&leg)));
        }
        self.open[place].enter(result.symbol, &leg);
        Some((place, Vec::new()))
    }

    fn add(&mut self, exit: &Exit) {
        let pnl = exit.trade.pnl_usd;
        match outcome(pnl) {
            Outcome::Win => (self.wins, self.profit) = (self.wins + 1, self.profit + pnl),
            Outcome::Loss if self.gains_only => self.losses += 1,
            Outcome::Loss => (self.losses, self.loss) = (self.losses + 1, self.loss - pnl),
            Outcome::Flat => self.flat += 1,
        }
        self.closed.push_back(pnl);
        while self.closed.len() > FIGURES_OF {
            self.closed.pop_front();
        }
    }

    fn result(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(result) = ctx.read::<ApplyResult>(APPLY_RESULT.name, delivery) else { return };
        ctx.count("quantum_exit_events_processed_total", 1);
        let lag = (ctx.now() - result.timestamp.0).as_secs_f64();
        ctx.gauge("quantum_exit_builder_lag_seconds", GaugeOf::All, lag);
        if !result.executed || self.expects_data {
            ctx.count("results_skipped", 1);
        } else if let Some((place, exits)) = self.take(&result) {
            for exit in exits.iter().filter(|exit| exit.closed) {
                self.add(exit);
                self.tell(place, exit, result.timestamp.0, ctx);
            }
        } else {
            ctx.count("results_not_taken", 1);
        }
        let options = SetOptions::default();
        let id = delivery.entry.id.to_string();
        if ctx.set(keys::METRICPACK_LAST_ID.name, &id, options).is_err() {
            ctx.count("checkpoint_not_saved", 1);
        }
    }

    fn tell(&mut self, place: usize, exit: &Exit, at: Nanos, ctx: &mut Context<'_>) {
        let trade = &exit.trade;
        let symbol = GaugeOf::Symbol(self.symbols[place]);
        let outcomes = [("win", self.wins), ("loss", self.losses), ("flat", self.flat)];
        for (word, count) in outcomes {
            ctx.gauge("quantum_exit_trades_total", GaugeOf::Word(word), count as f64);
        }
        // A counter takes no losses: they are a figure of their own.
        for (word, usd) in [("profit", self.profit), ("loss", self.loss)] {
            ctx.gauge("quantum_exit_realized_pnl_total", GaugeOf::Word(word), usd);
        }
        let held = (at - trade.opened_at).as_secs_f64();
        ctx.gauge("quantum_exit_time_in_trade_seconds", symbol, held);
        let atr = ATR_SHARE * trade.state.entry_price * trade.state.entry_qty;
        ctx.gauge("quantum_exit_mfe_atr", symbol, trade.seen.mfe_usd / atr);
        ctx.gauge("quantum_exit_mae_atr", symbol, trade.seen.mae_usd / atr);
        let source = GaugeOf::Word("metricpack_builder");
        if let Ok(Some(figures)) = key_figures(self.closed.make_contiguous()) {
            ctx.gauge("quantum_exit_winrate", source, figures.win_rate);
            ctx.gauge("quantum_exit_expectancy", source, figures.expectancy_usd);
            if let Some(factor) = figures.profit_factor {
                ctx.gauge("quantum_exit_profit_factor", GaugeOf::All, factor);
            }
        }
        let regime = self.regime_counter(place, ctx);
        ctx.count(regime, 1);
    }

    fn regime_counter(&self, place: usize, ctx: &mut Context<'_>) -> &'static str {
        let minutes = candles(&self.candle_keys[place], BARS_1M, ctx);
        let bars: Vec<Candle> = minutes.rchunks(BAR_MINUTES).rev().filter_map(joined).collect();
        let dx = simple_dx(&bars, 14).ok().flatten();
        match dx.and_then(|dx| regime_of_dx(dx).ok()) {
            Some(ExitRegime::Trend) => "closed_in_trend",
            Some(ExitRegime::Chop) => "closed_in_chop",
            Some(ExitRegime::Unknown) | None => "closed_in_unknown",
        }
    }

    fn prices(&mut self, ctx: &mut Context<'_>) {
        for (open, key) in self.open.iter_mut().zip(&self.snapshot_keys) {
            let lost = open.see(key, ctx);
            if lost > 0 {
                ctx.count("trades_lost_track_of", lost as u64);
            }
        }
    }
}

/// One bar of several.
fn joined(bars: &[Candle]) -> Option<Candle> {
    let last = bars.last()?;
    let high = bars.iter().fold(last.high, |high, bar| high.max(bar.high));
    let low = bars.iter().fold(last.low, |low, bar| low.min(bar.low));
    Some(Candle { high, low, close: last.close })
}

impl Configured for MetricPack {
    type Settings = MetricPackSettings;
    const COUNTERS: &'static [&'static str] = &[
        "checkpoint_not_saved",
        "checkpoint_unreadable",
        "closed_in_chop",
        "closed_in_trend",
        "closed_in_unknown",
        "quantum_exit_events_processed_total",
        "results_not_taken",
        "results_skipped",
        "trades_lost_track_of",
    ];
    const GAUGES: &'static [&'static str] = &[
        "quantum_exit_builder_lag_seconds",
        "quantum_exit_expectancy",
        "quantum_exit_mae_atr",
        "quantum_exit_mfe_atr",
        "quantum_exit_profit_factor",
        "quantum_exit_realized_pnl_total",
        "quantum_exit_time_in_trade_seconds",
        "quantum_exit_trades_total",
        "quantum_exit_winrate",
    ];

    fn configured(_: &MetricPackSettings, setup: Setup<'_>) -> Result<MetricPack, String> {
        let audited = &setup.pipeline.audited;
        Ok(MetricPack {
            expects_data: audited.has(Audited::ResultsExpectedAsData),
            gains_only: audited.has(Audited::LossesNotCounted),
            ..MetricPack::new(setup.symbols)
        })
    }
}

impl Service for MetricPack {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(APPLY_RESULT.name, GROUP, GroupStart::Beginning)],
            looks: vec![APPLY_RESULT.name],
            keys_read: keys::patterns(&[
                keys::METRICPACK_LAST_ID,
                keys::POSITION_SNAPSHOT,
                keys::CANDLES_1M,
            ]),
            keys_written: keys::patterns(&[keys::METRICPACK_LAST_ID]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.recover(ctx);
                ctx.timer_after(PRICES, TimerKey(0));
            }
            Input::Timer(_) => {
                self.prices(ctx);
                ctx.timer_after(PRICES, TimerKey(0));
            }
            Input::Delivery(delivery) => self.result(delivery, ctx),
            _ => {}
        }
    }
}
