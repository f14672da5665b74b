//! The levels that the exit monitor watches, `quantum:state:stops:{S}` (settled, "Stops").
//!
//! Invariant: a stop only ever comes closer to the price.

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, positive};
use crate::position::PositionSide;
use crate::{FIXED_STOP, FIXED_TARGET, TRAILING_GAP};

/// Stop, target and trailing gap of a position, and who set them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StopLevels {
    /// Of the position.
    pub side: PositionSide,
    /// In USDT.
    pub stop: f64,
    /// In USDT.
    pub target: f64,
    /// From the best price, a fraction.
    pub trailing_gap: f64,
    /// Who moved the stop last.
    pub source: String,
    /// With which plan.
    pub plan_id: String,
}

impl StopLevels {
    /// The levels of a new position: the plan's, or the fixed ones where it names none or one on the
    /// wrong side of the entry.
    ///
    /// # Errors
    /// [`RefusedNumber`] for NaN, infinities and an entry that is not above zero.
    pub fn new(
        side: PositionSide,
        entry_price: f64,
        (stop_loss, take_profit): (Option<f64>, Option<f64>),
        source: &str,
        plan_id: &str,
    ) -> Result<StopLevels, RefusedNumber> {
        let entry = positive("entry_price", entry_price)?;
        all_finite(&[
            ("stop_loss", stop_loss.unwrap_or(0.0)),
            ("take_profit", take_profit.unwrap_or(0.0)),
        ])?;
        let fixed_stop = entry * (1.0 - side.sign() * FIXED_STOP);
        let fixed_target = entry * (1.0 + side.sign() * FIXED_TARGET);
        let below = |level: f64, other: f64| side.tightens(level, other, 0.0);
        Ok(StopLevels {
            side,
            stop: stop_loss.filter(|sl| *sl > 0.0 && below(*sl, entry)).unwrap_or(fixed_stop),
            target: take_profit.filter(|tp| *tp > 0.0 && below(entry, *tp)).unwrap_or(fixed_target),
            trailing_gap: TRAILING_GAP,
            source: source.to_owned(),
            plan_id: plan_id.to_owned(),
        })
    }

    /// Takes a stop that UPDATE_SL, a risk proposal or a harvest proposal asks for; `true` if it is
    /// closer and counts from now on.
    ///
    /// # Errors
    /// [`RefusedNumber`] for NaN, infinities and a stop that is not above zero; nothing is then changed.
    pub fn tighten(
        &mut self,
        stop: f64,
        source: &str,
        plan_id: &str,
    ) -> Result<bool, RefusedNumber> {
        let closer = self.side.tightens(self.stop, positive("stop", stop)?, 0.0);
        if closer {
            self.stop = stop;
            source.clone_into(&mut self.source);
            plan_id.clone_into(&mut self.plan_id);
        }
        Ok(closer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_start_with_the_plan_and_only_tighten() {
        let of = |levels| {
            let levels = StopLevels::new(PositionSide::Short, 100.0, levels, "plan", "p1");
            levels.expect("finite")
        };
        let fixed = of((None, None));
        assert_eq!((fixed.stop, fixed.target), (100.0 * 1.015, 100.0 * 0.975));
        let wrong = of((Some(99.0), Some(101.0)));
        assert_eq!((wrong.stop, wrong.target), (fixed.stop, fixed.target), "on the wrong side");
        let mut levels = of((Some(103.0), Some(90.0)));
        assert_eq!((levels.stop, levels.target), (103.0, 90.0));
        assert_eq!(levels.tighten(103.5, "harvest", "p2"), Ok(false));
        assert_eq!((levels.stop, &*levels.source), (103.0, "plan"));
        assert_eq!(levels.tighten(99.8, "harvest", "p2"), Ok(true));
        assert_eq!((levels.stop, &*levels.source, &*levels.plan_id), (99.8, "harvest", "p2"));
        assert!(levels.tighten(f64::NAN, "harvest", "p3").is_err());
    }
}
