//! The operator's limits, between the kernel and the venue: the pipeline cannot get past them.
//!
//! Invariant: what makes a position smaller always passes, but in a dry run.
//! Invariant: what it decides follows from the session's journal and settings alone.

use std::collections::{BTreeMap, VecDeque};

use engine::{
    AccountUpdateReason, Answer, Entries, Exchange, ExchangeError, ExchangeEvent, Instrument,
    JournalEntry, JournalError, JournalFile, MarketData, MarketEvent, Nanos, OWN_REFUSAL, Outcome,
    PositionSide, QtyLots, Request, RequestId, Sender, ServiceId, SymbolIndex, Unanswered,
    UserEvent,
};
use rust_decimal::Decimal;

use super::exposure::{Exposure, Taken};
use super::limits::{GuardLimits, Holds, NO_ORDERS, Objection, REDUCE_ONLY};
use super::remote::{SessionVenue, Traffic};
use super::sweep::Sweep;
use super::wanted::Wanted;
use super::words::Words;
use crate::link::{Notice, Outgoing, Weight};

/// With this as its beginning a guard decides everything by itself: nothing is recorded.
pub const FROM_NOW_ON: Nanos = Nanos(i64::MIN);
const MINUTE: Nanos = Nanos::from_secs(60);
const DAY: Nanos = Nanos::from_secs(86_400);

/// A request that is under way.
#[derive(Default)]
struct UnderWay {
    /// Its orders, in their order.
    taken: Vec<Taken>,
    /// How many of them open something, and when they were counted.
    opened: usize,
    at: Nanos,
    /// For people.
    words: String,
}

/// A venue behind the operator's limits.
pub struct Guard<X> {
    inner: X,
    limits: GuardLimits,
    /// What holds now; [`Guard::hold`] changes it.
    holds: Holds,
    exposure: Exposure,
    wallet: Option<Decimal>,
    /// The venue has told all positions.
    positions_known: bool,
    equity_at_start: Option<Decimal>,
    lost: bool,
    under_way: BTreeMap<RequestId, UnderWay>,
    opened: VecDeque<Nanos>,
    refusals: VecDeque<(Nanos, ExchangeEvent)>,
    /// So many were refused, by limit.
    refused: BTreeMap<&'static str, u64>,
    notices: Vec<Notice>,
    /// Before this a recording is run through: it holds the refusals of then.
    decides_from: Nanos,
    /// Who asks now has got no answer from the bus.
    unsure: bool,
    sweep: Sweep,
}

impl<X: Exchange> Guard<X> {
    /// In front of `inner`. It decides from `decides_from` on, or from the end of the recording that is run through first,
    /// which has its refusals itself.
    pub fn new(
        inner: X,
        limits: GuardLimits,
        holds: Holds,
        instruments: Vec<Instrument>,
        decides_from: Nanos,
    ) -> Guard<X> {
        Guard {
            inner,
            limits,
            holds,
            exposure: Exposure::new(instruments),
            wallet: None,
            positions_known: false,
            equity_at_start: None,
            lost: false,
            under_way: BTreeMap::new(),
            opened: VecDeque::new(),
            refusals: VecDeque::new(),
            refused: BTreeMap::new(),
            notices: Vec::new(),
            decides_from,
            unsure: false,
            sweep: Sweep::default(),
        }
    }

