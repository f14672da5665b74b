//! Intent executor (MSE 12, EHR 3.16): the one executor of what came through the intent bridge.
//!
//! Invariant: a plan leads to at most one live order. The mark of an order is written before the order is
//! sent; whoever finds a mark that says "sent" asks the exchange before he does anything else.

mod float_lots;
mod gates;
mod orders;
mod results;
mod waiting;

use std::borrow::Cow;
use std::collections::BTreeMap;

use engine::{
    ClientOrderId, Context, Delivery, ExchangeEvent, Fill, GroupStart, Input, Nanos, Reader,
    RequestId, Service, Symbol, SymbolInfo, TimerKey, Ttl, UserEvent, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::apply::PlanClass as Needs;

use self::float_lots::Rounding;
use crate::audited::{Audited, AuditedNames};
use crate::entry::permits::{self, PermitReading, PermitSettings};
use crate::exchange_info::ExchangeInfo;
use crate::keys;
use crate::records::{ApplyPlan, Decision, Executor, OrderMark, OrderProgress};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{APPLY_PLAN, APPLY_PLAN_MANUAL, APPLY_RESULT, EXECUTION_RESULT};

settings! {
    /// Intent executor.
    pub struct IntentExecutorSettings {
        /// How long it waits for a permit, in ms; less than a permit lives.
        pub permit_wait_ms: i64 = 8_000 => 1..,
        /// How often it looks, in ms.
        pub permit_poll_ms: i64 = 200 => 1..,
        /// No new position of a symbol for so long after an open or a close, in s.
        pub open_cooldown_s: i64 = 180 => 0..,
    }
}

/// Place of apply.plan.manual among the readers.
const MANUAL_READER: usize = 1;
const PERMIT_TIMER: TimerKey = TimerKey(0);
const INFO_TIMER: TimerKey = TimerKey(1);
const RETRY_TIMER: TimerKey = TimerKey(2);
/// An unknown outcome is asked for at once, and then so often until the exchange tells.
const RETRY_AFTER: Nanos = Nanos::from_secs(5);
/// Codes that refuse nothing: the exchange does not know itself whether it has done it.
const STATUS_UNKNOWN: [i32; 2] = [-1006, -1007];
/// How the client ids of its orders begin, and those of one that runs beside it.
const CLIENT_ID_PREFIX: &str = "q";
const APART_PREFIX: &str = "x";

/// Keys of one symbol, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keys {
    state: String,
    snapshot: String,
    ledger: String,
    inflight: String,
    cooldown_open: String,
    last_exec: String,
}

/// Filters of one symbol, in lots; none before exchangeInfo has answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Filters {
    step: i64,
    min_qty: i64,
    max_qty: i64,
    min_notional: Decimal,
    leverage: Option<u32>,
}

/// What the audits found; all are off by default.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Rules {
    same_side_opens: bool,
    opposite_side_opens: bool,
    safe_mode_blocks_exits: bool,
    exits_need_quantity: bool,
    unknown_is_failure: bool,
    closes_cool_nothing: bool,
    exits_without_reduce_only: bool,
    tpsl_shield: bool,
    rounding: Rounding,
}

impl Rules {
    fn of(audited: &AuditedNames, executor: &str) -> Rules {
        let of = |behaviour| audited.of(behaviour, executor);
        Rules {
            same_side_opens: of(Audited::SameSideOpens),
            opposite_side_opens: of(Audited::OppositeSideOpens),
            safe_mode_blocks_exits: of(Audited::SafeModeBlocksExits),
            exits_need_quantity: of(Audited::ExitsNeedQuantity),
            unknown_is_failure: of(Audited::UnknownIsFailure),
            closes_cool_nothing: of(Audited::CooldownAfterOpensOnly),
            exits_without_reduce_only: of(Audited::ExitsWithoutReduceOnly),
            tpsl_shield: false,
            rounding: Rounding::of(audited, executor),
        }
    }
}

/// A plan that waits for its permit.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Waiting {
    plan: ApplyPlan,
    until: Nanos,
}

