//! Governor P3.2 with its risk guard (EHR 3.18, 3.19): limits, rates and kill score of opens, active slots
//! with rotation, and the permit `quantum:permit:{plan_id}`.
//!
//! Invariants: a close is refused by the operator's kill switch only; what the governor cannot read stops
//! opens and lets closes pass; what counts as an execution is an apply.result, never a permit.

mod book;
mod evaluate;
mod executions;
mod guard;
mod issue;
mod recovery;
mod slots;
mod spread;

use std::collections::BTreeMap;

use engine::{
    Context, Delivery, GroupStart, Input, MarketWants, Nanos, Reader, Service, Symbol, TimerKey,
    Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::governor::{GovernorLimits, GovernorMode};
use strategies::risk::GuardLimits;

use crate::audited::{Audited, AuditedNames};
use crate::entry::renewals::{self, Renewals};
use crate::keys;
use crate::records::{ApplyPlan, ApplyResult, Decision, PlanClass};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::streams::{
    APPLY_PLAN, APPLY_PLAN_MANUAL, APPLY_RESULT, BUDGET_VIOLATION, EXCHANGE_NORMALIZED,
    GOVERNOR_EVENTS, RISK_EVENTS,
};
use book::Pending;
use executions::Executions;
use slots::{Hours, Waiting};

settings! {
    /// Governor, P3.2.
    pub struct GovernorSettings {
        /// `testnet` counts positions and notional, `production` executions and what they moved; `dry_run`
        /// permits all that no kill switch, guard or slot stops.
        pub mode: GovernorMode = GovernorMode::Testnet,
        /// Testnet: between two executions of a symbol, in s.
        pub symbol_cooldown_s: i64 = 60 => 0..,
        /// Testnet: positions at once, on either side.
        pub max_positions: u32 = 10 => 1..=10_000,
        /// Testnet: of one open, in USDT.
        pub max_notional_per_trade_usd: f64 = 200.0 => 0.0..=1e12,
        /// Testnet: of the book, in USDT.
        pub max_total_notional_usd: f64 = 2_000.0 => 0.0..=1e12,
        /// Testnet: of one open, in percent of the equity, where that is more than the limit in USDT. The
        /// bot trades up to 4 %, which is beyond that limit from 5,000 USDT on; 0 leaves the limit in USDT
        /// alone.
        pub max_notional_per_trade_pct: f64 = 5.0 => 0.0..=12_500.0,
        /// Testnet: the same of the book.
        pub max_total_notional_pct: f64 = 25.0 => 0.0..=12_500.0,
        /// Testnet: budgets and allocations that are enforced bind here, too, and not in production alone.
        pub testnet_caps: bool = false,
        /// Production: executions of a symbol in an hour.
        pub max_executions_hour: u32 = 3 => 1..=100_000,
        /// Production: executions of a symbol in five minutes; one more disarms.
        pub max_executions_5min: u32 = 2 => 1..=100_000,
        /// Production: executed notional of a symbol in a UTC day, in USDT.
        pub max_daily_notional_usd: f64 = 5_000.0 => 0.0..=1e12,
        /// Whether the market's regime bounds the number of positions.
        pub active_slots: bool = true,
        /// A snapshot of positions that is older is unknown, in s.
        pub snapshot_max_age_s: i64 = 60 => 1..,
        /// Risk guard: age from which on the equity is not believed, in s.
        pub equity_max_age_s: i64 = 300 => 1..,
        /// Risk guard: loss of a day, of the equity.
        pub daily_loss_max: f64 = 0.025 => SHARE,
        /// Risk guard: below the peak.
        pub drawdown_max: f64 = 0.08 => SHARE,
        /// Risk guard: so far below the peak that all should be closed.
        pub flatten_drawdown: f64 = 0.10 => SHARE,
        /// Risk guard: so many losses in a row stop opens.
        pub max_consecutive_losses: u32 = 3 => 1..=1_000_000,
        /// Risk guard: mean range of an hour, of the price.
        pub atr_max: f64 = 0.05 => 0.0..=1e3,
    }
}

/// Between two looks at what waits.
const TICK: Nanos = Nanos::from_secs(5);
/// Between two tests of the governor's own errors.
const ERRORS_EVERY: Nanos = Nanos::from_secs(60);

/// Keys of one symbol, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keys {
    snapshot: String,
    state: String,
    exec: String,
    last_exec: String,
    budget: String,
    target: String,
    efficiency: String,
    book: String,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Governor {
    settings: GovernorSettings,
    audited: AuditedNames,
    guard_limits: GuardLimits,
    symbols: Vec<Symbol>,
    keys: Vec<Keys>,
    hours: Vec<Hours>,
    executions: Vec<Executions>,
    /// Opens that were permitted and that no snapshot shows yet, by plan.
    pending: BTreeMap<String, Pending>,
    /// The open that waits for a slot.
    waiting: Option<Waiting>,
    closes: Renewals,
    /// Errors of its own since the last test.
    errors: u32,
    tested_at: Nanos,
}

impl Governor {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol], settings: &GovernorSettings, audited: &AuditedNames) -> Governor {
        let keys = symbols.iter().map(|symbol| Keys {
            snapshot: keys::POSITION_SNAPSHOT.of(symbol),
            state: keys::STATE_POSITIONS.of(symbol),
            exec: keys::GOVERNOR_EXEC.of(symbol),
            last_exec: keys::GOVERNOR_LAST_EXEC.of(symbol),
            budget: keys::PORTFOLIO_BUDGET.of(symbol),
            target: keys::ALLOCATION_TARGET.of(symbol),
            efficiency: keys::CAPITAL_EFFICIENCY.of(symbol),
            book: keys::MARKET_BOOK.of(symbol),
        });
        let guard_limits = GuardLimits {
            equity_age_max_sec: settings.equity_max_age_s as f64,
            daily_loss_max: settings.daily_loss_max,
            drawdown_max: settings.drawdown_max,
            flatten_drawdown: settings.flatten_drawdown,
            consecutive_losses_max: settings.max_consecutive_losses,
            atr_max_pct: settings.atr_max,
            ..GuardLimits::default()
        };
        Governor {
            settings: settings.clone(),
            audited: audited.clone(),
            guard_limits,
            symbols: symbols.to_vec(),
            keys: keys.collect(),
            hours: vec![Hours::default(); symbols.len()],
            executions: vec![Executions::default(); symbols.len()],
            pending: BTreeMap::new(),
            waiting: None,
            closes: Renewals::default(),
            errors: 0,
            tested_at: Nanos::ZERO,
        }
    }

    fn place_of(&self, symbol: Symbol) -> Option<usize> {
        self.symbols.iter().position(|other| *other == symbol)
    }

    /// The limits that hold with this equity; `extra_cooldown_sec` is what efficiency adds.
    fn limits(&self, equity_usd: f64, extra_cooldown_sec: i64) -> GovernorLimits {
        let s = &self.settings;
        let of = |usd: f64, pct: f64| usd.max(pct / 100.0 * equity_usd.max(0.0));
        GovernorLimits {
            symbol_cooldown_sec: (s.symbol_cooldown_s + extra_cooldown_sec) as f64,
            positions_max: s.max_positions,
            notional_per_trade_max_usd: of(
                s.max_notional_per_trade_usd,
                s.max_notional_per_trade_pct,
            ),
            total_notional_max_usd: of(s.max_total_notional_usd, s.max_total_notional_pct),
            hourly_max: s.max_executions_hour,
            burst_max: s.max_executions_5min,
            daily_notional_max_usd: s.max_daily_notional_usd,
        }
    }

    fn delivered(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let plans = match delivery.reader {
            0 => Some(APPLY_PLAN),
            1 => Some(APPLY_PLAN_MANUAL),
            _ => None,
        };
        if let Some(stream) = plans {
            if let Some(plan) = ctx.read::<ApplyPlan>(stream.name, delivery) {
                self.plan(&plan, ctx);
            }
        } else if let Some(result) = ctx.read::<ApplyResult>(APPLY_RESULT.name, delivery) {
            self.result(&result, ctx);
        }
    }

    fn plan(&mut self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        // Signature and hold stand in for permits of reconcile closes.
        if plan.decision != Decision::Execute || plan.class == PlanClass::ReconcileClose {
            return;
        }
        if ctx.exists(&keys::PERMIT_GOVERNOR.of(&plan.plan_id)) {
            ctx.count("permits_already_there", 1);
            return;
        }
        self.decide(plan, ctx);
    }

    fn result(&mut self, result: &ApplyResult, ctx: &mut Context<'_>) {
        match self.place_of(result.symbol) {
            Some(place) => self.note(place, result, ctx),
            None => ctx.count("results_of_unknown_symbols", 1),
        }
        self.rotated(result, ctx);
    }

    fn tick(&mut self, ctx: &mut Context<'_>) {
        self.end_rotation_in_time(ctx);
        self.renew(ctx);
        let now = ctx.now();
        if now - self.tested_at >= ERRORS_EVERY {
            self.tested_at = now;
            self.disarm_if_due(false, ctx);
            self.errors = 0;
        }
    }

    /// A close may wait for the order in flight longer than its permit lives.
    fn renew(&mut self, ctx: &mut Context<'_>) {
        for plan in self.closes.due(ctx) {
            self.decide(&plan, ctx);
        }
    }

    /// After a start: what a former life has counted, and the plans that it may not have judged.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        self.recover_executions(ctx);
        let plans = renewals::waiting(ctx);
        self.recover_rotation(&plans, ctx);
        for plan in plans {
            let waits = self.waiting.as_ref().is_some_and(|w| w.plan.plan_id == plan.plan_id);
            if plan.class == PlanClass::Close {
                // Whatever permit is there: nobody else renews it.
                self.decide(&plan, ctx);
            } else if !waits {
                self.plan(&plan, ctx);
            }
        }
    }
}

