//! The governer agent, spelled so: the ensemble's own risk layer, not the governor P3.2 (MSE 4.4).

use std::collections::BTreeMap;

use engine::{Nanos, Symbol};
use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite};

/// Win to loss that its Kelly fraction assumes.
const ODDS: f64 = 1.5;
/// Share of the full Kelly fraction.
const KELLY_SHARE: f64 = 0.25;
const FRACTION_MAX: f64 = 0.10;
/// Risk as a share of the size.
const RISK_OF_SIZE: f64 = 0.02;

/// Share of the balance that a confidence deserves, 0 to 0.10.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn kelly_fraction(confidence: f64) -> Result<f64, RefusedNumber> {
    let c = finite("confidence", confidence)?;
    Ok((KELLY_SHARE * (ODDS * c - (1.0 - c)) / ODDS).clamp(0.0, FRACTION_MAX))
}

/// Its limits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GovernerLimits {
    /// Least confidence.
    pub confidence_min: f64,
    /// Largest drawdown from the peak, a fraction.
    pub drawdown_max: f64,
    /// Trades a day.
    pub daily_trades_max: u64,
    /// Largest exposure, a share of the balance.
    pub exposure_max: f64,
    /// A symbol rests so long after a loss.
    pub loss_cooldown: Nanos,
}

impl Default for GovernerLimits {
    fn default() -> Self {
        GovernerLimits {
            confidence_min: 0.65,
            drawdown_max: 0.15,
            daily_trades_max: 10_000,
            exposure_max: 0.50,
            loss_cooldown: Nanos::from_secs(3_600),
        }
    }
}

/// The account as the governer sees it; money in USDT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GovernerAccount {
    /// Now.
    pub balance_usd: f64,
    /// Highest so far.
    pub peak_usd: f64,
    /// Σ |notional|.
    pub exposure_usd: f64,
    /// The emergency flag is set.
    pub emergency: bool,
}

/// Why it rejects. Every rejection turns the action to HOLD with confidence 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GovernerRejection {
    /// Below the least confidence.
    LowConfidence,
    /// The emergency flag.
    EmergencyStop,
    /// Too far below the peak.
    MaxDrawdown,
    /// Too many trades today.
    DailyLimit,
    /// Too much exposure.
    MaxExposure,
    /// A loss on the symbol within the hour.
    LossCooldown,
    /// A number that is none, or a balance that is not above zero.
    Error,
}

/// Its memory: trades of the day and losses by symbol.
///
/// Invariant: both are written by whoever sees trades; in the reference system nobody did, so that three
/// of its checks never fired.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Governer {
    day: i64,
    trades: u64,
    losses: BTreeMap<Symbol, Nanos>,
}

impl Governer {
    /// The size and the risk in USDT of a BUY or SELL that passes all checks.
    pub fn judge(
        &self,
        symbol: Symbol,
        confidence: f64,
        account: &GovernerAccount,
        limits: &GovernerLimits,
        now: Nanos,
    ) -> Result<(f64, f64), GovernerRejection> {
        let GovernerAccount { balance_usd, peak_usd, exposure_usd, emergency } = *account;
        let numbers = [confidence, balance_usd, peak_usd, exposure_usd];
        if !numbers.iter().all(|n| n.is_finite()) || balance_usd <= 0.0 {
            return Err(GovernerRejection::Error);
        }
        let drawdown = if peak_usd > 0.0 { (peak_usd - balance_usd) / peak_usd } else { 0.0 };
        let lost = self.losses.get(&symbol).is_some_and(|at| now - *at < limits.loss_cooldown);
        let checks = [
            (confidence < limits.confidence_min, GovernerRejection::LowConfidence),
            (emergency, GovernerRejection::EmergencyStop),
            (drawdown > limits.drawdown_max, GovernerRejection::MaxDrawdown),
            (self.trades_on(now) >= limits.daily_trades_max, GovernerRejection::DailyLimit),
            (exposure_usd > limits.exposure_max * balance_usd, GovernerRejection::MaxExposure),
            (lost, GovernerRejection::LossCooldown),
        ];
        if let Some((_, reason)) = checks.into_iter().find(|(fails, _)| *fails) {
            return Err(reason);
        }
        let fraction = kelly_fraction(confidence).map_err(|_| GovernerRejection::Error)?;
        let size = fraction * balance_usd;
        Ok((size, RISK_OF_SIZE * size))
    }

    /// Goes on after a restart with what the bus kept: trades of the UTC day.
    pub fn resume(&mut self, trades: u64, now: Nanos) {
        self.trades = trades;
        self.day = day(now);
    }

    /// Counts a trade of the UTC day.
    pub fn traded(&mut self, now: Nanos) {
        self.trades = self.trades_on(now) + 1;
        self.day = day(now);
    }

    /// Remembers a loss on a symbol.
    pub fn lost(&mut self, symbol: Symbol, now: Nanos) {
        self.losses.insert(symbol, now);
    }

    fn trades_on(&self, now: Nanos) -> u64 {
        if day(now) == self.day { self.trades } else { 0 }
    }
}

fn day(now: Nanos) -> i64 {
    now.secs().div_euclid(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: GovernerAccount = GovernerAccount {
        balance_usd: 9_000.0,
        peak_usd: 10_000.0,
        exposure_usd: 4_500.0,
        emergency: false,
    };

    #[test]
    fn the_checks_come_in_their_order_and_all_can_fire() {
        let symbol = Symbol::new("BTCUSDT").expect("a symbol");
        let limits = GovernerLimits { daily_trades_max: 2, ..GovernerLimits::default() };
        let mut governer = Governer::default();
        let now = Nanos::from_secs(86_400);
        let judge = |g: &Governer, confidence, account: &GovernerAccount, now| {
            g.judge(symbol, confidence, account, &limits, now).map_err(|r| format!("{r:?}"))
        };
        assert_eq!(judge(&governer, 0.9, &ACCOUNT, now), Ok((900.0, 18.0)));
        let reason = |confidence, account: GovernerAccount| {
            judge(&Governer::default(), confidence, &account, now).expect_err("rejected")
        };
        let worst = GovernerAccount { balance_usd: 100.0, emergency: true, ..ACCOUNT };
        assert_eq!(reason(0.64, worst), "LowConfidence");
        assert_eq!(reason(0.65, worst), "EmergencyStop");
        assert_eq!(reason(0.65, GovernerAccount { emergency: false, ..worst }), "MaxDrawdown");
        let exposed = GovernerAccount { exposure_usd: 4_500.5, ..ACCOUNT };
        assert_eq!(reason(0.65, exposed), "MaxExposure");
        assert_eq!(reason(f64::NAN, ACCOUNT), "Error");
        assert_eq!(reason(0.9, GovernerAccount { balance_usd: 0.0, ..ACCOUNT }), "Error");
        governer.lost(symbol, now);
        assert_eq!(judge(&governer, 0.9, &ACCOUNT, now), Err("LossCooldown".into()));
        governer.traded(now);
        governer.traded(now);
        assert_eq!(judge(&governer, 0.9, &ACCOUNT, now), Err("DailyLimit".into()));
        let tomorrow = now + Nanos::from_secs(86_400);
        assert!(judge(&governer, 0.9, &ACCOUNT, tomorrow).is_ok());
    }
}
