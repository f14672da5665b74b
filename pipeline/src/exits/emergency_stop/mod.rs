//! Emergency stop, ESS (EHR 3.28): every 5 s it looks at the day's loss, the drawdown, the health of what it
//! reads, the stops that were hit, the feed, and the operator's latch. The first that strikes stops opens and
//! closes every position.
//!
//! Invariants: opens stop before anything is closed, and nothing that closes is stopped; drawdowns are fractions
//! above zero; out of an emergency only an operator leads, who deletes `quantum:ess:latch`.

mod looks;

use std::borrow::Cow;

use engine::{
    Context, Delivery, Envelope, EpochSeconds, GaugeOf, GroupStart, Input, IsoTime, Nanos, Reader,
    Service, SetOptions, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::apply::harvest_plan_id;
use strategies::risk::{EmergencyLimits, EmergencyReason, RecoveryMode, recovery_mode};

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, Decision, EssEvent, EssEventKind, EssMode, Executor, PlanAction, PlanClass,
    PositionSnapshot, ReduceOnly, TradeClosed,
};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::streams::{APPLY_PLAN, EVENT_ESS, MARKET_TICK, TRADE_CLOSED};

settings! {
    /// Emergency stop.
    pub struct EmergencyStopSettings {
        /// Between two looks, in s.
        pub interval_s: i64 = 5 => 1..,
        /// Loss of a day, as a share of the equity.
        pub daily_loss_max: f64 = 0.10 => SHARE,
        /// Below the peak.
        pub drawdown_max: f64 = 0.25 => SHARE,
        /// More stops in 15 minutes are too many.
        pub stop_hits_max: u32 = 10 => 0..=10_000,
        /// An older feed is unusable, in s.
        pub feed_age_max_s: i64 = 300 => 1..,
        /// The account's equity and the exchange's positions may be so old before health is critical, in s.
        pub health_age_max_s: i64 = 300 => 1..,
        /// A close that left a position is asked for again after so long, in s.
        pub retry_s: i64 = 15 => 1..,
        /// Who runs the closes.
        pub executor: Executor = Executor::IntentExecutor,
    }
}

const SOURCE: &str = "emergency_stop";
const STOPS_WITHIN: Nanos = Nanos::from_secs(900);
/// Round trips that a start looks through for stops.
const TRIPS_LOOKED_AT: usize = 200;
/// A tenth of the peak, as the drawdown itself is counted: what was released at 30 % strikes anew at 40 %.
const STRIKES_ANEW: f64 = 0.10;
const PLAN_LIFE: Nanos = Nanos::from_secs(60);

/// An emergency.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Emergency {
    reason: EmergencyReason,
    since: Nanos,
    /// Closes that were asked for, and when.
    attempts: u32,
    asked_at: Option<Nanos>,
}

/// What an operator has released. Each of the reasons strikes anew when it was gone in between, and all of them when the
/// drawdown has grown by [`STRIKES_ANEW`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Released {
    /// Those that struck at the release.
    reasons: Vec<EmergencyReason>,
    drawdown: f64,
}

/// What a look found.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    drawdown: f64,
    daily_pnl: f64,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EmergencyStop {
    settings: EmergencyStopSettings,
    symbols: Vec<Symbol>,
    snapshot_keys: Vec<String>,
    started_at: Nanos,
    /// Stops that were hit: when, and by which order.
    stops: Vec<(Nanos, Symbol, u64)>,
    emergency: Option<Emergency>,
    mode: RecoveryMode,
    released: Released,
    /// A drawdown is a profit to its recovery.
    other_sign: bool,
    /// It stops those who close, too.
    stops_closers: bool,
}

impl EmergencyStop {
    fn limits(&self) -> EmergencyLimits {
        EmergencyLimits {
            daily_loss_max: self.settings.daily_loss_max,
            drawdown_max: self.settings.drawdown_max,
            stop_hits_max: self.settings.stop_hits_max,
            feed_age_max_sec: self.settings.feed_age_max_s as f64,
        }
    }

