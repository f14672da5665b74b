//! Market data on the bus, and what is computed from it.

use engine::{EpochMillis, EpochSeconds, Symbol};
use rust_decimal::Decimal;

engine::record! {
    /// market.tick: a trade, or the close of a bar.
    pub struct Tick {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// In USDT.
        pub price: Decimal = "price",
        /// Base quantity; absent in the ticks of the simple publisher.
        pub qty: Option<Decimal> = "qty",
        /// The taker sold.
        pub is_buyer_maker: bool = "is_buyer_maker",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// market.klines: a closed bar.
    pub struct Kline {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Such as `1m`.
        pub interval: std::borrow::Cow<'static, str> = "interval",
        /// First price.
        pub open: Decimal = "open",
        /// Highest price.
        pub high: Decimal = "high",
        /// Lowest price.
        pub low: Decimal = "low",
        /// Last price.
        pub close: Decimal = "close",
        /// Base volume.
        pub volume: Decimal = "volume",
        /// When it opened.
        pub open_time: EpochMillis = "open_time",
        /// When it closed.
        pub close_time: EpochMillis = "close_time",
        /// Always true: open bars are not published.
        pub is_closed: bool = "is_closed",
        /// When it was published.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:marketstate:{S}.
    pub struct MarketState {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Volatility of a minute.
        pub sigma: f64 = "sigma",
        /// Drift of a minute.
        pub mu: f64 = "mu",
        /// Trend strength.
        pub ts: f64 = "ts",
        /// Probability of a trend.
        pub p_trend: f64 = "p_trend",
        /// Probability of reversion to the mean.
        pub p_mr: f64 = "p_mr",
        /// Probability of neither.
        pub p_chop: f64 = "p_chop",
        /// Share of consecutive returns of equal sign.
        pub dp: f64 = "dp",
        /// Variance ratio.
        pub vr: f64 = "vr",
        /// Robust over smooth volatility.
        pub spike_proxy: f64 = "spike_proxy",
        /// Prices used.
        pub buffer_size: u64 = "buffer_size",
        /// The largest probability: TREND, MR or CHOP.
        pub regime: std::borrow::Cow<'static, str> = "regime",
        /// When.
        pub ts_timestamp: EpochSeconds = "ts_timestamp",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }
}