    /// Hears the journal of an earlier life of the session, the oldest first, where no kernel runs through it: what it
    /// asked for, was told and saw of the prices counts towards the limits.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn remember(&mut self, journal: JournalFile) -> Result<(), JournalError> {
        // It has decided then.
        let decides_from = std::mem::replace(&mut self.decides_from, Nanos::NEVER);
        let mut entries = Entries::new(journal, Earlier::of)?;
        while let Some((time, earlier)) = entries.take()? {
            match earlier {
                Earlier::Asked(id, request) if !only_asks(&request) => {
                    // Nothing is objected to.
                    let _ = self.admit(time, id, &request);
                }
                Earlier::Asked(..) => {}
                Earlier::Told(event) => self.heard(time, &event),
                Earlier::Seen(event) => self.see(&event),
            }
        }
        self.decides_from = decides_from;
        Ok(())
    }

    /// The venue.
    pub fn inner(&self) -> &X {
        &self.inner
    }

    /// The venue.
    pub fn inner_mut(&mut self) -> &mut X {
        &mut self.inner
    }

    /// What holds.
    pub fn holds(&self) -> Holds {
        self.holds
    }

    /// Changes what holds.
    pub fn hold(&mut self, holds: Holds) {
        self.holds = holds;
    }

    /// From now on each order that may open something is cancelled, those that rest already and those that appear.
    pub fn begin_sweep(&mut self) {
        self.sweep.begin(self.exposure.instruments().len() as u16);
        for (symbol, order, algo) in self.exposure.resting() {
            // A conditional order that has been triggered is an order.
            match (order, algo) {
                (Some(id), _) => self.sweep.order(symbol, id),
                (None, Some(id)) => self.sweep.algo(id),
                (None, None) => {}
            }
        }
    }

    /// Nothing is cancelled any more.
    pub fn end_sweep(&mut self) {
        self.sweep.end();
    }

    /// Moves the requests of the sweep to `out`: nobody's, to be made now.
    pub fn take_sweep(&mut self, now: Nanos, out: &mut Vec<Request>) {
        self.sweep.take(now, out);
    }

    /// How many requests were refused, by limit.
    pub fn refused(&self) -> &BTreeMap<&'static str, u64> {
        &self.refused
    }

    /// What an operator should hear: refusals, and the limit of loss.
    pub fn take_notices(&mut self, out: &mut Vec<Notice>) {
        out.append(&mut self.notices);
    }

    /// The session's profit so far in USDT, realised and not; none before the wallet is known.
    pub fn profit(&self) -> Option<Decimal> {
        Some(self.equity()? - self.equity_at_start?)
    }

    /// Whether some limit counts what the account holds.
    pub fn limits_account(&self) -> bool {
        self.limits.count_account()
    }

    /// Whether the limit of loss has been reached.
    pub fn has_lost(&self) -> bool {
        self.lost
    }

    /// Positions, signed and in lots.
    pub fn positions(&self) -> impl Iterator<Item = (SymbolIndex, PositionSide, i64)> {
        self.exposure.positions()
    }

    /// What the session leaves behind if it ends now, and what it has made, for people.
    pub fn leaves(&self) -> String {
        let words = self.words();
        let held: Vec<String> = self
            .positions()
            .map(|(symbol, side, lots)| words.position(symbol, side, QtyLots(lots)))
            .collect();
        let held = if held.is_empty() { "no position".to_owned() } else { held.join(", ") };
        let profit = self.profit().map(|profit| {
            format!("; its profit is {} USDT, realised and not", profit.round_dp(2).normalize())
        });
        let resting = match self.exposure.resting().count() {
            0 => String::new(),
            1 => ", and an order that rests and may open something".to_owned(),
            many => format!(", and {many} orders that rest and may open something"),
        };
        format!("the session leaves {held}{resting}{}", profit.unwrap_or_default())
    }

    /// What may be open at worst, in USDT: positions with all that may still fill, each symbol in its worse direction.
    pub fn exposed(&self) -> Decimal {
        self.exposure.total()
    }

    fn equity(&self) -> Option<Decimal> {
        Some(self.wallet?.saturating_add(self.exposure.unrealized()))
    }

    fn watch_loss(&mut self) {
        // What was open before counts with what it was worth at the beginning.
        let known = self.positions_known && self.exposure.is_priced();
        if self.equity_at_start.is_none() && !known {
            return;
        }
        let Some(equity) = self.equity() else { return };
        let start = *self.equity_at_start.get_or_insert(equity);
        let Some(limit) = self.limits.loss else { return };
        let loss = start.saturating_sub(equity);
        if loss >= limit && !self.lost {
            self.lost = true;
            let loss = loss.normalize();
            let text = format!(
                "the session has lost {loss} USDT, its limit is {limit}: nothing is opened any more"
            );
            self.tell(Weight::Error, "loss", text);
        }
    }

    fn tell(&mut self, weight: Weight, what: &'static str, text: String) {
        // What was recorded was told then.
        if self.decides_from == FROM_NOW_ON {
            self.notices.push(Notice { weight, what, text });
        }
    }

    /// Whether no recording has decided already.
    fn decides(&self, now: Nanos) -> bool {
        now >= self.decides_from
    }

    /// Why nothing at all is opened.
    fn held(&self) -> Option<Objection> {
        if self.holds.killed.is_on() {
            return Some(Objection::only_reduce("killed", "the kill switch is on"));
        }
        if self.unsure {
            return Some(Objection::only_reduce("bus_lost", "the bus did not answer"));
        }
        if self.holds.unheard {
            let why = "nothing is heard of the account's orders";
            return Some(Objection::only_reduce("unheard", why));
        }
        if self.holds.closing {
            return Some(Objection::only_reduce("closing", "the session ends"));
        }
        let lost =
            || Objection::only_reduce("loss", "the session's limit of loss has been reached");
        self.lost.then(lost)
    }

    fn too_many(&self, now: Nanos) -> Option<Objection> {
        let in_minute = self.opened.iter().rev().take_while(|at| now - **at < MINUTE).count();
        let of = |(what, limit, had): (&'static str, Option<u32>, usize)| {
            let limit = limit.filter(|limit| had >= *limit as usize)?;
            Some(Objection::only_reduce(what, format!("{what} is {limit}, and had been reached")))
        };
        let (limits, in_day) = (&self.limits, self.opened.len());
        of(("orders_per_minute", limits.orders_per_minute, in_minute))
            .or_else(|| of(("orders_per_day", limits.orders_per_day, in_day)))
    }

    fn too_large(&self, wanted: &Wanted, lots: i64) -> Option<Objection> {
        if !self.limits.need_prices() {
            return None;
        }
        let Some(notional) = self.exposure.notional(wanted, lots) else {
            return Some(Objection::only_reduce("no_price", "no price of the symbol is known yet"));
        };
        let limit = self.limits.order_notional.filter(|limit| notional > *limit)?;
        Some(Objection::notional("order_notional", limit, notional))
    }

    /// Whether what was taken into account is too much together.
    fn too_exposed(&self, symbol: usize) -> Option<Objection> {
        if let Some(limit) = self.limits.position_notional {
            let with = self.exposure.of(symbol);
            if with > limit {
                return Some(Objection::notional("position_notional", limit, with));
            }
        }
        let limit = self.limits.total_notional?;
        let with = self.exposure.total();
        (with > limit).then(|| Objection::notional("total_notional", limit, with))
    }

    /// Takes the orders of a request into account, or says why it may not be sent: it goes as a whole.
    fn admit(&mut self, now: Nanos, id: RequestId, request: &Request) -> Result<(), Objection> {
        let all = Wanted::of(request);
        if all.is_empty() {
            return Ok(());
        }
        // What has filled meanwhile may not have been told.
        if !self.holds.unheard {
            self.exposure.forget(now);
        }
        while self.opened.front().is_some_and(|at| now - *at >= DAY) {
            self.opened.pop_front();
        }
        let words = self.words().request(request).unwrap_or_default();
        let mut under_way = UnderWay { at: now, words, ..UnderWay::default() };
        for wanted in &all {
            if let Err(objection) = self.admit_one(now, wanted, &mut under_way) {
                self.undo(&under_way);
                self.uncount(&under_way);
                return Err(objection);
            }
        }
        self.tell(Weight::Info, "order", format!("request {}: {}", id.0, under_way.words));
        self.under_way.insert(id, under_way);
        Ok(())
    }

    fn admit_one(
        &mut self,
        now: Nanos,
        wanted: &Wanted,
        under_way: &mut UnderWay,
    ) -> Result<(), Objection> {
        let lots = self.exposure.opens(wanted);
        let decides = lots > 0 && self.decides(now);
        if decides {
            let objection = self.held().or_else(|| self.too_many(now));
            objection.or_else(|| self.too_large(wanted, lots)).map_or(Ok(()), Err)?;
        }
        under_way.taken.push(self.exposure.take(now, wanted));
        if lots > 0 {
            self.opened.push_back(now);
            under_way.opened += 1;
        }
        match decides {
            true => self.too_exposed(wanted.symbol).map_or(Ok(()), Err),
            false => Ok(()),
        }
    }

    fn undo(&mut self, under_way: &UnderWay) {
        under_way.taken.iter().rev().for_each(|taken| self.exposure.undo(taken));
    }

    /// Orders that were never sent do not count.
    fn uncount(&mut self, under_way: &UnderWay) {
        let until = self.opened.partition_point(|at| *at <= under_way.at);
        self.opened.drain(until.saturating_sub(under_way.opened)..until);
    }

    fn heard(&mut self, now: Nanos, event: &ExchangeEvent) {
        self.sweep.heard(now, event);
        match event {
            ExchangeEvent::Response { to, request, outcome } => {
                let under_way = self.under_way.remove(request).unwrap_or_default();
                match outcome {
                    Outcome::Refused(error) => {
                        self.undo(&under_way);
                        if error.msg.contains(OWN_REFUSAL) {
                            self.uncount(&under_way);
                        } else if !under_way.taken.is_empty() {
                            let (request, words) = (request.0, &under_way.words);
                            let ExchangeError { code, msg } = error;
                            let text =
                                format!("request {request}, {words}, was refused: {code} {msg}");
                            self.tell(Weight::Warning, "refused_by_venue", text);
                        }
                    }
                    Outcome::Unknown => {
                        under_way.taken.iter().for_each(|taken| self.exposure.doubt(now, taken));
                    }
                    Outcome::Done(answer) => {
                        // What nobody's question finds may be new; what services ask for is older than the stream.
                        let news = *to == ServiceId::NOBODY;
                        self.answered(now, &under_way, answer, news);
                    }
                }
            }
            ExchangeEvent::User { time, event, .. } => self.told(now, *time, event),
        }
    }

    fn answered(&mut self, now: Nanos, under_way: &UnderWay, answer: &Answer, news: bool) {
        let first = under_way.taken.first();
        match (answer, first) {
            (Answer::Order(state), Some(taken)) => self.exposure.answered(now, taken, state),
            (Answer::Order(state), None) => self.exposure.order(now, state, news),
            (Answer::AlgoOrder(state), Some(taken)) => {
                self.exposure.answered_algo(now, taken, state);
            }
            (Answer::AlgoOrder(state), None) => self.exposure.algo(now, state),
            (Answer::AlgoOrders(rows), _) => {
                rows.iter().for_each(|state| self.exposure.algo(now, state));
            }
            (Answer::Orders(rows), _) => {
                for (place, row) in rows.iter().enumerate() {
                    match (row, under_way.taken.get(place)) {
                        (Ok(state), Some(taken)) => self.exposure.answered(now, taken, state),
                        (Ok(state), None) => self.exposure.order(now, state, news),
                        (Err(_), Some(taken)) => self.exposure.undo(taken),
                        (Err(_), None) => {}
                    }
                }
            }
            (Answer::Account(balance), _) => {
                self.wallet = Some(balance.wallet_balance);
                self.watch_loss();
            }
            (Answer::PositionRisk(rows), _) => {
                for row in rows.iter() {
                    let (symbol, side) = (usize::from(row.symbol.0), row.position_side);
                    let (amount, entry) = (row.position_amt.0, row.entry_price);
                    self.exposure.position(symbol, side, amount, entry, row.update_time);
                }
                self.positions_known = true;
                self.watch_loss();
            }
            _ => {}
        }
    }

    fn told(&mut self, now: Nanos, time: Nanos, event: &UserEvent) {
        match event {
            UserEvent::AccountUpdate { reason, balance, positions } => {
                if let Some(balance) = balance {
                    self.wallet = Some(balance.wallet_balance);
                    // What was paid in is no profit, and what was taken out no loss.
                    use AccountUpdateReason::{Deposit, Withdraw};
                    if let (Deposit | Withdraw, Some(start)) = (reason, &mut self.equity_at_start) {
                        *start = start.saturating_add(balance.balance_change);
                    }
                }
                for row in positions {
                    let (symbol, side) = (usize::from(row.symbol.0), row.position_side);
                    let (amount, entry) = (row.position_amt.0, row.entry_price);
                    self.exposure.position(symbol, side, amount, entry, time);
                }
                self.watch_loss();
            }
            UserEvent::OrderTradeUpdate { order, fill, liquidation, .. } => {
                self.exposure.order(now, order, true);
                if let Some(fill) = fill {
                    let (weight, what, whose) = match liquidation {
                        true => (Weight::Error, "liquidation", "liquidated: "),
                        false => (Weight::Info, "fill", ""),
                    };
                    let text = format!("{whose}{}", self.words().fill(order, fill));
                    self.tell(weight, what, text);
                }
            }
            UserEvent::MarginCall { positions, .. } => {
                let text = self.words().margin_call(positions);
                self.tell(Weight::Error, "margin_call", text);
            }
            UserEvent::AlgoUpdate { order } => self.exposure.algo(now, order),
            _ => {}
        }
    }

    /// The prices of the market are what positions are worth.
    fn see(&mut self, event: &MarketEvent) {
        let price = match &event.data {
            MarketData::Trade(trade) => Some(trade.price),
            MarketData::Bar(bar) => Some(bar.close),
            MarketData::MarkPrice(price) => Some(*price),
            _ => None,
        };
        if let Some(price) = price
            && self.exposure.set_price(usize::from(event.symbol.0), price)
            && self.limits.loss.is_some()
            && !self.exposure.is_flat()
        {
            self.watch_loss();
        }
    }

    fn words(&self) -> Words<'_> {
        Words(self.exposure.instruments())
    }

    fn refuse(
        &mut self,
        now: Nanos,
        from: Sender,
        id: RequestId,
        request: &Request,
        objection: &Objection,
    ) {
        let Objection { what, code, why } = objection;
        *self.refused.entry(*what).or_default() += 1;
        let words = match *code {
            REDUCE_ONLY => "User can only place reduce only order",
            _ => "User can not place order currently",
        };
        let order = self.words().request(request).map(|words| format!(", {words},"));
        let text = format!("request {}{} was not sent: {why}", id.0, order.unwrap_or_default());
        // Decided now, be it in the last instant of a recording.
        self.notices.push(Notice { weight: Weight::Warning, what: "refused", text });
        let msg = format!("{words} {OWN_REFUSAL}{why})").into_boxed_str();
        let outcome = Outcome::Refused(ExchangeError { code: *code, msg });
        let event = ExchangeEvent::Response { to: from.service, request: id, outcome };
        // The refusal comes back as an answer does: not in the instant of the request.
        self.refusals.push_back((Nanos(now.0 + 1), event));
    }
}

