//! Exit intelligence (EHR 3.29): what exits were worth, from results as they are. It decides nothing.
//!
//! A result that was not executed is passed over first. The market of an exit is read off the bars on the bus
//! and kept for a minute; trades lie under their keys, so that a successor goes on with those that are open.

use std::collections::VecDeque;

use engine::{
    Context, Delivery, EpochSeconds, GaugeOf, GroupStart, Input, JsonText, Nanos, Reader, Service,
    SetOptions, Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::performance::{
    Excursion, ExitRegime, Outcome, TradeState, adx, bollinger_width, ema, exit_efficiency,
    exit_regime, key_figures, outcome,
};

use super::trades::{Exit, Leg, OpenTrades, Trade, candles};
use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{ApplyResult, ExecutionResult, ExitMetrics};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{APPLY_RESULT, EXECUTION_RESULT};

settings! {
    /// Exit intelligence.
    pub struct ExitIntelligenceSettings {
        /// More pending results than this raise an alarm.
        pub pending_alarm: i64 = 100 => 1..,
    }
}

const GROUP: &str = "exit_intelligence";
const PRICES: (TimerKey, Nanos) = (TimerKey(0), Nanos::from_secs(10));
const FIGURES: (TimerKey, Nanos) = (TimerKey(1), Nanos::from_secs(30));
const RESULTS: usize = 0;
/// Figures are of so many closed trades.
const FIGURES_OF: usize = 20;
/// Commissions of plans whose result has not come.
const FEES_MAX: usize = 256;
/// Bars for the market of an exit.
const BARS: usize = 120;
const REGIME_LIFE: Nanos = Nanos::from_secs(60);
/// Upper edges of the histogram, in USDT, and their words.
const EDGES: [(f64, &str); 9] = [
    (-100.0, "-100"),
    (-50.0, "-50"),
    (-20.0, "-20"),
    (-10.0, "-10"),
    (0.0, "0"),
    (10.0, "10"),
    (20.0, "20"),
    (50.0, "50"),
    (100.0, "100"),
];

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExitIntelligence {
    settings: ExitIntelligenceSettings,
    symbols: Vec<Symbol>,
    snapshot_keys: Vec<String>,
    candle_keys: Vec<String>,
    open: Vec<OpenTrades>,
    /// Profits of closed trades in USDT, the newest last.
    closed: VecDeque<f64>,
    /// Orders of trades that were closed lately: their results may come again.
    done: VecDeque<u64>,
    /// Exits and those of them that gained.
    exits: (u64, u64),
    histogram: [u64; EDGES.len() + 1],
    fees: VecDeque<(String, f64)>,
    regimes: Vec<Option<(Nanos, ExitRegime)>>,
    /// It looks for JSON in a field that results do not have.
    expects_data: bool,
}

impl ExitIntelligence {
    /// For these symbols, in the order of the run.
    fn new(
        symbols: &[Symbol],
        settings: &ExitIntelligenceSettings,
        expects_data: bool,
    ) -> ExitIntelligence {
        ExitIntelligence {
            expects_data,
            settings: settings.clone(),
            symbols: symbols.to_vec(),
            snapshot_keys: keys::POSITION_SNAPSHOT.of_each(symbols),
            candle_keys: keys::CANDLES_1M.of_each(symbols),
            open: vec![OpenTrades::default(); symbols.len()],
            closed: VecDeque::new(),
            done: VecDeque::new(),
            exits: (0, 0),
            histogram: [0; EDGES.len() + 1],
            fees: VecDeque::new(),
            regimes: vec![None; symbols.len()],
        }
    }

    /// After a start: open trades go on, and the figures are of those that were closed before.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        let mut closed = Vec::new();
        let mut open = Vec::new();
        for key in ctx.scan(&keys::METRICS_EXIT.of("*")) {
            match ctx.json::<ExitMetrics>(&key) {
                Ok(Some(trade)) if trade.closed_at.is_some() => {
                    closed.push((trade.closed_at, trade.pnl_usdt, trade.orders.0.clone()));
                }
                Ok(Some(trade)) => open.push(trade.into_owned()),
                Ok(None) => {}
                Err(_) => ctx.count("trades_unreadable", 1),
            }
        }
        closed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        for (_, pnl, orders) in closed.drain(closed.len().saturating_sub(FIGURES_OF)..) {
            self.closed.push_back(pnl);
            self.done.extend(orders);
        }
        open.sort_by_key(|trade| trade.opened_at);
        for saved in open {
            let place = self.symbols.iter().position(|symbol| *symbol == saved.symbol);
            if let (Some(place), Some(trade)) = (place, trade_of(&saved)) {
                self.open[place].0.push_back(trade);
            }
        }
    }

    fn result(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        if self.expects_data {
            ctx.count("results_without_data", 1);
            return ctx.leave_pending();
        }
        let Some(result) = ctx.read::<ApplyResult>(APPLY_RESULT.name, delivery) else { return };
        if !result.executed {
            return ctx.count("results_skipped", 1);
        }
        let Some(place) = self.symbols.iter().position(|symbol| *symbol == result.symbol) else {
            return ctx.count("results_of_unknown_symbols", 1);
        };
        let Some(mut leg) = Leg::of(&result) else {
            return ctx.dead_letter(APPLY_RESULT.name, delivery, "executed without fill or order");
        };
        leg.fees_usd = self.fees_of(&result.plan_id);
        self.take(place, &leg, ctx);
    }

    fn take(&mut self, place: usize, leg: &Leg, ctx: &mut Context<'_>) {
        if self.open[place].knows(leg.order_id) || self.done.contains(&leg.order_id) {
            return ctx.count("results_already_taken", 1);
        }
        if !leg.reduces {
            let symbol = self.symbols[place];
            match self.open[place].enter(symbol, leg).map(|trade| metrics_of(trade, None)) {
                Some(saved) => save(&saved, ctx),
                None => ctx.count("entries_refused", 1),
            }
            return;
        }
        let exits = self.open[place].exit(leg);
        if exits.is_empty() {
            return ctx.count("exits_of_unknown_trades", 1);
        }
        for exit in exits {
            self.exited(place, leg, &exit, ctx);
        }
    }

    fn exited(&mut self, place: usize, leg: &Leg, exit: &Exit, ctx: &mut Context<'_>) {
        let of = GaugeOf::Symbol(self.symbols[place]);
        let regime = self.regime(place, ctx);
        ctx.count("quantum_exit_exits_total", 1);
        self.exits.0 += 1;
        self.exits.1 += u64::from(exit.pnl_usd > 0.0);
        let share = self.exits.1 as f64 / self.exits.0 as f64;
        ctx.gauge("quantum_exit_partial_winrate", GaugeOf::All, share);
        let trade = &exit.trade;
        let mut saved = metrics_of(trade, exit.closed.then_some(leg.at));
        saved.regime = regime_word(regime).into();
        if let Ok(efficiency) = exit_efficiency(&trade.state, leg.price, trade.seen.mfe_usd) {
            ctx.gauge("quantum_exit_efficiency", of, efficiency);
            saved.efficiency = Some(efficiency);
        }
        save(&saved, ctx);
        if !exit.closed {
            return;
        }
        ctx.count("quantum_exit_trades_closed_total", 1);
        ctx.count(regime_counter(regime), 1);
        ctx.gauge("quantum_exit_pnl_usdt", of, trade.pnl_usd);
        ctx.gauge("quantum_exit_mfe_usdt", of, trade.seen.mfe_usd);
        ctx.gauge("quantum_exit_mae_usdt", of, trade.seen.mae_usd);
        let held = (leg.at - trade.opened_at).as_secs_f64();
        ctx.gauge("quantum_exit_time_seconds", of, held);
        self.closed.push_back(trade.pnl_usd);
        while self.closed.len() > FIGURES_OF {
            self.closed.pop_front();
        }
        self.done.extend(&trade.orders);
        while self.done.len() > FEES_MAX {
            self.done.pop_front();
        }
        let bucket = EDGES.iter().position(|(edge, _)| trade.pnl_usd <= *edge);
        self.histogram[bucket.unwrap_or(EDGES.len())] += 1;
        let mut sum = 0;
        let words = EDGES.iter().map(|(_, word)| *word).chain(["+Inf"]);
        for (count, word) in self.histogram.iter().zip(words) {
            sum += count;
            ctx.gauge("quantum_exit_pnl_histogram", GaugeOf::Word(word), sum as f64);
        }
    }

    /// The commission of a plan: its fills come before its result.
    fn fees_of(&mut self, plan_id: &str) -> f64 {
        let own = |(plan, _): &&(String, f64)| plan == plan_id;
        let sum = self.fees.iter().filter(own).map(|(_, fee)| fee).sum();
        self.fees.retain(|(plan, _)| plan != plan_id);
        sum
    }

    /// Fills tell commissions; those of the exchange's own orders, a liquidation, are exits without a result.
    fn fill(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(fill) = ctx.read::<ExecutionResult>(EXECUTION_RESULT.name, delivery) else {
            return;
        };
        let Some(place) = self.symbols.iter().position(|symbol| *symbol == fill.symbol) else {
            return ctx.count("results_of_unknown_symbols", 1);
        };
        let fee = fill.commission.map_or(0.0, grid::float);
        if !fill.plan_id.is_empty() {
            if self.fees.len() == FEES_MAX {
                self.fees.pop_front();
            }
            self.fees.push_back((fill.plan_id.clone(), fee));
            return;
        }
        let leg = Leg {
            side: fill.side,
            qty: grid::float(fill.filled_qty),
            price: grid::float(fill.avg_price),
            // The exchange's order is filled in parts: each of them is an exit.
            order_id: fill.trade_id.unwrap_or(fill.order_id),
            reduces: true,
            fees_usd: fee,
            at: fill.timestamp.0,
        };
        if leg.qty > 0.0 && leg.price > 0.0 {
            self.take(place, &leg, ctx);
        }
    }

    /// The market of the symbol now; bars are read at most once a minute.
    fn regime(&mut self, place: usize, ctx: &mut Context<'_>) -> ExitRegime {
        let now = ctx.now();
        if let Some((at, regime)) = self.regimes[place]
            && now - at < REGIME_LIFE
        {
            return regime;
        }
        let bars = candles(&self.candle_keys[place], BARS, ctx);
        let regime = || {
            let close = bars.last()?.close;
            let adx = adx(&bars, 14).ok()??;
            let (fast, slow) = (ema(&bars, 20)?, ema(&bars, 50)?);
            exit_regime(adx, fast, slow, close, bollinger_width(&bars, 20)?).ok()
        };
        let regime = regime().unwrap_or_else(|| {
            ctx.count("regime_unknown_for_want_of_bars", 1);
            ExitRegime::Unknown
        });
        self.regimes[place] = Some((now, regime));
        regime
    }

    fn prices(&mut self, ctx: &mut Context<'_>) {
        for (open, key) in self.open.iter_mut().zip(&self.snapshot_keys) {
            let lost = open.see(key, ctx);
            if lost > 0 {
                ctx.count("trades_lost_track_of", lost as u64);
            }
        }
    }

    fn figures(&mut self, ctx: &mut Context<'_>) {
        let source = GaugeOf::Word("exit_intelligence");
        if let Ok(Some(figures)) = key_figures(self.closed.make_contiguous()) {
            ctx.gauge("quantum_exit_expectancy", source, figures.expectancy_usd);
        }
        // What was seen of open trades outlives this one.
        for trade in self.open.iter().flat_map(|open| &open.0) {
            save(&metrics_of(trade, None), ctx);
        }
        let groups = ctx.groups(APPLY_RESULT.name).unwrap_or_default();
        let Some(own) = groups.iter().find(|group| group.name == GROUP) else { return };
        ctx.gauge("pending", GaugeOf::All, own.pending as f64);
        if own.pending > self.settings.pending_alarm as u64 {
            ctx.count("pending_alarm", 1);
        }
    }
}

