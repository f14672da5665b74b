//! The spread over the venues present (MSE 3.4).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, positive};

/// Above this many percent a SPREAD_ALERT goes out.
pub const SPREAD_ALERT_PCT: f64 = 0.5;

/// How far the venues are apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VenueSpread {
    /// (highest − lowest) / lowest, in percent.
    pub spread_pct: f64,
    /// Far enough for a SPREAD_ALERT.
    pub alert: bool,
}

/// The spread of the venues' prices in USDT; `None` with fewer than two.
///
/// # Errors
/// [`RefusedNumber`] for a price that is not finite and above zero.
pub fn venue_spread(prices: &[f64]) -> Result<Option<VenueSpread>, RefusedNumber> {
    prices.iter().try_for_each(|price| positive("price", *price).map(drop))?;
    let low = prices.iter().copied().fold(f64::INFINITY, f64::min);
    let high = prices.iter().copied().fold(0.0, f64::max);
    if prices.len() < 2 {
        return Ok(None);
    }
    let spread_pct = finite("spread_pct", (high - low) / low * 100.0)?;
    Ok(Some(VenueSpread { spread_pct, alert: spread_pct > SPREAD_ALERT_PCT }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_above_half_a_percent_of_the_lowest() {
        let spread = |prices: &[f64]| venue_spread(prices).expect("prices");
        assert_eq!(spread(&[200.0, 201.0]), Some(VenueSpread { spread_pct: 0.5, alert: false }));
        assert_eq!(spread(&[101.0, 100.0, 100.5]).map(|s| s.alert), Some(true));
        assert_eq!(spread(&[100.0]), None);
        assert!(venue_spread(&[100.0, 0.0]).is_err());
    }
}