/// What a journal holds for a guard.
enum Earlier {
    Asked(RequestId, Request),
    Told(ExchangeEvent),
    Seen(MarketEvent),
}

impl Earlier {
    fn of(entry: JournalEntry) -> Option<Earlier> {
        match entry {
            JournalEntry::Submit { id, request, .. } => Some(Earlier::Asked(id, request)),
            JournalEntry::Exchange(event) => Some(Earlier::Told(event)),
            JournalEntry::PositionRisk { to, request, rows } => {
                let outcome = Outcome::Done(Answer::PositionRisk(rows.into()));
                Some(Earlier::Told(ExchangeEvent::Response { to, request, outcome }))
            }
            JournalEntry::MarketEvent(event) => Some(Earlier::Seen(event)),
            _ => None,
        }
    }
}

/// Whether a request leaves the account as it is.
pub fn only_asks(request: &Request) -> bool {
    matches!(
        request,
        Request::TestOrder(_)
            | Request::QueryOrder { .. }
            | Request::OpenOrders { .. }
            | Request::QueryAlgoOrder { .. }
            | Request::OpenAlgoOrders { .. }
            | Request::PositionRisk
            | Request::Account
            | Request::ExchangeInfo
            | Request::AdlQuantile
    )
}

impl<X: Exchange> Exchange for Guard<X> {
    fn submit_unsure(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        self.unsure = true;
        self.submit(now, from, id, request);
        self.unsure = false;
    }

