//! The user stream.

use engine::{AccountId, Nanos, OrderState, PositionSide, Side, UserEvent};
use rust_decimal::Decimal;
use sim_exchange::SimExchange;
use sim_exchange::wire::{
    self, AccountChange, AccountConfigUpdate, AccountUpdate, AlgoUpdate, BalanceEvent,
    ExpiryReason, LeverageEvent, ListenKeyExpired, MarginCall, MarginCallPosition, MarginTypeLower,
    Money, MultiAssetsEvent, Num, OrderEvent, OrderTradeUpdate, PositionEvent, TradeLite,
    TriggerReject, TriggerRejectOrder, ZeroOr,
};

use super::{Sym, USDT, algos, word};

/// `0` alone for nothing, else eight decimals.
fn money_or_zero(value: Decimal) -> Num {
    if value.is_zero() { Num::ZERO } else { Num::cut(value, 8) }
}

fn lower(margin_type: engine::MarginType) -> MarginTypeLower {
    match margin_type {
        engine::MarginType::Crossed => MarginTypeLower::Cross,
        engine::MarginType::Isolated => MarginTypeLower::Isolated,
    }
}

/// In hedge mode every order of a closing side counts as reduce-only.
fn reduces(order: &OrderState) -> bool {
    order.reduce_only
        || matches!(
            (order.position_side, order.side),
            (PositionSide::Long, Side::Sell) | (PositionSide::Short, Side::Buy)
        )
}

/// When an event happened, and when it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) account: AccountId,
    pub(crate) time: Nanos,
    pub(crate) now: Nanos,
}

/// An event of the user stream as the wire has it; none where it names a symbol that is not there.
pub(crate) fn event(
    exchange: &SimExchange,
    told: Told,
    event: &UserEvent,
) -> Option<wire::UserEvent> {
    let (transaction_time, event_time) = (told.time.millis(), told.now.millis());
    Some(match event {
        UserEvent::TradeLite { order, fill } => {
            let sym = Sym::of(exchange, order.symbol)?;
            wire::UserEvent::TradeLite(Box::new(TradeLite {
                event_time,
                transaction_time,
                symbol: sym.name().into(),
                orig_qty: sym.precision.quantity(sym.qty(order.orig_qty)),
                price: sym.precision.price_or_zero(sym.price_or_none(order.price)),
                maker: fill.maker,
                client_order_id: (*order.client_order_id.0).into(),
                side: word!(Side, order.side),
                last_price: sym.precision.price(sym.price(fill.price)),
                last_qty: sym.precision.quantity(sym.qty(fill.qty)),
                trade_id: fill.trade_id,
                order_id: order.order_id.0,
            }))
        }
        UserEvent::AccountUpdate { .. } => account_update(exchange, told, event)?,
        UserEvent::OrderTradeUpdate { .. } => order_update(exchange, told, event)?,
        UserEvent::AlgoUpdate { order } => {
            let sym = Sym::of(exchange, order.order.symbol)?;
            let order = algos::event(sym, order);
            wire::UserEvent::AlgoUpdate(Box::new(AlgoUpdate {
                transaction_time,
                event_time,
                order,
            }))
        }
        UserEvent::ConditionalTriggerReject { symbol, order_id, reason } => {
            let order = TriggerRejectOrder {
                symbol: Sym::of(exchange, *symbol)?.name().into(),
                order_id: order_id.0,
                reason: reason.clone(),
            };
            let reject = TriggerReject { event_time, transaction_time, order };
            wire::UserEvent::ConditionalOrderTriggerReject(reject)
        }
        UserEvent::MarginCall { .. } => margin_call(exchange, told, event)?,
        UserEvent::LeverageUpdate { symbol, leverage } => {
            let symbol = Sym::of(exchange, *symbol)?.name().into();
            wire::UserEvent::AccountConfigUpdate(AccountConfigUpdate {
                event_time,
                transaction_time,
                leverage: Some(LeverageEvent { symbol, leverage: *leverage }),
                account: None,
            })
        }
        UserEvent::MultiAssetsUpdate { multi_assets } => {
            let account = MultiAssetsEvent { multi_assets_margin: *multi_assets };
            wire::UserEvent::AccountConfigUpdate(AccountConfigUpdate {
                event_time,
                transaction_time,
                leverage: None,
                account: Some(account),
            })
        }
        // Its key is known to the server alone.
        UserEvent::ListenKeyExpired => return None,
    })
}

/// `listenKeyExpired` of a key.
pub(crate) fn key_expired(key: &str, now: Nanos) -> wire::UserEvent {
    let expired = ListenKeyExpired { event_time: now.millis(), listen_key: key.into() };
    wire::UserEvent::ListenKeyExpired(expired)
}

/// `b` and `a`: in hedge mode closing orders count, too.
fn notionals(exchange: &SimExchange, account: AccountId, order: &OrderState) -> (Decimal, Decimal) {
    let (symbol, side) = (order.symbol, order.position_side);
    match side {
        PositionSide::Both => {
            let open = exchange.open_notionals_of(account, symbol, side);
            (open.bids, open.asks)
        }
        PositionSide::Long | PositionSide::Short => {
            exchange.resting_notionals_of(account, symbol, side)
        }
    }
}

