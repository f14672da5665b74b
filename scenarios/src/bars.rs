//! The bars of a scenario's market, for pictures.

use std::path::Path;

use engine::{Feed as _, Instrument, MarketData, MarketEvent, Nanos};
use reports::page::{Bars, Column, Lazy, SymbolBars};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::{Scenario, ScenarioError, market};

/// A picture of so many bars shows all that a screen can.
const BARS: i64 = 20_000;
/// Lengths of bars, in seconds.
const SPANS_S: [i64; 9] = [60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400];

/// The bars of one symbol while they grow.
#[derive(Default)]
struct Growing {
    time_ms: Vec<i64>,
    /// First, highest, lowest and last price, in ticks.
    prices: [Vec<i64>; 4],
}

impl Growing {
    fn take(&mut self, opens_ms: i64, [open, high, low, close]: [i64; 4]) {
        if self.time_ms.last() != Some(&opens_ms) {
            self.time_ms.push(opens_ms);
            for (all, price) in self.prices.iter_mut().zip([open, high, low, close]) {
                all.push(price);
            }
            return;
        }
        let [_, highs, lows, closes] = &mut self.prices;
        if let (Some(highest), Some(lowest), Some(last)) =
            (highs.last_mut(), lows.last_mut(), closes.last_mut())
        {
            *highest = (*highest).max(high);
            *lowest = (*lowest).min(low);
            *last = close;
        }
    }

    fn bars(&self, instrument: &Instrument) -> Bars {
        let price = |ticks: &i64| {
            Decimal::new(*ticks, instrument.price_decimals).to_f64().unwrap_or(f64::NAN)
        };
        let column = |place: usize| Column::Floats(self.prices[place].iter().map(price).collect());
        Bars {
            time_ms: Column::times(&self.time_ms),
            open: Some(column(0)),
            high: Some(column(1)),
            low: Some(column(2)),
            close: column(3),
        }
    }
}

/// The bars of a scenario's market, as its run sees them: one entry a symbol that traded, in the order of the symbols; of a
/// minute, or of more where that would be too many to look at. Reads the market once, and runs nothing.
///
/// # Errors
/// A market that cannot be opened or read.
pub fn bars(scenario: &Scenario, data: Option<&Path>) -> Result<Vec<SymbolBars>, ScenarioError> {
    let build = |problem: String| ScenarioError::Build { origin: scenario.origin.clone(), problem };
    let rules = scenario.exchange.rules(&scenario.symbols()).map_err(build)?;
    let mut market = market::open(scenario, &rules, market::Source::unshared(data), None)?;
    let (from, to) = market.range;
    let span = (to - from).secs();
    let every = SPANS_S.into_iter().find(|seconds| span / seconds <= BARS).unwrap_or(86_400);
    let mut all: Vec<Growing> = Vec::new();
    all.resize_with(market.instruments.len(), Growing::default);
    let mut batch = Vec::new();
    loop {
        market.feed.next_batch(&mut batch).map_err(|error| build(error.to_string()))?;
        if batch.is_empty() {
            break;
        }
        for event in &batch {
            if let (Some(growing), Some((at, prices))) =
                (all.get_mut(usize::from(event.symbol.0)), prices(event))
                && (from..to).contains(&at)
            {
                let opens_s = at.secs().div_euclid(every) * every;
                growing.take(opens_s * 1_000, prices);
            }
        }
    }
    let of_symbol = |(symbol, (growing, instrument)): (usize, (&Growing, &Instrument))| {
        let some = !growing.time_ms.is_empty();
        some.then(|| SymbolBars { symbol, bars: Lazy::Here(growing.bars(instrument)) })
    };
    Ok(all.iter().zip(&market.instruments).enumerate().filter_map(of_symbol).collect())
}

/// When prices were, and what they were: first, highest, lowest and last, in ticks.
fn prices(event: &MarketEvent) -> Option<(Nanos, [i64; 4])> {
    match &event.data {
        MarketData::Trade(trade) => Some((event.time, [trade.price.0; 4])),
        // Its path has told all of it.
        MarketData::Bar(bar) if bar.path_passed => None,
        MarketData::Bar(bar) => {
            let opened = Nanos(event.time.0 - i64::from(bar.interval_ms) * 1_000_000);
            Some((opened, [bar.open.0, bar.high.0, bar.low.0, bar.close.0]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_made_market_has_a_bar_a_minute() {
        let text = "seed = 3\n[market.synthetic]\nminutes = 240\n";
        let scenario = Scenario::parse("made", text).expect("a scenario");
        let bars = bars(&scenario, None).expect("bars");
        assert_eq!(bars.len(), scenario.symbols().len());
        for of in &bars {
            let bars = of.bars.here().expect("they stand here");
            assert_eq!(bars.time_ms.len(), 240, "symbol {}", of.symbol);
            let [open, high, low, close] =
                [&bars.open, &bars.high, &bars.low, &Some(bars.close.clone())].map(|column| {
                    match column {
                        Some(Column::Floats(all)) => all.clone(),
                        other => panic!("{other:?}"),
                    }
                });
            for at in 0..240 {
                assert!(low[at] <= open[at].min(close[at]) && low[at] > 0.0);
                assert!(high[at] >= open[at].max(close[at]));
            }
            assert!(high.iter().zip(&low).any(|(high, low)| high > low), "prices move");
        }
    }
}