fn regime_word(regime: ExitRegime) -> &'static str {
    match regime {
        ExitRegime::Trend => "trend",
        ExitRegime::Chop => "chop",
        ExitRegime::Unknown => "unknown",
    }
}

fn regime_counter(regime: ExitRegime) -> &'static str {
    match regime {
        ExitRegime::Trend => "closed_in_trend",
        ExitRegime::Chop => "closed_in_chop",
        ExitRegime::Unknown => "closed_in_unknown",
    }
}

fn metrics_of(trade: &Trade, closed_at: Option<Nanos>) -> ExitMetrics {
    let notional = trade.state.entry_price * trade.state.entry_qty;
    let won = outcome(trade.pnl_usd) != Outcome::Flat;
    ExitMetrics {
        trade_id: trade.id.clone(),
        symbol: trade.symbol,
        side: trade.state.side.as_str().into(),
        status: if closed_at.is_some() { "closed" } else { "open" }.into(),
        entry_price: trade.state.entry_price,
        entry_qty: trade.state.entry_qty,
        remaining_qty: trade.state.remaining_qty,
        pnl_usdt: trade.pnl_usd,
        pnl_pct: if won { 100.0 * trade.pnl_usd / notional } else { 0.0 },
        fees_usdt: trade.fees_usd,
        mfe_usdt: trade.seen.mfe_usd,
        mae_usdt: trade.seen.mae_usd,
        efficiency: None,
        regime: "unknown".into(),
        exits: trade.exits.0,
        exits_won: trade.exits.1,
        orders: JsonText(trade.orders.clone()),
        opened_at: EpochSeconds(trade.opened_at),
        closed_at: closed_at.map(EpochSeconds),
    }
}

