//! Conditional orders.

use engine::AlgoOrderState;
use rust_decimal::Decimal;
use sim_exchange::SimExchange;
use sim_exchange::wire::{
    AlgoCancelAnswer, AlgoOrderAnswer, AlgoOrderEvent, AlgoOrderRow, AlgoType, Num, OrEmpty,
    PriceMatch, SelfTradePrevention, TimeInForce, WorkingType,
};

use super::{Sym, word};

/// What was asked, with what holds where nothing was said.
struct Asked {
    time_in_force: TimeInForce,
    quantity: Decimal,
    trigger_price: Decimal,
    price: Decimal,
    working_type: WorkingType,
    price_match: PriceMatch,
    prevention: SelfTradePrevention,
}

fn asked(sym: Sym<'_>, algo: &AlgoOrderState) -> Asked {
    let order = &algo.order;
    Asked {
        time_in_force: match order.time_in_force {
            Some(stated) => word!(TimeInForce, stated),
            // It ends with the position, and says so.
            None if order.close_position => TimeInForce::GteGtc,
            None => TimeInForce::Gtc,
        },
        quantity: order.quantity.map_or(Decimal::ZERO, |qty| sym.qty(qty)),
        trigger_price: sym.price_or_none(order.trigger_price),
        price: sym.price_or_none(order.price),
        working_type: order
            .working_type
            .map_or(WorkingType::ContractPrice, |working| word!(WorkingType, working)),
        price_match: order
            .price_match
            .map_or(PriceMatch::None, |price_match| word!(PriceMatch, price_match)),
        prevention: order
            .self_trade_prevention
            .map_or(SelfTradePrevention::ExpireMaker, |mode| word!(SelfTradePrevention, mode)),
    }
}

fn position_side(algo: &AlgoOrderState) -> sim_exchange::wire::PositionSide {
    let side = algo.order.position_side.unwrap_or(engine::PositionSide::Both);
    word!(PositionSide, side)
}

fn times(algo: &AlgoOrderState) -> (i64, i64, i64, i64) {
    (
        algo.create_time.millis(),
        algo.update_time.millis(),
        algo.trigger_time.map_or(0, |time| time.millis()),
        algo.order.good_till_date.map_or(0, |date| date.millis()),
    )
}

/// The answer to a new conditional order.
pub(crate) fn answer(sym: Sym<'_>, algo: &AlgoOrderState) -> AlgoOrderAnswer {
    let (precision, order) = (sym.precision, &algo.order);
    let asked = asked(sym, algo);
    let (create_time, update_time, trigger_time, good_till_date) = times(algo);
    let activate = order.activate_price.map(|price| precision.price(sym.price(price)));
    AlgoOrderAnswer {
        algo_id: algo.algo_id.0,
        client_algo_id: (*order.client_order_id.0).into(),
        algo_type: AlgoType::Conditional,
        order_type: word!(OrderType, order.order_type),
        symbol: sym.name().into(),
        side: word!(Side, order.side),
        position_side: position_side(algo),
        time_in_force: asked.time_in_force,
        quantity: precision.quantity(asked.quantity),
        algo_status: word!(AlgoStatus, algo.status),
        trigger_price: precision.price(asked.trigger_price),
        price: precision.price(asked.price),
        iceberg_quantity: None,
        self_trade_prevention_mode: asked.prevention,
        working_type: asked.working_type,
        price_match: asked.price_match,
        close_position: order.close_position,
        price_protect: order.price_protect,
        reduce_only: order.reduces(),
        activate_price: OrEmpty(activate),
        callback_rate: OrEmpty(order.callback_rate.map(Num::shortest)),
        create_time,
        update_time,
        trigger_time,
        good_till_date,
    }
}