    fn submit(&mut self, now: Nanos, from: Sender, id: RequestId, request: Request) {
        if !only_asks(&request) {
            let admitted = match self.holds.dry_run && self.decides(now) {
                true => Err(Objection {
                    what: "dry_run",
                    code: NO_ORDERS,
                    why: "this is a dry run".to_owned(),
                }),
                false => self.admit(now, id, &request),
            };
            if let Err(objection) = admitted {
                return self.refuse(now, from, id, &request, &objection);
            }
        }
        self.inner.submit(now, from, id, request);
    }

    fn set_clock(&mut self, client: engine::ServiceId, ahead: Nanos) {
        self.inner.set_clock(client, ahead);
    }

    fn observe(&mut self, event: &MarketEvent) {
        self.see(event);
        self.inner.observe(event);
    }

    fn next_due(&self) -> Nanos {
        let own = self.refusals.front().map_or(Nanos::NEVER, |(time, _)| *time);
        own.min(self.inner.next_due())
    }

    fn advance(&mut self, now: Nanos, out: &mut Vec<ExchangeEvent>) {
        let before = out.len();
        while self.refusals.front().is_some_and(|(time, _)| *time <= now) {
            out.extend(self.refusals.pop_front().map(|(_, event)| event));
        }
        self.inner.advance(now, out);
        for event in out.get(before..).unwrap_or_default() {
            self.heard(now, event);
        }
    }
}

impl<X: SessionVenue> SessionVenue for Guard<X> {
    fn tell(&mut self, now: Nanos, event: ExchangeEvent) {
        self.inner.tell(now, event);
    }

    fn take_outgoing(&mut self, out: &mut Vec<Outgoing>) {
        self.inner.take_outgoing(out);
    }

    fn take_traffic(&mut self) -> Traffic {
        self.inner.take_traffic()
    }

    fn under_way(&self) -> usize {
        self.inner.under_way()
    }

    fn end_of_recording(&mut self) -> Result<Vec<Unanswered>, JournalError> {
        self.decides_from = FROM_NOW_ON;
        self.inner.end_of_recording()
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