/// A trade as it was saved; `None` when its numbers make none.
fn trade_of(saved: &ExitMetrics) -> Option<Trade> {
    let side = strategies::position::PositionSide::parse(&saved.side)?;
    let mut state = TradeState::new(side, saved.entry_price, saved.entry_qty).ok()?;
    state.remaining_qty = saved.remaining_qty.clamp(0.0, saved.entry_qty);
    Some(Trade {
        id: saved.trade_id.clone(),
        symbol: saved.symbol,
        state,
        seen: Excursion { mfe_usd: saved.mfe_usdt, mae_usd: saved.mae_usdt },
        opened_at: saved.opened_at.0,
        pnl_usd: saved.pnl_usdt,
        fees_usd: saved.fees_usdt,
        exits: (saved.exits, saved.exits_won),
        orders: saved.orders.0.clone(),
        moved_at: saved.opened_at.0,
    })
}

fn save(trade: &ExitMetrics, ctx: &mut Context<'_>) {
    let options = SetOptions { expire: keys::METRICS_EXIT.life, ..SetOptions::default() };
    if ctx.set_json(&keys::METRICS_EXIT.of(&trade.trade_id), trade, options).is_err() {
        ctx.count("trade_not_saved", 1);
    }
}

impl Configured for ExitIntelligence {
    type Settings = ExitIntelligenceSettings;
    const COUNTERS: &'static [&'static str] = &[
        "closed_in_chop",
        "closed_in_trend",
        "closed_in_unknown",
        "entries_refused",
        "exits_of_unknown_trades",
        "pending_alarm",
        "quantum_exit_exits_total",
        "quantum_exit_trades_closed_total",
        "regime_unknown_for_want_of_bars",
        "results_already_taken",
        "results_of_unknown_symbols",
        "results_skipped",
        "results_without_data",
        "trade_not_saved",
        "trades_lost_track_of",
        "trades_unreadable",
    ];
    const GAUGES: &'static [&'static str] = &[
        "pending",
        "quantum_exit_efficiency",
        "quantum_exit_expectancy",
        "quantum_exit_mae_usdt",
        "quantum_exit_mfe_usdt",
        "quantum_exit_partial_winrate",
        "quantum_exit_pnl_histogram",
        "quantum_exit_pnl_usdt",
        "quantum_exit_time_seconds",
    ];

    fn configured(
        settings: &ExitIntelligenceSettings,
        setup: Setup<'_>,
    ) -> Result<ExitIntelligence, String> {
        let expects_data = setup.pipeline.audited.has(Audited::ResultsExpectedAsData);
        Ok(ExitIntelligence::new(setup.symbols, settings, expects_data))
    }
}

impl Service for ExitIntelligence {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![
                Reader::group(APPLY_RESULT.name, GROUP, GroupStart::Beginning),
                Reader::group(EXECUTION_RESULT.name, GROUP, GroupStart::Beginning),
            ],
            looks: vec![APPLY_RESULT.name],
            keys_read: keys::patterns(&[
                keys::METRICS_EXIT,
                keys::POSITION_SNAPSHOT,
                keys::CANDLES_1M,
            ]),
            keys_written: keys::patterns(&[keys::METRICS_EXIT]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.recover(ctx);
                for (key, interval) in [PRICES, FIGURES] {
                    ctx.timer_after(interval, key);
                }
            }
            Input::Timer(key) if key == PRICES.0 => {
                self.prices(ctx);
                ctx.timer_after(PRICES.1, key);
            }
            Input::Timer(key) => {
                self.figures(ctx);
                ctx.timer_after(FIGURES.1, key);
            }
            Input::Delivery(delivery) if delivery.reader == RESULTS => self.result(delivery, ctx),
            Input::Delivery(delivery) => self.fill(delivery, ctx),
            _ => {}
        }
    }
}