    /// After a start: an emergency goes on from its latch, and the stops from the round trips.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.started_at = now;
        let newest = ctx.newest(TRADE_CLOSED.name, TRIPS_LOOKED_AT).unwrap_or_default();
        for entry in newest.iter().rev() {
            if let Some(Ok(trade)) = entry.body.as_ref().map(|body| body.read::<TradeClosed>()) {
                self.stop(&trade, now);
            }
        }
        if ctx.exists(keys::ESS_ACTIVE.name) && ctx.exists(keys::ESS_LATCH.name) {
            let since = ctx.get(keys::ESS_LATCH.name).ok().flatten();
            let since = since.and_then(|text| engine::FieldValue::read_text(Some(&text)).ok());
            let IsoTime(since) = since.unwrap_or(IsoTime(now));
            let reason = EmergencyReason::Manual;
            self.emergency = Some(Emergency { reason, since, attempts: 0, asked_at: None });
            self.mode = RecoveryMode::Emergency;
            ctx.count("emergencies_resumed", 1);
        }
    }

    /// Remembers a round trip that its stop ended at a loss. A stop that had followed the price and kept a gain is
    /// no sign of trouble: eleven of those in a quarter of an hour are a good sell-off.
    fn stop(&mut self, trade: &TradeClosed, now: Nanos) {
        let hit = (trade.closed_at.0, trade.symbol, trade.order_id);
        let is_stop = trade.reason.to_ascii_uppercase().contains("STOP_LOSS");
        let lost = trade.pnl_usd < Decimal::ZERO;
        if is_stop && lost && now - trade.closed_at.0 <= STOPS_WITHIN && !self.stops.contains(&hit)
        {
            self.stops.push(hit);
        }
    }

    fn closed(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(trade) = ctx.read::<TradeClosed>(TRADE_CLOSED.name, delivery) else { return };
        if !self.symbols.contains(&trade.symbol) {
            return ctx.count("trades_of_unknown_symbols", 1);
        }
        self.stop(&trade, ctx.now());
    }

    fn look(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.stops.retain(|(at, ..)| now - *at <= STOPS_WITHIN);
        let (figures, found) = self.evaluate(ctx);
        ctx.gauge("drawdown", GaugeOf::All, figures.drawdown);
        ctx.gauge("daily_pnl", GaugeOf::All, figures.daily_pnl);
        ctx.gauge("stop_hits", GaugeOf::All, self.stops.len() as f64);
        self.released.reasons.retain(|reason| found.contains(reason));
        if figures.drawdown >= self.released.drawdown + STRIKES_ANEW {
            self.released.reasons.clear();
        }
        let latched = ctx.exists(keys::ESS_LATCH.name);
        let strikes = found.iter().find(|reason| !self.released.reasons.contains(reason)).copied();
        match (self.emergency, strikes) {
            (Some(_), _) if latched && !self.other_sign => self.go_on(ctx),
            (Some(emergency), _) => self.release(emergency, figures, found, ctx),
            (None, Some(reason)) => self.activate(reason, figures, ctx),
            (None, None) => self.follow(figures, false, ctx),
        }
        // Who watches the watcher: this figure stands still when the service does.
        ctx.gauge("quantum_ess_heartbeat", GaugeOf::All, now.as_secs_f64());
        let active = f64::from(u8::from(self.emergency.is_some()));
        ctx.gauge("quantum_ess_active", GaugeOf::All, active);
    }

    fn activate(&mut self, reason: EmergencyReason, figures: Figures, ctx: &mut Context<'_>) {
        let now = ctx.now();
        self.emergency = Some(Emergency { reason, since: now, attempts: 0, asked_at: None });
        ctx.count("quantum_ess_activations_total", 1);
        ctx.count(reason.as_str(), 1);
        self.set_mode(RecoveryMode::Emergency, now, ctx);
        let latch = now.to_string();
        if ctx.set(keys::ESS_LATCH.name, &latch, SetOptions::default()).is_err() {
            ctx.count("latch_not_saved", 1);
        }
        self.tell(EssEventKind::Activated, reason.as_str(), figures, ctx);
        self.go_on(ctx);
    }

    /// Holds the stop, and asks for the close of what is still open.
    fn go_on(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let active = SetOptions { expire: keys::ESS_ACTIVE.life, ..SetOptions::default() };
        let stopped = ctx.set(keys::EMERGENCY_STOP.name, "1", SetOptions::default());
        if self.stops_closers
            && ctx.set(keys::KILL_SWITCH.name, "1", SetOptions::default()).is_err()
        {
            ctx.count("stop_not_saved", 1);
        }
        if stopped.is_err() || ctx.set(keys::ESS_ACTIVE.name, "1", active).is_err() {
            ctx.count("stop_not_saved", 1);
        }
        let Some(emergency) = &mut self.emergency else { return };
        let retry = Nanos::from_secs(self.settings.retry_s);
        if emergency.asked_at.is_some_and(|asked| now - asked < retry) {
            return;
        }
        emergency.asked_at = Some(now);
        emergency.attempts += 1;
        let emergency = *emergency;
        for place in 0..self.symbols.len() {
            self.close(place, emergency, ctx);
        }
    }

    fn close(&self, place: usize, emergency: Emergency, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let held = match ctx.record::<PositionSnapshot>(&self.snapshot_keys[place]) {
            Ok(Some(seen)) => seen.side,
            Ok(None) => return,
            Err(_) => return ctx.count("snapshot_unreadable", 1),
        };
        let Some(side) = held.closing() else { return };
        let symbol = self.symbols[place];
        let action = PlanAction::FullClose;
        let plan = ApplyPlan {
            plan_id: harvest_plan_id(
                symbol.as_str(),
                SOURCE,
                f64::from(emergency.attempts),
                None,
                &emergency.since.to_string(),
            ),
            correlation_id: ctx.correlation_id(),
            source: SOURCE.to_owned(),
            executor: self.settings.executor,
            class: PlanClass::Close,
            symbol,
            action,
            side,
            order_type: "MARKET".into(),
            qty: None,
            fraction: Some(Decimal::ONE),
            reduce_only: ReduceOnly(true),
            decision: Decision::Execute,
            reason_codes: Cow::Borrowed(emergency.reason.as_str()),
            kill_score: None,
            k_regime_flip: None,
            k_sigma_spike: None,
            k_ts_drop: None,
            k_age_penalty: None,
            confidence: None,
            leverage: None,
            stop_loss: None,
            take_profit: None,
            new_sl_proposed: None,
            r_net: None,
            price: None,
            model: None,
            timestamp: EpochSeconds(now),
            valid_until: EpochSeconds(now + PLAN_LIFE),
        };
        ctx.count("closes_asked_for", 1);
        crate::publish(ctx, APPLY_PLAN, Envelope::Flat, plan);
    }

    /// As the recovery reads it.
    fn drawdown(&self, figures: Figures) -> f64 {
        if self.other_sign { -figures.drawdown } else { figures.drawdown }
    }

    /// The operator has deleted the latch. No drawdown refuses that: its peak is a high-water mark, all is closed and
    /// opens are barred, so that it could never become less.
    fn release(
        &mut self,
        emergency: Emergency,
        figures: Figures,
        reasons: Vec<EmergencyReason>,
        ctx: &mut Context<'_>,
    ) {
        self.emergency = None;
        self.released = Released { reasons, drawdown: figures.drawdown };
        ctx.del(keys::ESS_ACTIVE.name);
        ctx.del(keys::EMERGENCY_STOP.name);
        if self.other_sign {
            ctx.del(keys::ESS_LATCH.name);
        }
        if self.stops_closers {
            ctx.del(keys::KILL_SWITCH.name);
        }
        ctx.count("quantum_ess_releases_total", 1);
        self.follow(figures, true, ctx);
        self.tell(EssEventKind::Released, emergency.reason.as_str(), figures, ctx);
    }

    /// The mode follows the drawdown; into and out of an emergency it does not lead.
    fn follow(&mut self, figures: Figures, released: bool, ctx: &mut Context<'_>) {
        let Ok(mode) = recovery_mode(self.mode, self.drawdown(figures), released) else {
            return ctx.count("figures_not_finite", 1);
        };
        // Below the limit of an emergency, nothing has struck: as careful as can be.
        let mode = mode.min(RecoveryMode::Protective);
        if mode != self.mode {
            let at = ctx.now();
            self.set_mode(mode, at, ctx);
            self.tell(EssEventKind::ModeChanged, "drawdown", figures, ctx);
        }
    }

    fn set_mode(&mut self, mode: RecoveryMode, since: Nanos, ctx: &mut Context<'_>) {
        self.mode = mode;
        let limits = mode.limits();
        let record = EssMode {
            mode: mode.as_str().into(),
            position_max_usd: limits.and_then(|limits| grid::decimal(limits.position_max_usd)),
            leverage_max: limits.and_then(|limits| grid::decimal(limits.leverage_max)),
            confidence_min: limits.map(|limits| limits.confidence_min),
            since: EpochSeconds(since),
        };
        if ctx.set_record(keys::ESS_MODE.name, &record, keys::ESS_MODE.life).is_err() {
            ctx.count("mode_not_saved", 1);
        }
    }

    fn tell(
        &self,
        event: EssEventKind,
        reason: &'static str,
        figures: Figures,
        ctx: &mut Context<'_>,
    ) {
        let event = EssEvent {
            event,
            reason: reason.into(),
            mode: self.mode.as_str().into(),
            drawdown: figures.drawdown,
            daily_pnl: figures.daily_pnl,
            timestamp: EpochSeconds(ctx.now()),
        };
        crate::publish(ctx, EVENT_ESS, Envelope::Flat, event);
    }
}

