//! The Execution Service's risk governor: size and leverage of an order (MSE 13.3).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite};

/// An intent without a size, in USDT, and its leverage.
const SIZE_MISSING_USD: f64 = 1_000.0;
const LEVERAGE_MISSING: f64 = 10.0;

/// Its limits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskGovernorLimits {
    /// In USDT.
    pub size_min_usd: f64,
    /// In USDT.
    pub size_max_usd: f64,
    /// Lowest leverage.
    pub leverage_min: f64,
    /// Highest leverage.
    pub leverage_max: f64,
    /// Largest size times leverage, in USDT.
    pub notional_max_usd: f64,
    /// MIN_CONFIDENCE; 0 is off.
    pub confidence_min: f64,
}

impl Default for RiskGovernorLimits {
    fn default() -> Self {
        RiskGovernorLimits {
            size_min_usd: 50.0,
            size_max_usd: 10_000.0,
            leverage_min: 5.0,
            leverage_max: 80.0,
            notional_max_usd: 100_000.0,
            confidence_min: 0.0,
        }
    }
}

/// What is judged; size in USDT. Where the AI sizer is live, its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GovernedRequest {
    /// In USDT; 1,000 where missing.
    pub size_usd: Option<f64>,
    /// 10 where missing.
    pub leverage: Option<f64>,
    /// 0 to 1.
    pub confidence: f64,
    /// Most that the intent allows itself, in USDT.
    pub risk_budget_usd: Option<f64>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RiskGovernorCode {
    /// Approved.
    Pass,
    /// Size times leverage is too large.
    NotionalExceeded,
    /// Not sure enough.
    ConfidenceTooLow,
    /// More than the intent's own budget.
    RiskBudgetExceeded,
}

/// The judgement. The order uses these numbers, not those that were asked: once, the clamped numbers were
/// logged and the raw ones traded (incident I-16).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GovernedOrder {
    /// It may be sent.
    pub approved: bool,
    /// In USDT; `None` where it may not.
    pub size_usd: Option<f64>,
    /// `None` where it may not.
    pub leverage: Option<f64>,
    /// Size times leverage after clamping, in USDT.
    pub notional_usd: f64,
    /// How it ended.
    pub code: RiskGovernorCode,
}

/// Judges an order.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities: the order is rejected.
pub fn govern(
    request: &GovernedRequest,
    limits: &RiskGovernorLimits,
) -> Result<GovernedOrder, RefusedNumber> {
    let confidence = finite("confidence", request.confidence)?;
    let size = finite("size_usd", request.size_usd.unwrap_or(SIZE_MISSING_USD))?
        .max(limits.size_min_usd)
        .min(limits.size_max_usd);
    let leverage = finite("leverage", request.leverage.unwrap_or(LEVERAGE_MISSING))?
        .max(limits.leverage_min)
        .min(limits.leverage_max);
    let budget = request.risk_budget_usd.map(|b| finite("risk_budget_usd", b)).transpose()?;
    let notional_usd = finite("notional", size * leverage)?;
    let code = if notional_usd > limits.notional_max_usd {
        RiskGovernorCode::NotionalExceeded
    } else if confidence < limits.confidence_min {
        RiskGovernorCode::ConfidenceTooLow
    } else if budget.is_some_and(|budget| size > budget) {
        RiskGovernorCode::RiskBudgetExceeded
    } else {
        RiskGovernorCode::Pass
    };
    let approved = code == RiskGovernorCode::Pass;
    Ok(GovernedOrder {
        approved,
        size_usd: approved.then_some(size),
        leverage: approved.then_some(leverage),
        notional_usd,
        code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rejection_has_its_code() {
        let request = GovernedRequest {
            size_usd: Some(10.0),
            leverage: Some(1.0),
            confidence: 0.5,
            risk_budget_usd: Some(49.0),
        };
        let limits = RiskGovernorLimits { confidence_min: 0.6, ..RiskGovernorLimits::default() };
        let code = |request, limits| govern(&request, &limits).expect("finite").code;
        assert_eq!(code(request, limits), RiskGovernorCode::ConfidenceTooLow);
        let over = code(request, RiskGovernorLimits::default());
        assert_eq!(over, RiskGovernorCode::RiskBudgetExceeded, "the clamped size is what counts");
        let free = GovernedRequest { risk_budget_usd: None, ..request };
        let order = govern(&free, &RiskGovernorLimits::default()).expect("finite");
        assert_eq!((order.size_usd, order.leverage), (Some(50.0), Some(5.0)));
        let nan = GovernedRequest { leverage: Some(f64::NAN), ..free };
        assert!(govern(&nan, &limits).is_err());
    }
}
