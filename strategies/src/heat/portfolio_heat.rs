//! Heat of the book and its bucket (EHR 3.6; settled, "Heat").

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, not_negative};

/// Minutes of a day: sigma grows with the root of time.
const MINUTES_A_DAY: f64 = 1_440.0;

/// Sigma of a day from P0's, which is per minute.
#[must_use]
pub fn daily_sigma(sigma_per_minute: f64) -> f64 {
    sigma_per_minute * MINUTES_A_DAY.sqrt()
}

/// Which sigma the heat is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeatSigma {
    /// Of a day.
    #[default]
    Daily,
    /// Audited: P0's own, per minute, with which no real book is ever warm (EHR examples 15 to 17).
    AuditedPerMinute,
}

impl HeatSigma {
    /// The sigma to use, from P0's.
    #[must_use]
    pub fn of(self, sigma_per_minute: f64) -> f64 {
        match self {
            HeatSigma::Daily => daily_sigma(sigma_per_minute),
            HeatSigma::AuditedPerMinute => sigma_per_minute,
        }
    }
}

/// A position as somebody told it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeatEntry<'a> {
    /// Whose.
    pub symbol: &'a str,
    /// Signed, in USDT.
    pub notional_usd: f64,
    /// Per minute; not above zero is unknown, and the entry is left out.
    pub sigma_per_minute: f64,
}

/// How hot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HeatBucket {
    /// Calm.
    Cold,
    /// In between.
    Warm,
    /// Much at risk.
    Hot,
}

impl HeatBucket {
    /// All of them, in the order of the matrix.
    pub const ALL: [HeatBucket; 3] = [HeatBucket::Cold, HeatBucket::Warm, HeatBucket::Hot];

    /// As the calibration writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            HeatBucket::Cold => "COLD",
            HeatBucket::Warm => "WARM",
            HeatBucket::Hot => "HOT",
        }
    }

    /// As a heat decision writes it.
    pub const fn level(self) -> &'static str {
        match self {
            HeatBucket::Cold => "cold",
            HeatBucket::Warm => "warm",
            HeatBucket::Hot => "hot",
        }
    }
}

/// Where the buckets begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeatBuckets {
    /// Warm from here on (`HEAT_MIN`).
    pub warm_from: f64,
    /// Hot from here on (`HEAT_MAX`).
    pub hot_from: f64,
    /// How far beyond a border the heat has to be before the bucket changes; 0 is no hysteresis.
    pub hysteresis: f64,
}

impl Default for HeatBuckets {
    fn default() -> HeatBuckets {
        HeatBuckets { warm_from: 0.25, hot_from: 0.65, hysteresis: 0.0 }
    }
}

impl HeatBuckets {
    /// The bucket of a heat, given the one before.
    #[must_use]
    pub fn of(&self, heat: f64, before: Option<HeatBucket>) -> HeatBucket {
        // Who is below a border has to climb over it by the band, who is above to fall below it.
        let border = |from: f64, bucket: HeatBucket| match before {
            Some(before) if before < bucket => from + self.hysteresis,
            Some(_) => from - self.hysteresis,
            None => from,
        };
        if heat >= border(self.hot_from, HeatBucket::Hot) {
            HeatBucket::Hot
        } else if heat >= border(self.warm_from, HeatBucket::Warm) {
            HeatBucket::Warm
        } else {
            HeatBucket::Cold
        }
    }
}

/// Heat of the book.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heat {
    /// Daily risk of the book over the equity; 0 when the equity is not known.
    pub value: f64,
    /// The equity was not known: the heat counts as cold, and full closes are reduced.
    pub equity_missing: bool,
}

/// Heat of these entries, oldest first: the newest of a symbol counts.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities. A caller then does as if the equity were missing.
pub fn portfolio_heat(
    equity_usd: Option<f64>,
    entries: &[HeatEntry<'_>],
    sigma: HeatSigma,
) -> Result<Heat, RefusedNumber> {
    let equity = finite("equity_usd", equity_usd.unwrap_or(0.0))?;
    let mut seen: Vec<&str> = Vec::with_capacity(entries.len());
    let mut at_risk = 0.0;
    for entry in entries.iter().rev() {
        finite("notional_usd", entry.notional_usd)?;
        finite("sigma", entry.sigma_per_minute)?;
        if entry.sigma_per_minute <= 0.0 || seen.contains(&entry.symbol) {
            continue;
        }
        seen.push(entry.symbol);
        at_risk += entry.notional_usd.abs() * sigma.of(entry.sigma_per_minute);
    }
    if equity <= 0.0 {
        return Ok(Heat { value: 0.0, equity_missing: true });
    }
    let value = not_negative("heat", at_risk / equity.max(1.0))?;
    Ok(Heat { value, equity_missing: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_hysteresis_the_borders_belong_to_the_hotter_bucket() {
        let buckets = HeatBuckets::default();
        let of = |heat| buckets.of(heat, Some(HeatBucket::Cold));
        assert_eq!([0.0, 0.2499, 0.25, 0.6499, 0.65].map(of), {
            use HeatBucket::{Cold, Hot, Warm};
            [Cold, Cold, Warm, Warm, Hot]
        });
    }

    #[test]
    fn hysteresis_keeps_a_bucket_near_its_border() {
        let buckets = HeatBuckets { hysteresis: 0.02, ..HeatBuckets::default() };
        assert_eq!(buckets.of(0.26, Some(HeatBucket::Cold)), HeatBucket::Cold);
        assert_eq!(buckets.of(0.27, Some(HeatBucket::Cold)), HeatBucket::Warm);
        assert_eq!(buckets.of(0.24, Some(HeatBucket::Warm)), HeatBucket::Warm);
        assert_eq!(buckets.of(0.22, Some(HeatBucket::Warm)), HeatBucket::Cold);
        assert_eq!(buckets.of(0.26, None), HeatBucket::Warm, "no memory, no band");
    }

    #[test]
    fn heat_is_of_a_day_and_unknown_equity_is_cold() {
        let entry =
            HeatEntry { symbol: "BTCUSDT", notional_usd: -10_000.0, sigma_per_minute: 0.001 };
        let heat = portfolio_heat(Some(1_000.0), &[entry], HeatSigma::Daily).expect("finite");
        assert!(
            (heat.value - 0.379_473_319_220_205_5).abs() < 1e-12,
            "0.01 times the root of 1440"
        );
        let unknown = Heat { value: 0.0, equity_missing: true };
        for equity in [None, Some(0.0), Some(-5.0)] {
            assert_eq!(portfolio_heat(equity, &[entry], HeatSigma::Daily), Ok(unknown));
        }
    }
}
