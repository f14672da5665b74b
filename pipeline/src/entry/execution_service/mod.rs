//! Execution Service (MSE 13): the other wiring, from intents to orders without plans and permits. It runs only
//! where `execution_path` says so, and then instead of intent bridge and intent executor.
//!
//! G1 safe mode, G2 one order in flight a symbol and side, G3 no repeats, risk governor and margin stand before
//! the orders, which are the intent executor's own: same mark before sending, same look for unknown outcomes,
//! same books.

mod admit;

use std::collections::BTreeMap;

use engine::{
    Context, Delivery, EntryId, GroupStart, Input, Nanos, Reader, Service, Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::entry::{GateRule, GateTimes, MarginRenewal, RiskGovernorLimits};

use super::intent_executor::{IntentExecutor, IntentExecutorSettings};
use crate::audited::Audited;
use crate::entry::intent_plan::{count_violations, read_intent};
use crate::entry::permits::PermitSettings;
use crate::keys;
use crate::records::TradeIntent;
use crate::settings::{Configured, LEVERAGE, SHARE, Setup, settings};
use crate::streams::{APPLY_RESULT, EXECUTION_RESULT, TRADE_INTENT, bus_group};

settings! {
    /// Execution service.
    pub struct ExecutionServiceSettings: off {
        /// How long a lock of a symbol and side lives, in s; at least twice the window.
        pub inflight_ttl_s: i64 = 120 => 1..,
        /// How long an open like the last one is a repeat, in s.
        pub idempotency_window_s: i64 = 30 => 1..,
        /// An opening intent that is older is dropped, in s.
        pub intent_max_age_s: i64 = 600 => 1..,
        /// No new position of a symbol for so long after an open or a close, in s.
        pub open_cooldown_s: i64 = 180 => 0..,
        /// Risk governor: smallest size of an open, in USDT.
        pub size_min_usd: f64 = 50.0 => 0.0..=1e12,
        /// Risk governor: largest size of an open, in USDT.
        pub size_max_usd: f64 = 10_000.0 => 0.0..=1e12,
        /// Risk governor: lowest leverage.
        pub leverage_min: f64 = 5.0 => LEVERAGE,
        /// Risk governor: highest leverage.
        pub leverage_max: f64 = 80.0 => LEVERAGE,
        /// Risk governor: largest size times leverage, in USDT.
        pub notional_max_usd: f64 = 100_000.0 => 0.0..=1e15,
        /// Risk governor: below this confidence nothing is opened; 0 is off.
        pub min_confidence: f64 = 0.0 => SHARE,
        /// Stops and targets as orders of their own. They are conditional orders, which may not leave.
        pub tpsl_shield: bool = false,
    }
}

/// Looks for the end of orders that a close waits for. The executor's own timers have smaller numbers.
const WAIT_TIMER: TimerKey = TimerKey(100);
const LOOK_EVERY: Nanos = Nanos::from_millis(200);

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExecutionService {
    settings: ExecutionServiceSettings,
    limits: RiskGovernorLimits,
    times: GateTimes,
    gate: GateRule,
    renewal: MarginRenewal,
    data_only: bool,
    exits_unreadable: bool,
    /// It orders what was asked for, not what was checked.
    clamps_discarded: bool,
    symbols: Vec<Symbol>,
    /// Sends the orders and learns their outcome.
    orders: IntentExecutor,
    /// Closes that wait for an order in flight or for the filters. Their entries stay pending.
    waiting: Vec<(EntryId, TradeIntent)>,
    /// Locks of this service by the plan that holds them.
    locks: BTreeMap<String, String>,
    looking: bool,
    /// Its plans are not the bridge's, which runs beside it.
    apart: bool,
}

impl ExecutionService {
    fn delivered(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(intent) = read_intent(delivery, self.data_only, ctx) else { return };
        if self.exits_unreadable && (intent.reduce_only.is_some() || intent.reason.is_some()) {
            // Acknowledged away: no result, no dead letter.
            return ctx.count("intents_unreadable", 1);
        }
        let entry = delivery.entry.id;
        if self.waiting.iter().any(|(waits, _)| *waits == entry) {
            ctx.leave_pending();
            return;
        }
        ctx.count("orders_received", 1);
        count_violations(&intent, ctx);
        if self.take(entry, &intent, ctx) == Taken::Waits {
            // It is not lost when the service dies while it waits.
            self.waiting.push((entry, intent.into_owned()));
            ctx.leave_pending();
            self.look_soon(ctx);
        }
    }

    fn look(&mut self, ctx: &mut Context<'_>) {
        self.looking = false;
        for (entry, intent) in std::mem::take(&mut self.waiting) {
            if self.take(entry, &intent, ctx) == Taken::Waits {
                self.waiting.push((entry, intent));
            }
        }
        if !self.waiting.is_empty() {
            self.look_soon(ctx);
        }
    }

    fn look_soon(&mut self, ctx: &mut Context<'_>) {
        if !self.looking {
            self.looking = true;
            ctx.timer_after(LOOK_EVERY, WAIT_TIMER);
        }
    }

    /// Releases the locks of orders that are over. Compare and delete: only its holder releases a lock.
    fn release(&mut self, ctx: &mut Context<'_>) {
        let over: Vec<String> =
            self.locks.keys().filter(|plan| !self.orders.is_busy(plan)).cloned().collect();
        for plan in over {
            let Some(lock) = self.locks.remove(&plan) else { continue };
            match ctx.get(&lock) {
                Ok(Some(holder)) if holder == plan => {
                    ctx.del(&lock);
                }
                _ => ctx.count("locks_of_others", 1),
            }
        }
    }

    /// After a start: the locks of a former life, whose orders the executor's part asks for.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        for lock in ctx.scan(&keys::EXEC_LOCK.of("*")) {
            if let Ok(Some(holder)) = ctx.get(&lock) {
                self.locks.insert(holder, lock);
            }
        }
        self.release(ctx);
    }
}

