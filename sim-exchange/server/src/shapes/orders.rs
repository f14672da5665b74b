//! Orders, their fills, and the venue's own orders.

use engine::{OrderState, OrderType, SymbolIndex, TimeInForce};
use rust_decimal::Decimal;
use sim_exchange::SimExchange;
use sim_exchange::wire::{
    ErrorBody, ForceOrder, ModifyAnswer, Money, Num, OrderAnswer, OrderRow, OrderStatus, UserTrade,
    ZeroOr,
};

use super::{Sym, USDT, word};
use crate::http::Failure;

fn good_till(order: &OrderState) -> i64 {
    order.good_till_date.map_or(0, |date| date.millis())
}

/// Whether the answer to a new order tells the order's end: with RESULT, and only where it ends at once.
pub(crate) fn ends_at_once(order_type: OrderType, time_in_force: TimeInForce) -> bool {
    order_type == OrderType::Market || matches!(time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
}

/// The answer to an order placed or cancelled, or amended over the WebSocket API. `accepted` shows it as it was when it was taken:
/// what ACK tells, whatever has become of it since.
pub(crate) fn answer(sym: Sym<'_>, order: &OrderState, accepted: bool) -> OrderAnswer {
    let Sym { precision, .. } = sym;
    let (executed, quote, status, update_time) = if accepted {
        (Decimal::ZERO, Decimal::ZERO, OrderStatus::New, order.time)
    } else {
        (
            sym.qty(order.executed_qty),
            order.cum_quote,
            word!(OrderStatus, order.status),
            order.update_time,
        )
    };
    let average = quote.checked_div(executed).unwrap_or_default();
    OrderAnswer {
        order_id: order.order_id.0,
        symbol: sym.name().into(),
        status,
        client_order_id: (*order.client_order_id.0).into(),
        price: precision.price(sym.price_or_none(order.price)),
        avg_price: precision.price(average),
        orig_qty: precision.quantity(sym.qty(order.orig_qty)),
        executed_qty: precision.quantity(executed),
        cum_qty: precision.quantity(executed),
        cum_quote: precision.quote(quote),
        time_in_force: word!(TimeInForce, order.time_in_force),
        order_type: word!(OrderType, order.order_type),
        reduce_only: order.reduce_only,
        close_position: order.close_position,
        side: word!(Side, order.side),
        position_side: word!(PositionSide, order.position_side),
        stop_price: precision.price(sym.price_or_none(order.trigger_price)),
        working_type: word!(WorkingType, order.working_type),
        price_protect: order.price_protect,
        orig_type: word!(OrderType, order.orig_type),
        activate_price: None,
        price_rate: None,
        price_match: word!(PriceMatch, order.price_match),
        self_trade_prevention_mode: word!(SelfTradePrevention, order.self_trade_prevention),
        good_till_date: good_till(order),
        update_time: update_time.millis(),
    }
}

/// The answer of REST to an order amended.
pub(crate) fn amended(sym: Sym<'_>, order: &OrderState) -> ModifyAnswer {
    let order = answer(sym, order, false);
    ModifyAnswer {
        order_id: order.order_id,
        pair: order.symbol.clone(),
        symbol: order.symbol,
        status: order.status,
        client_order_id: order.client_order_id,
        price: order.price,
        avg_price: order.avg_price,
        orig_qty: order.orig_qty,
        executed_qty: order.executed_qty,
        cum_qty: order.cum_qty,
        cum_base: order.cum_qty,
        cum_quote: order.cum_quote,
        time_in_force: order.time_in_force,
        order_type: order.order_type,
        reduce_only: order.reduce_only,
        close_position: order.close_position,
        side: order.side,
        position_side: order.position_side,
        stop_price: order.stop_price,
        working_type: order.working_type,
        price_protect: order.price_protect,
        orig_type: order.orig_type,
        price_match: order.price_match,
        self_trade_prevention_mode: order.self_trade_prevention_mode,
        good_till_date: order.good_till_date,
        update_time: order.update_time,
    }
}

/// An order as queries show it.
pub(crate) fn row(sym: Sym<'_>, order: &OrderState) -> OrderRow {
    let Sym { precision, .. } = sym;
    OrderRow {
        order_id: order.order_id.0,
        symbol: sym.name().into(),
        status: word!(OrderStatus, order.status),
        client_order_id: (*order.client_order_id.0).into(),
        price: precision.price(sym.price_or_none(order.price)),
        avg_price: precision.price(sym.average(order.cum_quote, order.executed_qty)),
        orig_qty: precision.quantity(sym.qty(order.orig_qty)),
        executed_qty: precision.quantity(sym.qty(order.executed_qty)),
        cum_quote: precision.quote(order.cum_quote),
        time_in_force: word!(TimeInForce, order.time_in_force),
        order_type: word!(OrderType, order.order_type),
        reduce_only: order.reduce_only,
        close_position: order.close_position,
        side: word!(Side, order.side),
        position_side: word!(PositionSide, order.position_side),
        stop_price: precision.price(sym.price_or_none(order.trigger_price)),
        working_type: word!(WorkingType, order.working_type),
        price_protect: order.price_protect,
        orig_type: word!(OrderType, order.orig_type),
        activate_price: None,
        price_rate: None,
        price_match: word!(PriceMatch, order.price_match),
        self_trade_prevention_mode: word!(SelfTradePrevention, order.self_trade_prevention),
        good_till_date: good_till(order),
        time: order.time.millis(),
        update_time: order.update_time.millis(),
    }
}

/// The rows of a list of orders; those of symbols that are not there are left out.
pub(crate) fn rows<'a>(
    exchange: &SimExchange,
    orders: impl IntoIterator<Item = &'a OrderState>,
) -> Vec<OrderRow> {
    let shown = |order: &OrderState| Some(row(Sym::of(exchange, order.symbol)?, order));
    orders.into_iter().filter_map(shown).collect()
}

