//! A symbol leaves the venue: its orders expire, its positions are settled, and it takes no more orders.
//!
//! The settlement is at the mark price, all at once and without commission. Its orders are the venue's
//! own, as in a liquidation; that they show as CALCULATED is unverified.

use engine::{AccountId, ExpiryReason, PositionSide, Side};

use crate::exchange::SimExchange;
use crate::matching::Against;

impl SimExchange {
    pub(crate) fn delist(&mut self, symbol: usize) {
        self.pay_held_back_funding(symbol);
        self.markets[symbol].state.delisted = true;
        let ids = (0..self.accounts.len()).map(|number| AccountId(number as u16));
        for account in ids.clone() {
            self.expire_all(account, symbol, ExpiryReason::Delisted);
        }
        for account in ids {
            for side in self.account(account).sides() {
                self.settle_position(account, symbol, *side);
            }
        }
    }

    fn settle_position(&mut self, account: AccountId, symbol: usize, side: PositionSide) {
        let held = self.holding(account, symbol).position(side).qty;
        if held == 0 {
            return;
        }
        let order_side = if held > 0 { Side::Sell } else { Side::Buy };
        let (mark, qty) = (self.mark_or_zero(symbol), held.abs());
        let name = format!("settlement_autoclose-{}", self.orders.next_id().0);
        let id = self.venue_order(account, symbol, side, order_side, mark, qty, &name);
        // As in deleveraging, the venue moves the position and nobody pays a commission.
        self.execute(id, mark, qty, Against::Deleveraging, None);
    }
}
