//! Times in which the venue, or a symbol of it, stands still: maintenance, a halted or delisted symbol, a
//! mark that is stuck.
//!
//! Market data go on meanwhile: the last price and the marks are those of the market at all times.
//! What Binance does at the end of such a time is unpublished. Here what was held back is done once, in
//! this order: what the clock wanted (`goodTillDate`, countdowns), funding at the marks of the end, then
//! symbol by symbol resting orders that the last price has gone through, conditional orders that the
//! present prices trigger, and liquidations. What the prices did in between is not looked at again.
//!
//! Invariant: while a symbol stands still nothing of it is matched, triggered or liquidated.

use engine::{ExchangeError, Nanos, PriceTicks, QtyLots, Request, Side, SymbolIndex};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::book::Watch;
use crate::exchange::SimExchange;
use crate::venue_clock::Due;
use crate::wire::VenueError;

/// The venue under maintenance.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Standstill {
    until: Option<Nanos>,
    held_back: Vec<Due>,
    /// Symbols and rates.
    funding: Vec<(usize, Decimal)>,
}

impl Standstill {
    pub(crate) fn hold_back(&mut self, due: Due) {
        self.held_back.push(due);
    }

    pub(crate) fn hold_back_funding(&mut self, symbol: usize, rate: Decimal) {
        self.funding.push((symbol, rate));
    }

    /// Nothing of the accounts is there any more.
    pub(crate) fn forget(&mut self) {
        self.held_back.clear();
        self.funding.clear();
    }
}

/// What events of the venue have made of a symbol.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SymbolState {
    halted_until: Option<Nanos>,
    pub(crate) delisted: bool,
    stuck_until: Option<Nanos>,
    /// The mark that is stuck is a last price: the symbol has no mark data.
    stuck_last: bool,
    next_funding_rate: Option<Decimal>,
}

impl SymbolState {
    pub(crate) fn is_trading(&self) -> bool {
        self.halted_until.is_none() && !self.delisted
    }

    pub(crate) fn mark_is_stuck(&self) -> bool {
        self.stuck_until.is_some()
    }

    pub(crate) fn set_funding_rate(&mut self, rate: Decimal) {
        self.next_funding_rate = Some(rate);
    }

    /// The rate of a settlement: an event's, once, or else `rate`.
    pub(crate) fn take_funding_rate(&mut self, rate: Decimal) -> Decimal {
        self.next_funding_rate.take().unwrap_or(rate)
    }
}

/// A time that is over now.
fn is_over(until: Option<Nanos>, now: Nanos) -> bool {
    until.is_some_and(|until| until <= now)
}

impl SimExchange {
    /// Under maintenance.
    pub(crate) fn is_closed(&self) -> bool {
        self.standstill.until.is_some()
    }

    /// Nothing of the symbol is matched.
    pub(crate) fn stands_still(&self, symbol: usize) -> bool {
        self.is_closed() || !self.markets[symbol].state.is_trading()
    }

    /// -4141 for new orders of a halted or delisted symbol, those that reduce too: nothing is matched.
    pub(crate) fn check_trading(&self, symbol: usize) -> Result<(), ExchangeError> {
        if self.markets[symbol].state.is_trading() {
            Ok(())
        } else {
            Err(VenueError::SymbolClosed.error())
        }
    }

    /// Whether the venue takes a request at all. Under maintenance it answers with HTTP 503 "Service
    /// Unavailable.", which is documented as failed, without a code; -1001 stands for it, because -1008
    /// would exempt reduce-only orders. Settings of a delisted symbol are refused with -1122; what only
    /// reads is answered, and there is nothing left to cancel.
    pub(crate) fn check_open(&self, request: &Request) -> Result<(), ExchangeError> {
        if self.is_closed() {
            let code = VenueError::Disconnected.row().code;
            return Err(ExchangeError { code, msg: "Service Unavailable.".into() });
        }
        let symbol = match request {
            Request::SetLeverage { symbol, .. }
            | Request::SetMarginType { symbol, .. }
            | Request::ModifyPositionMargin { symbol, .. } => *symbol,
            _ => return Ok(()),
        };
        let SymbolIndex(place) = symbol;
        if self.markets.get(usize::from(place)).is_some_and(|market| market.state.delisted) {
            return Err(VenueError::InvalidSymbolStatus.error());
        }
        Ok(())
    }

