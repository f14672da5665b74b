//! The pipeline's own book of fills, one amount a symbol, each order committed once (MSE 14.3).

use std::collections::VecDeque;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Order ids remembered; an exchange repeats an answer within minutes, not within thousands of orders.
pub const SEEN_ORDERS_MAX: usize = 10_000;

/// What a fill did to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LedgerCommit {
    /// Booked; the signed amount after it.
    Committed {
        /// In the base asset.
        amount: Decimal,
    },
    /// This order was booked before.
    AlreadySeen,
    /// The amount leaves the range of decimals: nothing was booked.
    Overflow,
}

/// The amount of one symbol and the orders that made it.
///
/// Invariant: ledger += signed fill, never a copy of a snapshot; an order counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerBook {
    amount: Decimal,
    seen: VecDeque<u64>,
}

impl LedgerBook {
    /// Signed, in the base asset.
    #[must_use]
    pub fn amount(&self) -> Decimal {
        self.amount
    }

    /// Books the signed fill of an order.
    pub fn commit(&mut self, order_id: u64, signed_qty: Decimal) -> LedgerCommit {
        if self.seen.contains(&order_id) {
            return LedgerCommit::AlreadySeen;
        }
        let Some(amount) = self.amount.checked_add(signed_qty) else {
            return LedgerCommit::Overflow;
        };
        if self.seen.len() == SEEN_ORDERS_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back(order_id);
        self.amount = amount;
        LedgerCommit::Committed { amount }
    }

    /// Initialisation or repair by the reconcile engine: the only way to a copied amount.
    pub fn repair(&mut self, exchange_amount: Decimal) {
        self.amount = exchange_amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_counts_once_and_shorts_keep_their_sign() {
        let mut ledger = LedgerBook::default();
        let amount = Decimal::from(-3);
        assert_eq!(ledger.commit(7, amount), LedgerCommit::Committed { amount });
        assert_eq!(ledger.commit(7, amount), LedgerCommit::AlreadySeen);
        let amount = Decimal::from(-1);
        assert_eq!(ledger.commit(8, 2.into()), LedgerCommit::Committed { amount });
        ledger.repair(Decimal::MAX);
        assert_eq!(ledger.commit(9, Decimal::MAX), LedgerCommit::Overflow);
        assert_eq!(ledger.amount(), Decimal::MAX);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut ledger = LedgerBook::default();
        for order in 0..SEEN_ORDERS_MAX as u64 + 5 {
            ledger.commit(order, Decimal::ONE);
        }
        assert_eq!(ledger.seen.len(), SEEN_ORDERS_MAX);
        assert_eq!(ledger.commit(5, Decimal::ONE), LedgerCommit::AlreadySeen);
    }
}
