//! The path inside a bar, and when its close is known: the one expansion that replay and synthetic
//! markets share.

use engine::{Bar, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, SymbolIndex};
use engine::{Trade, TradeOrigin};
use serde::{Deserialize, Serialize};

/// What becomes of a bar of trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BarMode {
    /// Four trades on the path open, nearer extreme, other extreme, close; then the closed bar.
    Points,
    /// The closed bar only, with its path still to be judged by the exchange.
    Whole,
    /// The closed bar only, because trades or a finer series of the same symbol tell its path. Where
    /// nothing does, as [`BarMode::Whole`]: of a path that nobody told, none may say that it passed.
    CloseOnly,
}

impl BarMode {
    /// What becomes of the bars if they alone tell of their symbol.
    pub(crate) fn alone(self) -> BarMode {
        match self {
            BarMode::CloseOnly => BarMode::Whole,
            BarMode::Points | BarMode::Whole => self,
        }
    }
}

/// One bar on the grid of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GridBar {
    pub open_time: Nanos,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i64,
}

/// The four prices of the path: the extreme nearer to the open comes first; if both are as near,
/// the low when the bar closed at or above its open, the high otherwise.
pub(crate) fn path(bar: &GridBar) -> [i64; 4] {
    let (up, down) = (bar.high - bar.open, bar.open - bar.low);
    let low_first = down < up || (down == up && bar.close >= bar.open);
    if low_first {
        [bar.open, bar.low, bar.high, bar.close]
    } else {
        [bar.open, bar.high, bar.low, bar.close]
    }
}

/// The times of the four points: the last one is the bar's last millisecond.
pub(crate) fn times(open: Nanos, interval_ms: u32) -> [Nanos; 4] {
    let ns = i64::from(interval_ms) * 1_000_000;
    [0, ns / 3, 2 * (ns / 3), ns - 1_000_000].map(|after| Nanos(open.0 + after))
}

/// Appends the events of a bar of trades.
#[inline]
pub(crate) fn expand(
    bar: &GridBar,
    symbol: SymbolIndex,
    interval_ms: u32,
    mode: BarMode,
    out: &mut Vec<MarketEvent>,
) {
    if mode == BarMode::Points {
        let quarter = bar.volume / 4;
        let last = bar.volume - 3 * quarter;
        let prices = path(bar);
        for (i, time) in times(bar.open_time, interval_ms).into_iter().enumerate() {
            out.push(MarketEvent::new(
                time,
                symbol,
                MarketData::Trade(Trade {
                    price: PriceTicks(prices[i]),
                    qty: QtyLots(if i == 3 { last } else { quarter }),
                    // The taker is taken to push the price the way it went; a flat step buys.
                    buyer_is_maker: i > 0 && prices[i] < prices[i - 1],
                    origin: TradeOrigin::BarPath,
                }),
            ));
        }
    }
    out.push(MarketEvent::new(
        bar.open_time + Nanos::from_millis(i64::from(interval_ms)),
        symbol,
        MarketData::Bar(Bar {
            open: PriceTicks(bar.open),
            high: PriceTicks(bar.high),
            low: PriceTicks(bar.low),
            close: PriceTicks(bar.close),
            volume: QtyLots(bar.volume),
            interval_ms,
            path_passed: mode != BarMode::Whole,
        }),
    ));
}

/// Appends the four prices of a bar of mark or index prices, each as what `data` makes of it.
pub(crate) fn expand_marks(
    bar: &GridBar,
    symbol: SymbolIndex,
    interval_ms: u32,
    data: fn(PriceTicks) -> MarketData,
    out: &mut Vec<MarketEvent>,
) {
    for (time, price) in times(bar.open_time, interval_ms).into_iter().zip(path(bar)) {
        out.push(MarketEvent::new(time, symbol, data(PriceTicks(price))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(open: i64, high: i64, low: i64, close: i64) -> GridBar {
        GridBar { open_time: Nanos::ZERO, open, high, low, close, volume: 11 }
    }

    #[test]
    fn nearer_extreme_comes_first() {
        assert_eq!(path(&bar(10, 15, 8, 9)), [10, 8, 15, 9]);
        assert_eq!(path(&bar(10, 12, 5, 11)), [10, 12, 5, 11]);
        assert_eq!(path(&bar(10, 12, 8, 10)), [10, 8, 12, 10], "tie, not down");
        assert_eq!(path(&bar(10, 12, 8, 9)), [10, 12, 8, 9], "tie, down");
    }

    #[test]
    fn points_share_the_volume_and_precede_the_bar() {
        let mut out = Vec::new();
        expand(&bar(10, 12, 8, 9), SymbolIndex(3), 60_000, BarMode::Points, &mut out);
        let qty = |e: &MarketEvent| match e.data {
            MarketData::Trade(t) => t.qty.0,
            _ => -1,
        };
        assert_eq!(out.iter().map(qty).collect::<Vec<_>>(), [2, 2, 2, 5, -1]);
        let at: Vec<i64> = out.iter().map(|e| e.time.millis()).collect();
        assert_eq!(at, [0, 20_000, 40_000, 59_999, 60_000]);
    }
}
