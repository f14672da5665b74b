//! The store of the orders.

use std::collections::BTreeMap;

use engine::{
    AccountId, ClientOrderId, Lookup, Nanos, OrderId, OrderRef, OrderState, OrderStatus,
    PriceTicks, QtyLots, SymbolIndex,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::numbered::{Ends, Numbered};

/// An order and its owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    state: OrderState,
    owner: AccountId,
}

impl Ends for Entry {
    fn has_ended(&self) -> bool {
        self.state.status.is_terminal()
    }
}

/// The orders, by id; the owner's ids find the newest one that bore them. Open orders are kept, and of the
/// others the newest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    all: Numbered<Entry>,
    /// By account and symbol.
    by_client_id: Vec<Lookup<ClientOrderId, u64>>,
    /// How often an open order has been changed, where it has.
    amendments: BTreeMap<OrderId, u32>,
    symbols: usize,
}

impl Orders {
    /// Keeps all open orders, and the newest `most` of all.
    pub(crate) fn new(accounts: usize, symbols: usize, most: usize) -> Orders {
        Orders {
            all: Numbered::new(most),
            by_client_id: vec![Lookup::default(); accounts * symbols],
            amendments: BTreeMap::new(),
            symbols,
        }
    }

    fn ids_of(&self, account: AccountId, symbol: SymbolIndex) -> usize {
        usize::from(account.0) * self.symbols + usize::from(symbol.0)
    }

    pub(crate) fn next_id(&self) -> OrderId {
        OrderId(self.all.next())
    }

    pub(crate) fn add(&mut self, account: AccountId, order: OrderState) {
        assert!(order.order_id == self.next_id(), "order ids have no holes");
        let place = self.ids_of(account, order.symbol);
        self.by_client_id[place].insert(order.client_order_id.clone(), order.order_id.0);
        if let Some(Entry { state, owner }) = self.all.push(Entry { state: order, owner: account })
        {
            self.amendments.remove(&state.order_id);
            let place = self.ids_of(owner, state.symbol);
            let ids = &mut self.by_client_id[place];
            // A newer order may bear the id.
            if ids.get(&state.client_order_id) == Some(&state.order_id.0) {
                ids.remove(&state.client_order_id);
            }
        }
    }

    /// Whose order it is.
    pub(crate) fn owner(&self, id: OrderId) -> AccountId {
        self.entry(id).owner
    }

    pub(crate) fn get(&self, id: OrderId) -> &OrderState {
        &self.entry(id).state
    }

    #[allow(clippy::expect_used)] // What asks by id has just placed it, or holds it open.
    fn entry(&self, id: OrderId) -> &Entry {
        self.all.get(id.0).expect("an order that is at work is known")
    }

    #[allow(clippy::expect_used)] // As above.
    pub(crate) fn get_mut(&mut self, id: OrderId) -> &mut OrderState {
        &mut self.all.get_mut(id.0).expect("an order that is at work is known").state
    }

    /// The order, unless it has been forgotten.
    pub(crate) fn known(&self, id: OrderId) -> Option<&OrderState> {
        self.all.get(id.0).map(|entry| &entry.state)
    }

    /// The newest order of the account that bore this id.
    pub(crate) fn newest(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
        id: &ClientOrderId,
    ) -> Option<&OrderState> {
        let order = *self.by_client_id.get(self.ids_of(account, symbol))?.get(id)?;
        self.known(OrderId(order))
    }

    pub(crate) fn find(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
        order: &OrderRef,
    ) -> Option<&OrderState> {
        match order {
            OrderRef::Client(id) => self.newest(account, symbol, id),
            OrderRef::Id(OrderId(number)) => {
                let Entry { state, owner } = self.all.get(*number)?;
                (state.symbol == symbol && *owner == account).then_some(state)
            }
        }
    }

    /// What a query finds: Binance forgets an order without a fill three days after its end, any other
    /// 90 days after.
    pub(crate) fn query(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
        order: &OrderRef,
        now: Nanos,
    ) -> Option<&OrderState> {
        const DAY: i64 = 86_400;
        let found = self.find(account, symbol, order)?;
        let days = if found.executed_qty.0 == 0 { 3 } else { 90 };
        let old =
            found.status.is_terminal() && now - found.update_time > Nanos::from_secs(days * DAY);
        (!old).then_some(found)
    }

    /// All of an account that are known, oldest first.
    pub(crate) fn of(&self, account: AccountId) -> impl Iterator<Item = &OrderState> {
        self.all.iter().filter(move |entry| entry.owner == account).map(|entry| &entry.state)
    }

    pub(crate) fn amendments(&self, id: OrderId) -> u32 {
        self.amendments.get(&id).copied().unwrap_or(0)
    }

    /// Gives an open order another price and quantity.
    pub(crate) fn amend(&mut self, id: OrderId, price: PriceTicks, qty: QtyLots, now: Nanos) {
        *self.amendments.entry(id).or_default() += 1;
        let order = self.get_mut(id);
        order.price = Some(price);
        order.orig_qty = qty;
        order.update_time = now;
    }

    /// How many there have been.
    pub(crate) fn count(&self) -> usize {
        (self.all.next() - 1) as usize
    }
}

/// Adds a fill of `qty` worth `notional` to the order.
pub(crate) fn add_fill(order: &mut OrderState, qty: i64, notional: Decimal) {
    assert!(qty > 0, "a fill moves something");
    assert!(order.executed_qty.0 + qty <= order.orig_qty.0, "a fill never exceeds the order");
    order.executed_qty.0 += qty;
    order.cum_quote += notional;
    order.status = if order.executed_qty == order.orig_qty {
        OrderStatus::Filled
    } else {
        OrderStatus::PartiallyFilled
    };
}
