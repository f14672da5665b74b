//! Orders, conditional orders and fills, as requests and answers carry them.

use std::sync::Arc;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::words::{
    AlgoStatus, ExpiryReason, OrderStatus, OrderType, PositionSide, PriceMatch,
    SelfTradePrevention, Side, TimeInForce, WorkingType,
};
use crate::{Nanos, PriceTicks, QtyLots, SymbolIndex};

/// The exchange's order id.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct OrderId(pub u64);

/// The exchange's id of a conditional order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AlgoId(pub u64);

/// A client order id: 1 to 36 of `.A-Z:/a-z0-9_-`. Checked by the exchange (-4015), not here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientOrderId(pub Arc<str>);

/// How a request names an order. Where a client sends both ids, the exchange's wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderRef {
    /// `orderId`.
    Id(OrderId),
    /// `origClientOrderId`.
    Client(ClientOrderId),
}

/// How a request names a conditional order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlgoRef {
    /// `algoId`.
    Id(AlgoId),
    /// `clientAlgoId`.
    Client(ClientOrderId),
}

/// A new order, conditional or not. Prices and quantities are on the grid of the symbol's `Instrument`.
/// What is `None` was not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// Whose.
    pub symbol: SymbolIndex,
    /// Buy or sell.
    pub side: Side,
    /// `positionSide`; not sent means BOTH.
    pub position_side: Option<PositionSide>,
    /// `type`.
    pub order_type: OrderType,
    /// For orders with a limit price.
    pub time_in_force: Option<TimeInForce>,
    /// How much; not for orders that close the position.
    pub quantity: Option<QtyLots>,
    /// For orders with a limit price, unless `price_match` finds one.
    pub price: Option<PriceTicks>,
    /// May only make the position smaller. Not to be sent in hedge mode.
    pub reduce_only: Option<bool>,
    /// Closes whatever the position is when it triggers.
    pub close_position: bool,
    /// `stopPrice` of the old route, `triggerPrice` of the algo service.
    pub trigger_price: Option<PriceTicks>,
    /// Of a trailing stop: the price that wakes it.
    pub activate_price: Option<PriceTicks>,
    /// Of a trailing stop, in percent.
    #[serde(with = "crate::decimal_serde::option")]
    pub callback_rate: Option<Decimal>,
    /// Which price the trigger looks at; not sent means the last trade.
    pub working_type: Option<WorkingType>,
    /// Not to trigger while mark and last price are far apart.
    pub price_protect: bool,
    /// Where the price is taken from at arrival.
    pub price_match: Option<PriceMatch>,
    /// Not sent means EXPIRE_MAKER.
    pub self_trade_prevention: Option<SelfTradePrevention>,
    /// When a GTD order ends.
    pub good_till_date: Option<Nanos>,
    /// `newClientOrderId`, or `clientAlgoId`.
    pub client_order_id: ClientOrderId,
}

impl NewOrder {
    /// A market order with nothing else said.
    pub fn market(symbol: SymbolIndex, side: Side, quantity: QtyLots, id: &str) -> NewOrder {
        NewOrder {
            symbol,
            side,
            position_side: None,
            order_type: OrderType::Market,
            time_in_force: None,
            quantity: Some(quantity),
            price: None,
            reduce_only: None,
            close_position: false,
            trigger_price: None,
            activate_price: None,
            callback_rate: None,
            working_type: None,
            price_protect: false,
            price_match: None,
            self_trade_prevention: None,
            good_till_date: None,
            client_order_id: ClientOrderId(id.into()),
        }
    }

    /// A limit order with nothing else said.
    pub fn limit(
        symbol: SymbolIndex,
        side: Side,
        quantity: QtyLots,
        price: PriceTicks,
        time_in_force: TimeInForce,
        id: &str,
    ) -> NewOrder {
        NewOrder {
            order_type: OrderType::Limit,
            price: Some(price),
            time_in_force: Some(time_in_force),
            ..NewOrder::market(symbol, side, quantity, id)
        }
    }

