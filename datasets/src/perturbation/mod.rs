//! Perturbations of any market, for robustness: would the strategy still live if the data had been a little
//! worse, or the past in another order?
//!
//! Invariant: all draws come from streams named here, so that the market and its perturbation are repeated
//! by the run's seed.

mod bootstrap;
mod ticks;

use engine::{Feed, Instrument, Nanos};
use serde::{Deserialize, Serialize};

use crate::DataError;

/// More would be another market: a tick is rarely below a millionth of the price.
const NOISE_TICKS_MAX: u32 = 100_000;

/// What is done to a market. Everything is off by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Perturbation {
    /// Bars are drawn anew from the market's own, in blocks of so many minutes that all symbols share; 0
    /// leaves them. It holds all bars of the market in memory, 48 bytes each.
    pub bootstrap_minutes: u32,
    /// Everything happens so many seconds later: other hours, other funding times. Not below zero.
    pub shift_s: u32,
    /// Each price of a trade or bar is up to so many ticks higher or lower, uniformly.
    pub noise_ticks: u32,
    /// Share of the minutes of which a symbol's data are missing, 0 to below 1.
    pub missing_minutes: f64,
    /// Share of the trades that come twice, 0 to 1.
    pub duplicated: f64,
    /// Share of the trades that come late, 0 to 1.
    pub late: f64,
    /// A late trade comes up to so many milliseconds late, uniformly.
    pub late_max_ms: u32,
}

impl Perturbation {
    /// What is wrong with it.
    pub fn problem(&self) -> Option<String> {
        let shares = [
            ("missing_minutes", self.missing_minutes),
            ("duplicated", self.duplicated),
            ("late", self.late),
        ];
        if let Some((name, share)) = shares.iter().find(|(_, s)| !(0.0..=1.0).contains(s)) {
            return Some(format!("{name} = {share} must be a share from 0 to 1"));
        }
        if self.missing_minutes >= 1.0 {
            return Some("missing_minutes = 1 leaves no market: it must be below 1".to_owned());
        }
        if self.late > 0.0 && self.late_max_ms == 0 {
            return Some("late needs late_max_ms, the longest delay: give it".to_owned());
        }
        if self.late == 0.0 && self.late_max_ms > 0 {
            return Some("late_max_ms needs late, the share of trades: give it".to_owned());
        }
        if self.noise_ticks > NOISE_TICKS_MAX {
            return Some(format!("noise_ticks is {}, and must be 0 to 100,000", self.noise_ticks));
        }
        None
    }

    /// What is wrong with it in a market of `length`: nothing would be left, or it would stay what it is.
    fn length_problem(&self, length: Nanos) -> Option<String> {
        let (seconds, minutes) = (length.secs(), length.secs() / 60);
        if i64::from(self.shift_s) >= seconds.max(1) {
            return Some(format!(
                "shift_s is {}, and the market lasts {seconds} s: nothing would be left of it; lower it",
                self.shift_s
            ));
        }
        // One block of the whole market is the market.
        (i64::from(self.bootstrap_minutes) >= minutes.max(1)).then(|| {
            format!(
                "bootstrap_minutes is {}, and the market has {minutes} minutes: a block must be shorter than the market; lower it",
                self.bootstrap_minutes
            )
        })
    }

    /// What it does, in sentences.
    pub fn sentences(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.bootstrap_minutes > 0 {
            all.push(format!(
                "Market: bars are drawn anew from the market's own, in blocks of {} minutes.",
                self.bootstrap_minutes
            ));
        }
        if self.shift_s > 0 {
            all.push(format!("Market: everything happens {} s later.", self.shift_s));
        }
        if self.noise_ticks > 0 {
            let ticks = self.noise_ticks;
            all.push(format!("Market: prices are up to {ticks} ticks higher or lower."));
        }
        let percent = |share: f64| 100.0 * share;
        if self.missing_minutes > 0.0 {
            let share = percent(self.missing_minutes);
            all.push(format!("Market: {share} % of a symbol's minutes are missing."));
        }
        if self.duplicated > 0.0 {
            all.push(format!("Market: {} % of the trades come twice.", percent(self.duplicated)));
        }
        if self.late > 0.0 {
            let (share, most) = (percent(self.late), self.late_max_ms);
            all.push(format!("Market: {share} % of the trades come up to {most} ms late."));
        }
        all
    }

    /// The feed with all of it. `ticks` are the order ticks of the symbols in grid units, `range` is the
    /// market's: what a perturbation moves out of it is lost.
    pub fn apply(
        &self,
        feed: Box<dyn Feed + Send>,
        instruments: &[Instrument],
        ticks: &[i64],
        range: (Nanos, Nanos),
        seed: u64,
    ) -> Result<Box<dyn Feed + Send>, DataError> {
        let problem = self.problem().or_else(|| self.length_problem(range.1 - range.0));
        if let Some(problem) = problem {
            return Err(DataError::Misuse(format!("perturbation: {problem}")));
        }
        let mut feed = feed;
        if self.bootstrap_minutes > 0 {
            let drawn = bootstrap::Bootstrap::draw(
                &mut *feed,
                self.bootstrap_minutes,
                (instruments.len(), ticks),
                range,
                seed,
            )?;
            feed = Box::new(drawn);
        }
        if *self
            != (Perturbation { bootstrap_minutes: self.bootstrap_minutes, ..Default::default() })
        {
            feed = Box::new(ticks::Ticks::new(feed, self.clone(), ticks.to_vec(), range, seed));
        }
        Ok(feed)
    }
}
