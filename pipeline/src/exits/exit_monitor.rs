//! Exit monitor (EHR 3.25, settled): watches stop, target and trailing stop of every position and asks for
//! the close. What it watches lies in `quantum:state:stops:{S}`; it forgets a position only when its
//! close is filled.
//!
//! It is the one writer of that key. Who wants a tighter stop says so elsewhere: risk and harvest proposals in their
//! own keys, the Apply Layer for an UPDATE_SL plan in `quantum:stop:asked:{S}`. At each look the monitor takes what is
//! fresh, of this very position and closer; a stop never goes back.

mod gone;

use engine::{
    Context, Delivery, Envelope, EpochSeconds, GaugeOf, GroupStart, Input, Nanos, Reader, Service,
    Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::{ExitWatch, sound_levels};

use super::asked;
use super::close_intent::close_intent;
use super::price;
use crate::audited::{Audited, AuditedNames};
use crate::fills;
use crate::grid;
use crate::keys;
use crate::records::{ExecutionResult, ExitReason, IntentAction, OrderSide, PositionSide, Stops};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{EXECUTION_RESULT, TRADE_INTENT};

settings! {
    /// Exit monitor.
    pub struct ExitMonitorSettings {
        /// Between two looks at the prices, in s.
        pub check_interval_s: i64 = 5 => 1..,
        /// An exit that has not led to a fill is asked for again after so long, in s.
        pub retry_s: i64 = 15 => 1..,
        /// An older price is stale: the price feed's is taken where it is fresher, in s.
        pub price_age_max_s: i64 = 30 => 1..,
        /// Whether risk proposals tighten stops.
        pub tightened_by_risk: bool = true,
        /// Whether harvest proposals do.
        pub tightened_by_harvest: bool = true,
    }
}

const SOURCE: &str = "exit_monitor";
/// Whose the stop is where no plan names a sound one.
const FIXED_LEVELS: &str = "fixed_levels";

/// The service. Its memory is a cache of the stops on the bus.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExitMonitor {
    settings: ExitMonitorSettings,
    symbols: Vec<Symbol>,
    stop_keys: Vec<String>,
    snapshot_keys: Vec<String>,
    ticker_keys: Vec<String>,
    risk_keys: Vec<String>,
    harvest_keys: Vec<String>,
    asked_keys: Vec<String>,
    watched: Vec<Option<Watched>>,
    /// It forgets a position when it asks for its close.
    forgets: bool,
    /// Its close could open.
    could_open: bool,
    /// It goes on watching a position that is gone.
    keeps_gone: bool,
}

/// A position under watch.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Watched {
    stops: Stops,
    watch: ExitWatch,
    /// The mark price at which the last look found nothing to do.
    quiet_at: Option<Decimal>,
    /// The last look that had a fresh price.
    checked_at: Nanos,
    /// When its last opening fill was heard of.
    filled_at: Nanos,
    /// The first of the looks at the exchange that show nothing of it.
    flat_since: Option<Nanos>,
}

impl Watched {
    fn of(stops: Stops, watch: ExitWatch, now: Nanos) -> Watched {
        let (checked_at, filled_at) = (now, now);
        Watched { stops, watch, quiet_at: None, checked_at, filled_at, flat_since: None }
    }
}

/// Entry of a position after another fill, by volume; that of the fill where the numbers are beyond reckoning.
fn average(old: &Stops, fill: &ExecutionResult) -> Decimal {
    let of = |qty: Decimal, price| qty.checked_mul(price);
    let quote = of(old.qty, old.entry_price).zip(of(fill.filled_qty, fill.avg_price));
    let quote = quote.and_then(|(held, added)| held.checked_add(added));
    let qty = old.qty.checked_add(fill.filled_qty);
    let average = quote.zip(qty).and_then(|(quote, qty)| quote.checked_div(qty));
    average.unwrap_or(fill.avg_price).round_dp(8)
}

fn watch_of(stops: &Stops) -> ExitWatch {
    let long = stops.side == PositionSide::Long;
    let mut watch = ExitWatch::new(long, grid::float(stops.entry_price), None, None);
    // As they are: a stop that was tightened may lie beyond the entry.
    watch.stop = grid::float(stops.stop_loss);
    watch.target = grid::float(stops.take_profit);
    watch.best = grid::float(stops.best_price);
    watch.trailing_gap = stops.trailing_gap_pct;
    watch
}