    /// Takes its price from the book at arrival.
    pub fn matches_price(&self) -> bool {
        self.price_match.is_some_and(|price_match| price_match != PriceMatch::None)
    }

    /// Sent with `reduceOnly=true`.
    pub fn reduces(&self) -> bool {
        self.reduce_only == Some(true)
    }
}

/// An order as the exchange knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// The exchange's id.
    pub order_id: OrderId,
    /// The owner's id.
    pub client_order_id: ClientOrderId,
    /// Whose.
    pub symbol: SymbolIndex,
    /// Buy or sell.
    pub side: Side,
    /// Which position it is for.
    pub position_side: PositionSide,
    /// What it is now.
    pub order_type: OrderType,
    /// What it was before its trigger.
    pub orig_type: OrderType,
    /// GTC for a market order, as Binance shows it.
    pub time_in_force: TimeInForce,
    /// Asked.
    pub orig_qty: QtyLots,
    /// Filled so far.
    pub executed_qty: QtyLots,
    /// Sum of price × quantity of the fills, in USDT.
    #[serde(with = "crate::decimal_serde")]
    pub cum_quote: Decimal,
    /// Limit price.
    pub price: Option<PriceTicks>,
    /// Trigger price of a conditional order.
    pub trigger_price: Option<PriceTicks>,
    /// May only make the position smaller.
    pub reduce_only: bool,
    /// Closes whatever the position is.
    pub close_position: bool,
    /// Which price the trigger looks at.
    pub working_type: WorkingType,
    /// Not to trigger while mark and last price are far apart.
    pub price_protect: bool,
    /// Where the price was taken from.
    pub price_match: PriceMatch,
    /// What happens when it meets an order of the same owner.
    pub self_trade_prevention: SelfTradePrevention,
    /// When a GTD order ends.
    pub good_till_date: Option<Nanos>,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why the exchange ended it.
    pub expiry_reason: ExpiryReason,
    /// When it was accepted.
    pub time: Nanos,
    /// When it changed last.
    pub update_time: Nanos,
}

impl OrderState {
    /// What is not filled yet.
    pub fn open_qty(&self) -> i64 {
        self.orig_qty.0 - self.executed_qty.0
    }
}

/// The order that a conditional order's trigger placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActualOrder {
    /// Its id.
    pub order_id: OrderId,
    /// Market or limit.
    pub order_type: OrderType,
    /// Filled so far.
    pub executed_qty: QtyLots,
    /// Sum of price × quantity of its fills, in USDT.
    #[serde(with = "crate::decimal_serde")]
    pub cum_quote: Decimal,
}

/// A conditional order as the algo service knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlgoOrderState {
    /// The exchange's id.
    pub algo_id: AlgoId,
    /// What was asked; its `client_order_id` is the `clientAlgoId`.
    pub order: NewOrder,
    /// Where it stands.
    pub status: AlgoStatus,
    /// The order that its trigger placed.
    pub actual: Option<ActualOrder>,
    /// Why it was refused or ended.
    pub reason: Box<str>,
    /// When it was accepted.
    pub create_time: Nanos,
    /// When its trigger was reached.
    pub trigger_time: Option<Nanos>,
    /// When it changed last.
    pub update_time: Nanos,
}

/// One fill (`userTrades`, or x=TRADE of ORDER_TRADE_UPDATE).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Trade id, unique per symbol.
    pub trade_id: u64,
    /// When.
    pub time: Nanos,
    /// At what price.
    pub price: PriceTicks,
    /// How much.
    pub qty: QtyLots,
    /// Fee in USDT, above zero when paid.
    #[serde(with = "crate::decimal_serde")]
    pub commission: Decimal,
    /// Realised profit in USDT before fees; zero when it opened.
    #[serde(with = "crate::decimal_serde")]
    pub realized_pnl: Decimal,
    /// The order rested.
    pub maker: bool,
}
