//! Sums per minute, smoothed: drawdown, losses, fees and round trips of the portfolio (settled, "Inputs
//! that had no writer").

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite};

/// Minutes in which the weight of a sum halves.
const HALF_LIFE_MINUTES: f64 = 5.0;

/// A quantity summed per minute and averaged with exponential weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SmoothedPerMinute {
    minute: Option<i64>,
    sum: f64,
    average: f64,
}

impl SmoothedPerMinute {
    /// Adds an amount at a minute since the epoch. Minutes that ended are averaged; one of the past counts
    /// to the running one.
    ///
    /// # Errors
    /// [`RefusedNumber`] for NaN and infinities; nothing is then added.
    pub fn add(&mut self, minute: i64, amount: f64) -> Result<(), RefusedNumber> {
        let mut next = *self;
        next.advance(minute);
        next.sum = finite("sum of the minute", next.sum + amount)?;
        *self = next;
        Ok(())
    }

    /// Goes on where [`parts`](SmoothedPerMinute::parts) left off.
    ///
    /// # Errors
    /// [`RefusedNumber`] for NaN and infinities.
    pub fn resumed(
        minute: i64,
        sum: f64,
        average: f64,
    ) -> Result<SmoothedPerMinute, RefusedNumber> {
        let (sum, average) = (finite("sum", sum)?, finite("average", average)?);
        Ok(SmoothedPerMinute { minute: Some(minute), sum, average })
    }

    /// Sum of the running minute, and the average before it.
    #[must_use]
    pub fn parts(&self) -> (f64, f64) {
        (self.sum, self.average)
    }

    /// The average over the minutes that ended before this one.
    #[must_use]
    pub fn at(mut self, minute: i64) -> f64 {
        self.advance(minute);
        self.average
    }

    fn advance(&mut self, minute: i64) {
        let Some(running) = self.minute else {
            self.minute = Some(minute);
            return;
        };
        if minute <= running {
            return;
        }
        let keep = libm::exp2(-1.0 / HALF_LIFE_MINUTES);
        self.average = (1.0 - keep) * self.sum + keep * self.average;
        // The quiet minutes between: sums of zero.
        let quiet = minute.saturating_sub(running).saturating_sub(1);
        self.average *= libm::exp2(-(quiet as f64) / HALF_LIFE_MINUTES);
        self.sum = 0.0;
        self.minute = Some(minute);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::close;

    #[test]
    fn a_sum_halves_every_five_minutes() {
        let mut losses = SmoothedPerMinute::default();
        losses.add(100, 30.0).expect("finite");
        losses.add(100, 10.0).expect("finite");
        assert_eq!(losses.at(100), 0.0, "the minute runs");
        let first = losses.at(101);
        close("first", first, 40.0 * (1.0 - libm::exp2(-0.2)), 1e-12);
        close("half", losses.at(106), first / 2.0, 1e-12);
        losses.add(106, 0.0).expect("finite");
        close("the same by steps", losses.at(111), first / 4.0, 1e-12);
        losses.add(90, 5.0).expect("the past counts to now");
        assert!(losses.at(107) > first / 2.0 * 0.9);
        assert!(losses.add(107, f64::NAN).is_err());
    }

    #[test]
    fn who_resumes_goes_on_in_the_same_minute() {
        let mut losses = SmoothedPerMinute::default();
        losses.add(100, 30.0).expect("finite");
        losses.add(101, 10.0).expect("finite");
        let (sum, average) = losses.parts();
        assert_eq!(SmoothedPerMinute::resumed(101, sum, average), Ok(losses));
        assert!(SmoothedPerMinute::resumed(101, f64::NAN, average).is_err());
    }

    #[test]
    fn a_steady_flow_becomes_its_own_average() {
        let mut fees = SmoothedPerMinute::default();
        for minute in 0..200 {
            fees.add(minute, 7.0).expect("finite");
        }
        close("steady", fees.at(200), 7.0, 1e-9);
    }
}
