//! Key figures of closed trades, and the market that they were closed in.

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, finite, positive};

/// How a trade ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Above zero.
    Win,
    /// Below zero.
    Loss,
    /// Zero.
    Flat,
}

/// The outcome of a PnL.
#[must_use]
pub fn outcome(pnl_usd: f64) -> Outcome {
    if pnl_usd > 0.0 {
        Outcome::Win
    } else if pnl_usd < 0.0 {
        Outcome::Loss
    } else {
        Outcome::Flat
    }
}

/// Figures of closed trades.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyFigures {
    /// 0 to 1.
    pub win_rate: f64,
    /// Mean win times win rate minus mean loss times loss rate, in USDT.
    pub expectancy_usd: f64,
    /// Gross profit over gross loss; `None` without a loss.
    pub profit_factor: Option<f64>,
}

/// Figures of the last 20 closed trades, of all that are given, the newest last. `None` without any.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn key_figures(pnl_usd: &[f64]) -> Result<Option<KeyFigures>, RefusedNumber> {
    let last = &pnl_usd[pnl_usd.len().saturating_sub(20)..];
    if last.is_empty() {
        return Ok(None);
    }
    last.iter().try_for_each(|pnl| finite("pnl_usd", *pnl).map(drop))?;
    let sum_of = |which| {
        let of = last.iter().filter(|pnl| outcome(**pnl) == which);
        of.fold((0u32, 0.0), |(n, sum), pnl| (n + 1, sum + pnl.abs()))
    };
    let ((wins, profit), (losses, loss)) = (sum_of(Outcome::Win), sum_of(Outcome::Loss));
    let count = last.len() as f64;
    let mean = |n: u32, sum: f64| if n > 0 { sum / f64::from(n) } else { 0.0 };
    let (win_rate, loss_rate) = (f64::from(wins) / count, f64::from(losses) / count);
    let expectancy_usd = mean(wins, profit) * win_rate - mean(losses, loss) * loss_rate;
    let profit_factor = (loss > 0.0).then_some(profit / loss);
    all_finite(&[("expectancy", expectancy_usd), ("profit factor", profit_factor.unwrap_or(0.0))])?;
    Ok(Some(KeyFigures { win_rate, expectancy_usd, profit_factor }))
}

/// The market at an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExitRegime {
    /// It goes somewhere.
    Trend,
    /// It goes nowhere.
    Chop,
    /// Neither is clear.
    Unknown,
}

/// The market by ADX (14), the distance of the exponential means (20, 50) and the width of the Bollinger
/// band, a fraction.
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and a close that is not above zero.
pub fn exit_regime(
    adx: f64,
    ema_20: f64,
    ema_50: f64,
    close: f64,
    bollinger_width: f64,
) -> Result<ExitRegime, RefusedNumber> {
    all_finite(&[("adx", adx), ("ema_20", ema_20), ("ema_50", ema_50)])?;
    let distance = (ema_20 - ema_50).abs() / positive("close", close)?;
    let width = finite("bollinger_width", bollinger_width)?;
    Ok(if adx > 25.0 && distance > 0.0015 {
        ExitRegime::Trend
    } else if adx < 20.0 || width < 0.01 {
        ExitRegime::Chop
    } else {
        ExitRegime::Unknown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_last_twenty() {
        let figures = key_figures(&[10.0, -5.0, 0.0, 20.0]).expect("finite").expect("some");
        assert_eq!(figures.win_rate, 0.5);
        assert_eq!(figures.expectancy_usd, 15.0 * 0.5 - 5.0 * 0.25);
        assert_eq!(figures.profit_factor, Some(6.0));
        let mut many = vec![-1_000.0];
        many.extend([1.0; 20]);
        let figures = key_figures(&many).expect("finite").expect("some");
        assert_eq!((figures.win_rate, figures.profit_factor), (1.0, None));
        assert_eq!(key_figures(&[]), Ok(None));
        assert!(key_figures(&[f64::NAN]).is_err());
    }

    #[test]
    fn the_market_at_an_exit() {
        let of =
            |adx, ema_20, width| exit_regime(adx, ema_20, 100.0, 100.0, width).expect("finite");
        assert_eq!(of(26.0, 100.2, 0.001), ExitRegime::Trend);
        assert_eq!(of(26.0, 100.1, 0.02), ExitRegime::Unknown);
        assert_eq!(of(26.0, 100.1, 0.009), ExitRegime::Chop);
        assert_eq!(of(19.0, 100.2, 0.02), ExitRegime::Chop);
    }
}
