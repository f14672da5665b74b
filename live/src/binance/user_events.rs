//! From the frames of the user stream to the port's events.

use binance_wire as wire;
use engine::{
    AccountUpdateReason, ActualOrder, AlgoId, AlgoOrderState, AlgoStatus, BalanceUpdate,
    ClientOrderId, ExecutionType, ExpiryReason, Fill, MarginCallPosition, MarginType, Nanos,
    NewOrder, OrderId, OrderState, OrderType, PositionUpdate, UserEvent,
};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::answers::{
    margin_type, order_type, position_side, price_match, self_trade, side, status, time_in_force,
    time_unless_zero, word, working_type,
};
use super::grid::{Grid, WireError, time};
use super::ledger::is_the_venues;
use super::market::readable;

/// What a frame of the user stream is for us.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Heard {
    /// An event of the port, at the venue's time.
    Event(Nanos, UserEvent),
    /// The key of the stream is no longer valid.
    KeyExpired(Nanos),
    /// Nothing that anybody needs: its name.
    Nothing,
}

/// The name of an event, `e`, without reading the rest.
pub(super) fn event_name(frame: &str) -> &str {
    let Some(at) = frame.find("\"e\":\"") else { return "" };
    let rest = &frame[at + 5..];
    rest.split('"').next().unwrap_or_default()
}

/// Reads one frame. TRADE_LITE is passed over: it lacks fee and profit, and ORDER_TRADE_UPDATE follows it
/// with both.
pub(super) fn hear(frame: &str, grid: &Grid) -> Result<Heard, WireError> {
    let at = |ms: i64, event: UserEvent| Ok(Heard::Event(time("time", ms)?, event));
    match event_name(frame) {
        "ORDER_TRADE_UPDATE" => {
            let update: wire::OrderTradeUpdate = read(frame)?;
            at(update.transaction_time, order_update(&update, grid)?)
        }
        "ACCOUNT_UPDATE" => {
            let update: wire::AccountUpdate = read(frame)?;
            at(update.transaction_time, account_update(&update.update, grid)?)
        }
        "ALGO_UPDATE" => {
            let update: wire::AlgoUpdate = read(frame)?;
            at(update.transaction_time, algo_update(&update, grid)?)
        }
        "MARGIN_CALL" => {
            let call: wire::MarginCall = read(frame)?;
            at(call.event_time, margin_call(&call, grid)?)
        }
        "ACCOUNT_CONFIG_UPDATE" => {
            let update: wire::AccountConfigUpdate = read(frame)?;
            match (update.leverage, update.account) {
                (Some(set), _) => {
                    let symbol = grid.symbol(&set.symbol)?;
                    let event = UserEvent::LeverageUpdate { symbol, leverage: set.leverage };
                    at(update.transaction_time, event)
                }
                (None, Some(set)) => {
                    let multi_assets = set.multi_assets_margin;
                    at(update.transaction_time, UserEvent::MultiAssetsUpdate { multi_assets })
                }
                (None, None) => Ok(Heard::Nothing),
            }
        }
        "listenKeyExpired" => {
            let expired: wire::ListenKeyExpired = read(frame)?;
            Ok(Heard::KeyExpired(time("event time", expired.event_time)?))
        }
        "CONDITIONAL_ORDER_TRIGGER_REJECT" => {
            let reject: wire::TriggerReject = read(frame)?;
            let symbol = grid.symbol(&reject.order.symbol)?;
            let (order_id, reason) = (OrderId(reject.order.order_id), reject.order.reason);
            let event = UserEvent::ConditionalTriggerReject { symbol, order_id, reason };
            at(reject.transaction_time, event)
        }
        "" => readable(frame).map(|()| Heard::Nothing),
        _ => Ok(Heard::Nothing),
    }
}

fn read<'de, T: Deserialize<'de>>(frame: &'de str) -> Result<T, WireError> {
    Ok(serde_json::from_str(frame)?)
}

fn expiry_reason(reason: Option<&wire::ExpiryReason>) -> ExpiryReason {
    use wire::ExpiryReason as Wire;
    match reason {
        None | Some(Wire::None | Wire::Other(_)) => ExpiryReason::None,
        Some(Wire::SelfTrade) => ExpiryReason::SelfTrade,
        Some(Wire::IocRest) => ExpiryReason::IocRest,
        Some(Wire::IocSelfTrade) => ExpiryReason::IocSelfTrade,
        Some(Wire::ReduceOnly) => ExpiryReason::ReduceOnlyKnockedOut,
        Some(Wire::Liquidation) => ExpiryReason::Liquidation,
        Some(Wire::GteGone) => ExpiryReason::ConditionGone,
        Some(Wire::Delisted) => ExpiryReason::Delisted,
        Some(Wire::Triggered) => ExpiryReason::Triggered,
        Some(Wire::MarketRest) => ExpiryReason::MarketRest,
    }
}