impl Configured for Governor {
    type Settings = GovernorSettings;
    const COUNTERS: &'static [&'static str] = &[
        "active_slots_no_policy",
        "active_slots_not_in_universe",
        "active_slots_rotation_timeout",
        "active_slots_waiting_rotation_close",
        "burst_limit_exceeded",
        "caps_unreadable",
        "daily_limit_exceeded",
        "disarmed",
        "efficiency_unreadable",
        "ess_confidence_too_low",
        "ess_leverage_exceeded",
        "ess_opens_nothing",
        "ess_opens_reduced",
        "evaluation_error",
        "executions_unreadable",
        "gov_p29_block_total",
        "gov_p29_checked_total",
        "gov_p29_missing_total",
        "gov_p29_stale_total",
        "hourly_limit_exceeded",
        "kill_score_close_blocked",
        "kill_score_critical_open",
        "kill_switch_active",
        "max_positions_reached",
        "missing_marketstate",
        "missing_quantity",
        "notional_per_trade_exceeded",
        "opens_scaled",
        "p28_budget_violation",
        "p28_violations_seen",
        "p29_allocation_cap",
        "p32_eff_apply_total",
        "permits_already_there",
        "permits_renewed",
        "plans_unreadable",
        "position_fetch_failed",
        "quantum_govern_allow_total",
        "quantum_govern_block_total",
        "quantum_govern_disarm_total",
        "results_of_unknown_symbols",
        "risk_guard_blocks",
        "risk_guard_emergency_flatten",
        "rotations_completed",
        "rotations_started",
        "rotations_timed_out",
        "spread_unreadable",
        "symbol_cooldown",
        "total_notional_exceeded",
        "writes_failed",
    ];
    const GAUGES: &'static [&'static str] = &[
        "gov_testnet_p29_enabled",
        "p32_eff_factor",
        "quantum_govern_exec_count_5min",
        "quantum_govern_exec_count_hour",
    ];

    fn configured(settings: &GovernorSettings, setup: Setup<'_>) -> Result<Governor, String> {
        Ok(Governor::new(setup.symbols, settings, &setup.pipeline.audited))
    }
}

