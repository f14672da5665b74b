//! Exit brain v3.5 (EHR 3.22) with its control layer (EHR 3.23): leverage, targets and stop of every open position,
//! told for those who learn from them, and watched.
//!
//! LIVE for a symbol means that it asks for the close as exit owner `exitbrain_v3_5` when its levels are reached. KILL
//! wins over MODE, MODE over ROLLOUT; what is not understood, and every other symbol, is SHADOW: reached levels are
//! counted. What it plans is told in either case.

use engine::{
    Context, Envelope, EpochSeconds, GaugeOf, Input, JsonText, Nanos, Service, Symbol, TimerKey,
    Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::exit_brain::{
    Control, ControlSettings, Effect, ExitBases, ExitContext, ExitPlan, ExitSignal,
    audited_rollout_bucket, build_exit_plan, exit_prices,
};
use strategies::heat::daily_sigma;
use strategies::position::MarketView;
use strategies::{ExitReason as Reached, ExitWatch};

use super::close_intent::close_intent;
use super::held::{HELD_KEYS, Held, HeldKeys, Seen, side_of};
use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    AdaptiveLevelsTold, Balance, ExitBrainPnl, ExitReason, Funding, PositionBook, PositionSide,
    Stops, VenueSpread,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{ADAPTIVE_LEVELS, EXITBRAIN_PNL, TRADE_INTENT};
use crate::switches;

settings! {
    /// Exit brain v3.5. The settings of its control layer are texts: what is not understood is not live.
    pub struct ExitBrainSettings {
        /// Between two looks at the positions, in s.
        pub interval_s: i64 = 10 => 1..,
        /// A plan that stays is told again after so long, in s.
        pub tell_every_s: i64 = 60 => 1..,
        /// A close that has not led to a fill is asked for again after so long, in s.
        pub retry_s: i64 = 15 => 1..,
        /// On with true, 1, yes, on or enabled.
        pub kill_switch: String = "false".to_owned(),
        /// LEGACY or EXIT_BRAIN_V3.
        pub exit_mode: String = "LEGACY".to_owned(),
        /// SHADOW or LIVE.
        pub executor_mode: String = "SHADOW".to_owned(),
        /// DISABLED or ENABLED.
        pub live_rollout: String = "DISABLED".to_owned(),
        /// Share of the symbols that are live, by a stable bucket: 0 to 100.
        pub rollout_pct: String = "0".to_owned(),
        /// Symbols that are live whatever the percentage says.
        pub live_symbols: Vec<String> = Vec::new(),
        /// Distances from which the levels are made.
        pub bases: ExitBases = ExitBases::default(),
    }
}

const SOURCE: &str = "exitbrain_v3_5";
/// Entries of the control list.
const CONTROL_KEPT: usize = 100;
/// As long as its key lives.
const SPREAD_AGE_MAX: Nanos = Nanos::from_secs(120);
/// Of a decision that nobody knows.
const CONFIDENCE: f64 = 0.5;
/// Open positions of which nothing was told for so long are an alarm (INC-1).
const SILENT: Nanos = Nanos::from_secs(300);

/// One symbol.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct One {
    symbol: Symbol,
    held: HeldKeys,
    book_key: String,
    funding_key: String,
    spread_key: String,
    stops_key: String,
    watched: Option<Watched>,
    /// What it plans is told to nobody.
    without_store: bool,
}

/// A position whose exit is planned.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Watched {
    opening_plan: String,
    watch: ExitWatch,
    told_at: Nanos,
    asked_at: Option<Nanos>,
}

/// The service. Its plans are made anew after a crash, from what the bus knows of the positions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExitBrain {
    settings: ExitBrainSettings,
    symbols: Vec<One>,
    /// Since when positions are open and nothing is told of them.
    silent_since: Option<Nanos>,
    rollout: Rollout,
    without_store: bool,
}

/// Who is in the rollout.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Rollout {
    /// Symbols by their stable bucket.
    Stable,
    /// Audited: by one that each start draws anew.
    Drawn(Option<u64>),
    /// Audited: all, for nobody says which symbol is meant.
    OfAll,
}

impl Rollout {
    fn effect(self, control: &Control, symbol: &str, killed: bool) -> Effect {
        let (effect, _) = match self {
            Rollout::Drawn(Some(process)) => {
                control.effect_at(|name| audited_rollout_bucket(process, name), symbol, killed)
            }
            Rollout::Stable | Rollout::Drawn(None) => control.effect(symbol, killed),
            Rollout::OfAll => control.audited_effect_of_all(killed),
        };
        effect
    }
}

