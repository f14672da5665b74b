//! Prices of several venues: as they come in, merged, and what is kept of them under keys.

use engine::{Body, EpochMillis, EpochSeconds, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;

engine::record! {
    /// exchange.raw: an update of a venue's 1-minute candle, closed or not.
    pub struct ExchangeRaw {
        /// Whose.
        pub exchange: VenueName = "exchange",
        /// Of what.
        pub symbol: Symbol = "symbol",
        /// When the candle opened.
        pub timestamp: EpochSeconds = "timestamp",
        /// First price.
        pub open: Decimal = "open",
        /// Highest price so far.
        pub high: Decimal = "high",
        /// Lowest price so far.
        pub low: Decimal = "low",
        /// Last price.
        pub close: Decimal = "close",
        /// Base volume so far.
        pub volume: Decimal = "volume",
    }

    /// The first entry of exchange.raw, which says nothing: readers skip it.
    pub struct StreamInit {
        /// 1.
        pub init: u32 = "init",
    }

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

    /// quantum:ticker:{S}.
    pub struct Ticker {
        /// Of what.
        pub symbol: Symbol = "symbol",
        /// The last price, in USDT.
        pub price: Decimal = "price",
        /// The mark price, in USDT; the last price where the run has no marks.
        pub mark_price: Decimal = "markPrice",
        /// Of the newer of the two.
        pub timestamp: EpochMillis = "timestamp",
    }

    /// quantum:market:{S}.
    pub struct MarketPrice {
        /// Of what.
        pub symbol: Symbol = "symbol",
        /// The mark price, in USDT.
        pub price: Decimal = "price",
        /// Of the price.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:market:{S}:{venue}. What a venue does not tell is absent.
    pub struct VenueTicker {
        /// The last price, in USDT.
        pub price: Decimal = "price",
        /// Best bid, in USDT.
        pub bid: Option<Decimal> = "bid",
        /// Best ask, in USDT.
        pub ask: Option<Decimal> = "ask",
        /// Base volume of 24 hours.
        pub volume_24h: Option<Decimal> = "volume_24h",
        /// A fraction.
        pub funding_rate: Option<Decimal> = "funding_rate",
        /// When it was read.
        pub ts: EpochSeconds = "ts",
        /// The venue.
        pub source: VenueName = "source",
    }

    /// quantum:market:{S}:spread.
    pub struct VenueSpread {
        /// (highest - lowest) / lowest over the venues present, in percent.
        pub spread_pct: f64 = "spread_pct",
        /// How many venues.
        pub venues: u32 = "venues",
        /// When it was read.
        pub ts: EpochSeconds = "ts",
    }

    /// quantum:market:{S}:book.
    pub struct BookSpread {
        /// Of what.
        pub symbol: Symbol = "symbol",
        /// Best bid, in USDT.
        pub bid: Decimal = "bid",
        /// Best ask, in USDT.
        pub ask: Decimal = "ask",
        /// Ask less bid over their middle, in basis points.
        pub spread_bps: f64 = "spread_bps",
        /// Of the quote.
        pub ts: EpochSeconds = "ts",
    }

    /// market_events.
    pub struct MarketAlert {
        /// `SPREAD_ALERT`.
        pub kind: Cow<'static, str> = "type",
        /// Of what.
        pub symbol: Symbol = "symbol",
        /// When.
        pub ts: EpochSeconds = "ts",
        /// In percent.
        pub spread_pct: f64 = "spread_pct",
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

super::words::words! {
    /// A venue.
    pub enum VenueName {
        /// Binance.
        Binance = "binance",
        /// Bybit.
        Bybit = "bybit",
        /// Coinbase; no feed of it exists.
        Coinbase = "coinbase",
    }
}

/// Whether an entry is a marker that says nothing ([`StreamInit`]).
pub fn is_marker(body: &Body) -> bool {
    match body {
        Body::Fields(fields) => fields.get("init").is_some(),
        Body::Message(message) => message.record().as_any().is::<StreamInit>(),
    }
}
