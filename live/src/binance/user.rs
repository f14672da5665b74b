//! The user stream: its key, and what was missed while it was down.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use binance_wire as wire;
use engine::{
    AlgoId, AlgoRef, ExecutionType, Fill, Nanos, OrderId, OrderRef, SymbolIndex, UserEvent,
};

use super::answers::{AccountMoney, account, algo_row, order_row, position_row};
use super::calls::{Auth, Call, Kind, Method, algo_ref, order_ref};
use super::config::StreamPaths;
use super::grid::WireError;
use super::ledger::{Found, FoundFill};
use super::rest::{Reply, Task};
use super::socket::State;
use super::user_events::{Heard, foreign_fee, hear};
use super::{BinanceLink, Purpose, USER, wall};
use crate::link::{LinkError, Weight};

/// A key lives for an hour, and is kept alive at half of it, by the venue's clock.
const KEEP_ALIVE: Nanos = Nanos::from_secs(1_800);
/// After a step that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Fills are looked for from so long before the connection was lost.
const LOOK_BACK: Nanos = Nanos::from_secs(60);
/// A query of fills by time reaches back for seven days at most.
const TRADES_SPAN: Nanos = Nanos::from_secs(7 * 86_400 - 60);
/// So many events wait for a recovery; with more it begins anew.
const HELD_MAX: usize = 10_000;
/// The most rows of userTrades.
const TRADES_MAX: usize = 1_000;

/// A step of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    MakeKey,
    KeepKey,
    OpenOrders,
    OpenAlgos,
    Positions,
    Money,
    /// The fills of a symbol from this id on, or since the stream was lost.
    Trades(SymbolIndex, Option<u64>),
    Order(SymbolIndex, u64),
    Algo(u64),
}

#[derive(Debug, Default)]
struct Recovery {
    waits_for: BTreeSet<Step>,
    second: bool,
    found: Found,
}

/// Where the user stream stands.
#[derive(Debug)]
pub(super) struct User {
    making_key: bool,
    /// There is no key, and that was told.
    no_key_told: bool,
    pub(super) make_key_at: Option<Instant>,
    keep_at: Nanos,
    recovery: Option<Recovery>,
    /// Counts recoveries: the answer to a query of an earlier one shows what was then.
    round: u64,
    recover_at: Option<Instant>,
    /// A recovery failed, and that was told.
    failure_told: bool,
    /// What the stream tells while a recovery is under way.
    held: Vec<(Nanos, UserEvent)>,
    /// Since when nothing may have been heard.
    lost_at: Nanos,
    /// The stream is up and nothing is missing.
    pub(super) ready: bool,
    foreign_fee_told: bool,
}

impl User {
    pub(super) fn new(now: Instant, venue_now: Nanos) -> User {
        User {
            making_key: false,
            no_key_told: false,
            make_key_at: Some(now),
            keep_at: Nanos::NEVER,
            recovery: None,
            round: 0,
            recover_at: None,
            failure_told: false,
            held: Vec::new(),
            lost_at: venue_now,
            ready: false,
            foreign_fee_told: false,
        }
    }
}

impl BinanceLink {
    /// A frame of the user stream.
    pub(super) fn user_frame(&mut self, frame: &str) {
        let frame = match frame.starts_with("{\"stream\"") {
            true => frame.find("\"data\":").map_or(frame, |at| &frame[at + 7..frame.len() - 1]),
            false => frame,
        };
        match hear(frame, &self.grid) {
            Ok(Heard::Event(time, event)) => {
                self.warn_of_fee(&event, frame);
                if self.user.recovery.is_some() || !self.user.ready {
                    self.hold(time, event);
                } else if let Some(event) = self.ledger.tell(time, event) {
                    self.user_event(time, event);
                }
            }
            Ok(Heard::KeyExpired(time)) => self.key_expired(time),
            Ok(Heard::Nothing) => {}
            Err(error) => self.unreadable("the user stream", &error),
        }
    }

    fn warn_of_fee(&mut self, event: &UserEvent, frame: &str) {
        let UserEvent::OrderTradeUpdate { fill: Some(fill), .. } = event else { return };
        if self.user.foreign_fee_told || !fill.commission.is_zero() {
            return;
        }
        if let Some(asset) = foreign_fee(frame) {
            self.user.foreign_fee_told = true;
            let text = format!(
                "fees are paid in {asset}: they are counted as 0 USDT; switch the BNB fee off"
            );
            self.notice(Weight::Warning, "fee_not_in_usdt", text);
        }
    }

    fn hold(&mut self, time: Nanos, event: UserEvent) {
        if self.user.held.len() == HELD_MAX {
            self.user.held.clear();
            self.begin_recovery();
        }
        self.user.held.push((time, event));
    }