/// `cum_quote` is average price times filled quantity; the ledger puts the exact sum in its place where it
/// knows all fills. `time` is that of the event; the ledger knows when the order was accepted.
fn order_update(update: &wire::OrderTradeUpdate, grid: &Grid) -> Result<UserEvent, WireError> {
    let event = &update.order;
    let symbol = grid.symbol(&event.symbol)?;
    let execution = word("execution type", event.execution_type.as_str(), ExecutionType::parse)?;
    let time = time("trade time", event.time)?;
    let fills = matches!(execution, ExecutionType::Trade | ExecutionType::Calculated);
    let fill = match fills {
        true => Some(Fill {
            trade_id: event.trade_id,
            time,
            price: grid.price(symbol, "fill price", event.last_price.0)?,
            qty: grid.qty(symbol, "fill quantity", event.last_qty.0)?,
            commission: match &event.commission_asset {
                Some(asset) if &**asset != "USDT" => Decimal::ZERO,
                _ => event.commission.map_or(Decimal::ZERO, |fee| fee.value().normalize()),
            },
            realized_pnl: event.realized_profit.0.normalize(),
            maker: event.maker,
        }),
        false => None,
    };
    let order = OrderState {
        order_id: OrderId(event.order_id),
        client_order_id: ClientOrderId((&*event.client_order_id).into()),
        symbol,
        side: side(&event.side)?,
        position_side: position_side(&event.position_side)?,
        order_type: order_type(&event.order_type)?,
        orig_type: order_type(&event.orig_type)?,
        time_in_force: time_in_force(&event.time_in_force)?,
        orig_qty: grid.qty(symbol, "quantity", event.orig_qty.0)?,
        executed_qty: grid.qty(symbol, "filled quantity", event.filled_qty.0)?,
        cum_quote: event.avg_price.0.saturating_mul(event.filled_qty.0).normalize(),
        price: grid.price_unless_zero(symbol, "limit price", event.price.0)?,
        trigger_price: grid.price_unless_zero(symbol, "trigger price", event.stop_price.0)?,
        reduce_only: event.reduce_only,
        close_position: event.close_position,
        working_type: working_type(&event.working_type)?,
        price_protect: event.price_protect,
        price_match: match &event.price_match {
            Some(text) => price_match(text)?,
            None => engine::PriceMatch::None,
        },
        self_trade_prevention: self_trade(&event.self_trade_prevention)?,
        good_till_date: event.good_till_date.and_then(time_unless_zero),
        status: status(&event.status)?,
        expiry_reason: expiry_reason(event.expiry_reason.as_ref()),
        time,
        update_time: time,
    };
    let liquidation = is_the_venues(&event.client_order_id);
    Ok(UserEvent::OrderTradeUpdate { execution, order: Box::new(order), fill, liquidation })
}

/// A fee that was not paid in USDT, which the port cannot show: its asset.
pub(super) fn foreign_fee(frame: &str) -> Option<Box<str>> {
    let update: wire::OrderTradeUpdate = serde_json::from_str(frame).ok()?;
    let fee = update.order.commission.filter(|fee| !fee.value().is_zero());
    update.order.commission_asset.filter(|asset| fee.is_some() && &**asset != "USDT")
}