/// A request on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sent {
    kind: SentKind,
    plan: ApplyPlan,
    mark: OrderMark,
    queries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum SentKind {
    Leverage,
    Order,
    Query,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IntentExecutor {
    /// Who runs the orders.
    source: Cow<'static, str>,
    settings: IntentExecutorSettings,
    permits: PermitSettings,
    reading: PermitReading,
    rules: Rules,
    /// Who may close.
    owners: Vec<String>,
    symbols: Vec<Symbol>,
    keys: Vec<Keys>,
    filters: Vec<Filters>,
    info: ExchangeInfo,
    waiting: Vec<Waiting>,
    /// The timer of the next look for permits is set.
    looking: bool,
    sent: BTreeMap<RequestId, Sent>,
    /// Orders whose outcome is asked for again at the next retry.
    unresolved: Vec<Sent>,
    /// Fills that the user stream told of orders that are not over.
    fills: Vec<(ClientOrderId, Fill)>,
    /// It runs beside another one, whose books, gates and orders it knows nothing of (incident I-02).
    apart: bool,
}

impl IntentExecutor {
    /// Under this name in results, for these symbols, in the order of the run.
    pub(in crate::entry) fn of(
        source: &'static str,
        symbols: &[Symbol],
        settings: &IntentExecutorSettings,
        permits: &PermitSettings,
        owners: &[String],
        audited: &AuditedNames,
    ) -> IntentExecutor {
        let keys = symbols.iter().map(|symbol| Keys {
            state: keys::STATE_POSITIONS.of(symbol),
            snapshot: keys::POSITION_SNAPSHOT.of(symbol),
            ledger: keys::POSITION_LEDGER.of(symbol),
            inflight: keys::INFLIGHT.of(symbol),
            cooldown_open: keys::COOLDOWN_OPEN.of(symbol),
            last_exec: keys::COOLDOWN_LAST_EXEC.of(symbol),
        });
        IntentExecutor {
            source: Cow::Borrowed(source),
            settings: settings.clone(),
            permits: permits.clone(),
            reading: PermitReading::of(audited, source),
            rules: Rules::of(audited, source),
            owners: owners.to_vec(),
            symbols: symbols.to_vec(),
            keys: keys.collect(),
            filters: vec![Filters::default(); symbols.len()],
            info: ExchangeInfo::new(INFO_TIMER),
            waiting: Vec::new(),
            looking: false,
            sent: BTreeMap::new(),
            unresolved: Vec::new(),
            fills: Vec::new(),
            apart: false,
        }
    }

    /// With stop and target of each open as orders of their own, or without.
    pub(in crate::entry) fn shielded(mut self, on: bool) -> IntentExecutor {
        self.rules.tpsl_shield = on;
        self
    }

    /// The same, beside another one.
    pub(in crate::entry) fn apart(self) -> IntentExecutor {
        IntentExecutor { apart: true, ..self }
    }

    fn client_prefix(&self) -> &'static str {
        if self.apart { APART_PREFIX } else { CLIENT_ID_PREFIX }
    }

    /// Whether exchangeInfo has told the filters of the symbol.
    pub(in crate::entry) fn filters_known(&self, place: usize) -> bool {
        self.filters[place].step != 0
    }

    /// Whether the plan's order is on its way or its outcome unknown.
    pub(in crate::entry) fn is_busy(&self, plan_id: &str) -> bool {
        let of = |sent: &Sent| sent.mark.plan_id == plan_id;
        self.sent.values().any(of) || self.unresolved.iter().any(of)
    }

    fn place_of(&self, symbol: Symbol) -> Option<usize> {
        self.symbols.iter().position(|other| *other == symbol)
    }

    fn delivered(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let manual = delivery.reader == MANUAL_READER;
        let stream = if manual { APPLY_PLAN_MANUAL } else { APPLY_PLAN };
        let Some(plan) = ctx.read::<ApplyPlan>(stream.name, delivery) else { return };
        if manual {
            ctx.count("manual_consumed", 1);
            self.metrics(["manual_consumed"], ctx);
        }
        if plan.executor != Executor::IntentExecutor {
            return;
        }
        let waits = self.waiting.iter().any(|waiting| waiting.plan.plan_id == plan.plan_id);
        if waits || ctx.exists(&keys::EXECUTOR_DONE.of(&plan.plan_id)) {
            ctx.count("duplicate_plan", 1);
            return;
        }
        if manual && !manual_lane(ctx) {
            ctx.count("manual_blocked_disabled", 1);
            self.metrics(["manual_blocked_disabled"], ctx);
            self.refuse(&plan, Decision::Blocked, "manual_lane_disabled".to_owned(), ctx);
            return;
        }
        if manual {
            ctx.count("manual_processed", 1);
            self.metrics(["manual_processed"], ctx);
        }
        if !self.take_plan(plan.into_owned(), ctx) {
            // What is not on the bus would be lost in a crash: the entry itself stays there.
            ctx.leave_pending();
        }
    }

    /// After a start: orders that were sent and not seen to their end are asked for, and plans that waited wait.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        for key in ctx.scan(&keys::EXECUTOR_DONE.of("*")) {
            let mark = match ctx.json::<OrderMark>(&key) {
                Ok(Some(mark)) if mark.state == OrderProgress::Sent => mark.into_owned(),
                Ok(_) => continue,
                Err(_) => {
                    ctx.count("marks_unreadable", 1);
                    continue;
                }
            };
            if !mark.client_order_id.starts_with(self.client_prefix()) {
                continue;
            }
            let Some(place) = self.place_of(mark.symbol) else { continue };
            let plan = results::plan_of(&mark, ctx.now());
            self.query(place, Sent { kind: SentKind::Query, plan, mark, queries: 0 }, ctx);
        }
        if self.apart {
            return;
        }
        for key in ctx.scan(&keys::EXECUTOR_WAITING.of("*")) {
            match ctx.json::<ApplyPlan>(&key) {
                Ok(Some(plan)) => self.take_again(plan.into_owned(), &key, ctx),
                Ok(None) => {}
                Err(_) => ctx.count("marks_unreadable", 1),
            }
        }
    }

    /// A plan that waited when a former life ended. It has to pass the gates again.
    fn take_again(&mut self, plan: ApplyPlan, key: &str, ctx: &mut Context<'_>) {
        ctx.del(key);
        if !ctx.exists(&keys::EXECUTOR_DONE.of(&plan.plan_id)) && !self.take_plan(plan, ctx) {
            ctx.count("waiting_plan_not_saved", 1);
        }
    }

    fn take_filters(&mut self, rows: &[SymbolInfo]) {
        for row in rows {
            if let Some(filters) = self.filters.get_mut(usize::from(row.symbol.0)) {
                filters.step = row.step_size.max(1);
                filters.min_qty = row.min_qty.0;
                filters.max_qty = row.market_max_qty.0;
                filters.min_notional = row.min_notional;
            }
        }
    }
}

