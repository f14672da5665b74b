//! Gates on a signal's way to an intent (MSE 4.5, steps 4, 5 and 15).

use std::collections::{BTreeMap, VecDeque};

use engine::{Nanos, Symbol};
use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite};

/// What a funding rate does to a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FundingGate {
    /// Nothing, also without data.
    Pass,
    /// A remark.
    Warn,
    /// The signal ends here.
    Block,
}

/// Judges a funding rate, a fraction a period; a rate that is no number counts as none.
#[must_use]
pub fn funding_gate(rate: Option<f64>) -> FundingGate {
    match rate.map(f64::abs) {
        Some(size) if size >= 0.001 => FundingGate::Block,
        Some(size) if size >= 0.0005 => FundingGate::Warn,
        _ => FundingGate::Pass,
    }
}

/// The confidence after the RL signal manager: times the mean of its scalers, within 0.30 and 0.95.
/// Without scalers it stays raw.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities: the caller keeps the raw confidence.
pub fn managed_confidence(raw: f64, scalers: &[f64]) -> Result<f64, RefusedNumber> {
    let raw = finite("confidence", raw)?;
    if scalers.is_empty() {
        return Ok(raw);
    }
    let mean = scalers.iter().sum::<f64>() / scalers.len() as f64;
    Ok((raw * finite("mean of the scalers", mean)?).clamp(0.30, 0.95))
}

/// Limits on how often signals become intents.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateLimits {
    /// MIN_CONFIDENCE_THRESHOLD.
    pub confidence_min: f64,
    /// SYMBOL_COOLDOWN_SECONDS.
    pub symbol_cooldown: Nanos,
    /// MAX_SIGNALS_PER_MINUTE.
    pub per_minute_max: usize,
}

impl Default for RateLimits {
    fn default() -> Self {
        RateLimits {
            confidence_min: 0.75,
            symbol_cooldown: Nanos::from_secs(120),
            per_minute_max: 6,
        }
    }
}

/// Why a signal stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalStop {
    /// Below the threshold, or no number.
    LowConfidence,
    /// The symbol had a signal lately.
    SymbolCooldown,
    /// The minute is full.
    RateLimited,
}

/// The signals of the last minute, and each symbol's last.
///
/// Invariant: it remembers at most as many signals as a minute allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalRates {
    minute: VecDeque<Nanos>,
    last: BTreeMap<Symbol, Nanos>,
}

impl SignalRates {
    /// Admits a signal and counts it, or says why not.
    pub fn admit(
        &mut self,
        symbol: Symbol,
        confidence: f64,
        now: Nanos,
        limits: &RateLimits,
    ) -> Result<(), SignalStop> {
        while self.minute.front().is_some_and(|at| now - *at >= Nanos::from_secs(60)) {
            self.minute.pop_front();
        }
        self.check(symbol, confidence, now, limits)?;
        self.minute.push_back(now);
        self.last.insert(symbol, now);
        Ok(())
    }

    /// Whether a signal would be admitted now; it is not counted.
    pub fn check(
        &self,
        symbol: Symbol,
        confidence: f64,
        now: Nanos,
        limits: &RateLimits,
    ) -> Result<(), SignalStop> {
        let enough = confidence >= limits.confidence_min;
        if !enough {
            return Err(SignalStop::LowConfidence);
        }
        if self.last.get(&symbol).is_some_and(|at| now - *at < limits.symbol_cooldown) {
            return Err(SignalStop::SymbolCooldown);
        }
        let minute = Nanos::from_secs(60);
        if self.minute.iter().filter(|at| now - **at < minute).count() >= limits.per_minute_max {
            return Err(SignalStop::RateLimited);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn funding_blocks_both_ways() {
        let of = [None, Some(0.0004), Some(-0.0005), Some(-0.001), Some(f64::NAN)];
        use FundingGate::*;
        assert_eq!(of.map(funding_gate), [Pass, Pass, Warn, Block, Pass]);
    }

    #[test]
    fn the_manager_scales_within_its_bounds() {
        assert_eq!(managed_confidence(0.6, &[1.2, 0.8]), Ok(0.6));
        assert_eq!(managed_confidence(0.9, &[2.0]), Ok(0.95));
        assert_eq!(managed_confidence(0.9, &[0.0]), Ok(0.30));
        assert_eq!(managed_confidence(0.2, &[]), Ok(0.2));
        assert!(managed_confidence(0.2, &[f64::NAN]).is_err());
    }

    #[test]
    fn a_minute_holds_six_and_a_symbol_waits_two() {
        let limits = RateLimits::default();
        let mut rates = SignalRates::default();
        let symbol = |i: i64| Symbol::new(&format!("S{i}USDT")).expect("a symbol");
        let mut admit = |i, confidence, second| {
            rates.admit(symbol(i), confidence, Nanos::from_secs(second), &limits)
        };
        assert_eq!(admit(0, 0.74, 0), Err(SignalStop::LowConfidence));
        assert_eq!(admit(0, f64::NAN, 0), Err(SignalStop::LowConfidence));
        for i in 0..6 {
            assert_eq!(admit(i, 0.75, i), Ok(()));
        }
        assert_eq!(admit(6, 0.9, 59), Err(SignalStop::RateLimited));
        assert_eq!(admit(6, 0.9, 60), Ok(()), "the first has left the minute");
        assert_eq!(admit(0, 0.9, 119), Err(SignalStop::SymbolCooldown));
        assert_eq!(admit(0, 0.9, 120), Ok(()));
    }
}
