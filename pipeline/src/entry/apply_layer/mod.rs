//! Apply Layer P3 (EHR 3.16, 3.17; settled, "One plan, one path, one executor"): makes plans of harvest proposals, and
//! is the executor of harvest, rotation and reconcile closes.
//!
//! What it decides it writes to apply.plan like anybody else, and reads it back from there: there is one path to an
//! order, whoever decided. A plan of class `open` is never run here, and none for the intent executor is touched.
//!
//! Invariants: no close without all permits that its class needs; an order never closes more than the exchange holds;
//! one result a plan; a rung fires once a position. No kill score, limit, hold or cooldown stops a close.

mod audits;
mod lane;
mod observer;
mod propose;
mod reconcile;
mod tranches;

use engine::{
    Context, ExchangeEvent, GroupStart, Input, Nanos, Reader, Service, Symbol, TimerKey, UserEvent,
    Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::apply::{ApplyRules, KillScoreRule, PlanClass as Needs};

use self::lane::Waiting;
use self::observer::Observer;
use super::orders::{Desk, Ended, OrderDesk, OrderRules};
use super::permits::{self, PermitReading, PermitSettings};
use crate::audited::{Audited, AuditedNames};
use crate::exchange_info::ExchangeInfo;
use crate::exits::held::{HELD_KEYS, HeldKeys};
use crate::keys;
use crate::settings::{Configured, Secret, Setup, settings};
use crate::streams::{
    APPLY_HEAT_OBSERVED, APPLY_PLAN, APPLY_RESULT, EXECUTION_RESULT, RECONCILE_CLOSE,
};

settings! {
    /// Apply Layer, P3.
    pub struct ApplyLayerSettings {
        /// Whether orders are sent, or results only say that they would have been.
        pub mode: ApplyMode = ApplyMode::Testnet,
        /// Between two looks at the proposals, in s.
        pub poll_s: i64 = 5 => 1..,
        /// How long a plan waits for its permits, in ms; less than a permit lives.
        pub permit_wait_ms: i64 = 1_200 => 1..,
        /// How often it looks for them, in ms.
        pub permit_step_ms: i64 = 100 => 1..,
        /// A plan is not executed again for so long, in s.
        pub dedupe_ttl_s: i64 = 21_600 => 1..,
        /// No new position of a symbol for so long after a close, in s.
        pub open_cooldown_s: i64 = 180 => 0..,
    }
}

/// What becomes of plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplyMode {
    /// Permits are looked at, nothing is sent.
    DryRun,
    /// Orders are sent.
    Testnet,
}

pub(super) const POLL_TIMER: TimerKey = TimerKey(0);
const INFO_TIMER: TimerKey = TimerKey(1);
const RETRY_TIMER: TimerKey = TimerKey(2);
pub(super) const PERMIT_TIMER: TimerKey = TimerKey(3);
pub(super) const OBSERVER_TIMER: TimerKey = TimerKey(4);
/// Places among the readers.
const PLANS: usize = 0;
/// A permit is gone after it, and nobody has to wait for it any longer.
const PERMIT_LIFE_MS: i64 = 60_000;

/// Keys of one symbol, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keys {
    proposal: String,
    asked: String,
    tranches: String,
    hold: String,
    snapshot: String,
    ledger: String,
    traded: String,
    held: HeldKeys,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplyLayer {
    settings: ApplyLayerSettings,
    rules: ApplyRules,
    audited: AuditedNames,
    permits: PermitSettings,
    reading: PermitReading,
    owners: Vec<String>,
    /// Opens the seals of reconcile closes.
    secret: Option<Secret>,
    symbols: Vec<Symbol>,
    keys: Vec<Keys>,
    desk: OrderDesk,
    info: ExchangeInfo,
    waiting: Vec<Waiting>,
    /// The timer of the next look for permits is set.
    looking: bool,
    observer: Observer,
    /// The harvest brain's rungs are its own affair.
    brain_unchecked: bool,
    /// Reconcile closes run whatever became of their drift.
    piles_up: bool,
    /// When each symbol's last proposal was computed of which a plan was made: a cache of the dedupe keys.
    seen: Vec<Option<Nanos>>,
}

impl ApplyLayer {
    fn ended(&mut self, ended: &Ended, ctx: &mut Context<'_>) {
        let filled = ended.executed > 0;
        if filled {
            let of = engine::GaugeOf::Symbol(self.symbols[ended.place]);
            let now = ctx.now().as_secs_f64();
            ctx.gauge("quantum_apply_last_success_epoch", of, now);
            ctx.count("apply_executed_total", 1);
        }
        if reconcile::is_reconcile(&ended.plan_id) {
            ctx.count(
                if filled {
                    "reconcile_close_executed_total"
                } else {
                    "reconcile_close_failed_total"
                },
                1,
            );
        } else {
            self.settle_tranche(ended, ctx);
        }
        // What waited for the end of this order does not wait for a timer.
        self.look_for_permits(ctx);
    }
}

