//! Intent executor (MSE 12, EHR 3.16): the one executor of what came through the intent bridge.
//!
//! Invariant: a plan leads to at most one live order. The mark of an order is written before the order is
//! sent; whoever finds a mark that says "sent" asks the exchange before he does anything else.

mod gates;
mod results;

use std::collections::BTreeMap;

use engine::{
    Answer, ClientOrderId, Context, Delivery, EpochSeconds, ExchangeEvent, Fill, GroupStart, Input,
    Nanos, NewOrder, OrderRef, OrderState, Outcome, QtyLots, Reader, Request, RequestId, Service,
    SetOptions, Symbol, SymbolIndex, SymbolInfo, TimerKey, UserEvent, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::entry::gateway_guard;
use crate::exchange_info::ExchangeInfo;
use crate::grid;
use crate::keys;
use crate::records::{
    ApplyPlan, Decision, Executor, OrderMark, OrderProgress, P33Permit, PlanClass, PositionSnapshot,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{APPLY_PLAN, APPLY_RESULT, EXECUTION_RESULT};

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

const PERMIT_TIMER: TimerKey = TimerKey(0);
const INFO_TIMER: TimerKey = TimerKey(1);
const RETRY_TIMER: TimerKey = TimerKey(2);
/// An unknown outcome is asked for at once, and then so often until the exchange tells.
const RETRY_AFTER: Nanos = Nanos::from_secs(5);
/// Codes that refuse nothing: the exchange does not know itself whether it has done it.
const STATUS_UNKNOWN: [i32; 2] = [-1006, -1007];
/// How the client ids of its orders begin.
const CLIENT_ID_PREFIX: &str = "q";

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
    settings: IntentExecutorSettings,
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
}

impl IntentExecutor {
    /// For these symbols, in the order of the run.
    fn new(symbols: &[Symbol], settings: &IntentExecutorSettings) -> IntentExecutor {
        let keys = symbols.iter().map(|symbol| Keys {
            state: keys::STATE_POSITIONS.of(symbol),
            snapshot: keys::POSITION_SNAPSHOT.of(symbol),
            ledger: keys::POSITION_LEDGER.of(symbol),
            inflight: keys::INFLIGHT.of(symbol),
            cooldown_open: keys::COOLDOWN_OPEN.of(symbol),
            last_exec: keys::COOLDOWN_LAST_EXEC.of(symbol),
        });
        IntentExecutor {
            settings: settings.clone(),
            symbols: symbols.to_vec(),
            keys: keys.collect(),
            filters: vec![Filters::default(); symbols.len()],
            info: ExchangeInfo::new(INFO_TIMER),
            waiting: Vec::new(),
            looking: false,
            sent: BTreeMap::new(),
            unresolved: Vec::new(),
            fills: Vec::new(),
        }
    }

    fn place_of(&self, symbol: Symbol) -> Option<usize> {
        self.symbols.iter().position(|other| *other == symbol)
    }

    fn delivered(&mut self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(plan) = ctx.read::<ApplyPlan>(APPLY_PLAN.name, delivery) else { return };
        if plan.executor != Executor::IntentExecutor {
            return;
        }
        let waits = self.waiting.iter().any(|waiting| waiting.plan.plan_id == plan.plan_id);
        if waits || ctx.exists(&keys::EXECUTOR_DONE.of(&plan.plan_id)) {
            ctx.count("duplicate_plan", 1);
            return;
        }
        if !self.take_plan(plan.into_owned(), ctx) {
            // What is not on the bus would be lost in a crash: the entry itself stays there.
            ctx.leave_pending();
        }
    }

    /// Lets a plan that passes the gates wait for its permit. The plan lies on the bus meanwhile, so that its
    /// entry is acknowledged and a successor knows of it; `false` when it could not be put there.
    fn take_plan(&mut self, plan: ApplyPlan, ctx: &mut Context<'_>) -> bool {
        if let Err((decision, error)) = self.gates(&plan, ctx) {
            self.refuse(&plan, decision, error, ctx);
            return true;
        }
        let options = SetOptions { expire: keys::EXECUTOR_DONE.life, ..SetOptions::default() };
        let saved = ctx.set_json(&keys::EXECUTOR_WAITING.of(&plan.plan_id), &plan, options);
        let until = ctx.now() + Nanos::from_millis(self.settings.permit_wait_ms);
        self.waiting.push(Waiting { plan, until });
        self.look_for_permits(ctx);
        saved == Ok(true)
    }

    fn look_for_permits(&mut self, ctx: &mut Context<'_>) {
        for waiting in std::mem::take(&mut self.waiting) {
            let key = keys::EXECUTOR_WAITING.of(&waiting.plan.plan_id);
            match self.try_plan(waiting, ctx) {
                Some(still) => self.waiting.push(still),
                None => {
                    ctx.del(&key);
                }
            }
        }
        if !self.waiting.is_empty() && !self.looking {
            self.looking = true;
            ctx.timer_after(Nanos::from_millis(self.settings.permit_poll_ms), PERMIT_TIMER);
        }
    }

    /// Runs the plan if it may; gives it back while it has to wait.
    fn try_plan(&mut self, waiting: Waiting, ctx: &mut Context<'_>) -> Option<Waiting> {
        let plan = &waiting.plan;
        let place = self.place_of(plan.symbol)?;
        let in_flight = ctx.exists(&self.keys[place].inflight);
        let filters_unknown = self.filters[place].step == 0;
        let now = ctx.now();
        // A close waits for the end of the order that is in flight, and for the filters, however long.
        if plan.class != PlanClass::Open && (in_flight || filters_unknown)
            || filters_unknown && now < waiting.until
        {
            return Some(waiting);
        }
        let key = keys::PERMIT_P33.of(&plan.plan_id);
        let permit = match ctx.json::<P33Permit>(&key) {
            Ok(Some(permit)) => permit.into_owned(),
            Ok(None) if now < waiting.until => return Some(waiting),
            Ok(None) => {
                self.refuse(
                    plan,
                    Decision::Blocked,
                    "p33_permit_missing_or_denied".to_owned(),
                    ctx,
                );
                return None;
            }
            Err(error) => {
                self.refuse(plan, Decision::Error, format!("p33_permit_unreadable:{error}"), ctx);
                return None;
            }
        };
        if !permit.allow {
            self.refuse(
                plan,
                Decision::Blocked,
                format!("p33_permit_denied:{}", permit.reason),
                ctx,
            );
            return None;
        }
        let granted = (&permit.plan_id, permit.symbol, permit.action);
        if granted != (&plan.plan_id, plan.symbol, plan.action) {
            self.refuse(plan, Decision::Blocked, "p33_permit_mismatch".to_owned(), ctx);
            return None;
        }
        if in_flight {
            self.refuse(plan, Decision::Skip, "order_in_flight".to_owned(), ctx);
            return None;
        }
        // What stops it may have come while it waited.
        if let Err((decision, error)) = gates::may_run(plan, ctx) {
            self.refuse(plan, decision, error.to_owned(), ctx);
            return None;
        }
        ctx.del(&key);
        match self.lots(place, plan, &permit, ctx) {
            Ok(lots) => self.send(place, plan, lots, ctx),
            Err(error) => self.refuse(plan, Decision::Blocked, error, ctx),
        }
        None
    }

    /// Lots of the order: whole steps, never above the permit; a close has no smallest notional.
    fn lots(
        &self,
        place: usize,
        plan: &ApplyPlan,
        permit: &P33Permit,
        ctx: &mut Context<'_>,
    ) -> Result<i64, String> {
        let filters = &self.filters[place];
        if filters.step == 0 {
            return Err("exchange_filters_unknown".to_owned());
        }
        let instrument = ctx.instruments()[place].clone();
        let safe = permit.safe_qty;
        let asked = match plan.qty {
            None if plan.reduce_only.0 => Some(safe),
            // The permit of an open that names no quantity leaves the plan its own.
            Some(qty) if plan.reduce_only.0 || !safe.is_zero() => Some(qty.min(safe)),
            qty => qty,
        };
        let lots =
            asked.and_then(|qty| grid::lots(&instrument, qty)).ok_or("missing_required_fields")?;
        let lots = (lots - lots % filters.step).min(filters.max_qty);
        if lots < filters.min_qty {
            return Err(format!("min_qty_check_failed:{lots} lots below {}", filters.min_qty));
        }
        if plan.reduce_only.0 {
            return Ok(lots);
        }
        let mark = match ctx.record::<PositionSnapshot>(&self.keys[place].snapshot) {
            Ok(Some(snapshot)) if snapshot.mark_price > Decimal::ZERO => snapshot.mark_price,
            _ => return Err("mark_price_unavailable".to_owned()),
        };
        let notional = grid::qty(&instrument, QtyLots(lots)) * mark;
        if notional < filters.min_notional {
            return Err(format!(
                "min_notional_check_failed:{notional} below {}",
                filters.min_notional
            ));
        }
        Ok(lots)
    }

    fn send(&mut self, place: usize, plan: &ApplyPlan, lots: i64, ctx: &mut Context<'_>) {
        let mark = OrderMark {
            state: OrderProgress::Sent,
            plan_id: plan.plan_id.clone(),
            correlation_id: plan.correlation_id,
            symbol: plan.symbol,
            side: plan.side,
            action: plan.action,
            reduce_only: plan.reduce_only,
            quantity: lots,
            booked: 0,
            booked_quote: Decimal::ZERO,
            client_order_id: format!("q{}-1", plan.plan_id),
            attempt: 1,
            leverage: plan.leverage,
            confidence: plan.confidence,
            model: plan.model.clone(),
            reason: plan.reason_codes.clone(),
            stop_loss: plan.stop_loss,
            take_profit: plan.take_profit,
            sent_at: EpochSeconds(ctx.now()),
        };
        let order = self.order(place, &mark);
        if let Err(blocked) = gateway_guard::check(&order, plan.class != PlanClass::Open) {
            self.refuse(plan, Decision::Blocked, blocked.as_str().to_owned(), ctx);
            return;
        }
        if !self.save_mark(&mark, ctx) {
            // Without its mark an order could be sent twice.
            self.refuse(plan, Decision::Error, "mark_not_saved".to_owned(), ctx);
            return;
        }
        self.bar(place, &plan.plan_id, ctx);
        let leverage = plan.leverage.filter(|wanted| {
            plan.class == PlanClass::Open && self.filters[place].leverage != Some(*wanted)
        });
        let (kind, request) = match leverage {
            Some(leverage) => (
                SentKind::Leverage,
                Request::SetLeverage { symbol: SymbolIndex(place as u16), leverage },
            ),
            None => (SentKind::Order, Request::NewOrder(order)),
        };
        let id = ctx.submit(request);
        self.sent.insert(id, Sent { kind, plan: plan.clone(), mark, queries: 0 });
    }

    fn order(&self, place: usize, mark: &OrderMark) -> NewOrder {
        let (symbol, quantity) = (SymbolIndex(place as u16), QtyLots(mark.quantity));
        let order =
            NewOrder::market(symbol, mark.side.side(), quantity, mark.client_order_id.as_str());
        NewOrder { reduce_only: Some(mark.reduce_only.0), ..order }
    }

    fn save_mark(&self, mark: &OrderMark, ctx: &mut Context<'_>) -> bool {
        let options = SetOptions { expire: keys::EXECUTOR_DONE.life, ..SetOptions::default() };
        ctx.set_json(&keys::EXECUTOR_DONE.of(&mark.plan_id), mark, options) == Ok(true)
    }

    fn response(&mut self, request: RequestId, outcome: &Outcome, ctx: &mut Context<'_>) {
        if let Some(rows) = self.info.heard(request, outcome, ctx) {
            self.take_filters(rows);
            return;
        }
        let Some(sent) = self.sent.remove(&request) else { return };
        let Some(place) = self.place_of(sent.mark.symbol) else { return };
        if sent.kind == SentKind::Leverage {
            self.leverage_answer(place, sent, outcome, ctx);
            return;
        }
        match (sent.kind, outcome) {
            (SentKind::Query, Outcome::Refused(error)) if error.code == -2013 => {
                self.end_without_fill(place, sent, "not_placed".to_owned(), ctx);
            }
            // A query that is refused says nothing about the order.
            (SentKind::Query, Outcome::Refused(_)) => self.query(place, sent, ctx),
            (SentKind::Order, Outcome::Refused(error)) if STATUS_UNKNOWN.contains(&error.code) => {
                self.query(place, sent, ctx);
            }
            (_, Outcome::Refused(error)) => {
                self.end_without_fill(place, sent, format!("binance_error:{error}"), ctx);
            }
            (_, Outcome::Done(Answer::Order(order))) => self.order_answer(place, sent, order, ctx),
            (_, Outcome::Unknown | Outcome::Done(_)) => self.query(place, sent, ctx),
        }
    }

    /// Only a leverage that is known to be set is followed by its order.
    fn leverage_answer(
        &mut self,
        place: usize,
        sent: Sent,
        outcome: &Outcome,
        ctx: &mut Context<'_>,
    ) {
        if let Outcome::Done(Answer::Leverage { leverage, .. }) = outcome {
            self.filters[place].leverage = Some(*leverage);
            let id = ctx.submit(Request::NewOrder(self.order(place, &sent.mark)));
            self.sent.insert(id, Sent { kind: SentKind::Order, ..sent });
            return;
        }
        // Nothing was ordered. Whatever was set before may hold no longer: the next plan sets it again.
        self.filters[place].leverage = None;
        let error = match outcome {
            Outcome::Refused(error) if !STATUS_UNKNOWN.contains(&error.code) => {
                format!("binance_error:{error}")
            }
            _ => "leverage_unknown".to_owned(),
        };
        self.end_without_fill(place, sent, error, ctx);
    }

    fn order_answer(
        &mut self,
        place: usize,
        sent: Sent,
        order: &OrderState,
        ctx: &mut Context<'_>,
    ) {
        if order.status.is_terminal() {
            self.end(place, sent, order, ctx);
        } else {
            self.query(place, sent, ctx);
        }
    }

    /// Asks for the order by its client id; nothing is sent again before that is answered.
    fn query(&mut self, place: usize, sent: Sent, ctx: &mut Context<'_>) {
        if sent.queries > 0 {
            if self.unresolved.is_empty() {
                ctx.timer_after(RETRY_AFTER, RETRY_TIMER);
            }
            ctx.count("outcome_still_unknown", 1);
            self.unresolved.push(sent);
            return;
        }
        self.query_now(place, sent, ctx);
    }

    fn query_now(&mut self, place: usize, sent: Sent, ctx: &mut Context<'_>) {
        ctx.count("outcome_queries", 1);
        // Nothing else may be sent for this symbol meanwhile.
        self.bar(place, &sent.plan.plan_id, ctx);
        let order = OrderRef::Client(ClientOrderId(sent.mark.client_order_id.as_str().into()));
        let id = ctx.submit(Request::QueryOrder { symbol: SymbolIndex(place as u16), order });
        self.sent.insert(id, Sent { kind: SentKind::Query, queries: sent.queries + 1, ..sent });
    }

    fn retry(&mut self, ctx: &mut Context<'_>) {
        for sent in std::mem::take(&mut self.unresolved) {
            if let Some(place) = self.place_of(sent.mark.symbol) {
                self.query_now(place, sent, ctx);
            }
        }
    }

    /// Marks the symbol as having an order in flight.
    fn bar(&self, place: usize, plan_id: &str, ctx: &mut Context<'_>) {
        let options = SetOptions { expire: keys::INFLIGHT.life, ..SetOptions::default() };
        if ctx.set(&self.keys[place].inflight, plan_id, options).is_err() {
            ctx.count("inflight_not_saved", 1);
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
            let Some(place) = self.place_of(mark.symbol) else { continue };
            let plan = results::plan_of(&mark, ctx.now());
            self.query(place, Sent { kind: SentKind::Query, plan, mark, queries: 0 }, ctx);
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
        "cooldown_not_saved",
        "duplicate_plan",
        "exchange_filters_unknown",
        "executed_false",
        "executed_true",
        "inflight_not_saved",
        "kill_switch_active",
        "ledger_not_saved",
        "ledger_unreadable",
        "leverage_unknown",
        "liquidation_fills",
        "mark_not_saved",
        "mark_price_unavailable",
        "marks_unreadable",
        "min_notional_check_failed",
        "min_qty_check_failed",
        "missing_required_fields",
        "not_placed",
        "order_in_flight",
        "orders_closed",
        "orders_opened",
        "outcome_queries",
        "outcome_still_unknown",
        "p33_permit_denied",
        "p33_permit_mismatch",
        "p33_permit_missing_or_denied",
        "plan_expired",
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
        Ok(IntentExecutor::new(setup.symbols, settings))
    }
}

impl Service for IntentExecutor {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(APPLY_PLAN.name, "intent_executor", GroupStart::End)],
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
                keys::PERMIT_P33,
                keys::POSITION_SNAPSHOT,
                keys::POSITION_LEDGER,
            ]),
            keys_written: keys::patterns(&[
                keys::EXECUTOR_WAITING,
                keys::EXECUTOR_DONE,
                keys::PERMIT_P33,
                keys::INFLIGHT,
                keys::COOLDOWN_LAST_EXEC,
                keys::COOLDOWN_OPEN,
                keys::POSITION_LEDGER,
            ]),
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
