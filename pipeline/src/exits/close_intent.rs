//! The intent by which exit monitor and exit brain ask for a close.

use engine::{IsoTime, Nanos};
use rust_decimal::Decimal;

use crate::records::{ExitReason, IntentAction, Stops, TradeIntent};

/// The intent of an exit owner to close this position.
pub(super) fn close_intent(
    stops: &Stops,
    price: Decimal,
    reason: ExitReason,
    source: &'static str,
    now: Nanos,
) -> TradeIntent {
    TradeIntent {
        symbol: stops.symbol,
        action: Some(IntentAction::Close),
        side: stops.side.closing(),
        confidence: 1.0,
        timestamp: IsoTime(now),
        position_size_usd: Some((stops.qty * price).round_dp(8)).filter(|usd| *usd > Decimal::ZERO),
        margin_usd: None,
        notional_usd: None,
        size: None,
        price: None,
        quantity: Some(stops.qty),
        qty: None,
        leverage: None,
        entry_price: Some(price),
        stop_loss: None,
        take_profit: None,
        reduce_only: Some(true),
        source: Some(source.into()),
        reason: Some(reason.as_str().into()),
        model: Some(source.into()),
        meta_strategy: Some("EXIT".into()),
        regime: None,
        atr_value: None,
        volatility_factor: None,
        exchange_divergence: None,
        funding_rate: None,
        correlation_id: Some(stops.correlation_id),
    }
}