/// What became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// It was sent or refused.
    Ended,
    /// It is a close and has to wait.
    Waits,
}

const OWN: [&str; 23] = [
    "IDEMPOTENCY_SKIP",
    "MARGIN_INSUFFICIENT",
    "MARGIN_UNKNOWN",
    "IN_FLIGHT",
    "dropped_confidence_out_of_range",
    "dropped_from_the_future",
    "dropped_leverage_out_of_range",
    "dropped_size_out_of_range",
    "dropped_too_old",
    "dropped_unknown_symbol",
    "dropped_without_action",
    "governed_down",
    "intents_out_of_contract",
    "intents_unreadable",
    "locks_of_others",
    "no_exchange_snapshot",
    "no_position",
    "orders_received",
    "orders_rejected",
    "risk_governor_rejected",
    "safe_mode_set",
    "state_not_saved",
    "wrong_side",
];
const THEIRS: &[&str] = <IntentExecutor as Configured>::COUNTERS;
const ALL: [&str; OWN.len() + THEIRS.len()] = {
    let mut all = [""; OWN.len() + THEIRS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < OWN.len() { OWN[at] } else { THEIRS[at - OWN.len()] };
        at += 1;
    }
    all
};

impl Configured for ExecutionService {
    type Settings = ExecutionServiceSettings;
    const COUNTERS: &'static [&'static str] = &ALL;

    fn configured(
        settings: &ExecutionServiceSettings,
        setup: Setup<'_>,
    ) -> Result<ExecutionService, String> {
        let span = Nanos::from_secs;
        let times =
            GateTimes::new(span(settings.inflight_ttl_s), span(settings.idempotency_window_s))
                .map_err(|fault| format!("inflight_ttl_s and idempotency_window_s: {fault}"))?;
        let audited = &setup.pipeline.audited;
        if settings.tpsl_shield && !audited.has(Audited::ConditionalOrdersLeave) {
            return Err(
                "tpsl_shield is on: stops and targets as orders are conditional orders, and \
                        the gateway lets market orders leave only; take it away, the exit monitor \
                        watches stops"
                    .to_owned(),
            );
        }
        let limits = RiskGovernorLimits {
            size_min_usd: settings.size_min_usd,
            size_max_usd: settings.size_max_usd,
            leverage_min: settings.leverage_min,
            leverage_max: settings.leverage_max,
            notional_max_usd: settings.notional_max_usd,
            confidence_min: settings.min_confidence,
        };
        let orders = IntentExecutorSettings {
            open_cooldown_s: settings.open_cooldown_s,
            ..IntentExecutorSettings::default()
        };
        let audited = &setup.pipeline.audited;
        let apart = audited.has(Audited::TwoExecutionPaths);
        let orders = IntentExecutor::of(
            "execution_service",
            setup.symbols,
            &orders,
            &PermitSettings::default(),
            &setup.pipeline.exits.owners,
            audited,
        )
        .shielded(settings.tpsl_shield);
        let buckets = audited.has(Audited::MinuteBuckets);
        Ok(ExecutionService {
            settings: settings.clone(),
            limits,
            times: if buckets { GateTimes::audited() } else { times },
            gate: match buckets {
                true => GateRule::AuditedBuckets,
                false => GateRule::IdentityAndWindow,
            },
            renewal: match audited.has(Audited::SafeModeRenewed) {
                true => MarginRenewal::AuditedEachFailure,
                false => MarginRenewal::Never,
            },
            data_only: audited.has(Audited::DataEnvelopeOnly),
            clamps_discarded: audited.has(Audited::ClampsDiscarded),
            exits_unreadable: audited.has(Audited::ExitIntentsUnreadable),
            symbols: setup.symbols.to_vec(),
            orders: if apart { orders.apart() } else { orders },
            waiting: Vec::new(),
            locks: BTreeMap::new(),
            looking: false,
            apart,
        })
    }
}

