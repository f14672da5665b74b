//! What the server keeps for each account beside the exchange's books: its history and its listen key.

use std::collections::VecDeque;

use engine::{
    AccountId, ClientOrderId, ExecutionType, Nanos, OrderState, PositionSide, PriceTicks, QtyLots,
    SymbolIndex, UserEvent,
};
use rust_decimal::Decimal;
use sim_exchange::{IncomeType, LedgerAccount, LedgerRecord};

use crate::shapes::orders::KeptFill;

/// The newest rows of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Newest<T> {
    rows: VecDeque<T>,
    most: usize,
}

impl<T> Newest<T> {
    fn new(most: usize) -> Newest<T> {
        Newest { rows: VecDeque::new(), most: most.max(1) }
    }

    pub(crate) fn push(&mut self, row: T) {
        if self.rows.len() == self.most {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.iter()
    }
}

/// Money that came or went.
#[derive(Clone, Debug)]
pub(crate) struct Income {
    /// The ledger's number of it: unique.
    pub(crate) serial: u64,
    pub(crate) time: Nanos,
    pub(crate) income_type: IncomeType,
    /// Below zero when paid.
    pub(crate) amount: Decimal,
    pub(crate) symbol: Option<SymbolIndex>,
    pub(crate) trade_id: Option<u64>,
}

/// A change of an order.
#[derive(Clone, Debug)]
pub(crate) struct Amended {
    pub(crate) id: u64,
    pub(crate) symbol: SymbolIndex,
    pub(crate) order_id: u64,
    pub(crate) client_order_id: ClientOrderId,
    pub(crate) time: Nanos,
    pub(crate) price: (Option<PriceTicks>, Option<PriceTicks>),
    pub(crate) qty: (QtyLots, QtyLots),
    /// The how-manieth of its order.
    pub(crate) count: u32,
}

/// Margin that the owner moved.
#[derive(Clone, Debug)]
pub(crate) struct MarginMove {
    pub(crate) symbol: SymbolIndex,
    pub(crate) side: PositionSide,
    pub(crate) add: bool,
    pub(crate) amount: Decimal,
    pub(crate) time: Nanos,
}

/// A listen key that is alive.
#[derive(Clone, Debug)]
pub(crate) struct ListenKey {
    pub(crate) key: Box<str>,
    pub(crate) expires: Nanos,
}

/// One account.
#[derive(Clone, Debug)]
pub(crate) struct AccountBook {
    pub(crate) trades: Newest<KeptFill>,
    pub(crate) income: Newest<Income>,
    pub(crate) amendments: Newest<Amended>,
    pub(crate) margin_moves: Newest<MarginMove>,
    pub(crate) force_orders: Newest<OrderState>,
    pub(crate) listen_key: Option<ListenKey>,
    /// When its balance changed last.
    pub(crate) balance_time: Nanos,
    /// Fees in BNB, where there is any.
    pub(crate) fee_burn: bool,
    amendments_total: u64,
    /// Trades whose ledger records have not come by yet.
    booked: VecDeque<(IncomeType, Decimal, u64)>,
}

impl AccountBook {
    /// Of an account whose money came at `opened`. A time of zero is Binance's sign of an asset that was never
    /// touched, and clients (ccxt) pass over the balance of such a one.
    pub(crate) fn new(most: usize, opened: Nanos) -> AccountBook {
        AccountBook {
            trades: Newest::new(most),
            income: Newest::new(most),
            amendments: Newest::new(most),
            margin_moves: Newest::new(most),
            force_orders: Newest::new(most),
            listen_key: None,
            balance_time: opened,
            fee_burn: false,
            amendments_total: 0,
            booked: VecDeque::new(),
        }
    }

    /// Keeps what an event of the user stream tells.
    pub(crate) fn keep(&mut self, time: Nanos, event: &UserEvent) {
        match event {
            UserEvent::OrderTradeUpdate { execution, order, fill, liquidation } => {
                if let Some(fill) = fill {
                    for (income, amount) in [
                        (IncomeType::RealizedPnl, fill.realized_pnl),
                        (IncomeType::Commission, -fill.commission),
                    ] {
                        if !amount.is_zero() {
                            self.booked.push_back((income, amount, fill.trade_id));
                        }
                    }
                    self.trades.push(KeptFill {
                        symbol: order.symbol,
                        order_id: order.order_id.0,
                        side: order.side,
                        position_side: order.position_side,
                        fill: fill.clone(),
                    });
                }
                let is_own = ["autoclose-", "adl_autoclose"]
                    .iter()
                    .any(|own| order.client_order_id.0.starts_with(own));
                if (*liquidation || is_own)
                    && *execution != ExecutionType::New
                    && order.status.is_terminal()
                {
                    self.force_orders.push((**order).clone());
                }
            }
            UserEvent::AccountUpdate { balance: Some(_), .. } => self.balance_time = time,
            _ => {}
        }
    }

    /// Keeps a record of the ledger that is this account's.
    pub(crate) fn book(&mut self, account: AccountId, serial: u64, record: &LedgerRecord) {
        let wallet = LedgerAccount::Wallet(account);
        let amount = match (record.from == wallet, record.to == wallet) {
            (true, false) => -record.amount,
            (false, true) => record.amount,
            _ => return,
        };
        let own = |(income, booked, _): &(IncomeType, Decimal, u64)| {
            *income == record.income_type && *booked == amount
        };
        let trade = self.booked.iter().position(own);
        // Older ones have no record: their event came late, or not in the order of the ledger.
        let trade_id = trade.and_then(|place| self.booked.drain(..=place).next_back());
        self.income.push(Income {
            serial,
            time: record.time,
            income_type: record.income_type,
            amount,
            symbol: record.symbol,
            trade_id: trade_id.map(|(_, _, id)| id),
        });
    }

    /// What is left of trades without records is forgotten.
    pub(crate) fn forget_booked(&mut self) {
        self.booked.clear();
    }

    /// Keeps an amendment; `before` is the order as it was.
    pub(crate) fn amended(&mut self, before: &OrderState, after: &OrderState) {
        self.amendments_total += 1;
        let earlier = self.amendments.iter().filter(|row| row.order_id == after.order_id.0);
        let count = earlier.map(|row| row.count).max().unwrap_or(0) + 1;
        self.amendments.push(Amended {
            id: self.amendments_total,
            symbol: after.symbol,
            order_id: after.order_id.0,
            client_order_id: after.client_order_id.clone(),
            time: after.update_time,
            price: (before.price, after.price),
            qty: (before.orig_qty, after.orig_qty),
            count,
        });
    }
}
