//! The order desk of an executor: how orders are sent, how their outcome is learned, and how plans end.
//!
//! Invariant: a plan leads to at most one live order. The mark of an order is written before the order is sent;
//! whoever finds a mark that says "sent" asks the exchange before he does anything else. Client order ids follow from
//! the plan and the attempt, so that a repeat is the same order.

mod results;

use std::collections::BTreeMap;

use engine::{
    Answer, ClientOrderId, Context, Fill, Nanos, NewOrder, OrderRef, OrderState, Outcome, QtyLots,
    Request, RequestId, SetOptions, Symbol, SymbolIndex, SymbolInfo, TimerKey,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::harvest::brain_plan_id;

use crate::entry::gateway_guard;
use crate::keys::{self, Key};
use crate::records::{ApplyPlan, Decision, OrderMark, OrderProgress, PlanClass};

/// An unknown outcome is asked for at once, and then so often until the exchange tells.
const RETRY_AFTER: Nanos = Nanos::from_secs(5);
/// Codes that refuse nothing: the exchange does not know itself whether it has done it.
const STATUS_UNKNOWN: [i32; 2] = [-1006, -1007];
/// Too many requests, too many orders.
const RATE_LIMITS: [i32; 2] = [-1003, -1015];
/// Binance's client order ids have 36 characters; a prefix, a dash and the attempt need some.
const PLAN_ID_MAX: usize = 30;

const HARVEST_BRAIN: &str = "harvest_brain";

/// Whose desk it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Desk {
    /// The Apply Layer's.
    ApplyLayer,
}

impl Desk {
    const fn source(self) -> &'static str {
        match self {
            Desk::ApplyLayer => "apply_layer",
        }
    }

    const fn done(self) -> Key {
        match self {
            Desk::ApplyLayer => keys::APPLY_DONE,
        }
    }

    /// First letter of its client order ids: a fill of another desk's order is none of its business.
    const fn prefix(self) -> char {
        match self {
            Desk::ApplyLayer => 'a',
        }
    }
}

/// What the audits found of an order; all are off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderRules {
    /// An unknown outcome is a failure.
    pub unknown_is_failure: bool,
    /// A close sets no cooldown.
    pub closes_cool_nothing: bool,
    /// A close of the harvest brain is no reduce-only order.
    pub brain_closes_open: bool,
}

/// Keys of one symbol, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keys {
    ledger: String,
    inflight: String,
    cooldown_open: String,
    last_exec: String,
}

/// Filters of one symbol, in lots; none before exchangeInfo has answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Filters {
    /// Quantities are multiples of it; 0 is unknown.
    pub step: i64,
    /// Smallest quantity.
    pub min_qty: i64,
    /// Largest quantity of a market order.
    pub max_qty: i64,
    /// In USDT.
    pub min_notional: Decimal,
}

/// A request on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sent {
    query: bool,
    plan: ApplyPlan,
    mark: OrderMark,
    queries: u32,
}

/// A plan whose order is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Which.
    pub plan_id: String,
    /// Whose, by its place in the run.
    pub place: usize,
    /// Lots that were filled.
    pub executed: i64,
}

/// The desk. What it knows of orders beyond its requests lies in their marks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OrderDesk {
    desk: Desk,
    rules: OrderRules,
    symbols: Vec<Symbol>,
    keys: Vec<Keys>,
    filters: Vec<Filters>,
    open_cooldown: Nanos,
    retry_timer: TimerKey,
    sent: BTreeMap<RequestId, Sent>,
    /// Orders whose outcome is asked for again at the next retry.
    unresolved: Vec<Sent>,
    /// Fills that the user stream told of orders that are not over.
    fills: Vec<(ClientOrderId, Fill)>,
}

