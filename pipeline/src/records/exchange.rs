//! Prices of several venues: as they come in, merged, and what is kept of them under keys.

use engine::{EpochSeconds, Symbol};
use rust_decimal::Decimal;

engine::record! {
    /// exchange.normalized: one price of several venues.
    pub struct ExchangeNormalized {
        /// Of what.
        pub symbol: Symbol = "symbol",
        /// When the candle opened.
        pub timestamp: EpochSeconds = "timestamp",
        /// Mean of the closes, in USDT.
        pub avg_price: f64 = "avg_price",
        /// Population standard deviation of the closes, in USDT.
        pub price_divergence: f64 = "price_divergence",
        /// How many venues; 1 means that the others are silent.
        pub num_exchanges: u32 = "num_exchanges",
        /// Close of Binance, in USDT.
        pub binance_price: Option<f64> = "binance_price",
        /// Close of Bybit, in USDT.
        pub bybit_price: Option<f64> = "bybit_price",
        /// Close of Coinbase, in USDT; no feed of it exists.
        pub coinbase_price: Option<f64> = "coinbase_price",
    }

    /// quantum:funding:{S}.
    pub struct Funding {
        /// Of what.
        pub symbol: Symbol = "symbol",
        /// The rate that was settled last, a fraction.
        pub funding_rate: Decimal = "funding_rate",
        /// When it was settled.
        pub ts: EpochSeconds = "ts",
    }
}