impl ExitBrain {
    fn control(&self) -> Control {
        let settings = &self.settings;
        Control::new(&ControlSettings {
            kill_switch: &settings.kill_switch,
            exit_mode: &settings.exit_mode,
            executor_mode: &settings.executor_mode,
            live_rollout: &settings.live_rollout,
            rollout_pct: &settings.rollout_pct,
            live_symbols: settings.live_symbols.iter().map(String::as_str).collect(),
        })
    }

    /// How the control layer stands, for audits.
    fn tell_control(&self, ctx: &mut Context<'_>) {
        let (settings, control) = (&self.settings, self.control());
        let state = serde_json::json!({
            "timestamp": ctx.now().as_secs_f64(),
            "exit_mode": settings.exit_mode,
            "executor_mode": settings.executor_mode,
            "kill_switch": settings.kill_switch,
            "live_rollout": settings.live_rollout,
            "rollout_pct": settings.rollout_pct,
            "brain_profile": "v3_5",
            "warnings": control.warnings,
        });
        ctx.count("control_warnings", control.warnings.len() as u64);
        if ctx.lpush_keep(keys::EXITBRAIN_CONTROL.name, state.to_string(), CONTROL_KEPT).is_err() {
            ctx.count("control_not_saved", 1);
        }
    }

    fn look(&mut self, ctx: &mut Context<'_>) {
        let control = self.control();
        let killed = switches::killed(ctx);
        let margin_util = margin_util(ctx);
        let (mut open, mut told) = (0u32, 0u32);
        for one in &mut self.symbols {
            match one.held.look(ctx) {
                Seen::Held(held) => {
                    open += 1;
                    let effect = self.rollout.effect(&control, one.symbol.as_str(), killed);
                    let planned = one.plan(&held, effect, margin_util, &self.settings, ctx);
                    told += u32::from(planned && !one.without_store);
                }
                Seen::Flat => one.watched = None,
                Seen::Unknown(reason) => {
                    open += 1;
                    ctx.count(reason, 1);
                }
            }
        }
        let now = ctx.now();
        ctx.gauge("exitbrain_positions", GaugeOf::All, f64::from(open));
        if open == 0 || told > 0 {
            self.silent_since = None;
        } else if now - *self.silent_since.get_or_insert(now) >= SILENT {
            ctx.count("exitbrain_silent", 1);
            self.silent_since = Some(now);
        }
    }
}

/// Share of the account's money that is margin; without an account nothing is.
fn margin_util(ctx: &mut Context<'_>) -> f64 {
    match ctx.record::<Balance>(keys::ACCOUNT_BALANCE.name) {
        Ok(Some(account)) => {
            let share = account.margin_used.checked_div(account.balance);
            share.map_or(0.0, grid::float).clamp(0.0, 1.0)
        }
        Ok(None) => 0.0,
        Err(_) => {
            ctx.count("balance_unreadable", 1);
            0.0
        }
    }
}

impl One {
    /// The rate that was settled last; without funding data there is none.
    fn funding(&self, ctx: &mut Context<'_>) -> f64 {
        match ctx.record::<Funding>(&self.funding_key) {
            Ok(funding) => funding.map_or(0.0, |funding| grid::float(funding.funding_rate)),
            Err(_) => {
                ctx.count("funding_unreadable", 1);
                0.0
            }
        }
    }

    /// How far the venues are apart, as a fraction of the lowest; one venue alone does not diverge.
    fn divergence(&self, ctx: &mut Context<'_>) -> f64 {
        let now = ctx.now();
        match ctx.record::<VenueSpread>(&self.spread_key) {
            Ok(Some(spread)) if now - spread.ts.0 <= SPREAD_AGE_MAX => {
                (spread.spread_pct / 100.0).clamp(0.0, 1.0)
            }
            Ok(_) => 0.0,
            Err(_) => {
                ctx.count("spread_unreadable", 1);
                0.0
            }
        }
    }

