//! What the user stream told while nobody heard it: asked for by queries, told late.
//!
//! Invariant: what is asked for is counted in the budget, and waits where the budget says so.

use std::collections::BTreeSet;

use binance_wire as wire;
use engine::{
    AlgoId, AlgoRef, ExecutionType, Fill, Nanos, OrderId, OrderRef, SymbolIndex, UserEvent,
};

use super::answers::{AccountMoney, account, algo_row, order_row, position_row};
use super::budget::Verdict;
use super::calls::{Auth, Call, Kind, Method, algo_ref, order_ref};
use super::grid::WireError;
use super::ledger::{Found, FoundFill};
use super::rest::{Reply, Task};
use super::user::{PAUSE, Recovery, Step};
use super::{BinanceLink, Purpose, wall};
use crate::link::Weight;

/// Fills are looked for from so long before the connection was lost.
const LOOK_BACK: Nanos = Nanos::from_secs(60);
/// A query of fills by time reaches back for seven days at most.
const TRADES_SPAN: Nanos = Nanos::from_secs(7 * 86_400 - 60);
/// The most rows of userTrades.
const TRADES_MAX: usize = 1_000;
/// The pause after a recovery that failed is doubled each time, so often at most.
const DOUBLED_MAX: u32 = 3;

impl BinanceLink {
    /// The stream is up: what was missed is asked for while its events are held.
    pub(super) fn begin_recovery(&mut self) {
        self.user.round += 1;
        self.user.later.retain(|(_, step, _)| step.is_of_key());
        let mut recovery = Recovery::default();
        if let Some(silence) = self.silence() {
            // Whoever asks on in spite of 429 or 418 is banned for longer. Events are held until then.
            self.user.recovery = Some(recovery);
            self.user.recover_at = Some(wall() + silence);
            return;
        }
        recovery.found.time = self.clock.venue_now();
        let mut steps = vec![Step::OpenOrders, Step::OpenAlgos, Step::Positions, Step::Money];
        for (symbol, _) in self.grid.all() {
            let from = self.ledger.last_trade(symbol).map(|last| last.saturating_add(1));
            steps.push(Step::Trades(symbol, from));
        }
        recovery.waits_for.extend(&steps);
        self.user.recovery = Some(recovery);
        for step in steps {
            self.give_step(step);
        }
    }

    /// Asks as soon as the budget lets it.
    pub(super) fn give_step(&mut self, step: Step) {
        let call = self.step_call(step);
        let round = self.user.round;
        let venue = self.clock.venue_now();
        // As urgent as a close, and no less bound by the limit.
        let until = match self.budget.ask(venue, Kind::Close, call.weight, (0, 0)) {
            Verdict::Go => return self.give(Purpose::User(step, round), Task::Call(call), true),
            Verdict::Wait(until) => until,
            Verdict::Refused(_) => self.budget.silent_until(venue).unwrap_or(venue),
        };
        self.user.later.push((until, step, round));
        if !std::mem::replace(&mut self.user.later_told, true) {
            let text = format!(
                "what is asked for the user stream waits until {until}: nothing is heard of orders and positions before"
            );
            self.notice(Weight::Warning, "budget_short", text);
        }
    }

    fn step_call(&self, step: Step) -> Call {
        let signed = |path, weight| Call::get(path, Auth::Signature, weight);
        let name = |symbol| self.grid.of(symbol).symbol;
        let key = |method| Call { method, auth: Auth::Key, ..signed("/fapi/v1/listenKey", 1) };
        match step {
            Step::MakeKey => key(Method::Post),
            Step::KeepKey => key(Method::Put),
            Step::OpenOrders => signed("/fapi/v1/openOrders", 40),
            Step::OpenAlgos => signed("/fapi/v1/openAlgoOrders", 40),
            Step::Positions => signed("/fapi/v2/positionRisk", 10),
            Step::Money => signed("/fapi/v2/account", 10),
            Step::Trades(symbol, from) => {
                let call = signed("/fapi/v1/userTrades", 5).text("symbol", name(symbol));
                let call = call.number("limit", TRADES_MAX);
                match from {
                    Some(id) => call.number("fromId", id),
                    None if self.ledger.begun => {
                        let oldest = self.clock.venue_now() - TRADES_SPAN;
                        let since = (self.user.lost_at - LOOK_BACK).max(oldest);
                        call.number("startTime", since.millis())
                    }
                    None => call,
                }
            }
            Step::Order(symbol, id) => {
                let call = signed("/fapi/v1/order", 1).text("symbol", name(symbol));
                order_ref(call, &OrderRef::Id(OrderId(id)))
            }
            Step::Algo(id) => algo_ref(signed("/fapi/v1/algoOrder", 1), &AlgoRef::Id(AlgoId(id))),
        }
    }

