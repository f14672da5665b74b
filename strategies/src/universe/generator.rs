//! Scores of the AI universe generator (MSE 8.2).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, finite, not_negative, positive};

/// MIN_QUOTE_VOL_USDT_24H.
const QUOTE_VOLUME_MIN_USD: f64 = 20e6;
/// Spreads are checked for so many of the largest.
const SPREAD_CHECKED: usize = 80;
const SPREAD_MAX_BPS: f64 = 15.0;
const AGE_MIN_DAYS: f64 = 30.0;
/// Factor of a symbol whose age is unknown.
const AGE_UNKNOWN: f64 = 0.85;
/// Trades that make a symbol's own record count.
const TRADES_MIN: u64 = 5;
const TRUE_RANGES: usize = 14;

/// A candidate before it is scored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CandidateFilter {
    /// Of 24 hours, in USDT.
    pub quote_volume_usd: f64,
    /// Place by volume, from 0.
    pub place: usize,
    /// Of the top of the book, in basis points; `None` where it was not asked for.
    pub spread_bps: Option<f64>,
    /// Since the listing; `None` where it is unknown.
    pub age_days: Option<f64>,
}

/// Why a candidate is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UniverseRejection {
    /// Too little is traded.
    LowVolume,
    /// The book is too wide, or was not seen.
    WideSpread,
    /// Listed too lately.
    TooYoung,
}

/// Whether a candidate may be scored, and the factor of its age.
///
/// # Errors
/// [`UniverseRejection`]; numbers that are none do not pass.
pub fn candidate_filter(candidate: &CandidateFilter) -> Result<f64, UniverseRejection> {
    let traded = candidate.quote_volume_usd >= QUOTE_VOLUME_MIN_USD;
    if !traded {
        return Err(UniverseRejection::LowVolume);
    }
    let narrow = candidate.spread_bps.is_some_and(|bps| bps <= SPREAD_MAX_BPS);
    if candidate.place < SPREAD_CHECKED && !narrow {
        return Err(UniverseRejection::WideSpread);
    }
    match candidate.age_days {
        None => Ok(AGE_UNKNOWN),
        Some(days) if days >= AGE_MIN_DAYS => Ok(1.0),
        Some(_) => Err(UniverseRejection::TooYoung),
    }
}

/// What a candidate is scored by; percent means percent points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CandidateStats {
    /// Volatility of the 15-minute bars, percent.
    pub vol15_pct: f64,
    /// Trend of the 1-hour bars, percent.
    pub trend1h_pct: f64,
    /// Momentum of the 15-minute bars, percent.
    pub mom15_pct: f64,
    /// Momentum of the 1-hour bars, percent.
    pub mom1h_pct: f64,
    /// Rank by liquidity, 0 the least to 1 the most liquid.
    pub liquidity_rank: f64,
    /// Spread of the book, in basis points.
    pub spread_bps: f64,
    /// Of the candidate's age.
    pub age_factor: f64,
    /// Of its past trades.
    pub performance_factor: f64,
}

/// The score of a candidate.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn candidate_score(stats: &CandidateStats) -> Result<f64, RefusedNumber> {
    let movement = 3.0 * stats.vol15_pct
        + 2.0 * stats.trend1h_pct.abs()
        + 1.5 * stats.mom15_pct
        + stats.mom1h_pct;
    all_finite(&[
        ("movement", movement),
        ("liquidity_rank", stats.liquidity_rank),
        ("spread_bps", stats.spread_bps),
    ])?;
    let liquid = (0.5 + stats.liquidity_rank / 2.0).clamp(0.5, 1.0);
    let narrow = (1.0 - 0.5 * stats.spread_bps / SPREAD_MAX_BPS).clamp(0.5, 1.0);
    finite("score", movement * liquid * narrow * stats.age_factor * stats.performance_factor)
}

/// Past trades of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// How many.
    pub trades: u64,
    /// Share of wins.
    pub win_rate: f64,
    /// Mean PnL, percent.
    pub avg_pnl_pct: f64,
    /// Sharpe ratio.
    pub sharpe: f64,
}

/// The factor of past trades, 0.5 to 1.5; 1 below five of them.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn performance_factor(performance: &Performance) -> Result<f64, RefusedNumber> {
    if performance.trades < TRADES_MIN {
        return Ok(1.0);
    }
    let raw = 0.5 * (0.5 + 0.9 * performance.win_rate)
        + 0.3 * (1.0 + performance.avg_pnl_pct / 10.0)
        + 0.2 * (1.0 + performance.sharpe / 5.0);
    Ok(finite("performance", raw)?.clamp(0.5, 1.5))
}

/// A bar, in USDT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candle {
    /// Highest.
    pub high: f64,
    /// Lowest.
    pub low: f64,
    /// Last.
    pub close: f64,
}