/// The operator's lane is open while its switch is on and will go off by itself.
fn manual_lane(ctx: &mut Context<'_>) -> bool {
    let on = matches!(ctx.get(keys::MANUAL_LANE.name), Ok(Some(value)) if value == "1");
    on && matches!(ctx.ttl(keys::MANUAL_LANE.name), Ttl::Left(_))
}

/// A permit is gone after it, and nobody has to wait for it any longer.
const PERMIT_LIFE_MS: i64 = 60_000;

impl Configured for IntentExecutor {
    type Settings = IntentExecutorSettings;
    const COUNTERS: &'static [&'static str] = &[
        "EMERGENCY_STOP_ACTIVE",
        "NOT_EXIT_OWNER",
        "SAFE_MODE_ACTIVE",
        "SKIP_OPEN_COOLDOWN",
        "SKIP_OPEN_DUPLICATE",
        "SKIP_OPEN_OPPOSITE",
        "binance_error",
        "conditional_orders_sent",
        "cooldown_not_saved",
        "duplicate_plan",
        "exchange_filters_unknown",
        "executed_false",
        "executed_true",
        "governor_permit_denied",
        "governor_permit_mismatch",
        "governor_permit_missing_or_denied",
        "governor_permit_unreadable",
        "inflight_not_saved",
        "kill_switch_active",
        "ledger_not_saved",
        "ledger_unreadable",
        "leverage_unknown",
        "liquidation_fills",
        "manual_blocked_disabled",
        "manual_consumed",
        "manual_lane_disabled",
        "manual_processed",
        "mark_not_saved",
        "mark_price_unavailable",
        "marks_unreadable",
        "metrics_not_saved",
        "min_notional_check_failed",
        "min_qty_check_failed",
        "missing_required_fields",
        "not_placed",
        "order_in_flight",
        "orders_closed",
        "orders_opened",
        "other_refusals",
        "outcome_queries",
        "outcome_still_unknown",
        "p26_permit_denied",
        "p26_permit_mismatch",
        "p26_permit_missing_or_denied",
        "p26_permit_unreadable",
        "p33_permit_denied",
        "p33_permit_mismatch",
        "p33_permit_missing_or_denied",
        "p33_permit_unreadable",
        "plan_expired",
        "position_unknown",
        "symbol_not_in_allowlist",
        "unknown_symbol",
        "waiting_plan_not_saved",
    ];

    fn configured(
        settings: &IntentExecutorSettings,
        setup: Setup<'_>,
    ) -> Result<IntentExecutor, String> {
        let wait = settings.permit_wait_ms;
        if wait >= PERMIT_LIFE_MS {
            return Err(format!(
                "permit_wait_ms is {wait}: it has to be below {PERMIT_LIFE_MS}, the life of a permit"
            ));
        }
        let owners = &setup.pipeline.exits.owners;
        let permits = &setup.pipeline.permits;
        let audited = &setup.pipeline.audited;
        Ok(IntentExecutor::of("intent_executor", setup.symbols, settings, permits, owners, audited))
    }
}