impl ExitMonitor {
    /// For these symbols, in the order of the run.
    fn new(
        symbols: &[Symbol],
        settings: &ExitMonitorSettings,
        audited: &AuditedNames,
    ) -> ExitMonitor {
        ExitMonitor {
            settings: settings.clone(),
            symbols: symbols.to_vec(),
            stop_keys: keys::STATE_STOPS.of_each(symbols),
            snapshot_keys: keys::POSITION_SNAPSHOT.of_each(symbols),
            ticker_keys: keys::TICKER.of_each(symbols),
            risk_keys: keys::RISK_PROPOSAL.of_each(symbols),
            harvest_keys: keys::HARVEST_PROPOSAL.of_each(symbols),
            asked_keys: keys::STOP_ASKED.of_each(symbols),
            watched: vec![None; symbols.len()],
            forgets: audited.has(Audited::ExitForgottenBeforeFill),
            could_open: audited.has(Audited::ExitCouldOpen),
            keeps_gone: audited.has(Audited::RecordsOutlivePositions),
        }
    }

    /// After a start: what was watched before is watched again.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        for (key, slot) in self.stop_keys.iter().zip(&mut self.watched) {
            match ctx.record::<Stops>(key) {
                Ok(Some(stops)) => {
                    *slot = Some(Watched::of(stops.clone().into_owned(), watch_of(&stops), now));
                }
                Ok(None) => {}
                Err(_) => ctx.count("stops_unreadable", 1),
            }
        }
    }

    fn fill(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(fill) = ctx.read::<ExecutionResult>(EXECUTION_RESULT.name, delivery) else {
            return;
        };
        let Some(place) = self.symbols.iter().position(|symbol| *symbol == fill.symbol) else {
            ctx.count("fills_of_unknown_symbols", 1);
            return;
        };
        if fills::taken(&fill, ctx) {
            return;
        }
        if fill.is_reconcile_close() {
            // What it closes no open of ours has brought under watch.
            ctx.count("reconcile_closing_fills", 1);
        } else if fill.reduce_only.0 {
            self.reduce(place, fill.filled_qty, ctx);
        } else {
            self.begin(place, &fill, ctx);
        }
        fills::take(&fill, ctx);
    }

    /// Begins to watch a position, or goes on with one that has grown: its entry is the average of its fills, its
    /// levels are the plan's, and what was tightened or asked for since stays.
    fn begin(&mut self, place: usize, fill: &ExecutionResult, ctx: &mut Context<'_>) {
        let side = fill.side.opens();
        let long = side == PositionSide::Long;
        let before = self.watched[place].as_ref().map(|old| &old.stops);
        let before = before.filter(|old| old.side == side).cloned();
        let entry_price = before.as_ref().map_or(fill.avg_price, |old| average(old, fill));
        let entry = grid::float(entry_price);
        let given = [fill.stop_loss, fill.take_profit].map(|level| level.map(grid::float));
        let (plan_stop, plan_target) = sound_levels(long, entry, given[0], given[1]);
        let refused = [(given[0], plan_stop), (given[1], plan_target)];
        let refused = refused.iter().filter(|(given, sound)| given.is_some() && sound.is_none());
        ctx.count("levels_refused", refused.count() as u64);
        let mut watch = ExitWatch::new(long, entry, plan_stop, plan_target);
        let mut source = if plan_stop.is_some() { "plan" } else { FIXED_LEVELS }.into();
        if let Some(old) = &before {
            watch.best = grid::float(old.best_price);
            let same_plan = old.plan_id == fill.plan_id;
            if plan_stop.is_none() && !same_plan {
                watch.stop = grid::float(old.stop_loss);
                source = old.source.clone();
            }
            if plan_target.is_none() && !same_plan {
                watch.target = grid::float(old.take_profit);
            }
            // Fixed levels of the first fills were of another entry.
            let of_first = same_plan && old.source == FIXED_LEVELS;
            if !of_first && watch.tighten(grid::float(old.stop_loss)) {
                source = old.source.clone();
            }
        }
        let (Some(stop_loss), Some(take_profit)) =
            (grid::decimal(watch.stop), grid::decimal(watch.target))
        else {
            ctx.count("stops_not_finite", 1);
            return;
        };
        ctx.count("positions_tracked", u64::from(before.is_none()));
        let stops = match before {
            Some(old) => {
                let qty = old.qty.saturating_add(fill.filled_qty);
                Stops { qty, entry_price, stop_loss, take_profit, source, ..old }
            }
            None => Stops {
                symbol: fill.symbol,
                side,
                qty: fill.filled_qty,
                entry_price,
                stop_loss,
                take_profit,
                trailing_gap_pct: watch.trailing_gap,
                best_price: entry_price,
                source,
                plan_id: fill.plan_id.clone(),
                correlation_id: fill.correlation_id,
                opened_at: fill.timestamp,
                exit_reason: None,
                exit_asked_at: None,
                exit_attempts: 0,
            },
        };
        self.save(place, &stops, ctx);
        self.watched[place] = Some(Watched::of(stops, watch, ctx.now()));
    }

    fn reduce(&mut self, place: usize, qty: Decimal, ctx: &mut Context<'_>) {
        let Some(watched) = &mut self.watched[place] else {
            ctx.count("reducing_fills_of_unwatched_positions", 1);
            return;
        };
        watched.stops.qty -= qty;
        watched.stops.exit_asked_at = None;
        if watched.stops.qty > Decimal::ZERO {
            let stops = watched.stops.clone();
            self.save(place, &stops, ctx);
            return;
        }
        if let Some(reason) = watched.stops.exit_reason {
            ctx.count("exits_filled", 1);
            ctx.count(filled_counter(reason), 1);
        }
        self.watched[place] = None;
        ctx.del(&self.stop_keys[place]);
    }

    fn save(&self, place: usize, stops: &Stops, ctx: &mut Context<'_>) {
        if ctx.set_record(&self.stop_keys[place], stops, None).is_err() {
            ctx.count("stops_not_saved", 1);
        }
    }

    fn check_all(&mut self, ctx: &mut Context<'_>) {
        for place in 0..self.symbols.len() {
            if self.watched[place].is_some() && !self.is_gone(place, ctx) {
                self.keep(place, ctx);
                self.tighten(place, ctx);
                self.check(place, ctx);
            }
        }
        // Who watches the watcher: this figure stands still when the service does.
        let now = ctx.now();
        ctx.gauge("exit_monitor_heartbeat", GaugeOf::All, now.as_secs_f64());
    }

    /// Writes again what a bus that came back empty has lost: the next start would know of no stop.
    fn keep(&self, place: usize, ctx: &mut Context<'_>) {
        if let Some(Watched { stops, .. }) = &self.watched[place]
            && !ctx.exists(&self.stop_keys[place])
        {
            self.save(place, stops, ctx);
            ctx.count("stops_written_again", 1);
        }
    }

    /// Takes the closest of the stops that others ask for.
    fn tighten(&mut self, place: usize, ctx: &mut Context<'_>) {
        let Some(Watched { stops, watch, quiet_at, .. }) = &mut self.watched[place] else { return };
        if stops.exit_reason.is_some() {
            return;
        }
        let asked = asked::stops(
            stops,
            [
                self.settings.tightened_by_risk.then_some(self.risk_keys[place].as_str()),
                self.settings.tightened_by_harvest.then_some(self.harvest_keys[place].as_str()),
            ],
            &self.asked_keys[place],
            ctx,
        );
        let mut moved = false;
        for (stop, source) in asked.into_iter().flatten() {
            let exact = grid::decimal(stop).filter(|stop| *stop > Decimal::ZERO);
            let Some(exact) = exact.filter(|_| watch.tighten(stop)) else { continue };
            (stops.stop_loss, stops.source, moved) = (exact, source.into(), true);
        }
        if moved {
            *quiet_at = None;
            ctx.count("stops_tightened", 1);
            let stops = stops.clone();
            self.save(place, &stops, ctx);
        }
    }

    /// The price to judge by. One that is too old is counted and judged all the same: a close is never blocked.
    fn price(&mut self, place: usize, ctx: &mut Context<'_>) -> Option<Decimal> {
        let (now, of) = (ctx.now(), GaugeOf::Symbol(self.symbols[place]));
        let age_max = Nanos::from_secs(self.settings.price_age_max_s);
        let keys = (&self.snapshot_keys[place], &self.ticker_keys[place]);
        let found = price::newest(keys.0, keys.1, age_max, ctx);
        if let Some(found) = &found {
            ctx.gauge("price_age_sec", of, found.age.as_secs_f64());
        }
        match &found {
            Some(found) if found.fresh => {}
            Some(_) => ctx.count("price_stale", 1),
            None => ctx.count("price_unknown", 1),
        }
        let watched = self.watched[place].as_mut()?;
        if found.as_ref().is_some_and(|found| found.fresh) {
            watched.checked_at = now;
        }
        ctx.gauge("last_check_age_sec", of, (now - watched.checked_at).as_secs_f64());
        found.map(|found| found.price)
    }

    fn check(&mut self, place: usize, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let Some(price) = self.price(place, ctx) else { return };
        let retry = Nanos::from_secs(self.settings.retry_s);
        let Some(Watched { stops, watch, quiet_at, .. }) = &mut self.watched[place] else { return };
        // Marks move less often than this looks.
        if *quiet_at == Some(price) {
            return;
        }
        let best = watch.best;
        let found = watch.check(grid::float(price));
        let moved = watch.best != best;
        if moved {
            stops.best_price = price;
        }
        // Once asked for, an exit stays asked for: a price that comes back does not take it back.
        let reason = stops.exit_reason.or(found.map(|found| match found {
            strategies::ExitReason::TakeProfit => ExitReason::TakeProfit,
            strategies::ExitReason::StopLoss => ExitReason::StopLoss,
            strategies::ExitReason::TrailingStop => ExitReason::TrailingStop,
        }));
        let due = stops.exit_asked_at.is_none_or(|asked| now - asked.0 >= retry);
        *quiet_at = reason.is_none().then_some(price);
        let Some(reason) = reason.filter(|_| due) else {
            if moved {
                let stops = stops.clone();
                self.save(place, &stops, ctx);
            }
            return;
        };
        stops.exit_reason = Some(reason);
        stops.exit_asked_at = Some(EpochSeconds(now));
        stops.exit_attempts += 1;
        let stops = stops.clone();
        self.save(place, &stops, ctx);
        ctx.count("exits_triggered", 1);
        ctx.count(hit_counter(reason), 1);
        let mut intent = close_intent(&stops, price, reason, SOURCE, now);
        if self.could_open {
            intent.reduce_only = None;
            intent.action = intent.side.map(|side| match side {
                OrderSide::Buy => IntentAction::Buy,
                OrderSide::Sell => IntentAction::Sell,
            });
        }
        if self.forgets {
            self.watched[place] = None;
            ctx.del(&self.stop_keys[place]);
        }
        let envelope =
            Envelope::Contract { event_type: TRADE_INTENT.event, source: SOURCE, time: now };
        crate::publish(ctx, TRADE_INTENT, envelope, intent);
    }
}

