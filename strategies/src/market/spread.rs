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

/// Ask less bid over their middle, in basis points; `None` where the book is crossed.
///
/// # Errors
/// [`RefusedNumber`] for a price that is not finite and above zero.
pub fn book_spread_bps(bid: f64, ask: f64) -> Result<Option<f64>, RefusedNumber> {
    let (bid, ask) = (positive("bid", bid)?, positive("ask", ask)?);
    let middle = bid / 2.0 + ask / 2.0;
    let spread = finite("spread_bps", (ask - bid) / middle * 1e4)?;
    Ok((ask >= bid).then_some(spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_a_book_is_of_its_middle() {
        assert_eq!(book_spread_bps(99.5, 100.5), Ok(Some(100.0)));
        assert_eq!(book_spread_bps(100.0, 100.0), Ok(Some(0.0)));
        assert_eq!(book_spread_bps(100.5, 99.5), Ok(None));
        assert!(book_spread_bps(0.0, 1.0).is_err() && book_spread_bps(1.0, f64::NAN).is_err());
    }

    #[test]
    fn alerts_above_half_a_percent_of_the_lowest() {
        let spread = |prices: &[f64]| venue_spread(prices).expect("prices");
        assert_eq!(spread(&[200.0, 201.0]), Some(VenueSpread { spread_pct: 0.5, alert: false }));
        assert_eq!(spread(&[101.0, 100.0, 100.5]).map(|s| s.alert), Some(true));
        assert_eq!(spread(&[100.0]), None);
        assert!(venue_spread(&[100.0, 0.0]).is_err());
    }
}