    /// Plans and watches a position; `true` while its plan is told in time.
    fn plan(
        &mut self,
        held: &Held,
        effect: Effect,
        margin_util: f64,
        settings: &ExitBrainSettings,
        ctx: &mut Context<'_>,
    ) -> bool {
        let now = ctx.now();
        let tell_every = Nanos::from_secs(settings.tell_every_s);
        let known = self.watched.as_ref().filter(|w| w.opening_plan == held.opening_plan);
        if known.is_none_or(|watched| now - watched.told_at >= tell_every) {
            let market = match self.held.market(ctx) {
                Ok(market) => market,
                Err(reason) => {
                    ctx.count(reason, 1);
                    return false;
                }
            };
            if !self.tell(held, &market, margin_util, &settings.bases, ctx) {
                return false;
            }
        }
        self.check(held, effect, Nanos::from_secs(settings.retry_s), ctx);
        true
    }

    fn tell(
        &mut self,
        held: &Held,
        market: &MarketView,
        margin_util: f64,
        bases: &ExitBases,
        ctx: &mut Context<'_>,
    ) -> bool {
        let (now, position) = (ctx.now(), &held.position);
        let book = ctx.record::<PositionBook>(&self.book_key).ok().flatten();
        let confidence = book.and_then(|book| book.confidence).unwrap_or(CONFIDENCE);
        // The index is a range in percent. Nobody keeps the signal's: the hour's sigma stands in for it.
        let volatility = daily_sigma(market.sigma) / 24f64.sqrt() * 100.0;
        let stop = position.current_sl.map(|sl| (position.entry_price - sl).abs());
        let pnl_trend = match stop.filter(|distance| *distance > 0.0) {
            Some(distance) => (position.unrealized_pnl_per_unit / distance).clamp(-1.0, 1.0),
            None => 0.0,
        };
        let context = ExitContext {
            pnl_trend,
            margin_util,
            exch_divergence: self.divergence(ctx),
            funding_rate: self.funding(ctx),
            ..ExitContext::default()
        };
        let signal = ExitSignal { confidence, atr_value: volatility };
        let plan = match build_exit_plan(&signal, &context, bases) {
            Ok(plan) => plan,
            Err(_) => {
                ctx.count("plan_refused", 1);
                return false;
            }
        };
        let Ok((stop, target)) = exit_prices(position.side, position.entry_price, &plan) else {
            ctx.count("plan_refused", 1);
            return false;
        };
        let long = side_of(position) == PositionSide::Long;
        let before = self.watched.take().filter(|w| w.opening_plan == held.opening_plan);
        let mut watch = ExitWatch::new(long, position.entry_price, Some(stop), Some(target));
        watch.best = if long { position.peak_price } else { position.trough_price };
        // A gap of one never fires.
        watch.trailing_gap = plan.trailing_callback_pct.unwrap_or(1.0);
        if let Some(before) = &before {
            // A new plan never loosens the stop of an old one.
            watch.tighten(before.watch.stop);
        }
        let asked_at = before.and_then(|before| before.asked_at);
        let opening_plan = held.opening_plan.clone();
        self.watched = Some(Watched { opening_plan, watch, told_at: now, asked_at });
        if self.without_store {
            return true;
        }
        ctx.count("plans_told", 1);
        ctx.count("sl_clamped", u64::from(plan.adaptive_levels.sl_clamped));
        crate::publish(ctx, ADAPTIVE_LEVELS, Envelope::Flat, levels(self.symbol, &plan, now));
        let pnl = ExitBrainPnl {
            timestamp: EpochSeconds(now),
            symbol: self.symbol,
            side: side_of(position),
            confidence,
            dynamic_leverage: plan.leverage.leverage,
            take_profit_pct: plan.take_profit_pct,
            stop_loss_pct: plan.stop_loss_pct,
            volatility,
            exch_divergence: context.exch_divergence,
            funding_rate: context.funding_rate,
            pnl_trend,
            margin_util,
        };
        crate::publish(ctx, EXITBRAIN_PNL, Envelope::Flat, pnl);
        true
    }

    /// Asks for the close when a level is reached, if the symbol is live.
    fn check(&mut self, held: &Held, effect: Effect, retry: Nanos, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let Some(watched) = &mut self.watched else { return };
        let reason = match watched.watch.check(held.position.current_price) {
            None => return,
            Some(Reached::TakeProfit) => ExitReason::TakeProfit,
            Some(Reached::StopLoss) => ExitReason::StopLoss,
            Some(Reached::TrailingStop) => ExitReason::TrailingStop,
        };
        if watched.asked_at.is_some_and(|asked| now - asked < retry) {
            return;
        }
        watched.asked_at = Some(now);
        if effect == Effect::Shadow {
            return ctx.count("shadow_exits", 1);
        }
        let stops = match ctx.record::<Stops>(&self.stops_key) {
            Ok(Some(stops)) => Stops { qty: held.qty, ..stops.into_owned() },
            // The exit monitor's record names the correlation of the position: without it nobody could follow.
            Ok(None) | Err(_) => return ctx.count("stops_unknown", 1),
        };
        let Some(price) = grid::decimal(held.position.current_price) else { return };
        ctx.count("live_exits", 1);
        let intent = close_intent(&stops, price, reason, SOURCE, now);
        let envelope =
            Envelope::Contract { event_type: TRADE_INTENT.event, source: SOURCE, time: now };
        crate::publish(ctx, TRADE_INTENT, envelope, intent);
    }
}

