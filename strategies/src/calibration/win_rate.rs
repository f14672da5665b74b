//! RL calibration: by the smoothed win rate of the symbol (MSE 4.8 b).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite};

const TRADES_MIN: u64 = 40;
/// Weight of the newest trade.
const GAIN: f64 = 0.015;
/// Weight of the win rate in the result.
const SHARE: f64 = 0.25;

/// What a symbol's hash `quantum:rl:calibration:v1:{S}` holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WinRateRecord {
    /// Closed trades.
    pub trades: u64,
    /// Of them with a profit.
    pub wins: u64,
    /// Of them without.
    pub losses: u64,
    /// Smoothed share of wins.
    pub ema_winrate: f64,
}

impl Default for WinRateRecord {
    fn default() -> Self {
        WinRateRecord { trades: 0, wins: 0, losses: 0, ema_winrate: 0.5 }
    }
}

impl WinRateRecord {
    /// The record after a closed trade; a PnL that is no number leaves it as it is.
    #[must_use]
    pub fn after(self, pnl_usd: f64) -> WinRateRecord {
        if !pnl_usd.is_finite() {
            return self;
        }
        let won = pnl_usd > 0.0;
        let win = f64::from(u8::from(won));
        WinRateRecord {
            trades: self.trades.saturating_add(1),
            wins: self.wins.saturating_add(u64::from(won)),
            losses: self.losses.saturating_add(u64::from(!won)),
            ema_winrate: self.ema_winrate * (1.0 - GAIN) + win * GAIN,
        }
    }
}

/// Whether the calibration had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WinRateMode {
    /// It had.
    On,
    /// Too few trades.
    Insufficient,
    /// No record.
    Missing,
    /// A record that cannot be used.
    Error,
}

/// A calibrated confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WinRateCalibration {
    /// 0.35 to 0.90, or the raw one.
    pub calibrated: f64,
    /// Why it is what it is.
    pub mode: WinRateMode,
}

/// Calibrates `raw` by the symbol's record.
///
/// # Errors
/// [`RefusedNumber`] for a raw confidence that is NaN or infinite.
pub fn calibrate_by_win_rate(
    raw: f64,
    record: Option<&WinRateRecord>,
) -> Result<WinRateCalibration, RefusedNumber> {
    let raw = finite("raw", raw)?;
    let unchanged = |mode| Ok(WinRateCalibration { calibrated: raw, mode });
    let Some(record) = record else { return unchanged(WinRateMode::Missing) };
    if !(0.0..=1.0).contains(&record.ema_winrate) {
        return unchanged(WinRateMode::Error);
    }
    if record.trades < TRADES_MIN {
        return unchanged(WinRateMode::Insufficient);
    }
    let multiplier = 0.5 + record.ema_winrate;
    let mixed = raw * (1.0 - SHARE) + raw * multiplier * SHARE;
    Ok(WinRateCalibration { calibrated: mixed.clamp(0.35, 0.90), mode: WinRateMode::On })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_follows_the_trades() {
        let record = WinRateRecord::default().after(1.0).after(0.0).after(f64::NAN);
        assert_eq!((record.trades, record.wins, record.losses), (2, 1, 1));
        assert_eq!(record.ema_winrate, (0.5 * 0.985 + 0.015) * 0.985);
    }

    #[test]
    fn without_a_usable_record_the_raw_confidence_stays() {
        let of = |record: Option<&WinRateRecord>| {
            let got = calibrate_by_win_rate(0.2, record).expect("finite");
            (got.calibrated, got.mode)
        };
        let full = WinRateRecord { trades: 40, ..WinRateRecord::default() };
        assert_eq!(of(None), (0.2, WinRateMode::Missing));
        let broken = WinRateRecord { ema_winrate: f64::NAN, ..full };
        assert_eq!(of(Some(&broken)), (0.2, WinRateMode::Error));
        assert_eq!(of(Some(&WinRateRecord { trades: 39, ..full })).1, WinRateMode::Insufficient);
        assert_eq!(of(Some(&full)), (0.35, WinRateMode::On));
        assert!(calibrate_by_win_rate(f64::INFINITY, None).is_err());
    }
}
