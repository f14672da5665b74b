//! The mark price: the median of what index and funding say, what index and book say, and the last trade.
//!
//! Source: Binance FAQ 360033525071; the windows are of the announcement of 2025-09 (facts, section 8).
//! Invariant: without an index, a book sample or a trade there is no mark price; nothing stands in for it.

use std::collections::VecDeque;

use engine::{Nanos, PriceTicks};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::position::cut8;

/// 2025-09-18T08:01:00Z, when the short window and the new funding formula began. The announcement
/// states the minute for funding; that it holds for the mark price too is unverified.
pub const RULES_OF_2025_09: Nanos = Nanos::from_secs(1_758_182_460);

/// How the basis (mid price less index) is averaged from a date on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasisWindow {
    /// The first instant at which it holds.
    pub from: Nanos,
    /// Between two samples.
    pub spacing: Nanos,
    /// How many samples are averaged.
    pub samples: u32,
}

impl BasisWindow {
    /// 30 samples of 5 s until 2025-09-18, 30 of 1 s since. Before the first there were 30 of one
    /// minute, until an unknown date: whoever knows it adds that row.
    pub const DEFAULT: [BasisWindow; 2] = [
        BasisWindow { from: Nanos(i64::MIN), spacing: Nanos::from_secs(5), samples: 30 },
        BasisWindow { from: RULES_OF_2025_09, spacing: Nanos::from_secs(1), samples: 30 },
    ];

    fn span(&self) -> Nanos {
        Nanos(self.spacing.0.saturating_mul(i64::from(self.samples)))
    }
}

/// What Price 1 needs to know about funding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundingOutlook {
    /// The running estimate, Binance's `lastFundingRate`: 0.0001 is 0.01 %.
    pub last_rate: Decimal,
    /// When it is paid.
    pub next_time: Nanos,
    /// From one payment to the next.
    pub interval: Nanos,
}

/// Which of the three was the median.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarkSource {
    /// `index × (1 + last funding rate × time until funding / interval)`.
    Price1,
    /// `index + moving average of (mid price - index)`.
    Price2,
    /// The last trade.
    Contract,
}

/// A mark price and where it comes from, all in the quote asset with at most 8 decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The median, cut at 8 decimals.
    pub price: Decimal,
    /// From index and funding.
    pub price1: Decimal,
    /// From index and book.
    pub price2: Decimal,
    /// The last trade.
    pub contract: Decimal,
    /// Which one it is; of equal ones the first named.
    pub source: MarkSource,
}

/// What one symbol's mark price is made from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MarkPrice {
    windows: Vec<BasisWindow>,
    price_decimals: u32,
    index: Option<Decimal>,
    quote: Option<(PriceTicks, PriceTicks)>,
    last: Option<PriceTicks>,
    /// Time and basis, oldest first; never more than the window's `samples`.
    samples: VecDeque<(Nanos, Decimal)>,
    sum: Decimal,
}

impl MarkPrice {
    /// For prices on a grid of `price_decimals`; `windows` by date, at least one.
    pub fn new(price_decimals: u32, windows: &[BasisWindow]) -> MarkPrice {
        assert!(!windows.is_empty(), "some window holds");
        assert!(windows.is_sorted_by_key(|w| w.from), "windows are sorted by date");
        assert!(windows.iter().all(|w| w.samples > 0 && w.spacing > Nanos::ZERO), "a window spans");
        MarkPrice {
            windows: windows.to_vec(),
            price_decimals,
            index: None,
            quote: None,
            last: None,
            samples: VecDeque::new(),
            sum: Decimal::ZERO,
        }
    }

    /// A new index price, in the quote asset.
    pub fn set_index(&mut self, index: Decimal) {
        assert!(index > Decimal::ZERO, "an index price is above zero");
        self.index = Some(index);
    }

    /// The index price, once there is one.
    pub fn index(&self) -> Option<Decimal> {
        self.index
    }

    /// The best bid and ask of now, on the grid.
    pub fn set_quote(&mut self, bid: PriceTicks, ask: PriceTicks) {
        self.quote = Some((bid, ask));
    }

    /// A trade, on the grid.
    pub fn set_last(&mut self, price: PriceTicks) {
        self.last = Some(price);
    }

    /// The window that holds at `now`; before the first date the first one.
    pub fn window(&self, now: Nanos) -> BasisWindow {
        let later = self.windows.partition_point(|w| w.from <= now);
        self.windows[later.saturating_sub(1)]
    }

    /// The next instant at which [`MarkPrice::sample`] is due: a multiple of the window's spacing.
    pub fn next_sample(&self, now: Nanos) -> Nanos {
        let due = next_multiple(now, self.window(now).spacing);
        // A shorter spacing may begin before the longer one is over.
        let later = self.windows.partition_point(|w| w.from <= now);
        match self.windows.get(later) {
            Some(next) if next.from < due => next_multiple(Nanos(next.from.0 - 1), next.spacing),
            _ => due,
        }
    }

    /// Takes a sample of the basis, if there is an index and a book.
    pub fn sample(&mut self, now: Nanos) {
        self.forget(now);
        let (Some(index), Some((bid, ask))) = (self.index, self.quote) else { return };
        assert!(self.samples.back().is_none_or(|(at, _)| *at < now), "samples come in time order");
        // Twice the mid price as one integer, then halved exactly with one more decimal.
        let twice = i128::from(bid.0) + i128::from(ask.0);
        let mid = Decimal::from_i128_with_scale(twice * 5, self.price_decimals + 1);
        let basis = mid - index;
        self.sum += basis;
        self.samples.push_back((now, basis));
        if self.samples.len() > self.window(now).samples as usize {
            self.drop_oldest();
        }
    }

    /// The mark price at `now`; `None` as long as index, book samples or a trade are missing.
    pub fn mark(&mut self, now: Nanos, funding: FundingOutlook) -> Option<Mark> {
        self.forget(now);
        let (index, last) = (self.index?, self.last?);
        let average = self.sum.checked_div(Decimal::from(self.samples.len()))?;
        let left = Decimal::from(funding.next_time.0.saturating_sub(now.0).max(0));
        let share = left.checked_div(Decimal::from(funding.interval.0))?;
        let price1 = cut8(index * (Decimal::ONE + funding.last_rate * share));
        let price2 = cut8(index + average);
        let contract = Decimal::new(last.0, self.price_decimals);
        let price = median(price1, price2, contract);
        let source = match price {
            p if p == price1 => MarkSource::Price1,
            p if p == price2 => MarkSource::Price2,
            _ => MarkSource::Contract,
        };
        Some(Mark { price, price1, price2, contract, source })
    }

    /// Samples are kept while they lie in `(now - span, now]`.
    fn forget(&mut self, now: Nanos) {
        let oldest = now.0.saturating_sub(self.window(now).span().0);
        while self.samples.front().is_some_and(|(at, _)| at.0 <= oldest) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, basis)) = self.samples.pop_front() {
            self.sum -= basis;
        }
    }
}

/// The first multiple of `spacing` after `now`.
fn next_multiple(now: Nanos, spacing: Nanos) -> Nanos {
    Nanos((now.0.div_euclid(spacing.0) + 1).saturating_mul(spacing.0))
}

fn median(a: Decimal, b: Decimal, c: Decimal) -> Decimal {
    a.max(b).min(a.min(b).max(c))
}
