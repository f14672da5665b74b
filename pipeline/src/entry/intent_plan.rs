//! From an intent to the plan that both wirings execute.

use std::borrow::Cow;

use engine::{Body, Context, Delivery, EntryId, EpochSeconds, Nanos, TypedRecord as _};
use rust_decimal::Decimal;
use strategies::entry::plan_id;

use crate::grid;
use crate::records::{
    ApplyPlan, Decision, Executor, IntentAction, OrderSide, PlanAction, PlanClass, ReduceOnly,
    TradeIntent, contract_violations,
};
use crate::streams::TRADE_INTENT;

/// The delivered intent; what cannot be read is a dead letter. `data_only`: an audited reader, who knows the
/// field `data` and no other, and leaves everything else pending.
pub(crate) fn read_intent<'d>(
    delivery: &'d Delivery,
    data_only: bool,
    ctx: &mut Context<'_>,
) -> Option<Cow<'d, TradeIntent>> {
    if !data_only {
        return ctx.read::<TradeIntent>(TRADE_INTENT.name, delivery);
    }
    let data = match &delivery.entry.body {
        Some(Body::Fields(fields)) => fields.get("data"),
        Some(Body::Message(_)) | None => None,
    };
    let json = data.and_then(|data| serde_json::from_str(data).ok());
    let intent = json.and_then(|json| TradeIntent::from_json(&json).ok());
    if intent.is_none() {
        ctx.leave_pending();
    }
    intent.map(Cow::Owned)
}

/// How far the clock of a writer may be ahead.
const AHEAD_MAX: Nanos = Nanos::from_secs(60);

/// MSE 1.3: an intent that breaks the contract is told when it is read, and goes on.
pub(crate) fn count_violations(intent: &TradeIntent, ctx: &mut Context<'_>) {
    if !contract_violations(intent).is_empty() {
        ctx.count("intents_out_of_contract", 1);
    }
}

/// Whether the numbers of an open can be meant; the counter of its reason otherwise. A close is not held to them:
/// what it takes is what the exchange holds.
pub(crate) fn in_range(intent: &TradeIntent, now: Nanos) -> Result<(), &'static str> {
    let require = |holds: bool, reason| if holds { Ok(()) } else { Err(reason) };
    // An order could be as old as one likes, if it only said that it came tomorrow.
    require(intent.timestamp.0 - now <= AHEAD_MAX, "dropped_from_the_future")?;
    require((0.0..=1.0).contains(&intent.confidence), "dropped_confidence_out_of_range")?;
    let leverage = intent.leverage.is_none_or(|leverage| (1.0..=125.0).contains(&leverage));
    require(leverage, "dropped_leverage_out_of_range")?;
    let size = intent.position_size_usd.is_none_or(|size| size > Decimal::ZERO);
    require(size, "dropped_size_out_of_range")
}

/// What an intent asks for.
pub(crate) struct Asked {
    /// It makes a position smaller.
    pub closes: bool,
    pub side: OrderSide,
    /// Base quantity.
    pub qty: Option<Decimal>,
    pub leverage: Option<u32>,
}

/// Base quantity of an intent: the first of quantity, qty, size/price, position_size_usd/entry_price.
fn quantity(intent: &TradeIntent) -> Option<Decimal> {
    let ratio = |usd: Option<Decimal>, price: Option<Decimal>| usd?.checked_div(price?);
    intent
        .quantity
        .or(intent.qty)
        .or_else(|| ratio(intent.size, intent.price))
        .or_else(|| ratio(intent.position_size_usd, intent.entry_price))
        .filter(|qty| *qty > Decimal::ZERO)
}

/// Reads an intent; `held` is the sign of the position that it meets. The counter of its reason where it asks
/// for nothing.
pub(crate) fn asked(intent: &TradeIntent, held: i64) -> Result<Asked, &'static str> {
    let closes = intent.action == Some(IntentAction::Close) || intent.reduce_only == Some(true);
    let side = match (intent.action, intent.side) {
        (Some(IntentAction::Buy), _) => OrderSide::Buy,
        (Some(IntentAction::Sell), _) => OrderSide::Sell,
        // The side of a close is that which the position needs.
        (Some(IntentAction::Close), _) if held > 0 => OrderSide::Sell,
        (Some(IntentAction::Close), _) if held < 0 => OrderSide::Buy,
        (Some(IntentAction::Close) | None, Some(side)) => side,
        (Some(IntentAction::Close) | None, None) => return Err("dropped_without_action"),
    };
    let leverage =
        intent.leverage.map(|leverage| leverage.round_ties_even().clamp(1.0, 125.0) as u32);
    Ok(Asked { closes, side, qty: quantity(intent), leverage: leverage.or((!closes).then_some(1)) })
}

/// The plan of an intent, without a kill score.
pub(crate) fn plan_of(
    intent: &TradeIntent,
    asked: &Asked,
    entry: EntryId,
    now: Nanos,
    until: Nanos,
) -> ApplyPlan {
    let (closes, side, symbol) = (asked.closes, asked.side, intent.symbol);
    // Of the nearest double, so that the id does not hang on how a quotient was rounded.
    let float = grid::float(asked.qty.unwrap_or_default());
    ApplyPlan {
        plan_id: plan_id(&entry.to_string(), symbol.as_str(), side.as_str(), float),
        correlation_id: intent.correlation_id.unwrap_or_default(),
        source: intent.source.clone().unwrap_or_default().into_owned(),
        executor: Executor::IntentExecutor,
        class: if closes { PlanClass::Close } else { PlanClass::Open },
        symbol,
        action: match (closes, side) {
            (true, _) => PlanAction::FullClose,
            (false, OrderSide::Buy) => PlanAction::Buy,
            (false, OrderSide::Sell) => PlanAction::Sell,
        },
        side,
        order_type: "MARKET".into(),
        qty: asked.qty,
        // Of a close that names no quantity; one that does closes that much.
        fraction: (closes && asked.qty.is_none()).then_some(Decimal::ONE),
        reduce_only: ReduceOnly(closes),
        decision: Decision::Execute,
        reason_codes: intent.reason.clone().unwrap_or_default(),
        kill_score: None,
        k_regime_flip: None,
        k_sigma_spike: None,
        k_ts_drop: None,
        k_age_penalty: None,
        confidence: Some(intent.confidence),
        leverage: asked.leverage,
        stop_loss: intent.stop_loss,
        take_profit: intent.take_profit,
        new_sl_proposed: None,
        r_net: None,
        price: intent.entry_price,
        model: intent.model.clone(),
        timestamp: EpochSeconds(now),
        valid_until: EpochSeconds(until),
    }
}