/// A conditional order as queries show it.
pub(crate) fn row(sym: Sym<'_>, algo: &AlgoOrderState) -> AlgoOrderRow {
    let (precision, order) = (sym.precision, &algo.order);
    let asked = asked(sym, algo);
    let (create_time, update_time, trigger_time, good_till_date) = times(algo);
    let actual = algo.actual.as_ref();
    let average = actual.map(|actual| sym.average(actual.cum_quote, actual.executed_qty));
    let nothing = precision.price(Decimal::ZERO);
    AlgoOrderRow {
        algo_id: algo.algo_id.0,
        client_algo_id: (*order.client_order_id.0).into(),
        algo_type: AlgoType::Conditional,
        order_type: word!(OrderType, order.order_type),
        symbol: sym.name().into(),
        side: word!(Side, order.side),
        position_side: position_side(algo),
        time_in_force: asked.time_in_force,
        quantity: precision.quantity(asked.quantity),
        algo_status: word!(AlgoStatus, algo.status),
        actual_order_id: actual.map_or_else(Box::default, |a| a.order_id.0.to_string().into()),
        actual_price: Num::cut(average.unwrap_or_default(), 5),
        actual_qty: actual.map(|actual| precision.quantity(sym.qty(actual.executed_qty))),
        actual_type: actual.map(|actual| word!(OrderType, actual.order_type)),
        trigger_price: precision.price(asked.trigger_price),
        price: precision.price(asked.price),
        iceberg_quantity: None,
        tp_trigger_price: nothing,
        tp_price: nothing,
        sl_trigger_price: nothing,
        sl_price: nothing,
        tp_order_type: Box::default(),
        self_trade_prevention_mode: asked.prevention,
        working_type: asked.working_type,
        price_match: asked.price_match,
        close_position: order.close_position,
        price_protect: order.price_protect,
        reduce_only: order.reduces(),
        create_time,
        update_time,
        trigger_time,
        good_till_date,
    }
}

/// The rows of a list of conditional orders.
pub(crate) fn rows<'a>(
    exchange: &SimExchange,
    algos: impl IntoIterator<Item = &'a AlgoOrderState>,
) -> Vec<AlgoOrderRow> {
    let shown = |algo: &AlgoOrderState| Some(row(Sym::of(exchange, algo.order.symbol)?, algo));
    algos.into_iter().filter_map(shown).collect()
}

/// The answer to a cancellation.
pub(crate) fn cancelled(algo: &AlgoOrderState) -> AlgoCancelAnswer {
    AlgoCancelAnswer {
        algo_id: algo.algo_id.0,
        client_algo_id: (*algo.order.client_order_id.0).into(),
        code: "200".into(),
        msg: "success".into(),
    }
}

/// A conditional order in ALGO_UPDATE.
pub(crate) fn event(sym: Sym<'_>, algo: &AlgoOrderState) -> AlgoOrderEvent {
    let (precision, order) = (sym.precision, &algo.order);
    let asked = asked(sym, algo);
    let (_, _, trigger_time, good_till_date) = times(algo);
    let actual = algo.actual.as_ref();
    let average = actual.map(|actual| sym.average(actual.cum_quote, actual.executed_qty));
    let filled = actual.map(|actual| precision.quantity(sym.qty(actual.executed_qty)));
    AlgoOrderEvent {
        client_algo_id: (*order.client_order_id.0).into(),
        algo_id: algo.algo_id.0,
        algo_type: AlgoType::Conditional,
        order_type: word!(OrderType, order.order_type),
        symbol: sym.name().into(),
        side: word!(Side, order.side),
        position_side: position_side(algo),
        time_in_force: asked.time_in_force,
        quantity: precision.quantity(asked.quantity),
        status: word!(AlgoStatus, algo.status),
        actual_order_id: actual.map_or_else(Box::default, |a| a.order_id.0.to_string().into()),
        actual_price: Num::cut(average.unwrap_or_default(), 5),
        actual_qty: filled.unwrap_or(Num::cut(Decimal::ZERO, 5)),
        actual_type: actual.map_or_else(|| "0".into(), |a| a.order_type.as_str().into()),
        trigger_price: Num::shortest(asked.trigger_price),
        price: Num::shortest(asked.price),
        self_trade_prevention: asked.prevention,
        working_type: asked.working_type,
        price_match: asked.price_match,
        close_position: order.close_position,
        price_protect: order.price_protect,
        reduce_only: order.reduces(),
        trigger_time,
        good_till_date,
        reason: algo.reason.clone(),
    }
}
