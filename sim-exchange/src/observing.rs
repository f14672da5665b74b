//! What whoever watches a run reads of the exchange at any instant. Nothing of it changes anything.

use std::collections::BTreeMap;

use engine::{
    AccountBalance, AccountId, AlgoOrderState, ClientOrderId, OrderState, PositionRisk,
    PositionSide, QtyLots, SymbolIndex,
};
use rust_decimal::Decimal;

use crate::exchange::SimExchange;

/// What became of all orders that bore one client order id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilledOrders {
    /// How many orders bore it.
    pub orders: u64,
    /// How many of them are open.
    pub live: u64,
    /// Signed lots: buys above zero, sells below.
    pub signed_qty: i64,
    /// Lots, whatever the side.
    pub executed_qty: i64,
    /// Sum of price × quantity, in USDT.
    pub cum_quote: Decimal,
}

impl SimExchange {
    /// How many accounts there are.
    pub fn accounts_total(&self) -> usize {
        self.accounts.len()
    }

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

    /// The conditional orders of an account that wait at the algo service, oldest first.
    pub fn open_algo_orders_of(&self, account: AccountId) -> Vec<&AlgoOrderState> {
        let symbols = 0..self.markets.len();
        let waiting = symbols.flat_map(|symbol| self.conditionals.waiting(symbol));
        let mut open: Vec<_> = waiting
            .filter(|waiting| waiting.account == account)
            .filter_map(|waiting| self.conditionals.waiting_algo(waiting))
            .collect();
        open.sort_by_key(|order| order.algo_id);
        open
    }

    /// Every order of an account that is still known, oldest first: with its fills.
    pub fn orders_of(&self, account: AccountId) -> impl Iterator<Item = &OrderState> {
        self.orders.of(account)
    }

    /// What an account holds of a symbol, signed.
    pub fn position_amt(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
        side: PositionSide,
    ) -> QtyLots {
        let holding = self
            .accounts
            .get(usize::from(account.0))
            .and_then(|account| account.holdings.get(usize::from(symbol.0)));
        QtyLots(holding.map_or(0, |holding| holding.position(side).qty))
    }

    /// The positions of an account that are not flat, as positionRisk shows them.
    pub fn positions_of(&self, account: AccountId) -> Vec<PositionRisk> {
        if !self.is_known(account) || !self.account(account).has_positions() {
            return Vec::new();
        }
        let rows = self.risk_rows(account, self.wallet_balance(account), &mut Vec::new());
        rows.iter().filter(|row| row.position_amt.0 != 0).cloned().collect()
    }

    /// An account's money; none where there is no such account.
    pub fn balance_of(&self, account: AccountId) -> Option<AccountBalance> {
        self.is_known(account).then(|| self.balances(account))
    }

    /// Sum of all that anybody holds: zero, or money was made or lost.
    pub fn ledger_sum(&self) -> Decimal {
        self.ledger.sum()
    }

    /// What became of the orders of an account that bore a client order id, as far as they are known.
    pub fn filled_by_client_id(&self, account: AccountId, id: &str) -> FilledOrders {
        let mut sums = FilledOrders::default();
        for order in self.orders.of(account).filter(|order| *order.client_order_id.0 == *id) {
            sums.orders += 1;
            sums.live += u64::from(!order.status.is_terminal());
            sums.signed_qty += order.side.sign() * order.executed_qty.0;
            sums.executed_qty += order.executed_qty.0;
            sums.cum_quote += order.cum_quote;
        }
        sums
    }

    /// The client order ids of live orders of an account, conditional ones too, by what `key` reads in
    /// them (the id itself, or the plan that it names); only keys that two or more share.
    pub fn live_orders_sharing<K: Ord>(
        &self,
        account: AccountId,
        key: impl Fn(&str) -> Option<K>,
    ) -> BTreeMap<K, Vec<ClientOrderId>> {
        let plain = self.open_orders_of(account).into_iter().map(|order| &order.client_order_id);
        let algos = self.open_algo_orders_of(account).into_iter();
        let mut sharing: BTreeMap<K, Vec<ClientOrderId>> = BTreeMap::new();
        for id in plain.chain(algos.map(|order| &order.order.client_order_id)) {
            if let Some(key) = key(&id.0) {
                sharing.entry(key).or_default().push(id.clone());
            }
        }
        sharing.retain(|_, ids| ids.len() > 1);
        sharing
    }
}
