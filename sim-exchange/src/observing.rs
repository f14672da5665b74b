//! What whoever watches a run reads of the exchange at any instant. Nothing of it changes anything.

use engine::{AccountId, OrderState, PositionRisk};

use crate::exchange::SimExchange;

impl SimExchange {
    fn is_known(&self, account: AccountId) -> bool {
        usize::from(account.0) < self.accounts.len()
    }

    /// The open orders of an account, oldest first, as openOrders shows them.
    pub fn open_orders_of(&self, account: AccountId) -> Vec<&OrderState> {
        if !self.is_known(account) {
            return Vec::new();
        }
        let symbols = 0..self.markets.len();
        let mut ids: Vec<_> = symbols.flat_map(|symbol| self.open_ids(account, symbol)).collect();
        ids.sort();
        ids.into_iter().map(|id| self.orders.get(id)).collect()
    }

    /// The positions of an account that are not flat, as positionRisk shows them.
    pub fn positions_of(&self, account: AccountId) -> Vec<PositionRisk> {
        if !self.is_known(account) {
            return Vec::new();
        }
        let rows = self.risk_rows(account, self.wallet_balance(account), &mut Vec::new());
        rows.iter().filter(|row| row.position_amt.0 != 0).cloned().collect()
    }
}