impl Configured for ApplyLayer {
    type Settings = ApplyLayerSettings;
    const COUNTERS: &'static [&'static str] = &[
        "DENY_NOT_EXIT_OWNER",
        "SAFE_MODE_ACTIVE",
        "SKIP_OPEN_COOLDOWN",
        "action_hold",
        "apply_executed_total",
        "apply_plan_processed_total",
        "binance_error",
        "close_expired",
        "close_not_reduce_only",
        "close_without_handler",
        "close_without_step",
        "cooldown_not_saved",
        "decision_refused",
        "drift_gone",
        "duplicate_plan",
        "entry_not_ours",
        "executed_false",
        "executed_true",
        "orders_closed",
        "orders_opened",
        "governor_block_total",
        "guardrail_decision",
        "guardrail_hmac",
        "guardrail_hold_key",
        "guardrail_order_type",
        "guardrail_qty_parse",
        "guardrail_qty_positive",
        "guardrail_qty_safe",
        "guardrail_reason",
        "guardrail_reduce_only",
        "guardrail_reduce_only_type",
        "guardrail_source",
        "inflight_not_saved",
        "invalid_safe_close_qty",
        "kill_switch_active",
        "ledger_not_saved",
        "ledger_unreadable",
        "mark_not_saved",
        "marks_unreadable",
        "min_qty_check_failed",
        "no_position",
        "orders_not_filled",
        "other_refusals",
        "outcome_queries",
        "outcome_still_unknown",
        "p28_dropped_total",
        "p28_late_found",
        "p28_late_missing",
        "p28_late_obs_dropped_total",
        "p28_late_uncovered",
        "p28_observed_total",
        "p33_permit_allow_total",
        "p33_permit_deny_total",
        "permit_timeout_or_missing",
        "plans_missing_governor",
        "plans_missing_p26",
        "plans_missing_p33",
        "plans_not_saved",
        "proposal_not_sound",
        "proposal_of_another_position",
        "proposal_unreadable",
        "quantum_apply_dedupe_hits_total",
        "quantum_apply_plan_blocked",
        "quantum_apply_plan_execute",
        "quantum_apply_plan_skip",
        "quantum_apply_plan_total",
        "reconcile_close_consumed_total",
        "reconcile_close_duplicates",
        "reconcile_close_executed_total",
        "reconcile_close_failed_total",
        "reconcile_close_guardrail_fail_total",
        "reconcile_close_rejected_total",
        "stop_not_asked",
        "stops_asked",
        "tranche_fired",
        "tranche_too_soon",
        "tranches_not_saved",
        "tranches_unreadable",
        "unknown_symbol",
        "would_execute",
        "wrong_side",
    ];
    const GAUGES: &'static [&'static str] = &["permit_wait_ms", "quantum_apply_last_success_epoch"];

    fn configured(settings: &ApplyLayerSettings, setup: Setup<'_>) -> Result<ApplyLayer, String> {
        let wait = settings.permit_wait_ms;
        if wait >= PERMIT_LIFE_MS {
            return Err(format!(
                "permit_wait_ms is {wait}: it has to be below {PERMIT_LIFE_MS}, the life of a permit"
            ));
        }
        let audited = &setup.pipeline.audited;
        let kill_score = if audited.has(Audited::KillScoreJanuary) {
            KillScoreRule::audited_january()
        } else if audited.has(Audited::KillScoreFebruary) {
            KillScoreRule::audited_february()
        } else {
            KillScoreRule::NeverBlocks
        };
        let rules = OrderRules {
            unknown_is_failure: audited.has(Audited::UnknownIsFailure),
            closes_cool_nothing: audited.has(Audited::CooldownAfterOpensOnly),
            brain_closes_open: audited.has(Audited::ReduceOnlyPlansOpen),
        };
        let symbols = setup.symbols;
        let cooldown = Nanos::from_secs(settings.open_cooldown_s);
        let keys = symbols.iter().map(|symbol| Keys {
            proposal: keys::HARVEST_PROPOSAL.of(symbol),
            asked: keys::STOP_ASKED.of(symbol),
            tranches: keys::APPLY_TRANCHES.of(symbol),
            hold: keys::RECONCILE_HOLD.of(symbol),
            snapshot: keys::POSITION_SNAPSHOT.of(symbol),
            ledger: keys::POSITION_LEDGER.of(symbol),
            traded: keys::COOLDOWN_LAST_EXEC.of(symbol),
            held: HeldKeys::of(*symbol),
        });
        Ok(ApplyLayer {
            rules: ApplyRules {
                kill_score,
                audited_no_partial_25: audited.has(Audited::NoPartial25),
            },
            audited: audited.clone(),
            permits: setup.pipeline.permits.clone(),
            reading: PermitReading::of(audited, "apply_layer"),
            owners: setup.pipeline.exits.owners.clone(),
            secret: setup.pipeline.reconcile_engine.close_secret.clone(),
            symbols: symbols.to_vec(),
            keys: keys.collect(),
            desk: OrderDesk::new(Desk::ApplyLayer, rules, symbols, cooldown, RETRY_TIMER),
            info: ExchangeInfo::new(INFO_TIMER),
            waiting: Vec::new(),
            looking: false,
            observer: Observer::new(audited.has(Audited::HeatObservedTooEarly)),
            seen: vec![None; symbols.len()],
            piles_up: audited.has(Audited::ReconcileClosesPileUp),
            brain_unchecked: audited.has(Audited::HarvestMarkedByProfit),
            settings: settings.clone(),
        })
    }
}

