//! Quantities as the audited executors rounded them, in floats. For comparison with their records only:
//! the pipeline sends what [`super::order_quantity`] says.

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, not_negative, positive};

/// How the audited intent executor ended (MSE 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantityResult {
    /// Sent.
    Ok,
    /// Sent, after growing to about the minimum notional.
    Upsized,
    /// Not sent.
    BelowMinQty,
    /// Not sent.
    BelowMinNotional,
}

/// What the audited intent executor sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditedQuantity {
    /// In the base asset; 0 where nothing was sent.
    pub qty: f64,
    /// As text of at most four decimals.
    pub quantity_sent: Option<String>,
    /// How it ended.
    pub result: QuantityResult,
}

/// The audited intent executor: nearest step, ties to even; an upsizing may land below the minimum.
///
/// # Errors
/// [`RefusedNumber`] for a step or mark price that is not above zero, negative numbers, NaN, infinities.
pub fn audited_executor_quantity(
    qty: f64,
    mark_price: f64,
    step_size: f64,
    min_qty: f64,
    min_notional: f64,
    allow_upsize: bool,
) -> Result<AuditedQuantity, RefusedNumber> {
    let mark = positive("mark_price", mark_price)?;
    let step = positive("step_size", step_size)?;
    let min_qty = not_negative("min_qty", min_qty)?;
    let min_notional = not_negative("min_notional", min_notional)?;
    let nearest = |qty: f64| (qty / step).round_ties_even() * step;
    let q = not_negative("qty", nearest(not_negative("qty", qty)?))?;
    let refused = |result| Ok(AuditedQuantity { qty: 0.0, quantity_sent: None, result });
    if q < min_qty {
        return refused(QuantityResult::BelowMinQty);
    }
    if q * mark >= min_notional {
        return Ok(sent(q, step, QuantityResult::Ok));
    }
    if !allow_upsize {
        return refused(QuantityResult::BelowMinNotional);
    }
    let up = not_negative("upsized qty", nearest(min_notional / mark))?;
    Ok(sent(up, step, QuantityResult::Upsized))
}

fn sent(qty: f64, step: f64, result: QuantityResult) -> AuditedQuantity {
    let decimals = match step {
        s if s >= 1.0 => 0,
        s if s >= 0.1 => 1,
        s if s >= 0.01 => 2,
        s if s >= 0.001 => 3,
        _ => 4,
    };
    AuditedQuantity { qty, quantity_sent: Some(format!("{qty:.decimals$}")), result }
}

/// Which check of the audited Execution Service failed (MSE 13.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RoundingFault {
    /// Below the least quantity.
    MinQty,
    /// Above the largest.
    MaxQty,
}

/// What the audited Execution Service made of an order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditedRounding {
    /// In the base asset.
    pub quantity: f64,
    /// In USDT.
    pub price: f64,
    /// It passed the checks.
    pub valid: bool,
    /// Which it did not.
    pub failed: Option<RoundingFault>,
}

/// The audited Execution Service: quantity floored by float division, which loses a step on exact
/// multiples; price to the nearest tick, ties to even.
///
/// # Errors
/// [`RefusedNumber`] for a step or tick that is not above zero, negative numbers, NaN, infinities.
pub fn audited_execution_rounding(
    quantity: f64,
    price: f64,
    step_size: f64,
    tick_size: f64,
    min_qty: f64,
    max_qty: f64,
) -> Result<AuditedRounding, RefusedNumber> {
    let step = positive("step_size", step_size)?;
    let tick = positive("tick_size", tick_size)?;
    let floored = libm::floor(not_negative("quantity", quantity)? / step) * step;
    let quantity = not_negative("quantity", floored)?;
    let nearest = (not_negative("price", price)? / tick).round_ties_even() * tick;
    let price = not_negative("price", nearest)?;
    let failed = if quantity < not_negative("min_qty", min_qty)? {
        Some(RoundingFault::MinQty)
    } else if quantity > not_negative("max_qty", max_qty)? {
        Some(RoundingFault::MaxQty)
    } else {
        None
    };
    Ok(AuditedRounding { quantity, price, valid: failed.is_none(), failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_sends_nothing() {
        let of = |qty, min_qty| {
            let got = audited_executor_quantity(qty, 10.0, 1.0, min_qty, 100.0, false);
            let got = got.expect("numbers");
            assert_eq!((got.qty, got.quantity_sent), (0.0, None));
            got.result
        };
        assert_eq!(of(2.0, 3.0), QuantityResult::BelowMinQty);
        assert_eq!(of(2.5, 1.0), QuantityResult::BelowMinNotional);
        assert!(audited_executor_quantity(1.0, 1.0, 0.0, 0.0, 0.0, false).is_err());
        assert!(audited_executor_quantity(f64::MAX, 1.0, 0.1, 0.0, 0.0, false).is_err());
        let fault = |qty| audited_execution_rounding(qty, 1.0, 1.0, 0.1, 2.0, 5.0);
        assert_eq!(fault(1.0).expect("numbers").failed, Some(RoundingFault::MinQty));
        assert_eq!(fault(6.0).expect("numbers").failed, Some(RoundingFault::MaxQty));
    }
}