fn order_update(exchange: &SimExchange, told: Told, event: &UserEvent) -> Option<wire::UserEvent> {
    let UserEvent::OrderTradeUpdate { execution, order, fill, .. } = event else { return None };
    let sym = Sym::of(exchange, order.symbol)?;
    let precision = sym.precision;
    let (bids, asks) = notionals(exchange, told.account, order);
    let fill = fill.as_ref();
    let reason = (order.expiry_reason as u8).to_string();
    let event = OrderEvent {
        symbol: sym.name().into(),
        client_order_id: (*order.client_order_id.0).into(),
        side: word!(Side, order.side),
        order_type: word!(OrderType, order.order_type),
        time_in_force: word!(TimeInForce, order.time_in_force),
        orig_qty: precision.quantity(sym.qty(order.orig_qty)),
        price: precision.price_or_zero(sym.price_or_none(order.price)),
        avg_price: precision.price_or_zero(sym.average(order.cum_quote, order.executed_qty)),
        stop_price: precision.price_or_zero(sym.price_or_none(order.trigger_price)),
        execution_type: word!(ExecutionType, *execution),
        status: word!(OrderStatus, order.status),
        order_id: order.order_id.0,
        last_qty: fill.map_or(Num::ZERO, |fill| precision.quantity(sym.qty(fill.qty))),
        filled_qty: precision.quantity_or_zero(sym.qty(order.executed_qty)),
        last_price: fill.map_or(Num::ZERO, |fill| precision.price(sym.price(fill.price))),
        commission_asset: Some(USDT.into()),
        commission: Some(ZeroOr::new(fill.map_or(Decimal::ZERO, |fill| fill.commission))),
        time: told.time.millis(),
        trade_id: fill.map_or(0, |fill| fill.trade_id),
        bid_notional: Num::shortest(bids),
        ask_notional: Num::shortest(asks),
        maker: fill.is_some_and(|fill| fill.maker),
        reduce_only: reduces(order),
        working_type: word!(WorkingType, order.working_type),
        orig_type: word!(OrderType, order.orig_type),
        position_side: word!(PositionSide, order.position_side),
        close_position: order.close_position,
        activate_price: Some(Num::ZERO),
        callback_rate: Some(Num::ZERO),
        price_protect: order.price_protect,
        ignored_si: 0,
        ignored_ss: 0,
        realized_profit: money_or_zero(fill.map_or(Decimal::ZERO, |fill| fill.realized_pnl)),
        self_trade_prevention: word!(SelfTradePrevention, order.self_trade_prevention),
        price_match: Some(word!(PriceMatch, order.price_match)),
        good_till_date: Some(order.good_till_date.map_or(0, |date| date.millis())),
        expiry_reason: Some(ExpiryReason::from(reason.as_str())),
    };
    Some(wire::UserEvent::OrderTradeUpdate(Box::new(OrderTradeUpdate {
        transaction_time: told.time.millis(),
        event_time: told.now.millis(),
        order: event,
    })))
}

fn account_update(
    exchange: &SimExchange,
    told: Told,
    event: &UserEvent,
) -> Option<wire::UserEvent> {
    let UserEvent::AccountUpdate { reason, balance, positions } = event else { return None };
    let balances = balance.iter().map(|balance| BalanceEvent {
        asset: USDT.into(),
        wallet_balance: Money::new(balance.wallet_balance),
        cross_wallet_balance: Money::new(balance.cross_wallet_balance),
        balance_change: ZeroOr::new(balance.balance_change),
    });
    let positions = positions.iter().filter_map(|position| {
        let sym = Sym::of(exchange, position.symbol)?;
        Some(PositionEvent {
            symbol: sym.name().into(),
            position_amt: sym.precision.quantity_or_zero(sym.qty(position.position_amt)),
            entry_price: Num::shortest(position.entry_price),
            break_even_price: Num::shortest(position.break_even_price),
            cumulative_realized: money_or_zero(position.accumulated_realized),
            unrealized_profit: money_or_zero(position.unrealized_profit),
            margin_type: lower(position.margin_type),
            isolated_wallet: money_or_zero(position.isolated_wallet),
            position_side: word!(PositionSide, position.position_side),
            margin_asset: Some(USDT.into()),
        })
    });
    Some(wire::UserEvent::AccountUpdate(Box::new(AccountUpdate {
        transaction_time: told.time.millis(),
        event_time: told.now.millis(),
        update: AccountChange {
            reason: word!(UpdateReason, *reason),
            balances: balances.collect(),
            positions: positions.collect(),
        },
    })))
}

fn margin_call(exchange: &SimExchange, told: Told, event: &UserEvent) -> Option<wire::UserEvent> {
    let UserEvent::MarginCall { cross_wallet_balance, positions } = event else { return None };
    let positions = positions.iter().filter_map(|position| {
        let sym = Sym::of(exchange, position.symbol)?;
        Some(MarginCallPosition {
            symbol: sym.name().into(),
            position_side: word!(PositionSide, position.position_side),
            position_amt: sym.precision.quantity(sym.qty(position.position_amt)),
            margin_type: word!(MarginType, position.margin_type),
            isolated_wallet: money_or_zero(position.isolated_wallet),
            mark_price: Num::cut(sym.price(position.mark_price), 8),
            unrealized_profit: money_or_zero(position.unrealized_profit),
            maint_margin: money_or_zero(position.maint_margin),
        })
    });
    Some(wire::UserEvent::MarginCall(MarginCall {
        event_time: told.now.millis(),
        cross_wallet_balance: cross_wallet_balance.map(Money::new),
        positions: positions.collect(),
    }))
}
