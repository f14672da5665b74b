//! The store of all orders.

use std::collections::BTreeMap;

use engine::{
    AccountId, ClientOrderId, Nanos, OrderId, OrderRef, OrderState, OrderStatus, PriceTicks,
    QtyLots, SymbolIndex,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// All orders of a run, by id; the owner's ids find the newest one that bore them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Orders {
    all: Vec<OrderState>,
    owners: Vec<AccountId>,
    /// By account and symbol.
    by_client_id: Vec<BTreeMap<ClientOrderId, u64>>,
    /// How often an open order has been changed, where it has.
    amendments: BTreeMap<OrderId, u32>,
    symbols: usize,
}

impl Orders {
    pub(crate) fn new(accounts: usize, symbols: usize) -> Orders {
        let by_client_id = vec![BTreeMap::new(); accounts * symbols];
        Orders { by_client_id, symbols, ..Orders::default() }
    }

    fn ids_of(&self, account: AccountId, symbol: SymbolIndex) -> usize {
        usize::from(account.0) * self.symbols + usize::from(symbol.0)
    }

    pub(crate) fn next_id(&self) -> OrderId {
        OrderId(self.all.len() as u64 + 1)
    }

    pub(crate) fn add(&mut self, account: AccountId, order: OrderState) {
        assert!(order.order_id == self.next_id(), "order ids have no holes");
        let place = self.ids_of(account, order.symbol);
        self.by_client_id[place].insert(order.client_order_id.clone(), order.order_id.0);
        self.all.push(order);
        self.owners.push(account);
    }

    /// Whose order it is.
    pub(crate) fn owner(&self, id: OrderId) -> AccountId {
        self.owners[id.0 as usize - 1]
    }

    pub(crate) fn get(&self, id: OrderId) -> &OrderState {
        &self.all[id.0 as usize - 1]
    }

    pub(crate) fn get_mut(&mut self, id: OrderId) -> &mut OrderState {
        &mut self.all[id.0 as usize - 1]
    }

    /// The newest order of the account that bore this id.
    pub(crate) fn newest(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
        id: &ClientOrderId,
    ) -> Option<&OrderState> {
        let order = *self.by_client_id.get(self.ids_of(account, symbol))?.get(id)?;
        Some(self.get(OrderId(order)))
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
                let place = usize::try_from(number.checked_sub(1)?).ok()?;
                let order = self.all.get(place)?;
                (order.symbol == symbol && self.owners[place] == account).then_some(order)
            }
        }
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

    pub(crate) fn len(&self) -> usize {
        self.all.len()
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