/// A batch row that was refused.
pub(crate) fn refused(failure: &Failure) -> ErrorBody {
    ErrorBody::from(failure.error.clone())
}

/// A liquidation or deleveraging order.
pub(crate) fn force_order(sym: Sym<'_>, order: &OrderState) -> ForceOrder {
    let Sym { precision, .. } = sym;
    ForceOrder {
        order_id: order.order_id.0,
        symbol: sym.name().into(),
        status: word!(OrderStatus, order.status),
        client_order_id: (*order.client_order_id.0).into(),
        price: precision.price(sym.price_or_none(order.price)),
        avg_price: precision.price(sym.average(order.cum_quote, order.executed_qty)),
        orig_qty: precision.quantity(sym.qty(order.orig_qty)),
        executed_qty: precision.quantity(sym.qty(order.executed_qty)),
        cum_quote: precision.quote(order.cum_quote),
        time_in_force: word!(TimeInForce, order.time_in_force),
        order_type: word!(OrderType, order.order_type),
        reduce_only: order.reduce_only,
        close_position: order.close_position,
        side: word!(Side, order.side),
        position_side: word!(PositionSide, order.position_side),
        stop_price: precision.price(sym.price_or_none(order.trigger_price)),
        working_type: word!(WorkingType, order.working_type),
        orig_type: word!(OrderType, order.orig_type),
        time: order.time.millis(),
        update_time: order.update_time.millis(),
    }
}

/// A fill as the archive keeps it.
#[derive(Clone, Debug)]
pub(crate) struct KeptFill {
    pub(crate) symbol: SymbolIndex,
    pub(crate) order_id: u64,
    pub(crate) side: engine::Side,
    pub(crate) position_side: engine::PositionSide,
    pub(crate) fill: engine::Fill,
}

/// A fill as `userTrades` shows it.
pub(crate) fn user_trade(sym: Sym<'_>, kept: &KeptFill) -> UserTrade {
    let Sym { precision, .. } = sym;
    let (price, qty) = (sym.price(kept.fill.price), sym.qty(kept.fill.qty));
    UserTrade {
        buyer: kept.side == engine::Side::Buy,
        commission: Money::new(kept.fill.commission),
        commission_asset: USDT.into(),
        id: kept.fill.trade_id,
        maker: kept.fill.maker,
        order_id: kept.order_id,
        price: precision.price(price),
        qty: precision.quantity(qty),
        quote_qty: Num(price * qty),
        realized_pnl: ZeroOr::new(kept.fill.realized_pnl),
        side: word!(Side, kept.side),
        position_side: word!(PositionSide, kept.position_side),
        symbol: sym.name().into(),
        time: kept.fill.time.millis(),
    }
}