impl Configured for EmergencyStop {
    type Settings = EmergencyStopSettings;
    const COUNTERS: &'static [&'static str] = &[
        "closes_asked_for",
        "daily_loss",
        "drawdown",
        "emergencies_resumed",
        "feed_unusable",
        "figures_not_finite",
        "health_critical",
        "inputs_unreadable",
        "latch_not_saved",
        "manual",
        "mode_not_saved",
        "quantum_ess_activations_total",
        "quantum_ess_releases_total",
        "snapshot_unreadable",
        "stop_loss_burst",
        "stop_not_saved",
        "trades_of_unknown_symbols",
    ];
    const GAUGES: &'static [&'static str] = &[
        "daily_pnl",
        "drawdown",
        "feed_age_sec",
        "quantum_ess_active",
        "quantum_ess_heartbeat",
        "stop_hits",
    ];

    fn configured(
        settings: &EmergencyStopSettings,
        setup: Setup<'_>,
    ) -> Result<EmergencyStop, String> {
        Ok(EmergencyStop {
            settings: settings.clone(),
            symbols: setup.symbols.to_vec(),
            snapshot_keys: keys::POSITION_SNAPSHOT.of_each(setup.symbols),
            started_at: Nanos::ZERO,
            stops: Vec::new(),
            emergency: None,
            mode: RecoveryMode::Normal,
            released: Released::default(),
            other_sign: setup.pipeline.audited.has(Audited::EmergencyEndsItself),
            stops_closers: setup.pipeline.audited.has(Audited::EmergencyStopsClosers),
        })
    }
}