/// Mean of the last 14 true ranges over the last close, percent; `None` below 15 bars.
///
/// # Errors
/// [`RefusedNumber`] for prices that are not finite and above zero.
pub fn volatility_pct(bars: &[Candle]) -> Result<Option<f64>, RefusedNumber> {
    let Some(from) = bars.len().checked_sub(TRUE_RANGES + 1) else { return Ok(None) };
    let bars = &bars[from..];
    for bar in bars {
        positive("high", bar.high)?;
        positive("low", bar.low)?;
        positive("close", bar.close)?;
    }
    let ranges = bars.windows(2).map(|pair| {
        let (before, bar) = (pair[0].close, pair[1]);
        (bar.high - bar.low).max((bar.high - before).abs()).max((bar.low - before).abs())
    });
    let mean = ranges.sum::<f64>() / TRUE_RANGES as f64;
    finite("volatility_pct", mean / bars[TRUE_RANGES].close * 100.0).map(Some)
}

/// Mean of 20 against mean of 50 closes, percent; `None` below 50.
///
/// # Errors
/// [`RefusedNumber`] for closes that are not finite and above zero.
pub fn trend_pct(closes: &[f64]) -> Result<Option<f64>, RefusedNumber> {
    closes.iter().try_for_each(|close| positive("close", *close).map(drop))?;
    let Some(from) = closes.len().checked_sub(50) else { return Ok(None) };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (slow, fast) = (mean(&closes[from..]), mean(&closes[closes.len() - 20..]));
    finite("trend_pct", (fast - slow) / slow * 100.0).map(Some)
}

/// Size of the change over 20 bars, percent; `None` below 21 closes.
///
/// # Errors
/// [`RefusedNumber`] for closes that are not finite and above zero.
pub fn momentum_pct(closes: &[f64]) -> Result<Option<f64>, RefusedNumber> {
    closes.iter().try_for_each(|close| positive("close", *close).map(drop))?;
    let Some(from) = closes.len().checked_sub(21) else { return Ok(None) };
    let (before, now) = (closes[from], closes[closes.len() - 1]);
    finite("momentum_pct", ((now - before) / before * 100.0).abs()).map(Some)
}

/// The leverage of a symbol with this volatility (percent).
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and negative numbers.
pub fn policy_leverage(volatility_pct: f64) -> Result<u32, RefusedNumber> {
    Ok(match not_negative("volatility_pct", volatility_pct)? {
        v if v > 3.0 => 6,
        v if v > 2.0 => 8,
        v if v > 1.5 => 10,
        v if v > 1.0 => 12,
        _ => 15,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::close;

    #[test]
    fn filters_come_in_their_order() {
        let good = CandidateFilter {
            quote_volume_usd: 20e6,
            place: 79,
            spread_bps: Some(15.0),
            age_days: Some(30.0),
        };
        assert_eq!(candidate_filter(&good), Ok(1.0));
        assert_eq!(candidate_filter(&CandidateFilter { age_days: None, ..good }), Ok(0.85));
        let reason = |c: CandidateFilter| candidate_filter(&c).expect_err("refused");
        let nan = CandidateFilter { quote_volume_usd: f64::NAN, ..good };
        assert_eq!(reason(nan), UniverseRejection::LowVolume);
        let wide = CandidateFilter { spread_bps: None, ..good };
        assert_eq!(reason(wide), UniverseRejection::WideSpread);
        assert_eq!(candidate_filter(&CandidateFilter { place: 80, ..wide }), Ok(1.0));
        let young = CandidateFilter { age_days: Some(29.9), ..good };
        assert_eq!(reason(young), UniverseRejection::TooYoung);
    }

    #[test]
    fn scores_are_products_within_their_bounds() {
        let stats = CandidateStats {
            vol15_pct: 1.0,
            trend1h_pct: -2.0,
            mom15_pct: 2.0,
            mom1h_pct: 1.0,
            liquidity_rank: 0.0,
            spread_bps: 30.0,
            age_factor: 1.0,
            performance_factor: 1.0,
        };
        assert_eq!(candidate_score(&stats), Ok(11.0 * 0.25));
        assert!(candidate_score(&CandidateStats { spread_bps: f64::NAN, ..stats }).is_err());
        let past = Performance { trades: 5, win_rate: 0.6, avg_pnl_pct: 1.0, sharpe: 1.0 };
        close("past", performance_factor(&past).expect("finite"), 1.09, 1e-12);
        assert_eq!(performance_factor(&Performance { trades: 4, ..past }), Ok(1.0));
    }

    #[test]
    fn volatility_trend_and_momentum() {
        let bar = Candle { high: 102.0, low: 99.0, close: 100.0 };
        close("vol", volatility_pct(&[bar; 15]).expect("prices").expect("bars"), 3.0, 1e-12);
        assert_eq!(volatility_pct(&[bar; 14]), Ok(None));
        assert!(volatility_pct(&[Candle { low: 0.0, ..bar }; 15]).is_err());
        let mut closes = [100.0; 50];
        assert_eq!(trend_pct(&closes), Ok(Some(0.0)));
        closes[49] = 120.0;
        assert_eq!(momentum_pct(&closes), Ok(Some(20.0)));
        let trend = trend_pct(&closes).expect("prices").expect("closes");
        close("trend", trend, (101.0 - 100.4) / 100.4 * 100.0, 1e-9);
        assert_eq!([0.0, 1.2, 1.7, 2.5, 9.0].map(policy_leverage), [15, 12, 10, 8, 6].map(Ok));
    }
}