fn account_update(change: &wire::AccountChange, grid: &Grid) -> Result<UserEvent, WireError> {
    let reason = match &change.reason {
        wire::UpdateReason::AssetTransfer
        | wire::UpdateReason::AdminDeposit
        | wire::UpdateReason::CoinSwapDeposit
        | wire::UpdateReason::OptionsSettleProfit
        | wire::UpdateReason::WithdrawReject => AccountUpdateReason::Deposit,
        wire::UpdateReason::AdminWithdraw
        | wire::UpdateReason::CoinSwapWithdraw
        | wire::UpdateReason::OptionsPremiumFee => AccountUpdateReason::Withdraw,
        wire::UpdateReason::Other(_) => AccountUpdateReason::Adjustment,
        known => word("reason", known.as_str(), AccountUpdateReason::parse)?,
    };
    let usdt = change.balances.iter().find(|balance| &*balance.asset == "USDT");
    let balance = usdt.map(|balance| BalanceUpdate {
        wallet_balance: balance.wallet_balance.value().normalize(),
        cross_wallet_balance: balance.cross_wallet_balance.value().normalize(),
        balance_change: balance.balance_change.value().normalize(),
    });
    let mut positions = Vec::with_capacity(change.positions.len());
    for row in &change.positions {
        // Positions of other symbols are somebody else's.
        let Ok(symbol) = grid.symbol(&row.symbol) else { continue };
        let position_amt = grid.qty(symbol, "position", row.position_amt.0)?;
        let unless_flat = |value: Decimal| match position_amt.0 {
            0 => Decimal::ZERO,
            _ => value.normalize(),
        };
        positions.push(PositionUpdate {
            symbol,
            position_side: position_side(&row.position_side)?,
            position_amt,
            entry_price: unless_flat(row.entry_price.0),
            break_even_price: unless_flat(row.break_even_price.0),
            accumulated_realized: row.cumulative_realized.0.normalize(),
            unrealized_profit: row.unrealized_profit.0.normalize(),
            margin_type: margin_type(&row.margin_type)?,
            isolated_wallet: row.isolated_wallet.0.normalize(),
        });
    }
    Ok(UserEvent::AccountUpdate { reason, balance, positions })
}

fn algo_update(update: &wire::AlgoUpdate, grid: &Grid) -> Result<UserEvent, WireError> {
    let event = &update.order;
    let symbol = grid.symbol(&event.symbol)?;
    let time = time("transaction time", update.transaction_time)?;
    let actual = match event.actual_order_id.parse::<u64>() {
        Ok(order_id) if order_id != 0 => Some(ActualOrder {
            order_id: OrderId(order_id),
            order_type: OrderType::parse(&event.actual_type).unwrap_or(OrderType::Market),
            executed_qty: grid.qty(symbol, "filled quantity", event.actual_qty.0)?,
            cum_quote: event.actual_price.0.saturating_mul(event.actual_qty.0).normalize(),
        }),
        _ => None,
    };
    let order = NewOrder {
        symbol,
        side: side(&event.side)?,
        position_side: Some(position_side(&event.position_side)?),
        order_type: order_type(&event.order_type)?,
        time_in_force: Some(time_in_force(&event.time_in_force)?),
        quantity: match event.quantity.0.is_zero() {
            true => None,
            false => Some(grid.qty(symbol, "quantity", event.quantity.0)?),
        },
        price: grid.price_unless_zero(symbol, "limit price", event.price.0)?,
        reduce_only: Some(event.reduce_only),
        close_position: event.close_position,
        trigger_price: grid.price_unless_zero(symbol, "trigger price", event.trigger_price.0)?,
        activate_price: None,
        callback_rate: None,
        working_type: Some(working_type(&event.working_type)?),
        price_protect: event.price_protect,
        price_match: Some(price_match(&event.price_match)?),
        self_trade_prevention: Some(self_trade(&event.self_trade_prevention)?),
        good_till_date: time_unless_zero(event.good_till_date),
        client_order_id: ClientOrderId((&*event.client_algo_id).into()),
    };
    let state = AlgoOrderState {
        algo_id: AlgoId(event.algo_id),
        order,
        status: word("algoStatus", event.status.as_str(), AlgoStatus::parse)?,
        actual,
        reason: event.reason.clone(),
        create_time: time,
        trigger_time: time_unless_zero(event.trigger_time),
        update_time: time,
    };
    Ok(UserEvent::AlgoUpdate { order: Box::new(state) })
}

fn margin_call(call: &wire::MarginCall, grid: &Grid) -> Result<UserEvent, WireError> {
    let mut positions = Vec::with_capacity(call.positions.len());
    for row in &call.positions {
        let Ok(symbol) = grid.symbol(&row.symbol) else { continue };
        positions.push(MarginCallPosition {
            symbol,
            position_side: position_side(&row.position_side)?,
            position_amt: grid.qty(symbol, "position", row.position_amt.0)?,
            margin_type: word("marginType", row.margin_type.as_str(), MarginType::parse)?,
            isolated_wallet: row.isolated_wallet.0.normalize(),
            mark_price: grid.nearest(symbol, "mark price", row.mark_price.0)?,
            unrealized_profit: row.unrealized_profit.0.normalize(),
            maint_margin: row.maint_margin.0.normalize(),
        });
    }
    let cross_wallet_balance = call.cross_wallet_balance.map(|cross| cross.value().normalize());
    Ok(UserEvent::MarginCall { cross_wallet_balance, positions })
}
