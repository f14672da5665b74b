//! The risk policy of portfolio governance, held against opens (MSE 15.2: one owner; the bridge applies it).
//!
//! A policy that is absent, unreadable or stale stops opens, as a missing list of the policy store does (MSE 17).

use engine::{Context, Nanos};
use rust_decimal::Decimal;
use strategies::portfolio::{Policy, TradeCheck, TradeProposal, governed_size_usd, trade_check};

use super::Dropped;
use crate::entry::intent_plan::Asked;
use crate::grid;
use crate::keys;
use crate::records::{GovernanceDecision, SymbolPerformance, TradeIntent};

/// Its owner decides every 30 s; a policy that nobody has looked at for so long is none.
const DECIDED_WITHIN: Nanos = Nanos::from_secs(300);
/// What a symbol won longer ago says nothing of it, or one that lost would never trade again.
const PERFORMANCE_AGE_MAX: Nanos = Nanos::from_secs(30 * 86_400);

/// The policy in force.
fn policy(ctx: &mut Context<'_>) -> Option<Policy> {
    let policy = ctx.get(keys::GOVERNANCE_POLICY.name).ok().flatten();
    let policy = policy.and_then(|name| Policy::of(&name))?;
    let decided = match ctx.json::<GovernanceDecision>(keys::GOVERNANCE_LAST_DECISION.name) {
        Ok(decision) => decision.map(|decision| decision.timestamp.0),
        Err(_) => return None,
    };
    // Before its first decision the owner has only written the policy.
    let fresh = decided.is_none_or(|at| ctx.now() - at <= DECIDED_WITHIN);
    fresh.then_some(policy)
}

/// How many trades of the symbol are known, and the share of those that won.
fn performance(intent: &TradeIntent, ctx: &mut Context<'_>) -> (u64, f64) {
    let now = ctx.now();
    match ctx.record::<SymbolPerformance>(&keys::SYMBOL_PERFORMANCE.of(intent.symbol)) {
        Ok(Some(of)) if now - of.updated_at.0 <= PERFORMANCE_AGE_MAX => {
            (of.total_trades, of.win_rate)
        }
        Ok(_) => (0, 0.0),
        Err(_) => {
            ctx.count("performance_unreadable", 1);
            (0, 0.0)
        }
    }
}

/// Refuses what the policy does not allow, and says how large an open may be: the base of its share is the equity.
/// `None` where nobody knows a price: its size is then the governor's to limit, who has the mark price.
pub(super) fn largest_qty(
    intent: &TradeIntent,
    asked: &Asked,
    equity_usd: Option<f64>,
    ctx: &mut Context<'_>,
) -> Result<Option<Decimal>, Dropped> {
    let policy = policy(ctx).ok_or("dropped_governance_unknown")?;
    let (symbol_samples, symbol_win_rate) = performance(intent, ctx);
    let trade = TradeProposal {
        leverage: f64::from(asked.leverage.unwrap_or(1)),
        confidence: intent.confidence,
        symbol_samples,
        symbol_win_rate,
    };
    match trade_check(policy, &trade) {
        TradeCheck::Allowed => {}
        TradeCheck::LeverageTooHigh => return Err("dropped_governance_leverage"),
        TradeCheck::ConfidenceTooLow => return Err("dropped_governance_confidence"),
        TradeCheck::SymbolLosing => return Err("dropped_governance_symbol"),
    }
    let largest = equity_usd
        .and_then(|equity| governed_size_usd(policy, equity, intent.confidence).ok())
        .and_then(grid::decimal);
    let price = intent.entry_price.or(intent.price);
    let largest_qty = largest.zip(price).and_then(|(usd, price)| usd.checked_div(price));
    match (asked.qty, largest_qty) {
        (Some(qty), Some(most)) if qty > most => ctx.count("governance_sized_down", 1),
        (_, Some(_)) => {}
        (_, None) => ctx.count("governance_size_unknown", 1),
    }
    Ok(largest_qty)
}
