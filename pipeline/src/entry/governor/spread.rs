//! How thin the market of a symbol is, for the risk guard's SPREAD_SPIKE (EHR 3.19).

use engine::{Context, Entry, Nanos};
use strategies::market::venue_spread;

use super::Governor;
use crate::records::{BookSpread, ExchangeNormalized};
use crate::streams::EXCHANGE_NORMALIZED;

/// Prices of the venues that are looked at, for each symbol.
const VENUE_PRICES: usize = 8;
/// Older prices of the venues say nothing of now (MSE 4.2).
const VENUES_AGE_MAX: Nanos = Nanos::from_secs(120);

impl Governor {
    /// Spread of the symbol in basis points: of its own book where the market tells one, else of the venues in one
    /// candle of theirs (EHR 3.19, MSE 3.2). The price feed's spread of the venues would not do: at the end of a
    /// minute it compares closes that are a minute apart.
    pub(super) fn spread_bps(&self, place: usize, ctx: &mut Context<'_>) -> Option<f64> {
        let now = ctx.now();
        match ctx.record::<BookSpread>(&self.keys[place].book) {
            Ok(Some(of)) => return Some(of.spread_bps),
            Ok(None) => {}
            Err(_) => ctx.count("spread_unreadable", 1),
        }
        let count = VENUE_PRICES * self.symbols.len();
        let newest = ctx.newest(EXCHANGE_NORMALIZED.name, count).unwrap_or_default();
        let oldest = u64::try_from((now - VENUES_AGE_MAX).millis()).unwrap_or(0);
        let of_symbol = |entry: &Entry| {
            let told = entry.body.as_ref()?.read::<ExchangeNormalized>().ok()?;
            let both = told.binance_price.zip(told.bybit_price);
            both.filter(|_| told.symbol == self.symbols[place])
        };
        let young = newest.iter().filter(|entry| entry.id.ms >= oldest);
        let (binance, bybit) = young.into_iter().find_map(of_symbol)?;
        Some(venue_spread(&[binance, bybit]).ok()??.spread_pct * 100.0)
    }
}
