//! What happens to the positions of the accounts, written down for who reports a run: the whole truth, also of what a lost
//! user stream never told. Kept only where it is asked for.
//!
//! Invariant: nothing of it decides anything.

use std::sync::Arc;

use engine::{AccountId, Nanos, OrderType, PositionSide, Side, SymbolIndex};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::exchange::SimExchange;

/// Which position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PositionKey {
    /// Whose.
    pub account: AccountId,
    /// Of which symbol.
    pub symbol: SymbolIndex,
    /// BOTH in one-way mode.
    pub side: PositionSide,
}

/// Lowest and highest price of a symbol's trades, in ticks of the grid; none without a trade.
pub type Extremes = Option<(i64, i64)>;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Happened {
    /// It was there before the run, or appeared with the first price: what it cost so far, in USDT.
    Held {
        /// Signed lots.
        qty: i64,
        /// Σ price × quantity of what opened it, in USDT.
        cost: Decimal,
    },
    /// A fill of it.
    Filled {
        /// The order's.
        client_order_id: Arc<str>,
        /// What the order was before its trigger.
        order_type: OrderType,
        /// Of the order.
        side: Side,
        /// In ticks.
        price: i64,
        /// In lots.
        qty: i64,
        /// Price × quantity, in USDT.
        notional: Decimal,
        /// Paid, in USDT; below zero for a rebate.
        commission: Decimal,
        /// Of what it closed, in USDT, before fees.
        realized: Decimal,
        /// The order rested.
        maker: bool,
        /// The venue's own order: a liquidation, a deleveraging, the settlement of a delisting.
        forced: bool,
    },
    /// Funding, in USDT; below zero when paid.
    Funding(Decimal),
    /// The fee of a liquidation, in USDT.
    LiquidationFee(Decimal),
    /// A reset of the venue took it away.
    Wiped,
}

/// One line of the tape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Booked {
    /// By the true clock.
    pub time: Nanos,
    /// Which position.
    pub position: PositionKey,
    /// Its signed lots afterwards.
    pub qty_after: i64,
    /// The leverage that was chosen for it.
    pub leverage: u32,
    /// Prices of the symbol since the line before of that symbol, of whichever account.
    pub prices: Extremes,
    /// What happened.
    pub what: Happened,
}

/// The tape while it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccountTape {
    lines: Vec<Booked>,
    /// By symbol, since its last line.
    prices: Vec<Extremes>,
}

impl AccountTape {
    /// The symbol has traded.
    #[inline]
    pub(crate) fn traded(&mut self, symbol: usize, price: i64) {
        self.traded_between(symbol, price, price);
    }

    /// The symbol has traded at both, and at nothing beyond them.
    #[inline]
    pub(crate) fn traded_between(&mut self, symbol: usize, low: i64, high: i64) {
        let (lowest, highest) = self.prices[symbol].unwrap_or((low, high));
        self.prices[symbol] = Some((lowest.min(low), highest.max(high)));
    }
}

impl SimExchange {
    /// From now on what happens to positions is written down. Those that are there already come first.
    pub fn keep_tape(&mut self) {
        let (lines, prices) = (Vec::new(), vec![None; self.markets.len()]);
        self.tape = Some(Box::new(AccountTape { lines, prices }));
        for account in 0..self.accounts.len() {
            let account = AccountId(account as u16);
            for symbol in 0..self.markets.len() {
                for side in self.account(account).sides() {
                    self.tape_held(account, symbol, *side);
                }
            }
        }
    }

    /// Moves what was written since the last call to `out`.
    pub fn take_tape(&mut self, out: &mut Vec<Booked>) {
        if let Some(tape) = &mut self.tape {
            out.append(&mut tape.lines);
        }
    }

    /// Writes that a position is there without a fill, if it is.
    pub(crate) fn tape_held(&mut self, account: AccountId, symbol: usize, side: PositionSide) {
        let position = self.holding(account, symbol).position(side);
        if position.qty != 0 {
            let (qty, cost) = (position.qty, position.cost);
            self.tape(account, symbol, side, || Happened::Held { qty, cost });
        }
    }

    /// Writes a line, where somebody wants it.
    #[inline]
    pub(crate) fn tape(
        &mut self,
        account: AccountId,
        symbol: usize,
        side: PositionSide,
        what: impl FnOnce() -> Happened,
    ) {
        if self.tape.is_none() {
            return;
        }
        let holding = self.holding(account, symbol);
        let (qty_after, leverage) = (holding.position(side).qty, holding.leverage);
        let position = PositionKey { account, symbol: SymbolIndex(symbol as u16), side };
        let time = self.now;
        if let Some(tape) = &mut self.tape {
            let (prices, what) = (tape.prices[symbol].take(), what());
            let qty_after = if what == Happened::Wiped { 0 } else { qty_after };
            tape.lines.push(Booked { time, position, qty_after, leverage, prices, what });
        }
    }
}
