//! What a 24 h ticker shows of a symbol.

use std::collections::VecDeque;

use engine::{Nanos, PriceTicks};
use serde::{Deserialize, Serialize};

const HOURS: usize = 24;

/// An hour of a symbol's prices.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Hour {
    number: i64,
    open: f64,
    high: f64,
    low: f64,
    /// In base units.
    volume: f64,
}

/// The last 24 hours of a symbol, as a 24 h ticker shows them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Day {
    hours: VecDeque<Hour>,
    pub(super) last: f64,
    /// `last` on the symbol's grid.
    pub(super) last_ticks: PriceTicks,
}

impl Day {
    pub(super) fn push(&mut self, time: Nanos, [high, low, close]: [f64; 3], volume: f64) {
        let number = time.secs().div_euclid(3_600);
        match self.hours.back_mut() {
            Some(hour) if hour.number == number => {
                hour.high = hour.high.max(high);
                hour.low = hour.low.min(low);
                hour.volume += volume;
            }
            _ => self.hours.push_back(Hour { number, open: close, high, low, volume }),
        }
        while self.hours.front().is_some_and(|hour| hour.number <= number - HOURS as i64) {
            self.hours.pop_front();
        }
        self.last = close;
    }

    /// Of all its hours, in base units.
    pub(super) fn volume(&self) -> f64 {
        self.hours.iter().map(|hour| hour.volume).sum()
    }

    /// Change in percent, highest and lowest price.
    pub(super) fn ticker(&self) -> Option<(f64, f64, f64)> {
        let first = self.hours.front()?;
        let high = self.hours.iter().map(|hour| hour.high).fold(f64::MIN, f64::max);
        let low = self.hours.iter().map(|hour| hour.low).fold(f64::MAX, f64::min);
        (first.open > 0.0 && low > 0.0).then(|| ((self.last / first.open - 1.0) * 100.0, high, low))
    }
}