    /// Takes the answer to a query of a recovery.
    pub(super) fn recovered(&mut self, step: Step, reply: &Reply) {
        let Some(mut recovery) = self.user.recovery.take() else { return };
        if !recovery.waits_for.remove(&step) {
            self.user.recovery = Some(recovery);
            return;
        }
        let taken = match &reply.result {
            Ok((200, body)) => self.take_found(step, body, &mut recovery),
            Ok((status, body)) => self.not_found(step, *status, body),
            Err(failure) => Err(failure.to_string()),
        };
        if let Err(problem) = taken {
            let pause = PAUSE * (1 << self.user.failed.min(DOUBLED_MAX));
            // Once: an outage of an hour is one line, not thousands.
            if self.user.failed == 0 {
                let text = format!(
                    "what was missed could not be asked for ({problem}): nothing is heard of orders and positions until it can, it is asked for each {} s at least",
                    (PAUSE * (1 << DOUBLED_MAX)).as_secs()
                );
                self.notice(Weight::Warning, "recovery_failed", text);
            }
            self.user.failed = self.user.failed.saturating_add(1);
            self.user.recover_at = Some(wall() + pause);
            // Events are held until then: nothing is told out of order.
            self.user.recovery = Some(Recovery::default());
            self.user.later.retain(|(_, step, _)| step.is_of_key());
            return;
        }
        if !recovery.waits_for.is_empty() {
            self.user.recovery = Some(recovery);
        } else if recovery.second {
            self.end_recovery(recovery.found);
        } else {
            self.second_look(recovery);
        }
    }

    /// A query of a recovery was refused: that there is nothing is an answer, too.
    fn not_found(&mut self, step: Step, status: u16, body: &[u8]) -> Result<(), String> {
        let error: Option<wire::ErrorBody> = serde_json::from_slice(body).ok();
        let code = error.as_ref().map_or(0, |error| error.code);
        match (step, status, code) {
            // An order that the venue has forgotten.
            (Step::Order(..) | Step::Algo(_), _, -2013) => Ok(()),
            // A venue without the algo service.
            (Step::OpenAlgos, 404, _) => Ok(()),
            (_, _, -1021) => {
                self.sync();
                Err(format!("HTTP {status} {code}"))
            }
            _ => Err(format!("HTTP {status} {code}")),
        }
    }

