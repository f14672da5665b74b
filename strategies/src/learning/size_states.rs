//! The states of the sizing table: market, confidence, exposure and results in bands (MSE 7.1).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite};

/// What the table looks at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeView {
    /// Average true range, a fraction of the price.
    pub atr_pct: f64,
    /// Average directional index, 0 to 100.
    pub adx: f64,
    /// −1 to 1.
    pub trend: f64,
    /// Of the signal, 0 to 1.
    pub confidence: f64,
    /// Share of the equity in use.
    pub exposure_pct: f64,
    /// Share of wins.
    pub win_rate: f64,
}

/// The market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketBand {
    /// A wide true range.
    HighVolatility,
    /// A direction.
    Trending,
    /// Neither.
    Ranging,
}

/// The confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfidenceBand {
    /// 0.85 and above.
    VeryHigh,
    /// 0.70 and above.
    High,
    /// 0.55 and above.
    Medium,
    /// 0.45 and above.
    Low,
    /// Below.
    VeryLow,
}

/// The exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposureBand {
    /// 0.80 and above.
    Full,
    /// 0.60 and above.
    High,
    /// 0.30 and above.
    Medium,
    /// Below.
    Low,
}

/// The results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultBand {
    /// Wins 0.60 and above.
    Winning,
    /// 0.45 and above.
    Even,
    /// Below.
    Losing,
}

/// A state of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SizeState {
    /// Of the market.
    pub market: MarketBand,
    /// Of the signal.
    pub confidence: ConfidenceBand,
    /// Of the account.
    pub exposure: ExposureBand,
    /// Of past trades.
    pub results: ResultBand,
}

impl SizeView {
    /// The bands that it falls into.
    ///
    /// # Errors
    /// [`RefusedNumber`] for NaN and infinities.
    pub fn state(&self) -> Result<SizeState, RefusedNumber> {
        let SizeView { atr_pct, adx, trend, confidence, exposure_pct, win_rate } = *self;
        all_finite(&[
            ("atr_pct", atr_pct),
            ("adx", adx),
            ("trend", trend),
            ("confidence", confidence),
            ("exposure_pct", exposure_pct),
            ("win_rate", win_rate),
        ])?;
        let market = if atr_pct > 0.03 {
            MarketBand::HighVolatility
        } else if adx > 25.0 || trend.abs() > 0.5 {
            MarketBand::Trending
        } else {
            MarketBand::Ranging
        };
        let confidence = match confidence {
            c if c >= 0.85 => ConfidenceBand::VeryHigh,
            c if c >= 0.70 => ConfidenceBand::High,
            c if c >= 0.55 => ConfidenceBand::Medium,
            c if c >= 0.45 => ConfidenceBand::Low,
            _ => ConfidenceBand::VeryLow,
        };
        let exposure = match exposure_pct {
            e if e >= 0.80 => ExposureBand::Full,
            e if e >= 0.60 => ExposureBand::High,
            e if e >= 0.30 => ExposureBand::Medium,
            _ => ExposureBand::Low,
        };
        let results = match win_rate {
            w if w >= 0.60 => ResultBand::Winning,
            w if w >= 0.45 => ResultBand::Even,
            _ => ResultBand::Losing,
        };
        Ok(SizeState { market, confidence, exposure, results })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_belong_to_the_upper_band() {
        let view = SizeView {
            atr_pct: 0.03,
            adx: 25.0,
            trend: -0.51,
            confidence: 0.55,
            exposure_pct: 0.8,
            win_rate: 0.45,
        };
        let state = view.state().expect("finite");
        assert_eq!(
            (state.market, state.confidence),
            (MarketBand::Trending, ConfidenceBand::Medium)
        );
        assert_eq!((state.exposure, state.results), (ExposureBand::Full, ResultBand::Even));
        let calm = SizeView { trend: 0.5, ..view }.state().expect("finite");
        assert_eq!(calm.market, MarketBand::Ranging);
        assert!(SizeView { adx: f64::NAN, ..view }.state().is_err());
    }
}