impl OrderDesk {
    /// For these symbols; its owner calls `retry` when this timer fires.
    pub(crate) fn new(
        desk: Desk,
        rules: OrderRules,
        symbols: &[Symbol],
        open_cooldown: Nanos,
        retry_timer: TimerKey,
    ) -> OrderDesk {
        let keys = symbols.iter().map(|symbol| Keys {
            ledger: keys::POSITION_LEDGER.of(symbol),
            inflight: keys::INFLIGHT.of(symbol),
            cooldown_open: keys::COOLDOWN_OPEN.of(symbol),
            last_exec: keys::COOLDOWN_LAST_EXEC.of(symbol),
        });
        OrderDesk {
            desk,
            rules,
            keys: keys.collect(),
            symbols: symbols.to_vec(),
            filters: vec![Filters::default(); symbols.len()],
            open_cooldown,
            retry_timer,
            sent: BTreeMap::new(),
            unresolved: Vec::new(),
            fills: Vec::new(),
        }
    }

    pub(crate) fn place_of(&self, symbol: Symbol) -> Option<usize> {
        self.symbols.iter().position(|other| *other == symbol)
    }

    pub(crate) fn filters(&self, place: usize) -> &Filters {
        &self.filters[place]
    }

    pub(crate) fn take_filters(&mut self, rows: &[SymbolInfo]) {
        for row in rows {
            if let Some(filters) = self.filters.get_mut(usize::from(row.symbol.0)) {
                filters.step = row.step_size.max(1);
                filters.min_qty = row.min_qty.0;
                filters.max_qty = row.market_max_qty.0;
                filters.min_notional = row.min_notional;
            }
        }
    }

    /// Whether an order of the symbol is in flight, whoever sent it.
    pub(crate) fn in_flight(&self, place: usize, ctx: &mut Context<'_>) -> bool {
        ctx.exists(&self.keys[place].inflight)
    }

    /// Whether the plan has been touched before.
    pub(crate) fn touched(&self, plan_id: &str, ctx: &mut Context<'_>) -> bool {
        ctx.exists(&self.desk.done().of(plan_id))
    }

    /// Sends the order of a plan; `false` when it never left, which has then been told.
    pub(crate) fn send(
        &mut self,
        place: usize,
        plan: &ApplyPlan,
        lots: i64,
        ctx: &mut Context<'_>,
    ) -> bool {
        let mark = OrderMark {
            state: OrderProgress::Sent,
            quantity: lots,
            client_order_id: self.client_order_id(&plan.plan_id, 1),
            attempt: 1,
            stop_loss: plan.stop_loss,
            take_profit: plan.take_profit,
            ..results::mark_of(plan, ctx.now())
        };
        let mut order = self.order(place, &mark);
        let unguarded = self.rules.brain_closes_open && plan.source == HARVEST_BRAIN;
        order.reduce_only = order.reduce_only.map(|reduces| reduces && !unguarded);
        let closes = plan.class != PlanClass::Open && !unguarded;
        if let Err(blocked) = gateway_guard::check(&order, closes) {
            self.refuse(plan, Decision::Blocked, blocked.as_str().to_owned(), ctx);
            return false;
        }
        if !self.save_mark(&mark, ctx) {
            // Without its mark an order could be sent twice.
            self.refuse(plan, Decision::Error, "mark_not_saved".to_owned(), ctx);
            return false;
        }
        if plan.class != PlanClass::Open {
            // An open is none of this desk's, except in audits: nobody there saw it in flight.
            self.bar(place, &plan.plan_id, ctx);
        }
        let id = ctx.submit(Request::NewOrder(order));
        self.sent.insert(id, Sent { query: false, plan: plan.clone(), mark, queries: 0 });
        true
    }

    fn client_order_id(&self, plan_id: &str, attempt: u32) -> String {
        let prefix = self.desk.prefix();
        if plan_id.len() <= PLAN_ID_MAX {
            return format!("{prefix}{plan_id}-{attempt}");
        }
        // One that is longer, as a reconcile close's, is known by its digest.
        let short = brain_plan_id(plan_id);
        format!("{prefix}{short}-{attempt}")
    }

    fn order(&self, place: usize, mark: &OrderMark) -> NewOrder {
        let (symbol, quantity) = (SymbolIndex(place as u16), QtyLots(mark.quantity));
        let order =
            NewOrder::market(symbol, mark.side.side(), quantity, mark.client_order_id.as_str());
        NewOrder { reduce_only: Some(mark.reduce_only.0), ..order }
    }