    fn take_found(
        &mut self,
        step: Step,
        body: &[u8],
        recovery: &mut Recovery,
    ) -> Result<(), String> {
        let told = |error: WireError| error.to_string();
        let json = |error: serde_json::Error| WireError::from(error).to_string();
        let found = &mut recovery.found;
        match step {
            Step::OpenOrders => {
                let rows: Vec<wire::OrderRow> = serde_json::from_slice(body).map_err(json)?;
                for row in rows.iter().filter(|row| self.grid.symbol(&row.symbol).is_ok()) {
                    let state = order_row(row, &self.grid).map_err(told)?;
                    found.orders.insert((state.symbol, state.order_id), state);
                }
            }
            Step::Order(..) => {
                let row: wire::OrderRow = serde_json::from_slice(body).map_err(json)?;
                let state = order_row(&row, &self.grid).map_err(told)?;
                found.orders.insert((state.symbol, state.order_id), state);
            }
            Step::OpenAlgos => {
                let rows: Vec<wire::AlgoOrderRow> = serde_json::from_slice(body).map_err(json)?;
                for row in rows.iter().filter(|row| self.grid.symbol(&row.symbol).is_ok()) {
                    found.algos.push(algo_row(row, &self.grid, &self.ledger).map_err(told)?);
                }
            }
            Step::Algo(_) => {
                let row: wire::AlgoOrderRow = serde_json::from_slice(body).map_err(json)?;
                found.algos.push(algo_row(&row, &self.grid, &self.ledger).map_err(told)?);
            }
            Step::Positions => {
                let rows: Vec<wire::PositionRiskV2> = serde_json::from_slice(body).map_err(json)?;
                for row in rows.iter().filter(|row| self.grid.symbol(&row.symbol).is_ok()) {
                    let row = position_row(row, &self.grid, &self.brackets).map_err(told)?;
                    found.positions.push(row);
                }
            }
            Step::Money => {
                let money: AccountMoney = serde_json::from_slice(body).map_err(json)?;
                let money = account(&money);
                found.wallets = Some((money.wallet_balance, money.cross_wallet_balance));
            }
            Step::Trades(symbol, _) => {
                let rows: Vec<wire::UserTrade> = serde_json::from_slice(body).map_err(json)?;
                for row in &rows {
                    let fill = Fill {
                        trade_id: row.id,
                        time: Nanos::from_millis(row.time),
                        price: self.grid.price(symbol, "fill price", row.price.0).map_err(told)?,
                        qty: self.grid.qty(symbol, "fill quantity", row.qty.0).map_err(told)?,
                        commission: match &*row.commission_asset {
                            "USDT" => row.commission.value().normalize(),
                            _ => rust_decimal::Decimal::ZERO,
                        },
                        realized_pnl: row.realized_pnl.value().normalize(),
                        maker: row.maker,
                    };
                    let order = OrderId(row.order_id);
                    found.fills.push(FoundFill { order, symbol, fill });
                }
                // A full page is not the end; the first look of a session needs only the newest.
                let newest = rows.iter().map(|row| row.id).max();
                if let (true, true, Some(newest)) =
                    (self.ledger.begun, rows.len() == TRADES_MAX, newest)
                {
                    let next = Step::Trades(symbol, Some(newest.saturating_add(1)));
                    recovery.waits_for.insert(next);
                    self.give_step(next);
                }
            }
            Step::MakeKey | Step::KeepKey => {}
        }
        Ok(())
    }

    /// Asks for orders that are not open any more, and for those of fills that nobody knew.
    fn second_look(&mut self, mut recovery: Recovery) {
        if self.silence().is_some() {
            return self.begin_recovery();
        }
        recovery.second = true;
        let found = &recovery.found;
        let mut orders: BTreeSet<(SymbolIndex, OrderId)> = BTreeSet::new();
        if self.ledger.begun {
            orders.extend(self.ledger.open_orders());
            let untold = found.fills.iter().filter(|one| !self.ledger.has_fill(one));
            orders.extend(untold.map(|one| (one.symbol, one.order)));
        }
        let orders = orders.into_iter().filter(|key| !found.orders.contains_key(key));
        let mut steps: Vec<Step> = orders.map(|(symbol, id)| Step::Order(symbol, id.0)).collect();
        let open: BTreeSet<AlgoId> = found.algos.iter().map(|algo| algo.algo_id).collect();
        let gone = self.ledger.open_algos().filter(|id| !open.contains(id));
        steps.extend(gone.map(|id| Step::Algo(id.0)));
        if steps.is_empty() {
            return self.end_recovery(recovery.found);
        }
        recovery.waits_for.extend(&steps);
        self.user.recovery = Some(recovery);
        for step in steps {
            self.give_step(step);
        }
    }

    fn end_recovery(&mut self, found: Found) {
        let held = std::mem::take(&mut self.user.held);
        if self.ledger.begun {
            let missed = self.ledger.recover(found);
            let count = missed.len();
            for (time, event) in missed {
                self.user_event(time, event);
            }
            let text = format!("nothing is missing any more; told late: {count} events");
            self.notice(Weight::Info, "user_stream_recovered", text);
            self.warn_of_new_ids();
        } else {
            self.ledger.baseline(&without_held(found, &held));
        }
        for (time, event) in held {
            self.tell(time, event);
        }
        self.user.recovery = None;
        self.user.failed = 0;
        self.user.later_told = false;
        self.user.ready = true;
    }
}

/// What the stream has told since it is up is no part of the past: it will be told.
fn without_held(mut found: Found, held: &[(Nanos, UserEvent)]) -> Found {
    for (_, event) in held {
        let UserEvent::OrderTradeUpdate { execution, order, fill, .. } = event else { continue };
        if *execution == ExecutionType::New {
            found.orders.remove(&(order.symbol, order.order_id));
        }
        if let Some(fill) = fill {
            found.fills.retain(|one| {
                (one.symbol, one.order) != (order.symbol, order.order_id)
                    || one.fill.trade_id != fill.trade_id
            });
        }
    }
    found
}
