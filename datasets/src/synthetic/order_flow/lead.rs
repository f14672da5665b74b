//! What moves the book as a whole: the value that it is quoted about, and what befalls the market.
//!
//! Invariant: the book is never crossed, not even between the rows of one move: the side that is ahead goes first.

use std::ops::RangeInclusive;

use engine::{MarketEvent, Nanos};

use super::super::MINUTE;
use super::super::events::Shock;
use super::flow::{BUYS, Flow, SELLS};

/// How often an event that leads the price looks at it.
const LOOK: Nanos = Nanos::from_millis(100);
/// By what share of the price it may be off between two minutes: less would be a move of the book at each look.
const LEAD_SLACK: f64 = 2e-4;
/// Market orders that it trades at a look, at most, before makers withdraw from its way: the volume of a crash is
/// some ten times the usual one, whatever the tick.
const LEAD_ORDERS: f64 = 10.0;

impl Flow {
    /// Keys of levels on the grid: bids above zero, asks (minus their price) below.
    #[inline]
    pub(super) fn valid(&self, half: usize) -> RangeInclusive<i64> {
        if half == BUYS { 1..=self.most } else { -self.most..=-1 }
    }

    pub(super) fn mid(&self) -> f64 {
        (self.halves[BUYS].best() - self.halves[SELLS].best()) as f64 / 2.0
    }

    /// Brings the book to a mid price, if it is off by more than a tick and a share of `slack`.
    #[inline]
    pub(super) fn follow(&mut self, log: f64, slack: f64, out: &mut Vec<MarketEvent>) {
        let (target, mid) = (libm::exp(log), self.mid());
        if (target - mid).abs() > (slack * mid).max(1.0) {
            self.quote(libm::round(target - mid) as i64, out);
        }
    }

    /// Moves all levels by so many ticks, as far as the grid goes, and answers where the bests were.
    fn shift(&mut self, by: i64) -> [i64; 2] {
        let (bid, ask) = (self.halves[BUYS].best(), -self.halves[SELLS].best());
        let by = by.clamp((1 - bid).min(0), (self.most - ask).max(0));
        let valid = [self.valid(BUYS), self.valid(SELLS)];
        [(BUYS, by), (SELLS, -by)]
            .map(|(half, by)| self.halves[half].shift(by, &valid[half], &mut self.held[half]))
    }

    /// Makers withdraw and quote anew, so many ticks away.
    fn quote(&mut self, by: i64, out: &mut Vec<MarketEvent>) {
        let old = self.shift(by);
        for half in if by > 0 { [SELLS, BUYS] } else { [BUYS, SELLS] } {
            let width = self.held[half].len() as i64;
            let was = |key: i64| {
                let behind = usize::try_from(old[half] - key).ok();
                behind.and_then(|behind| self.held[half].get(behind)).copied().unwrap_or(0)
            };
            let levels = &self.halves[half];
            for key in (0..width).map(|behind| levels.best() - behind) {
                let lots = levels.at(key);
                if lots > 0 && lots != was(key) {
                    self.row(out, half, key, lots);
                }
            }
            for key in (0..width).map(|behind| old[half] - behind) {
                if was(key) > 0 && levels.at(key) == 0 {
                    self.row(out, half, key, 0);
                }
            }
        }
    }

    /// Looks at what befalls the market, and until when that holds.
    pub(super) fn look(&mut self, out: &mut Vec<MarketEvent>) {
        let since = self.now - self.start;
        let minute = u32::try_from(since.0 / MINUTE.0).unwrap_or(u32::MAX);
        self.until = self.start + Nanos(MINUTE.0 * (i64::from(minute) + 1));
        self.thin = 1.0;
        let mut gaps = 0.0;
        for event in &self.events {
            match event.what {
                Shock::ThinBook { minutes, volume_factor, .. } => {
                    let (from, to) = event.span(self.start, minutes);
                    if (from..to).contains(&self.now) {
                        self.thin *= volume_factor;
                    }
                }
                Shock::Gap { share } if event.span(self.start, 0).0 == self.now => {
                    gaps += libm::log1p(share);
                }
                _ => {}
            }
        }
        if gaps != 0.0 {
            self.gap(gaps, out);
        }
        if !self.events.is_empty() {
            self.lead(minute, (since.0 % MINUTE.0) as f64 / MINUTE.0 as f64, out);
        }
    }

    /// All levels move by a share of the price, told by its logarithm, and with them what leads it.
    fn gap(&mut self, log: f64, out: &mut Vec<MarketEvent>) {
        let by = libm::round(self.mid() * libm::expm1(log)) as i64;
        self.shift(by);
        if let Some(reference) = &mut self.reference {
            reference.log += log;
        }
        self.led_from += log;
        self.snapshot(out);
    }

    /// A crash or a squeeze is somebody who sells or buys through the book until its mid price is where the path of
    /// the event is. Makers withdraw from his way and quote anew about the path, so that his speed is a share of the
    /// price, whatever the tick (A. Kirilenko, A. Kyle, M. Samadi, T. Tuzun 2017, "The Flash Crash: high-frequency
    /// trading in an electronic market", Journal of Finance 72).
    fn lead(&mut self, minute: u32, into: f64, out: &mut Vec<MarketEvent>) {
        let before = minute.checked_sub(1).map_or(0.0, |minute| self.lead.at(minute).log);
        let slope = self.lead.at(minute).log - before;
        let is_led = slope.abs() >= f64::MIN_POSITIVE;
        if !self.is_led && is_led {
            self.led_from = libm::log(self.mid()) - before;
        }
        let was_led = std::mem::replace(&mut self.is_led, is_led);
        self.lead_log = before + slope * into;
        if !was_led && !is_led {
            return;
        }
        let from = self.reference.as_ref().map_or(self.led_from, |reference| reference.log);
        let log = from + self.lead_log;
        // At the end of a minute the price is where the event says.
        let slack = if into > 0.0 { LEAD_SLACK } else { 0.0 };
        let (target, mid) = (libm::exp(log), self.mid());
        if (target - mid).abs() > slack * mid {
            let is_up = if is_led { slope > 0.0 } else { target > mid };
            self.take(target, if is_up { BUYS } else { SELLS }, out);
            self.follow(log, slack, out);
        }
        if is_led {
            self.until = self.until.min(self.now + LOOK);
        }
    }

    /// Takes levels before the target, but at most half of what rests.
    fn take(&mut self, target: f64, side: usize, out: &mut Vec<MarketEvent>) {
        let half = 1 - side;
        let most = (LEAD_ORDERS * self.market_lots) as i64;
        let mut left = most.min(self.halves[half].total() / 2);
        while left > 0 {
            let (key, lots) = (self.halves[half].best(), self.halves[half].at_best().min(left));
            let is_before =
                if side == BUYS { (-key as f64) <= target } else { key as f64 >= target };
            if !is_before {
                return;
            }
            self.market(out, side, lots);
            left -= lots;
        }
    }
}
