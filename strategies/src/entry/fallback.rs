//! What the trading bot does without an answer of the AI engine (MSE 6).

use serde::{Deserialize, Serialize};

use crate::Action;
use crate::numbers::{RefusedNumber, finite, positive};

/// The signal of the day's change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FallbackSignal {
    /// With the day's direction, beyond 1 %.
    pub side: Action,
    /// 0.50 to 0.80; 0.30 of a HOLD.
    pub confidence: f64,
    /// 2 % of the price, in USDT.
    pub atr_value: f64,
    /// A tenth of the change in percent, at least 1.
    pub volatility_factor: f64,
    /// In USDT.
    pub position_size_usd: f64,
    /// Leverage.
    pub leverage: f64,
}

impl FallbackSignal {
    /// Its model, so that nobody takes it for the ensemble's.
    pub const MODEL: &'static str = "fallback-trend-following";
    /// Its regime.
    pub const REGIME: &'static str = "RANGE";
}

/// The momentum signal of a 24 h change (percent) and a price (USDT).
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and prices that are not above zero.
pub fn fallback_signal(
    price_change_24h_pct: f64,
    price: f64,
) -> Result<FallbackSignal, RefusedNumber> {
    let change = finite("price_change_24h", price_change_24h_pct)?;
    let price = positive("price", price)?;
    let directed = (0.50 + change.abs() / 100.0).min(0.80);
    let (side, confidence) = match change {
        c if c > 1.0 => (Action::Buy, directed),
        c if c < -1.0 => (Action::Sell, directed),
        _ => (Action::Hold, 0.30),
    };
    Ok(FallbackSignal {
        side,
        confidence,
        atr_value: 0.02 * price,
        volatility_factor: (change.abs() / 10.0).max(1.0),
        position_size_usd: 150.0,
        leverage: 10.0,
    })
}

/// How the engine answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineAnswer {
    /// With a signal.
    Signal,
    /// With none: hold, a refusal, any gate (404).
    NoSignal,
    /// Not at all.
    Unreachable,
}

/// When momentum is traded instead of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackRule {
    /// Never: no signal is HOLD.
    #[default]
    Off,
    /// After so many cycles in a row without any answer.
    AfterUnreachable {
        /// Cycles, at least 1.
        cycles: u32,
    },
    /// At once, whatever the reason: each refusal became a trade (incident I-01).
    AuditedAnyRefusal,
}

/// Counts the cycles without an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackWatch {
    unreachable: u32,
}

impl FallbackWatch {
    /// After a cycle's answer: whether momentum is to be traded. `stopped` is emergency stop or safe mode.
    pub fn falls_back(&mut self, answer: EngineAnswer, rule: FallbackRule, stopped: bool) -> bool {
        self.unreachable = match answer {
            EngineAnswer::Unreachable => self.unreachable.saturating_add(1),
            _ => 0,
        };
        match rule {
            FallbackRule::Off => false,
            FallbackRule::AfterUnreachable { cycles } => {
                !stopped && self.unreachable >= cycles.max(1)
            }
            FallbackRule::AuditedAnyRefusal => answer != EngineAnswer::Signal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 404 meant HOLD; the bot took it for an outage and traded the day's momentum.
    #[test]
    fn incident_i01_no_signal_is_hold() {
        use EngineAnswer::*;
        let mut watch = FallbackWatch::default();
        assert!(!watch.falls_back(NoSignal, FallbackRule::default(), false));
        assert!(watch.falls_back(NoSignal, FallbackRule::AuditedAnyRefusal, true));
        let rule = FallbackRule::AfterUnreachable { cycles: 2 };
        let mut after = |answer, stopped| watch.falls_back(answer, rule, stopped);
        assert!(!after(NoSignal, false));
        assert!(!after(Unreachable, false));
        assert!(after(Unreachable, false));
        assert!(!after(Unreachable, true), "never under emergency stop or safe mode");
        assert!(!after(Signal, false));
        assert!(!after(Unreachable, false), "only in a row");
    }

    #[test]
    fn one_percent_is_no_direction() {
        let side = |change| fallback_signal(change, 1.0).map(|signal| signal.side);
        assert_eq!([side(1.0), side(-1.0)], [Ok(Action::Hold); 2]);
        assert!(side(f64::NAN).is_err());
        assert!(fallback_signal(1.0, 0.0).is_err());
    }
}
