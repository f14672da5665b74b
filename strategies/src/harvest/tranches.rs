//! Which close may fire, and how much it closes (settled, "Tranches").
//!
//! Invariants: a rung fires at most once a position; what is closed never exceeds what remains.

use engine::Nanos;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::close_action::CloseAction;

/// A full close that calibration reduced may fire again after this.
pub const REDUCED_CLOSE_AGAIN_AFTER: Nanos = Nanos::from_secs(300);
/// The rung has fired in this position.
pub const TRANCHE_FIRED: &str = "tranche_fired";
/// The reduced full close fired less than 300 s ago.
pub const TRANCHE_TOO_SOON: &str = "tranche_too_soon";

/// What has fired in one position, which its symbol and opening plan identify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrancheLedger {
    opening_plan: String,
    rungs: Vec<CloseAction>,
    reduced_at: Option<Nanos>,
}

impl TrancheLedger {
    /// Of the position that this plan opened.
    #[must_use]
    pub fn new(opening_plan: &str) -> TrancheLedger {
        TrancheLedger { opening_plan: opening_plan.to_owned(), rungs: Vec::new(), reduced_at: None }
    }

    /// The plan that opened the position.
    #[must_use]
    pub fn opening_plan(&self) -> &str {
        &self.opening_plan
    }

    /// Whether a close may fire: `proposed` by the kernel, `allowed` after calibration.
    ///
    /// # Errors
    /// [`TRANCHE_FIRED`] or [`TRANCHE_TOO_SOON`].
    pub fn may_fire(
        &self,
        proposed: CloseAction,
        allowed: CloseAction,
        now: Nanos,
    ) -> Result<(), &'static str> {
        if proposed != CloseAction::FullClose {
            return if self.rungs.contains(&proposed) { Err(TRANCHE_FIRED) } else { Ok(()) };
        }
        let too_soon = self.reduced_at.is_some_and(|at| now - at < REDUCED_CLOSE_AGAIN_AFTER);
        // What may close all of it closes the position: there is no second time to prevent.
        if allowed != CloseAction::FullClose && too_soon { Err(TRANCHE_TOO_SOON) } else { Ok(()) }
    }

    /// Notes a close that was executed.
    pub fn fired(&mut self, proposed: CloseAction, allowed: CloseAction, now: Nanos) {
        if proposed == CloseAction::FullClose {
            if allowed != CloseAction::FullClose {
                self.reduced_at = Some(now);
            }
        } else if !self.rungs.contains(&proposed) {
            self.rungs.push(proposed);
        }
    }
}

/// What the quantity of a close follows from. Quantities are of the base asset, without sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosingInput {
    /// Open now.
    pub remaining_qty: Decimal,
    /// Opened with.
    pub opening_qty: Decimal,
    /// The exchange's step of the quantity, above zero.
    pub step_qty: Decimal,
    /// In USDT.
    pub mark_price: Decimal,
    /// The exchange's, in USDT.
    pub min_notional_usd: Decimal,
}

/// How much a close closes: its share of what remains, rounded down to the step; all of it when the rest
/// would be below 5 % of the opening quantity or below twice the minimum notional, or when the share is
/// less than one step. Zero when nothing remains or a number is out of its meaning.
#[must_use]
pub fn closing_quantity(action: CloseAction, input: &ClosingInput) -> Decimal {
    let ClosingInput { remaining_qty, opening_qty, step_qty, mark_price, min_notional_usd } =
        *input;
    if remaining_qty <= Decimal::ZERO || step_qty <= Decimal::ZERO {
        return Decimal::ZERO;
    }
    let part = share_of(remaining_qty, action.percent(), step_qty);
    let rest = remaining_qty - part;
    let little = rest.saturating_mul(Decimal::from(20)) < opening_qty;
    let twice = min_notional_usd.saturating_mul(Decimal::TWO);
    let cheap = rest.saturating_mul(mark_price) < twice;
    if part.is_zero() || little || cheap { remaining_qty } else { part }
}

/// `percent` of a quantity, rounded down to the step.
pub(crate) fn share_of(qty: Decimal, percent: u32, step: Decimal) -> Decimal {
    let Some(exact) = qty.checked_mul(Decimal::new(i64::from(percent), 2)) else {
        return Decimal::ZERO;
    };
    exact.checked_rem(step).map_or(Decimal::ZERO, |over| exact - over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use CloseAction::{FullClose, Partial25, Partial50, Partial75};

    fn at(secs: i64) -> Nanos {
        Nanos::from_secs(secs)
    }

    #[test]
    fn a_rung_fires_once_and_a_reduced_full_close_every_five_minutes() {
        let mut ledger = TrancheLedger::new("p1");
        assert_eq!(ledger.may_fire(Partial25, Partial25, at(0)), Ok(()));
        ledger.fired(Partial25, Partial25, at(0));
        assert_eq!(ledger.may_fire(Partial25, Partial25, at(9_999)), Err(TRANCHE_FIRED));
        assert_eq!(ledger.may_fire(Partial50, Partial50, at(0)), Ok(()), "another rung");
        ledger.fired(FullClose, Partial25, at(100));
        assert_eq!(ledger.may_fire(FullClose, Partial75, at(399)), Err(TRANCHE_TOO_SOON));
        assert_eq!(ledger.may_fire(FullClose, FullClose, at(399)), Ok(()), "not reduced");
        assert_eq!(ledger.may_fire(FullClose, Partial25, at(400)), Ok(()));
        assert_eq!(TrancheLedger::new("p2").may_fire(Partial25, Partial25, at(0)), Ok(()));
    }

    fn quantity(action: CloseAction, remaining: &str, opening: &str, step: &str) -> String {
        let number = |text: &str| text.parse::<Decimal>().expect("a number");
        let input = ClosingInput {
            remaining_qty: number(remaining),
            opening_qty: number(opening),
            step_qty: number(step),
            mark_price: number("100"),
            min_notional_usd: number("5"),
        };
        closing_quantity(action, &input).normalize().to_string()
    }

    #[test]
    fn fractions_are_of_what_remains_and_a_small_rest_goes_too() {
        assert_eq!(quantity(Partial25, "8", "10", "0.001"), "2");
        assert_eq!(quantity(Partial50, "0.333", "1", "0.001"), "0.166", "rounded down");
        assert_eq!(quantity(FullClose, "8", "10", "0.001"), "8");
        assert_eq!(quantity(Partial75, "1.9", "10", "0.001"), "1.9", "0.475 is below 5 %");
        assert_eq!(quantity(Partial75, "2", "10", "0.001"), "1.5", "0.5 is 5 %");
        assert_eq!(quantity(Partial50, "0.19", "0.2", "0.001"), "0.19", "9.5 USD is below 10");
        assert_eq!(quantity(Partial25, "3", "3", "1"), "3", "less than one step");
        assert_eq!(quantity(Partial25, "0", "3", "1"), "0");
    }
}
