//! When the exit monitor leaves a position (EHR 3.25).

use serde::{Deserialize, Serialize};

/// Distance of the fixed target, where a plan names none.
pub const FIXED_TARGET: f64 = 0.025;
/// Distance of the fixed stop, where a plan names none.
pub const FIXED_STOP: f64 = 0.015;
/// The trailing stop wakes when the price has gone this far in favour.
const TRAILING_FROM: f64 = 0.01;
/// And fires when it has come back this far from its best.
pub const TRAILING_GAP: f64 = 0.015;

/// Why a position is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExitReason {
    /// The target was reached.
    TakeProfit,
    /// The stop was reached.
    StopLoss,
    /// It gave back too much.
    TrailingStop,
}

/// What is watched about a position. Prices are in USDT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExitWatch {
    /// Long, or else short.
    pub long: bool,
    /// Entry price.
    pub entry: f64,
    /// Stop.
    pub stop: f64,
    /// Target.
    pub target: f64,
    /// Best price so far: the highest of a long, the lowest of a short.
    pub best: f64,
    /// Trailing gap, a fraction.
    pub trailing_gap: f64,
}

/// Those of a plan's levels that can be watched: finite, above zero, the stop on the losing side of the entry and the
/// target on the other. A stop on the wrong side would fire at once, a target there at the first loss.
#[must_use]
pub fn sound_levels(
    long: bool,
    entry: f64,
    stop: Option<f64>,
    target: Option<f64>,
) -> (Option<f64>, Option<f64>) {
    let sound = |level: &f64| level.is_finite() && *level > 0.0;
    let below = |level: &f64| *level < entry;
    let above = |level: &f64| *level > entry;
    let (stop, target) = (stop.filter(sound), target.filter(sound));
    if long {
        (stop.filter(below), target.filter(above))
    } else {
        (stop.filter(above), target.filter(below))
    }
}

impl ExitWatch {
    /// A new watch; stop and target fall back on the fixed levels where none is named or it is not sound.
    pub fn new(long: bool, entry: f64, stop: Option<f64>, target: Option<f64>) -> ExitWatch {
        let sign = if long { 1.0 } else { -1.0 };
        let (stop, target) = sound_levels(long, entry, stop, target);
        ExitWatch {
            long,
            entry,
            stop: stop.unwrap_or(entry * (1.0 - sign * FIXED_STOP)),
            target: target.unwrap_or(entry * (1.0 + sign * FIXED_TARGET)),
            best: entry,
            trailing_gap: TRAILING_GAP,
        }
    }

    /// Takes the stop closer; a stop never goes back. `true` if it moved.
    pub fn tighten(&mut self, stop: f64) -> bool {
        let closer = if self.long { stop > self.stop } else { stop < self.stop };
        if closer {
            self.stop = stop;
        }
        closer
    }

    /// Looks at the price; target first, then stop, then trailing stop.
    pub fn check(&mut self, price: f64) -> Option<ExitReason> {
        if self.long {
            self.best = self.best.max(price);
        } else {
            self.best = self.best.min(price);
        }
        let reached = |level: f64, in_favour: bool| {
            (self.long == in_favour) == (price > level) || price == level
        };
        if reached(self.target, true) {
            return Some(ExitReason::TakeProfit);
        }
        if reached(self.stop, false) {
            return Some(ExitReason::StopLoss);
        }
        let (awake, back) = if self.long {
            (
                self.best > self.entry * (1.0 + TRAILING_FROM),
                price <= self.best * (1.0 - self.trailing_gap),
            )
        } else {
            (
                self.best < self.entry * (1.0 - TRAILING_FROM),
                price >= self.best * (1.0 + self.trailing_gap),
            )
        };
        (awake && back).then_some(ExitReason::TrailingStop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(long: bool, target: f64, stop: f64, prices: &[f64]) -> Vec<Option<ExitReason>> {
        let mut watch = ExitWatch::new(long, 100.0, Some(stop), Some(target));
        prices.iter().map(|price| watch.check(*price)).collect()
    }

    #[test]
    fn examples_67_to_69() {
        let trailing = Some(ExitReason::TrailingStop);
        assert_eq!(
            path(true, 102.5, 98.5, &[101.5, 100.9, 100.0, 99.0]),
            [None, None, None, trailing]
        );
        assert_eq!(path(false, 97.5, 101.5, &[98.8, 99.9, 100.3]), [None, None, trailing]);
        assert_eq!(path(true, 102.5, 98.5, &[102.5]), [Some(ExitReason::TakeProfit)]);
    }

    #[test]
    fn stops_of_both_sides() {
        let stop = Some(ExitReason::StopLoss);
        assert_eq!(path(true, 102.5, 98.5, &[98.6, 98.5]), [None, stop]);
        assert_eq!(path(false, 97.5, 101.5, &[101.4, 101.6]), [None, stop]);
        assert_eq!(path(false, 97.5, 101.5, &[97.4]), [Some(ExitReason::TakeProfit)]);
    }

    #[test]
    fn levels_that_cannot_be_watched_are_the_fixed_ones() {
        for long in [true, false] {
            let fixed = ExitWatch::new(long, 100.0, None, None);
            let (wrong_stop, wrong_target) = if long { (100.5, 99.5) } else { (99.5, 100.5) };
            for (stop, target) in [
                (wrong_stop, wrong_target),
                (100.0, 100.0),
                (0.0, 0.0),
                (-98.0, -103.0),
                (f64::NAN, f64::NAN),
                (f64::INFINITY, f64::NEG_INFINITY),
            ] {
                let watch = ExitWatch::new(long, 100.0, Some(stop), Some(target));
                assert_eq!(watch, fixed, "long {long}: {stop} and {target}");
            }
        }
    }

    #[test]
    fn fixed_levels_and_tightening() {
        let mut watch = ExitWatch::new(false, 100.0, None, None);
        assert_eq!((watch.stop, watch.target), (100.0 * 1.015, 100.0 * 0.975));
        assert!(watch.tighten(101.0));
        assert!(!watch.tighten(101.2), "a stop never goes back");
        assert_eq!(watch.stop, 101.0);
    }
}
