//! One price a symbol from several venues (MSE 3.2).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, positive};

/// Candles this much older than a merged one are forgotten.
const KEEP_S: i64 = 60;
/// Candles held at most: they pile up only where the venues never meet.
const CANDLES_MAX: usize = 16;

/// Where a close was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Venue {
    /// Binance.
    Binance,
    /// Bybit.
    Bybit,
    /// Coinbase; no feed of it exists.
    Coinbase,
}

/// Closes of one candle, in USDT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VenueCloses {
    /// Of Binance.
    pub binance: Option<f64>,
    /// Of Bybit.
    pub bybit: Option<f64>,
    /// Of Coinbase.
    pub coinbase: Option<f64>,
}

impl VenueCloses {
    fn set(&mut self, venue: Venue, close: f64) {
        match venue {
            Venue::Binance => self.binance = Some(close),
            Venue::Bybit => self.bybit = Some(close),
            Venue::Coinbase => self.coinbase = Some(close),
        }
    }

    fn each(&self) -> impl Iterator<Item = f64> + Clone {
        [self.binance, self.bybit, self.coinbase].into_iter().flatten()
    }
}

/// How many venues make a price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeRule {
    /// One does, and says so by `num_exchanges`: a silent venue does not silence the others (MSE 17).
    #[default]
    OneIsEnough,
    /// Two; with one venue down there is no price at all.
    AuditedTwoAtLeast,
}

/// The venues' common price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MergedPrice {
    /// Mean of the closes, in USDT.
    pub avg_price: f64,
    /// Population standard deviation of the closes, in USDT.
    pub price_divergence: f64,
    /// The deviation over the mean, a fraction.
    pub volatility_factor: f64,
    /// (Binance − Bybit) / mean, a fraction; 0 if one is missing.
    pub lead_lag: f64,
    /// How many venues it was made of.
    pub num_exchanges: usize,
}

/// Merges the closes of one candle; `None` with fewer venues than the rule wants.
///
/// # Errors
/// [`RefusedNumber`] for a close that is not finite and above zero, or too large to add up.
pub fn merge(closes: &VenueCloses, rule: MergeRule) -> Result<Option<MergedPrice>, RefusedNumber> {
    let wanted = match rule {
        MergeRule::OneIsEnough => 1,
        MergeRule::AuditedTwoAtLeast => 2,
    };
    let num_exchanges = closes.each().count();
    if num_exchanges < wanted {
        return Ok(None);
    }
    closes.each().try_for_each(|close| positive("close", close).map(drop))?;
    let count = num_exchanges as f64;
    let avg_price = finite("sum of closes", closes.each().sum::<f64>())? / count;
    let squares: f64 = closes.each().map(|c| (c - avg_price) * (c - avg_price)).sum();
    let price_divergence = (finite("divergence of closes", squares)? / count).sqrt();
    let lead_lag = match (closes.binance, closes.bybit) {
        (Some(binance), Some(bybit)) => (binance - bybit) / avg_price,
        _ => 0.0,
    };
    Ok(Some(MergedPrice {
        avg_price,
        price_divergence,
        volatility_factor: price_divergence / avg_price,
        lead_lag,
        num_exchanges,
    }))
}

/// Gathers the closes of one symbol's candles until they can be merged.
///
/// Invariant: it holds no candle that is more than a minute older than the newest merged one, and never more
/// than 16.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CandleMerger {
    /// By their time.
    candles: Vec<(i64, VenueCloses)>,
}

impl CandleMerger {
    /// Takes a close of the candle that opened at `open_time_s`; every update of a candle that can be
    /// merged gives a price again.
    ///
    /// # Errors
    /// As [`merge`]; the close is then forgotten.
    pub fn update(
        &mut self,
        venue: Venue,
        open_time_s: i64,
        close: f64,
        rule: MergeRule,
    ) -> Result<Option<MergedPrice>, RefusedNumber> {
        let place = self.candles.partition_point(|(opened, _)| *opened < open_time_s);
        let known = self.candles.get(place).filter(|(opened, _)| *opened == open_time_s).copied();
        let (_, mut closes) = known.unwrap_or_default();
        closes.set(venue, positive("close", close)?);
        let merged = merge(&closes, rule)?;
        if known.is_some() {
            self.candles[place].1 = closes;
        } else {
            self.candles.insert(place, (open_time_s, closes));
        }
        let oldest = open_time_s.saturating_sub(KEEP_S);
        let (len, mut at) = (self.candles.len(), 0);
        self.candles.retain(|(opened, _)| {
            at += 1;
            (merged.is_none() || *opened >= oldest) && len - at < CANDLES_MAX
        });
        Ok(merged)
    }

    /// The closes of the candle that opened then.
    #[must_use]
    pub fn closes(&self, open_time_s: i64) -> Option<VenueCloses> {
        let place = self.candles.binary_search_by_key(&open_time_s, |(opened, _)| *opened).ok()?;
        Some(self.candles[place].1)
    }

    /// Candles held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.candles.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candles.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_venue_is_flagged_by_its_number_and_audited_silent() {
        let alone = VenueCloses { bybit: Some(50.0), ..VenueCloses::default() };
        let merged = merge(&alone, MergeRule::OneIsEnough).expect("a price").expect("merged");
        assert_eq!((merged.num_exchanges, merged.price_divergence, merged.lead_lag), (1, 0.0, 0.0));
        assert_eq!(merge(&alone, MergeRule::AuditedTwoAtLeast), Ok(None));
        assert_eq!(merge(&VenueCloses::default(), MergeRule::OneIsEnough), Ok(None));
    }

    #[test]
    fn closes_that_are_none_are_refused() {
        for close in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX] {
            let closes =
                VenueCloses { binance: Some(close), bybit: Some(f64::MAX), coinbase: None };
            assert!(merge(&closes, MergeRule::OneIsEnough).is_err(), "{close}");
        }
    }

    #[test]
    fn candles_meet_by_their_time_and_old_ones_go() {
        let rule = MergeRule::AuditedTwoAtLeast;
        let mut merger = CandleMerger::default();
        assert_eq!(merger.update(Venue::Binance, 0, 10.0, rule), Ok(None));
        assert_eq!(merger.update(Venue::Bybit, 60, 12.0, rule), Ok(None));
        let merged = merger.update(Venue::Binance, 60, 10.0, rule).expect("a price");
        assert_eq!(merged.map(|m| m.avg_price), Some(11.0));
        assert_eq!(merger.len(), 2);
        merger.update(Venue::Bybit, 120, 1.0, rule).expect("a price");
        merger.update(Venue::Binance, 120, 1.0, rule).expect("a price");
        assert_eq!(merger.len(), 2, "the candle at 0 is more than a minute older");
        assert!(merger.update(Venue::Bybit, 120, f64::NAN, rule).is_err());
        assert_eq!(merger.closes(120).and_then(|closes| closes.bybit), Some(1.0));
        assert_eq!(merger.closes(180), None);
    }

    #[test]
    fn a_venue_alone_piles_up_no_candles() {
        let mut merger = CandleMerger::default();
        for minute in 0..100 {
            let rule = MergeRule::AuditedTwoAtLeast;
            merger.update(Venue::Binance, 60 * minute, 10.0, rule).expect("a close");
        }
        assert_eq!(merger.len(), 16);
        assert!(merger.closes(99 * 60).is_some() && merger.closes(0).is_none());
    }
}