    pub(crate) fn close(&mut self, until: Nanos) {
        self.standstill.until = self.standstill.until.max(Some(until));
        (0..self.markets.len()).for_each(|symbol| self.leave_queues(symbol));
    }

    /// Maintenance ends, unless another one goes on.
    pub(crate) fn reopen(&mut self) {
        if !is_over(self.standstill.until, self.now) {
            return;
        }
        self.standstill.until = None;
        for due in std::mem::take(&mut self.standstill.held_back) {
            self.act(due);
        }
        for (symbol, rate) in std::mem::take(&mut self.standstill.funding) {
            self.pay_rate(symbol, rate);
        }
        for symbol in 0..self.markets.len() {
            self.go_on(symbol);
        }
    }

    /// Funding that maintenance holds back is paid before its symbol's positions go.
    pub(crate) fn pay_held_back_funding(&mut self, symbol: usize) {
        let (own, others) = std::mem::take(&mut self.standstill.funding)
            .into_iter()
            .partition(|(whose, _)| *whose == symbol);
        self.standstill.funding = others;
        let own: Vec<(usize, Decimal)> = own;
        for (symbol, rate) in own {
            self.pay_rate(symbol, rate);
        }
    }

    pub(crate) fn halt(&mut self, symbol: usize, until: Nanos) {
        let state = &mut self.markets[symbol].state;
        state.halted_until = state.halted_until.max(Some(until));
        self.leave_queues(symbol);
    }

    /// A halt ends, unless another one goes on.
    pub(crate) fn end_halt(&mut self, symbol: usize) {
        if is_over(self.markets[symbol].state.halted_until, self.now) {
            self.markets[symbol].state.halted_until = None;
            self.go_on(symbol);
        }
    }

    /// The symbol is matched again, at its last price.
    fn go_on(&mut self, symbol: usize) {
        if self.stands_still(symbol) {
            return;
        }
        let Watch { last, off_tick, volume, .. } = self.watch[symbol];
        if !self.depths.is_empty() {
            self.queue_again(symbol);
        } else if last > 0 {
            // However far the market has gone meanwhile, it meets all that rests.
            self.traded(self.now, symbol, last, i64::MAX);
            // It is the same trade again.
            self.watch[symbol].off_tick = off_tick;
            self.watch[symbol].volume = volume;
        }
    }

    /// Where the market's book is known, orders leave its queues while nothing is matched.
    pub(crate) fn leave_queues(&mut self, symbol: usize) {
        let Some(depth) = self.depths.get_mut(symbol) else { return };
        for side in [Side::Buy, Side::Sell] {
            for resting in self.markets[symbol].book.against(side.opposite()) {
                depth.cancel(side, resting.id);
            }
        }
    }

    /// And stand at the end of them again afterwards.
    fn queue_again(&mut self, symbol: usize) {
        let Some(depth) = self.depths.get_mut(symbol) else { return };
        for side in [Side::Buy, Side::Sell] {
            for resting in self.markets[symbol].book.against(side.opposite()) {
                depth.rest(resting.id, side, PriceTicks(resting.price), QtyLots(resting.qty));
            }
        }
        self.trigger_conditionals(symbol);
        self.settle();
    }

    /// Mark events are ignored from now on. Where the last price stands in for the mark, it stays what it
    /// is now; before the first trade there is nothing to hold.
    pub(crate) fn stick_mark(&mut self, symbol: usize, until: Nanos) {
        let last = self.watch[symbol].last;
        let market = &mut self.markets[symbol];
        market.state.stuck_until = market.state.stuck_until.max(Some(until));
        if market.mark.is_none() && last > 0 {
            market.mark = Some(last);
            market.state.stuck_last = true;
        }
    }

    /// The mark moves again: with its next event, or at once where it is the last price.
    pub(crate) fn free_mark(&mut self, symbol: usize) {
        let market = &mut self.markets[symbol];
        if !is_over(market.state.stuck_until, self.now) {
            return;
        }
        market.state.stuck_until = None;
        if std::mem::take(&mut market.state.stuck_last) {
            market.mark = None;
            self.trigger_conditionals(symbol);
        }
    }
}