impl Service for EmergencyStop {
    fn wiring(&self) -> Wiring {
        let mut keys_written = keys::patterns(&[
            keys::ESS_ACTIVE,
            keys::ESS_LATCH,
            keys::ESS_MODE,
            keys::EMERGENCY_STOP,
        ]);
        if self.stops_closers {
            keys_written.push(keys::KILL_SWITCH.pattern());
        }
        Wiring {
            readers: vec![Reader::group(TRADE_CLOSED.name, SOURCE, GroupStart::End)],
            writes: vec![APPLY_PLAN.name, EVENT_ESS.name],
            looks: vec![TRADE_CLOSED.name, MARKET_TICK.name],
            keys_read: keys::patterns(&[
                keys::EQUITY_CURRENT,
                keys::RISK_DAILY_PNL,
                keys::POSITION_SNAPSHOT,
                keys::ESS_ACTIVE,
                keys::ESS_LATCH,
            ]),
            keys_written,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        let interval = Nanos::from_secs(self.settings.interval_s);
        match input {
            Input::Start => {
                self.recover(ctx);
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Timer(_) => {
                self.look(ctx);
                ctx.timer_after(interval, TimerKey(0));
            }
            Input::Delivery(delivery) => self.closed(delivery, ctx),
            _ => {}
        }
    }
}