impl Service for Governor {
    fn wiring(&self) -> Wiring {
        let mut wiring = Wiring {
            readers: vec![
                Reader::group(APPLY_PLAN.name, "governor", GroupStart::End),
                Reader::group(APPLY_PLAN_MANUAL.name, "governor", GroupStart::End),
                Reader::group(APPLY_RESULT.name, "governor", GroupStart::End),
            ],
            market: MarketWants { bars: true, ..MarketWants::NONE },
            writes: vec![APPLY_PLAN.name, GOVERNOR_EVENTS.name, RISK_EVENTS.name],
            looks: vec![BUDGET_VIOLATION.name, EXCHANGE_NORMALIZED.name],
            keys_read: keys::patterns(&[
                keys::PERMIT_GOVERNOR,
                keys::EXECUTOR_WAITING,
                keys::APPLY_WAITING,
                keys::KILL_SWITCH,
                keys::KILL,
                keys::EQUITY_CURRENT,
                keys::ESS_MODE,
                keys::MARKET_BOOK,
                keys::RISK_GUARD_ACTIVE,
                keys::RISK_DAILY_PNL,
                keys::RISK_CONSECUTIVE_LOSSES,
                keys::POLICY_CURRENT,
                keys::POSITION_SNAPSHOT,
                keys::STATE_POSITIONS,
                keys::PORTFOLIO_BUDGET,
                keys::ALLOCATION_TARGET,
                keys::CAPITAL_EFFICIENCY,
                keys::GOVERNOR_EXEC,
                keys::GOVERNOR_DAILY,
                keys::GOVERNOR_LAST_EXEC,
                keys::GOVERNOR_DISARM,
                keys::ROTATION_LOCK,
            ]),
            keys_written: keys::patterns(&[
                keys::PERMIT_GOVERNOR,
                keys::GOVERNOR_BLOCK,
                keys::GOVERNOR_EXEC,
                keys::GOVERNOR_DAILY,
                keys::GOVERNOR_LAST_EXEC,
                keys::GOVERNOR_DISARM,
                keys::ROTATION_LOCK,
                keys::RISK_GUARD_ACTIVE,
            ]),
            ..Wiring::default()
        };
        if self.audited.has(Audited::EquitySeeded) {
            wiring.keys_written.push(keys::EQUITY_CURRENT.pattern());
        }
        wiring
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.tested_at = ctx.now();
                if self.audited.has(Audited::EquitySeeded) {
                    guard::seed_equity(ctx);
                }
                self.recover(ctx);
                ctx.timer_after(TICK, TimerKey(0));
            }
            Input::Timer(_) => {
                self.tick(ctx);
                ctx.timer_after(TICK, TimerKey(0));
            }
            Input::Delivery(delivery) => self.delivered(delivery, ctx),
            Input::Market(event) => self.market(event, ctx),
            _ => {}
        }
    }
}