impl Service for ExecutionService {
    fn wiring(&self) -> Wiring {
        let group = bus_group("execution", TRADE_INTENT);
        let reader = Reader::group(TRADE_INTENT.name, &group, GroupStart::Beginning);
        Wiring {
            readers: vec![reader],
            user_stream: true,
            writes: vec![APPLY_RESULT.name, EXECUTION_RESULT.name],
            keys_read: keys::patterns(&[
                keys::KILL_SWITCH,
                keys::KILL,
                keys::EMERGENCY_STOP,
                keys::SAFE_MODE,
                keys::ACCOUNT_BALANCE,
                keys::STATE_POSITIONS,
                keys::POSITION_SNAPSHOT,
                keys::POSITION_LEDGER,
                keys::COOLDOWN_OPEN,
                keys::EXECUTOR_DONE,
                keys::EXECUTOR_WAITING,
                keys::EXEC_LOCK,
                keys::EXEC_PROCESSED,
                keys::EXEC_RATE_SYMBOL,
            ]),
            keys_written: keys::patterns(&[
                keys::EXECUTOR_DONE,
                keys::INFLIGHT,
                keys::COOLDOWN_LAST_EXEC,
                keys::COOLDOWN_OPEN,
                keys::POSITION_LEDGER,
                keys::EXEC_LOCK,
                keys::EXEC_PROCESSED,
                keys::EXEC_RATE_SYMBOL,
                keys::EXEC_MARGIN_FAILS,
                keys::SAFE_MODE,
                keys::SAFE_MODE_REASON,
            ]),
            exchange: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Delivery(delivery) => self.delivered(delivery, ctx),
            Input::Timer(WAIT_TIMER) => self.look(ctx),
            Input::Start => {
                self.orders.handle(Input::Start, ctx);
                self.recover(ctx);
            }
            other => {
                self.orders.handle(other, ctx);
                self.release(ctx);
            }
        }
    }
}