    fn key_expired(&mut self, time: Nanos) {
        self.notice(Weight::Warning, "listen_key_expired", "another key is asked for".to_owned());
        self.user_event(time, UserEvent::ListenKeyExpired);
        self.new_key();
    }

    /// The key is gone: another one is made and connected to.
    fn new_key(&mut self) {
        let slot = &mut self.slots[USER];
        slot.attempt += 1;
        slot.state = State::Off;
        self.user_lost(true);
        self.user.keep_at = Nanos::NEVER;
    }

    /// The connection is gone. The key may be, too, and a stream of an old key is silent: the venue is asked
    /// for the one that is valid.
    pub(super) fn user_lost(&mut self, was_up: bool) {
        if was_up && self.user.ready {
            // A connection may have been dead for a while before that showed.
            let quiet = wall().saturating_duration_since(self.slots[USER].heard);
            self.user.lost_at = self.clock.venue_now() - self.clock.span(quiet);
        }
        self.user.ready = false;
        self.user.recovery = None;
        self.user.recover_at = None;
        self.user.held.clear();
        let slot = &mut self.slots[USER];
        slot.state = State::Off;
        let most = Duration::from_millis(self.config.reconnect_max_ms.into());
        let pause = if was_up { Duration::ZERO } else { slot.pause(most) };
        self.user.make_key_at = Some(wall() + pause);
    }

    /// The stream is up: what was missed is asked for while its events are held.
    pub(super) fn user_connected(&mut self) {
        self.begin_recovery();
    }