impl Service for IntentExecutor {
    fn wiring(&self) -> Wiring {
        let permits = permits::key_patterns(&self.permits, &[Needs::Open, Needs::IntentClose]);
        Wiring {
            readers: vec![
                Reader::group(APPLY_PLAN.name, "intent_executor", GroupStart::End),
                Reader::group(APPLY_PLAN_MANUAL.name, "intent_executor_manual", GroupStart::End),
            ],
            user_stream: true,
            writes: vec![APPLY_RESULT.name, EXECUTION_RESULT.name],
            keys_read: keys::patterns(&[
                keys::KILL_SWITCH,
                keys::KILL,
                keys::EMERGENCY_STOP,
                keys::SAFE_MODE,
                keys::STATE_POSITIONS,
                keys::COOLDOWN_OPEN,
                keys::EXECUTOR_DONE,
                keys::EXECUTOR_WAITING,
                keys::INFLIGHT,
                keys::MANUAL_LANE,
                keys::ROTATION_LOCK,
                keys::POSITION_SNAPSHOT,
                keys::POSITION_LEDGER,
            ])
            .into_iter()
            .chain(permits.clone())
            .collect(),
            keys_written: keys::patterns(&[
                keys::EXECUTOR_WAITING,
                keys::EXECUTOR_DONE,
                keys::INFLIGHT,
                keys::COOLDOWN_LAST_EXEC,
                keys::COOLDOWN_OPEN,
                keys::POSITION_LEDGER,
                keys::EXECUTOR_METRICS,
            ])
            .into_iter()
            .chain(permits)
            .collect(),
            exchange: true,
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {
                self.info.ask(ctx);
                self.recover(ctx);
            }
            Input::Timer(INFO_TIMER) => self.info.ask(ctx),
            Input::Timer(RETRY_TIMER) => self.retry(ctx),
            Input::Timer(_) => {
                self.looking = false;
                self.look_for_permits(ctx);
            }
            Input::Delivery(delivery) => self.delivered(delivery, ctx),
            Input::Exchange(ExchangeEvent::Response { request, outcome, .. }) => {
                self.response(*request, outcome, ctx);
            }
            Input::Exchange(ExchangeEvent::User {
                event: UserEvent::OrderTradeUpdate { order, fill, liquidation, .. },
                ..
            }) => self.user_event(order, fill.as_ref(), *liquidation, ctx),
            _ => {}
        }
    }
}
