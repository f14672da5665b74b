//! exchange.normalized as the AI engine reads it, and the features made of it (MSE 4.2).

use engine::Symbol;
use serde::{Deserialize, Serialize};

/// A tick received longer ago than this gives no features.
pub const NORMALISED_FRESH_S: f64 = 120.0;

/// One entry as it stands on the stream: all of it text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NormalisedText<'a> {
    /// Whose.
    pub symbol: &'a str,
    /// Open time of the candle, in seconds.
    pub timestamp: &'a str,
    /// Mean price.
    pub avg_price: &'a str,
    /// Standard deviation of the venues' prices.
    pub price_divergence: &'a str,
    /// How many venues.
    pub num_exchanges: &'a str,
    /// A price, `None` or `null`.
    pub binance_price: &'a str,
    /// A price, `None` or `null`.
    pub bybit_price: &'a str,
    /// A price, `None` or `null`.
    pub coinbase_price: &'a str,
}

/// A normalised tick; prices in USDT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalisedTick {
    /// Whose.
    pub symbol: Symbol,
    /// Open time of the candle, in seconds.
    pub source_timestamp: i64,
    /// Mean price.
    pub avg_price: f64,
    /// Standard deviation of the venues' prices.
    pub price_divergence: f64,
    /// How many venues.
    pub num_exchanges: u32,
    /// Of Binance.
    pub binance_price: Option<f64>,
    /// Of Bybit.
    pub bybit_price: Option<f64>,
    /// Of Coinbase.
    pub coinbase_price: Option<f64>,
}

/// The features of the venues' prices; the default is what holds without a fresh tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CrossExchange {
    /// `xchg_price_divergence` under the name the models know.
    pub exchange_divergence: f64,
    /// Divergence over the mean, a fraction.
    pub volatility_factor: f64,
    /// (Binance − Bybit) / mean, a fraction.
    pub lead_lag_score: f64,
    /// No venue's funding is compared: always 0.
    pub funding_delta: f64,
    /// Mean price.
    pub xchg_avg_price: f64,
    /// Standard deviation of the venues' prices.
    pub xchg_price_divergence: f64,
    /// How many venues.
    pub xchg_num_exchanges: u32,
    /// Of Binance.
    pub xchg_binance_price: Option<f64>,
    /// Of Bybit.
    pub xchg_bybit_price: Option<f64>,
    /// Of Coinbase.
    pub xchg_coinbase_price: Option<f64>,
    /// |Binance − Bybit|.
    pub xchg_spread_abs: f64,
    /// (Binance − Bybit) / mean, in basis points.
    pub xchg_spread_bps: f64,
}

/// A field that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exchange.normalized: {field} is {text:?}: {wanted}")]
pub struct NotNormalised {
    /// Which.
    pub field: &'static str,
    /// As it came.
    pub text: String,
    /// What it should be.
    pub wanted: &'static str,
}

fn refuse<T>(field: &'static str, text: &str, wanted: &'static str) -> Result<T, NotNormalised> {
    Err(NotNormalised { field, text: text.to_owned(), wanted })
}

fn number(field: &'static str, text: &str, zero_too: bool) -> Result<f64, NotNormalised> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && (number > 0.0 || zero_too && number == 0.0) => {
            Ok(number)
        }
        _ if zero_too => refuse(field, text, "give a finite number, zero or more"),
        _ => refuse(field, text, "give a finite number above zero"),
    }
}

fn venue(field: &'static str, text: &str) -> Result<Option<f64>, NotNormalised> {
    match text {
        "" | "None" | "null" => Ok(None),
        _ => number(field, text, false).map(Some),
    }
}

/// Reads an entry of exchange.normalized.
///
/// # Errors
/// [`NotNormalised`] names the field.
pub fn parse_normalised(text: &NormalisedText<'_>) -> Result<NormalisedTick, NotNormalised> {
    let Ok(symbol) = Symbol::new(text.symbol) else {
        return refuse("symbol", text.symbol, "give a symbol such as BTCUSDT");
    };
    let Ok(source_timestamp) = text.timestamp.parse() else {
        return refuse("timestamp", text.timestamp, "give whole seconds");
    };
    let Ok(num_exchanges) = text.num_exchanges.parse() else {
        return refuse("num_exchanges", text.num_exchanges, "give a whole number");
    };
    Ok(NormalisedTick {
        symbol,
        source_timestamp,
        avg_price: number("avg_price", text.avg_price, false)?,
        price_divergence: number("price_divergence", text.price_divergence, true)?,
        num_exchanges,
        binance_price: venue("binance_price", text.binance_price)?,
        bybit_price: venue("bybit_price", text.bybit_price)?,
        coinbase_price: venue("coinbase_price", text.coinbase_price)?,
    })
}

impl NormalisedTick {
    /// The features of a tick that was received `age_s` seconds ago: the default when it is stale, or its
    /// age is no number.
    #[must_use]
    pub fn features(&self, age_s: f64) -> CrossExchange {
        // An age that is no number is not known to be fresh.
        if !age_s.is_finite() || age_s > NORMALISED_FRESH_S {
            return CrossExchange::default();
        }
        let difference = match (self.binance_price, self.bybit_price) {
            (Some(binance), Some(bybit)) => binance - bybit,
            _ => 0.0,
        };
        let lead_lag_score = difference / self.avg_price;
        CrossExchange {
            exchange_divergence: self.price_divergence,
            volatility_factor: self.price_divergence / self.avg_price,
            lead_lag_score,
            funding_delta: 0.0,
            xchg_avg_price: self.avg_price,
            xchg_price_divergence: self.price_divergence,
            xchg_num_exchanges: self.num_exchanges,
            xchg_binance_price: self.binance_price,
            xchg_bybit_price: self.bybit_price,
            xchg_coinbase_price: self.coinbase_price,
            xchg_spread_abs: difference.abs(),
            xchg_spread_bps: lead_lag_score * 1e4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: NormalisedText<'_> = NormalisedText {
        symbol: "BTCUSDT",
        timestamp: "60",
        avg_price: "100",
        price_divergence: "0",
        num_exchanges: "1",
        binance_price: "100",
        bybit_price: "None",
        coinbase_price: "null",
    };

    #[test]
    fn a_stale_tick_gives_the_defaults() {
        let tick = parse_normalised(&ENTRY).expect("readable");
        assert_eq!(tick.features(120.0).xchg_binance_price, Some(100.0));
        assert_eq!(tick.features(120.5), CrossExchange::default());
        assert_eq!(tick.features(f64::NAN), CrossExchange::default());
    }

    #[test]
    fn the_field_that_cannot_be_read_is_named() {
        let message =
            |text: NormalisedText<'_>| parse_normalised(&text).expect_err("refused").to_string();
        assert_eq!(
            message(NormalisedText { avg_price: "nan", ..ENTRY }),
            "exchange.normalized: avg_price is \"nan\": give a finite number above zero"
        );
        assert_eq!(
            message(NormalisedText { bybit_price: "none", ..ENTRY }),
            "exchange.normalized: bybit_price is \"none\": give a finite number above zero"
        );
        assert!(message(NormalisedText { symbol: "btc", ..ENTRY }).contains("symbol"));
    }
}