    fn begin_recovery(&mut self) {
        self.user.round += 1;
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
            let from = self.ledger.last_trade(symbol).map(|last| last + 1);
            steps.push(Step::Trades(symbol, from));
        }
        recovery.waits_for.extend(&steps);
        self.user.recovery = Some(recovery);
        for step in steps {
            self.give_step(step);
        }
    }

    fn give_step(&mut self, step: Step) {
        let call = self.step_call(step);
        let venue = self.clock.venue_now();
        // Few and needed: they are counted, but they do not wait.
        let _ = self.budget.ask(venue, Kind::Close, call.weight, (0, 0));
        self.give(Purpose::User(step, self.user.round), Task::Call(call), true);
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
            Step::Positions => signed("/fapi/v2/positionRisk", 5),
            Step::Money => signed("/fapi/v2/account", 5),
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

    /// The answer to a step.
    pub(super) fn user_step(&mut self, step: Step, round: u64, reply: &Reply) {
        match step {
            Step::MakeKey => self.key_made(reply),
            Step::KeepKey => self.key_kept(reply),
            _ if round == self.user.round => self.recovered(step, reply),
            _ => {}
        }
    }

    fn key_made(&mut self, reply: &Reply) {
        self.user.making_key = false;
        let problem = match &reply.result {
            Ok((200, body)) => match serde_json::from_slice::<wire::ListenKey>(body) {
                Ok(made) => return self.connect_user(&made.listen_key),
                Err(_) => "the answer holds no key".to_owned(),
            },
            Ok((status, body)) => {
                let error: Option<wire::ErrorBody> = serde_json::from_slice(body).ok();
                let said =
                    error.as_ref().map_or(String::new(), |e| format!(" {} {}", e.code, e.msg));
                if matches!(error, Some(wire::ErrorBody { code: -2014 | -2015, .. })) {
                    let venue = self.addresses.rest.clone();
                    let problem = format!(
                        "{}; check the key, its permissions and its addresses",
                        said.trim()
                    );
                    self.fatal = Some(LinkError::Refused { venue, problem });
                }
                format!("HTTP {status}{said}")
            }
            Err(failure) => failure.to_string(),
        };
        // Once: an outage of an hour is one line, not thousands.
        if !std::mem::replace(&mut self.user.no_key_told, true) {
            let text = format!(
                "the venue gives no listen key ({problem}): nothing is heard of orders and positions until it does, it is asked each {} s",
                PAUSE.as_secs()
            );
            self.notice(Weight::Warning, "no_listen_key", text);
        }
        self.user.make_key_at = Some(wall() + PAUSE);
    }

    fn connect_user(&mut self, key: &str) {
        self.user.no_key_told = false;
        let base = &self.addresses.streams;
        let address = match self.config.stream_paths {
            StreamPaths::Routed => format!("{base}/private/ws/{key}"),
            StreamPaths::Legacy => format!("{base}/ws/{key}"),
        };
        let slot = &mut self.slots[USER];
        slot.address = address;
        slot.attempt += 1;
        slot.state = State::Waiting(wall());
        self.user.keep_at = self.clock.venue_now() + KEEP_ALIVE;
    }

    fn key_kept(&mut self, reply: &Reply) {
        self.user.keep_at = self.clock.venue_now() + KEEP_ALIVE;
        let problem = match &reply.result {
            Ok((200, _)) => return,
            Ok((status, body)) => {
                let error: Option<wire::ErrorBody> = serde_json::from_slice(body).ok();
                if error.is_some_and(|error| error.code == -1125) {
                    let text = "the venue does not know it any more".to_owned();
                    self.notice(Weight::Warning, "listen_key_expired", text);
                    return self.new_key();
                }
                format!("HTTP {status}")
            }
            Err(failure) => failure.to_string(),
        };
        self.notice(Weight::Warning, "listen_key_not_kept", problem);
        self.user.keep_at = self.clock.venue_now() + Nanos::from_secs(60);
    }

    /// Takes the answer to a query of a recovery.
    fn recovered(&mut self, step: Step, reply: &Reply) {
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
            // Once: an outage of an hour is one line, not thousands.
            if !std::mem::replace(&mut self.user.failure_told, true) {
                let text = format!(
                    "what was missed could not be asked for ({problem}): nothing is heard of orders and positions until it can, it is asked for each {} s",
                    PAUSE.as_secs()
                );
                self.notice(Weight::Warning, "recovery_failed", text);
            }
            self.user.recover_at = Some(wall() + PAUSE);
            // Events are held until then: nothing is told out of order.
            self.user.recovery = Some(Recovery::default());
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
                    found.orders.insert(state.order_id, state);
                }
            }
            Step::Order(..) => {
                let row: wire::OrderRow = serde_json::from_slice(body).map_err(json)?;
                let state = order_row(&row, &self.grid).map_err(told)?;
                found.orders.insert(state.order_id, state);
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
                    let next = Step::Trades(symbol, Some(newest + 1));
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
        let mut orders: BTreeMap<OrderId, SymbolIndex> = BTreeMap::new();
        if self.ledger.begun {
            orders.extend(self.ledger.open_orders().map(|(symbol, id)| (id, symbol)));
            let untold = found.fills.iter().filter(|one| !self.ledger.has_fill(one));
            orders.extend(untold.map(|one| (one.order, one.symbol)));
        }
        let orders = orders.into_iter().filter(|(id, _)| !found.orders.contains_key(id));
        let mut steps: Vec<Step> = orders.map(|(id, symbol)| Step::Order(symbol, id.0)).collect();
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
        } else {
            self.ledger.baseline(&without_held(found, &held));
        }
        for (time, event) in held {
            if let Some(event) = self.ledger.tell(time, event) {
                self.user_event(time, event);
            }
        }
        self.user.recovery = None;
        self.user.failure_told = false;
        self.user.ready = true;
        self.slots[USER].failed = 0;
    }

    pub(super) fn user_due(&mut self, now: Instant) {
        if let Some(silence) = self.silence() {
            let later = |at: &mut Option<Instant>| {
                if at.is_some_and(|at| at <= now) {
                    *at = Some(now + silence);
                }
            };
            later(&mut self.user.make_key_at);
            later(&mut self.user.recover_at);
            return;
        }
        if !self.user.making_key && self.user.make_key_at.is_some_and(|at| at <= now) {
            self.user.make_key_at = None;
            self.user.making_key = true;
            self.give_step(Step::MakeKey);
        }
        if self.clock.venue_now() >= self.user.keep_at {
            self.user.keep_at = Nanos::NEVER;
            self.give_step(Step::KeepKey);
        }
        if self.user.recover_at.is_some_and(|at| at <= now) {
            self.user.recover_at = None;
            self.begin_recovery();
        }
    }

    pub(super) fn user_wait(&self, now: Instant) -> Option<Duration> {
        let at = [self.user.make_key_at, self.user.recover_at];
        let wall = at.into_iter().flatten().map(|at| at.saturating_duration_since(now)).min();
        if self.user.keep_at == Nanos::NEVER {
            return wall;
        }
        let keep = self.clock.wait(self.user.keep_at - self.clock.venue_ahead());
        Some(wall.map_or(keep, |wall| wall.min(keep)))
    }
}

/// What the stream has told since it is up is no part of the past: it will be told.
fn without_held(mut found: Found, held: &[(Nanos, UserEvent)]) -> Found {
    for (_, event) in held {
        let UserEvent::OrderTradeUpdate { execution, order, fill, .. } = event else { continue };
        if *execution == ExecutionType::New {
            found.orders.remove(&order.order_id);
        }
        if let Some(fill) = fill {
            found
                .fills
                .retain(|one| one.order != order.order_id || one.fill.trade_id != fill.trade_id);
        }
    }
    found
}
