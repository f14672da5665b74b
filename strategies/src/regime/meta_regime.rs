//! The one regime of the whole market, from BTCUSDT (MSE 15.1).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, positive};

/// Prices that a reading needs, and looks at.
const WINDOW: usize = 50;
const QUIET_VOLATILITY: f64 = 0.015;
const WILD_VOLATILITY: f64 = 0.03;
/// Slope a sample, relative to the last price.
const TREND: f64 = 0.001;

/// The regime of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MetaRegime {
    /// Quiet and without a direction.
    Range,
    /// Rising.
    Bull,
    /// Falling.
    Bear,
    /// Wild.
    Volatile,
    /// Nothing of these.
    Uncertain,
    /// Too few prices.
    Unknown,
}

impl MetaRegime {
    /// All of them.
    pub const ALL: [MetaRegime; 6] = [
        MetaRegime::Range,
        MetaRegime::Bull,
        MetaRegime::Bear,
        MetaRegime::Volatile,
        MetaRegime::Uncertain,
        MetaRegime::Unknown,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            MetaRegime::Range => "RANGE",
            MetaRegime::Bull => "BULL",
            MetaRegime::Bear => "BEAR",
            MetaRegime::Volatile => "VOLATILE",
            MetaRegime::Uncertain => "UNCERTAIN",
            MetaRegime::Unknown => "UNKNOWN",
        }
    }

    /// The regime of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<MetaRegime> {
        MetaRegime::ALL.into_iter().find(|regime| regime.as_str() == name)
    }

    /// As P2.9 names it: both directions are trends, a quiet market reverts, a wild one chops.
    #[must_use]
    pub const fn allocation_name(self) -> &'static str {
        match self {
            MetaRegime::Bull | MetaRegime::Bear => "TREND",
            MetaRegime::Range => "MEAN_REVERSION",
            MetaRegime::Volatile => "CHOP",
            MetaRegime::Uncertain | MetaRegime::Unknown => "UNKNOWN",
        }
    }
}

/// A regime, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegimeVerdict {
    /// Which.
    pub regime: MetaRegime,
    /// 0 to 1.
    pub confidence: f64,
}

/// A verdict with what it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegimeReading {
    /// Which.
    pub regime: MetaRegime,
    /// 0 to 1.
    pub confidence: f64,
    /// Sample standard deviation of the last 50 returns, a fraction.
    pub volatility: f64,
    /// Least-squares slope of the last 50 prices a sample, over the last price.
    pub trend: f64,
    /// The last price, in USDT; 0 without any.
    pub price: f64,
    /// How many prices there were.
    pub samples: usize,
}

/// The regime of a volatility (a fraction a sample) and a trend (slope a sample over the price).
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn classify_regime(volatility: f64, trend: f64) -> Result<RegimeVerdict, RefusedNumber> {
    all_finite(&[("volatility", volatility), ("trend", trend)])?;
    let directed = (0.7 + 0.1 * (trend.abs() / TREND)).min(0.95);
    let (regime, confidence) = if volatility < QUIET_VOLATILITY && trend.abs() < TREND {
        (MetaRegime::Range, 0.9)
    } else if trend > TREND && volatility < WILD_VOLATILITY {
        (MetaRegime::Bull, directed)
    } else if trend < -TREND && volatility < WILD_VOLATILITY {
        (MetaRegime::Bear, directed)
    } else if volatility >= WILD_VOLATILITY {
        (MetaRegime::Volatile, 0.85)
    } else {
        (MetaRegime::Uncertain, 0.5)
    };
    Ok(RegimeVerdict { regime, confidence })
}

/// Reads the regime from closes in USDT, oldest first; below 50 it is unknown.
///
/// # Errors
/// [`RefusedNumber`] for a close that is not finite and above zero.
pub fn detect_regime(closes: &[f64]) -> Result<RegimeReading, RefusedNumber> {
    closes.iter().try_for_each(|close| positive("close", *close).map(drop))?;
    let price = closes.last().copied().unwrap_or(0.0);
    let samples = closes.len();
    let Some(from) = samples.checked_sub(WINDOW) else {
        let (regime, confidence) = (MetaRegime::Unknown, 0.0);
        return Ok(RegimeReading {
            regime,
            confidence,
            volatility: 0.0,
            trend: 0.0,
            price,
            samples,
        });
    };
    // Fifty returns want one price more; where there are just fifty prices, there are 49.
    let volatility = sample_deviation(&closes[from.saturating_sub(1)..]);
    let trend = slope(&closes[from..]) / price;
    let RegimeVerdict { regime, confidence } = classify_regime(volatility, trend)?;
    Ok(RegimeReading { regime, confidence, volatility, trend, price, samples })
}

/// Sample standard deviation of the returns between neighbours.
fn sample_deviation(prices: &[f64]) -> f64 {
    let returns = prices.windows(2).map(|w| w[1] / w[0] - 1.0);
    let count = (prices.len() - 1) as f64;
    let mean = returns.clone().sum::<f64>() / count;
    let squares: f64 = returns.map(|r| (r - mean) * (r - mean)).sum();
    (squares / (count - 1.0)).sqrt()
}

/// Least-squares slope over the places 0, 1, 2 …
fn slope(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / count;
    let (mut up, mut down) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        let x = at as f64 - middle;
        up += x * (value - mean);
        down += x * x;
    }
    up / down
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_belong_to_their_regimes() {
        let of = |volatility, trend| classify_regime(volatility, trend).expect("finite").regime;
        assert_eq!(of(0.01, 0.001), MetaRegime::Uncertain, "at the trend's edge there is none");
        assert_eq!(of(0.015, 0.0), MetaRegime::Uncertain);
        assert_eq!(of(0.03, 0.002), MetaRegime::Volatile);
        assert_eq!(of(0.0299, -0.002), MetaRegime::Bear);
        assert!(classify_regime(f64::NAN, 0.0).is_err());
    }

    #[test]
    fn names_lead_back_to_their_regimes() {
        for regime in MetaRegime::ALL {
            assert_eq!(MetaRegime::of(regime.as_str()), Some(regime));
        }
        assert_eq!(MetaRegime::of("TREND"), None);
        assert_eq!(MetaRegime::Bear.allocation_name(), "TREND");
    }

    #[test]
    fn too_few_prices_are_unknown() {
        let reading = detect_regime(&[100.0; 49]).expect("prices");
        assert_eq!((reading.regime, reading.confidence), (MetaRegime::Unknown, 0.0));
        assert_eq!(detect_regime(&[100.0; 50]).expect("prices").regime, MetaRegime::Range);
        assert!(detect_regime(&[100.0, 0.0]).is_err());
    }
}
