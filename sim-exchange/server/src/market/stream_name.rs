//! Names of market streams: what each carries, and on which of the routed paths.

use super::interval::Interval;

/// What `<symbol>@…` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolStream {
    /// `aggTrade`.
    AggTrade,
    /// `trade`.
    Trade,
    /// `bookTicker`.
    BookTicker,
    /// `depth[@0ms|@100ms|@250ms|@500ms]`: changes, every so many milliseconds.
    Depth {
        /// Milliseconds from one event to the next; zero tells each change at once.
        period_ms: i64,
    },
    /// `rpiDepth@500ms`: the same, since no RPI orders are simulated.
    RpiDepth,
    /// `depth<5|10|20>[@…]`: the first levels.
    Levels {
        /// How many.
        levels: usize,
        /// Milliseconds from one event to the next; zero tells each change at once.
        period_ms: i64,
    },
    /// `markPrice` every 3 s or `markPrice@1s`.
    MarkPrice {
        /// Milliseconds from one event to the next.
        period_ms: i64,
    },
    /// `kline_<interval>`.
    Kline(Interval),
    /// `<pair>_perpetual@continuousKline_<interval>`.
    ContinuousKline(Interval),
    /// `miniTicker`.
    MiniTicker,
    /// `ticker`.
    Ticker,
    /// `forceOrder`.
    ForceOrder,
    /// `<asset>usd@assetIndex`.
    AssetIndex,
    /// `compositeIndex`: there are no such symbols here, so that it never says anything.
    CompositeIndex,
}

/// What `!…` carries: a stream of all symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllStream {
    /// `!markPrice@arr` every 3 s or `!markPrice@arr@1s`.
    MarkPrice {
        /// Milliseconds from one event to the next.
        period_ms: i64,
    },
    /// `!miniTicker@arr`.
    MiniTicker,
    /// `!ticker@arr`.
    Ticker,
    /// `!bookTicker`.
    BookTicker,
    /// `!forceOrder@arr`.
    ForceOrder,
    /// `!contractInfo`.
    ContractInfo,
    /// `!assetIndex@arr`.
    AssetIndex,
    /// `tradingSession`: of stocks, which are not traded here.
    TradingSession,
}

/// A stream by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamName<'a> {
    /// Of one symbol, pair or asset, in lower case.
    Of(&'a str, SymbolStream),
    /// Of all.
    All(AllStream),
}

/// One of the routed paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/public`: books, quotes and trades.
    Public,
    /// `/market`: everything else of the market.
    Market,
}

impl<'a> StreamName<'a> {
    /// Reads a name; none for what is no stream. Names are lower case but for the words that are not.
    pub fn parse(text: &'a str) -> Option<StreamName<'a>> {
        if let Some(all) = all_stream(text) {
            return Some(StreamName::All(all));
        }
        let (of, stream) = text.split_once('@')?;
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if of.is_empty() || !of.bytes().all(is_name) {
            return None;
        }
        if let Some(interval) = stream.strip_prefix("continuousKline_") {
            // Perpetual contracts are all there are.
            let pair = of.strip_suffix("_perpetual")?;
            return Some(StreamName::Of(
                pair,
                SymbolStream::ContinuousKline(Interval::parse(interval)?),
            ));
        }
        symbol_stream(stream).map(|stream| StreamName::Of(of, stream))
    }

    /// Where it is to be had.
    pub fn route(&self) -> Route {
        match self {
            StreamName::Of(
                _,
                SymbolStream::BookTicker
                | SymbolStream::Trade
                | SymbolStream::Depth { .. }
                | SymbolStream::RpiDepth
                | SymbolStream::Levels { .. },
            )
            | StreamName::All(AllStream::BookTicker) => Route::Public,
            _ => Route::Market,
        }
    }
}

fn all_stream(text: &str) -> Option<AllStream> {
    Some(match text {
        "!markPrice@arr" => AllStream::MarkPrice { period_ms: 3_000 },
        "!markPrice@arr@1s" => AllStream::MarkPrice { period_ms: 1_000 },
        "!miniTicker@arr" => AllStream::MiniTicker,
        "!ticker@arr" => AllStream::Ticker,
        "!bookTicker" => AllStream::BookTicker,
        "!forceOrder@arr" => AllStream::ForceOrder,
        "!contractInfo" => AllStream::ContractInfo,
        "!assetIndex@arr" => AllStream::AssetIndex,
        "tradingSession" => AllStream::TradingSession,
        _ => return None,
    })
}

fn symbol_stream(text: &str) -> Option<SymbolStream> {
    Some(match text {
        "aggTrade" => SymbolStream::AggTrade,
        "trade" => SymbolStream::Trade,
        "bookTicker" => SymbolStream::BookTicker,
        "markPrice" => SymbolStream::MarkPrice { period_ms: 3_000 },
        "markPrice@1s" => SymbolStream::MarkPrice { period_ms: 1_000 },
        "miniTicker" => SymbolStream::MiniTicker,
        "ticker" => SymbolStream::Ticker,
        "forceOrder" => SymbolStream::ForceOrder,
        "assetIndex" => SymbolStream::AssetIndex,
        "compositeIndex" => SymbolStream::CompositeIndex,
        "rpiDepth" | "rpiDepth@500ms" => SymbolStream::RpiDepth,
        _ => {
            if let Some(interval) = text.strip_prefix("kline_") {
                return Interval::parse(interval).map(SymbolStream::Kline);
            }
            let depth = text.strip_prefix("depth")?;
            let (levels, speed) = depth.split_once('@').unwrap_or((depth, "250ms"));
            let period_ms = match speed {
                "0ms" => 0,
                "100ms" => 100,
                "250ms" => 250,
                "500ms" => 500,
                _ => return None,
            };
            match levels {
                "" => SymbolStream::Depth { period_ms },
                "5" => SymbolStream::Levels { levels: 5, period_ms },
                "10" => SymbolStream::Levels { levels: 10, period_ms },
                "20" => SymbolStream::Levels { levels: 20, period_ms },
                _ => return None,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_routes() {
        let of = |text| StreamName::parse(text);
        let depth = SymbolStream::Depth { period_ms: 250 };
        assert_eq!(of("btcusdt@depth"), Some(StreamName::Of("btcusdt", depth)));
        let levels = SymbolStream::Levels { levels: 20, period_ms: 100 };
        assert_eq!(of("1000shibusdt@depth20@100ms"), Some(StreamName::Of("1000shibusdt", levels)));
        let at_once = SymbolStream::Depth { period_ms: 0 };
        assert_eq!(of("btcusdt@depth@0ms"), Some(StreamName::Of("btcusdt", at_once)));
        let hour = Interval::parse("1h").unwrap();
        let continuous = StreamName::Of("btcusdt", SymbolStream::ContinuousKline(hour));
        assert_eq!(of("btcusdt_perpetual@continuousKline_1h"), Some(continuous));
        for wrong in [
            "0",
            "",
            "BTCUSDT@depth",
            "btcusdt@kline_1s",
            "btcusdt@depth7",
            "btcusdt@foo",
            "@depth",
            "!foo",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        let route = |text| of(text).unwrap().route();
        for public in ["btcusdt@trade", "!bookTicker", "btcusdt@rpiDepth@500ms", "btcusdt@depth5"] {
            assert_eq!(route(public), Route::Public, "{public}");
        }
        for market in
            ["btcusdt@aggTrade", "!ticker@arr", "btcusdt@markPrice@1s", "btcusdt@kline_1M"]
        {
            assert_eq!(route(market), Route::Market, "{market}");
        }
    }
}