fn levels(symbol: Symbol, plan: &ExitPlan, now: Nanos) -> AdaptiveLevelsTold {
    let levels = &plan.adaptive_levels;
    AdaptiveLevelsTold {
        timestamp: EpochSeconds(now),
        symbol,
        leverage: plan.leverage.leverage,
        lsf: levels.lsf,
        tp1_pct: levels.tp1_pct,
        tp2_pct: levels.tp2_pct,
        tp3_pct: levels.tp3_pct,
        sl_pct: levels.sl_pct,
        harvest_scheme: JsonText(serde_json::json!(levels.harvest_scheme)),
        sl_clamped: levels.sl_clamped,
        tp_minimum_enforced: levels.tp_minimum_enforced,
    }
}

impl Configured for ExitBrain {
    type Settings = ExitBrainSettings;
    const COUNTERS: &'static [&'static str] = &[
        "balance_unreadable",
        "control_not_saved",
        "control_warnings",
        "exitbrain_silent",
        "funding_unreadable",
        "live_exits",
        "marketstate_missing",
        "marketstate_stale",
        "marketstate_unreadable",
        "plan_refused",
        "plans_told",
        "position_not_sound",
        "position_unreadable",
        "shadow_exits",
        "sl_clamped",
        "snapshot_missing",
        "snapshot_stale",
        "snapshot_unreadable",
        "spread_unreadable",
        "stops_unknown",
    ];
    const GAUGES: &'static [&'static str] = &["exitbrain_positions"];

    fn configured(settings: &ExitBrainSettings, setup: Setup<'_>) -> Result<ExitBrain, String> {
        let audited = &setup.pipeline.audited;
        let without_store = audited.has(Audited::ExitBrainWithoutStore);
        let one = |symbol: &Symbol| One {
            symbol: *symbol,
            held: HeldKeys::of(*symbol),
            book_key: keys::POSITION_BOOK.of(symbol),
            funding_key: keys::FUNDING.of(symbol),
            spread_key: keys::MARKET_SPREAD.of(symbol),
            stops_key: keys::STATE_STOPS.of(symbol),
            watched: None,
            without_store,
        };
        let symbols = setup.symbols.iter().map(one).collect();
        let rollout = if audited.has(Audited::RolloutWithoutSymbol) {
            Rollout::OfAll
        } else if audited.has(Audited::RolloutDrawnPerProcess) {
            Rollout::Drawn(None)
        } else {
            Rollout::Stable
        };
        let settings = settings.clone();
        Ok(ExitBrain { settings, symbols, silent_since: None, rollout, without_store })
    }
}

impl Service for ExitBrain {
    fn wiring(&self) -> Wiring {
        let mut keys_read = keys::patterns(&HELD_KEYS);
        keys_read.extend(keys::patterns(&[
            keys::ACCOUNT_BALANCE,
            keys::FUNDING,
            keys::MARKET_SPREAD,
            keys::KILL_SWITCH,
            keys::KILL,
        ]));
        let mut writes = match self.without_store {
            true => Vec::new(),
            false => vec![EXITBRAIN_PNL.name, ADAPTIVE_LEVELS.name],
        };
        if self.settings.executor_mode.trim().eq_ignore_ascii_case("LIVE") {
            writes.push(TRADE_INTENT.name);
        }
        Wiring {
            writes,
            keys_read,
            keys_written: keys::patterns(&[keys::EXITBRAIN_CONTROL]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                if let Rollout::Drawn(process) = &mut self.rollout {
                    *process = Some(ctx.rng().next_u64());
                }
                self.tell_control(ctx);
            }
            Input::Timer(_) => self.look(ctx),
            _ => return,
        }
        ctx.timer_after(Nanos::from_secs(self.settings.interval_s), TimerKey(0));
    }
}