    /// An order whose outcome is not known keeps its mark; one that is over keeps it for the key's life.
    fn save_mark(&self, mark: &OrderMark, ctx: &mut Context<'_>) -> bool {
        let key = self.desk.done();
        let expire = key.life.filter(|_| mark.state == OrderProgress::Completed);
        let options = SetOptions { expire, ..SetOptions::default() };
        ctx.set_json(&key.of(&mark.plan_id), mark, options) == Ok(true)
    }

    /// Takes an answer of the exchange; gives the plan back when its order is over.
    pub(crate) fn response(
        &mut self,
        request: RequestId,
        outcome: &Outcome,
        ctx: &mut Context<'_>,
    ) -> Option<Ended> {
        let sent = self.sent.remove(&request)?;
        let place = self.place_of(sent.mark.symbol)?;
        match (sent.query, outcome) {
            (true, Outcome::Refused(error)) if error.code == -2013 => {
                Some(self.end_without_fill(place, sent, "not_placed".to_owned(), ctx))
            }
            // A query that is refused says nothing about the order.
            (true, Outcome::Refused(_)) => self.query(place, sent, ctx),
            (false, Outcome::Unknown) if self.rules.unknown_is_failure => {
                let error = "binance_error:time-out".to_owned();
                Some(self.end_without_fill(place, sent, error, ctx))
            }
            (false, Outcome::Refused(error))
                if STATUS_UNKNOWN.contains(&error.code) && !self.rules.unknown_is_failure =>
            {
                self.query(place, sent, ctx)
            }
            (false, Outcome::Refused(error)) => {
                let error = match RATE_LIMITS.contains(&error.code) {
                    true => format!("RETRYABLE_RATE_LIMIT:{error}"),
                    false => format!("binance_error:{error}"),
                };
                Some(self.end_without_fill(place, sent, error, ctx))
            }
            (_, Outcome::Done(Answer::Order(order))) => self.answer(place, sent, order, ctx),
            (_, Outcome::Unknown | Outcome::Done(_)) => self.query(place, sent, ctx),
        }
    }

    fn answer(
        &mut self,
        place: usize,
        sent: Sent,
        order: &OrderState,
        ctx: &mut Context<'_>,
    ) -> Option<Ended> {
        if order.status.is_terminal() {
            Some(self.end(place, sent, order, ctx))
        } else {
            self.query(place, sent, ctx)
        }
    }

    /// Asks for the order by its client id; nothing is sent again before that is answered.
    fn query(&mut self, place: usize, sent: Sent, ctx: &mut Context<'_>) -> Option<Ended> {
        if sent.queries > 0 {
            if self.unresolved.is_empty() {
                ctx.timer_after(RETRY_AFTER, self.retry_timer);
            }
            ctx.count("outcome_still_unknown", 1);
            self.unresolved.push(sent);
        } else {
            self.query_now(place, sent, ctx);
        }
        None
    }

    fn query_now(&mut self, place: usize, sent: Sent, ctx: &mut Context<'_>) {
        ctx.count("outcome_queries", 1);
        // Nothing else may be sent for this symbol meanwhile.
        self.bar(place, &sent.plan.plan_id, ctx);
        let order = OrderRef::Client(ClientOrderId(sent.mark.client_order_id.as_str().into()));
        let id = ctx.submit(Request::QueryOrder { symbol: SymbolIndex(place as u16), order });
        self.sent.insert(id, Sent { query: true, queries: sent.queries + 1, ..sent });
    }

    /// Asks again for what is still unknown.
    pub(crate) fn retry(&mut self, ctx: &mut Context<'_>) {
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

    /// After a start: orders that were sent and not seen to their end are asked for.
    pub(crate) fn recover(&mut self, ctx: &mut Context<'_>) {
        for key in ctx.scan(&self.desk.done().of("*")) {
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
            self.query_now(place, Sent { query: true, plan, mark, queries: 0 }, ctx);
        }
    }

    /// The user stream: fills of this desk's orders are kept for their end.
    pub(crate) fn user_event(&mut self, order: &OrderState, fill: Option<&Fill>) {
        if let Some(fill) = fill
            && order.client_order_id.0.starts_with(self.desk.prefix())
        {
            self.fills.push((order.client_order_id.clone(), fill.clone()));
        }
    }
}