impl Service for ApplyLayer {
    fn wiring(&self) -> Wiring {
        let permits = permits::key_patterns(
            &self.permits,
            &[Needs::HarvestClose, Needs::IntentClose, Needs::ReconcileClose],
        );
        let mut keys_read = keys::patterns(&HELD_KEYS);
        keys_read.extend(keys::patterns(&[
            keys::KILL_SWITCH,
            keys::KILL,
            keys::HARVEST_PROPOSAL,
            keys::APPLY_DEDUPE,
            keys::APPLY_DONE,
            keys::APPLY_WAITING,
            keys::APPLY_TRANCHES,
            keys::INFLIGHT,
            keys::COOLDOWN_LAST_EXEC,
            keys::POSITION_LEDGER,
            keys::RECONCILE_HOLD,
            keys::HEAT_BY_PLAN,
        ]));
        if self.audited.has(Audited::SafeModeBlocksExits) {
            keys_read.push(keys::SAFE_MODE.pattern());
        }
        if self.audited.has(Audited::EveryExecutorOpens) {
            keys_read.push(keys::COOLDOWN_OPEN.pattern());
        }
        keys_read.extend(permits.iter().cloned());
        let mut keys_written = keys::patterns(&[
            keys::APPLY_DONE,
            keys::APPLY_DEDUPE,
            keys::APPLY_PUBLISHED,
            keys::APPLY_WAITING,
            keys::APPLY_TRANCHES,
            keys::STOP_ASKED,
            keys::INFLIGHT,
            keys::COOLDOWN_LAST_EXEC,
            keys::COOLDOWN_OPEN,
            keys::POSITION_LEDGER,
            keys::RECONCILE_HOLD,
            keys::DEDUPE_P28,
        ]);
        keys_written.extend(permits);
        Wiring {
            readers: vec![
                Reader::group(APPLY_PLAN.name, "apply_layer_entry", GroupStart::Beginning),
                Reader::group(RECONCILE_CLOSE.name, "apply_recon", GroupStart::Beginning),
            ],
            user_stream: true,
            writes: vec![
                APPLY_PLAN.name,
                APPLY_RESULT.name,
                EXECUTION_RESULT.name,
                APPLY_HEAT_OBSERVED.name,
            ],
            keys_read,
            keys_written,
            exchange: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.info.ask(ctx);
                self.recover(ctx);
                ctx.timer_after(Nanos::from_secs(self.settings.poll_s), POLL_TIMER);
            }
            Input::Timer(INFO_TIMER) => self.info.ask(ctx),
            Input::Timer(RETRY_TIMER) => self.desk.retry(ctx),
            Input::Timer(PERMIT_TIMER) => {
                self.looking = false;
                self.look_for_permits(ctx);
            }
            Input::Timer(OBSERVER_TIMER) => self.observer.look(ctx),
            Input::Timer(_) => {
                self.propose(ctx);
                ctx.timer_after(Nanos::from_secs(self.settings.poll_s), POLL_TIMER);
            }
            Input::Delivery(delivery) if delivery.reader == PLANS => self.plan(delivery, ctx),
            Input::Delivery(delivery) => self.reconcile_close(delivery, ctx),
            Input::Exchange(ExchangeEvent::Response { request, outcome, .. }) => {
                if let Some(rows) = self.info.heard(*request, outcome, ctx) {
                    self.desk.take_filters(rows);
                } else if let Some(ended) = self.desk.response(*request, outcome, ctx) {
                    self.ended(&ended, ctx);
                }
            }
            Input::Exchange(ExchangeEvent::User {
                event: UserEvent::OrderTradeUpdate { order, fill, .. },
                ..
            }) => self.desk.user_event(order, fill.as_ref()),
            _ => {}
        }
    }
}