fn hit_counter(reason: ExitReason) -> &'static str {
    match reason {
        ExitReason::TakeProfit => "tp_hits",
        ExitReason::StopLoss => "sl_hits",
        ExitReason::TrailingStop => "trailing_hits",
        ExitReason::MaxHolding => "max_holding_hits",
    }
}

fn filled_counter(reason: ExitReason) -> &'static str {
    match reason {
        ExitReason::TakeProfit => "filled_take_profit",
        ExitReason::StopLoss => "filled_stop_loss",
        ExitReason::TrailingStop => "filled_trailing_stop",
        ExitReason::MaxHolding => "filled_max_holding",
    }
}

impl Configured for ExitMonitor {
    type Settings = ExitMonitorSettings;
    const COUNTERS: &'static [&'static str] = &[
        "exits_filled",
        "exits_triggered",
        "filled_max_holding",
        "filled_stop_loss",
        "filled_take_profit",
        "filled_trailing_stop",
        "fills_of_unknown_symbols",
        "levels_refused",
        "max_holding_hits",
        "positions_gone",
        "positions_tracked",
        "price_stale",
        "price_unknown",
        "reconcile_closing_fills",
        "reducing_fills_of_unwatched_positions",
        "sl_hits",
        "stops_not_finite",
        "stops_asked_unreadable",
        "stops_not_saved",
        "stops_tightened",
        "stops_unreadable",
        "stops_written_again",
        "tp_hits",
        "trailing_hits",
    ];
    const GAUGES: &'static [&'static str] =
        &["exit_monitor_heartbeat", "last_check_age_sec", "price_age_sec"];

    fn configured(settings: &ExitMonitorSettings, setup: Setup<'_>) -> Result<ExitMonitor, String> {
        Ok(ExitMonitor::new(setup.symbols, settings, &setup.pipeline.audited))
    }
}

impl Service for ExitMonitor {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(
                EXECUTION_RESULT.name,
                "exit_monitor",
                GroupStart::Beginning,
            )],
            writes: vec![TRADE_INTENT.name],
            keys_read: keys::patterns(&[
                keys::STATE_STOPS,
                keys::POSITION_SNAPSHOT,
                keys::TICKER,
                keys::RISK_PROPOSAL,
                keys::HARVEST_PROPOSAL,
                keys::STOP_ASKED,
                keys::FILL_SEEN,
            ]),
            keys_written: keys::patterns(&[keys::STATE_STOPS, keys::FILL_SEEN]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let interval = Nanos::from_secs(self.settings.check_interval_s);
        match input {
            Input::Start => {
                self.recover(ctx);
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Timer(_) => {
                self.check_all(ctx);
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Delivery(delivery) => self.fill(delivery, ctx),
            _ => {}
        }
    }
}
