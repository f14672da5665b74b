//! How much of a position a close may take.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::close_action::CloseAction;

/// Side of a signed amount: `LONG`, `SHORT`, `NONE`.
#[must_use]
pub fn side_word(amount: Decimal) -> &'static str {
    if amount.is_zero() {
        "NONE"
    } else if amount.is_sign_positive() {
        "LONG"
    } else {
        "SHORT"
    }
}

/// The share of a position that an action closes, rounded down to the exchange's step and never above
/// what there is. Less than one step is closed whole, or a small position could not be left in parts.
/// `None` for an action that closes nothing.
#[must_use]
pub fn safe_quantity(action: &str, exchange_amt: Decimal, step: Decimal) -> Option<Decimal> {
    let open = exchange_amt.abs();
    let close = CloseAction::parse(action)?;
    if close == CloseAction::FullClose {
        return Some(open);
    }
    let part = crate::harvest::share_of(open, close.percent(), step);
    Some(if part.is_zero() { open } else { part.min(open) })
}

/// Audited: a fixed step of 0.001, rounded to the nearest; any word but two closes all (EHR example 48).
#[must_use]
pub(super) fn audited_quantity(action: &str, exchange_amt: Decimal) -> Decimal {
    let open = exchange_amt.abs();
    let percent = match action {
        "PARTIAL_75" => 75,
        "PARTIAL_50" => 50,
        _ => 100,
    };
    let exact = (open * Decimal::new(percent, 2)).min(open);
    exact.round_dp_with_strategy(3, RoundingStrategy::MidpointNearestEven)
}
