//! Active slots: how many positions the market is good for, and which one has to make room
//! (EHR 3.18 gate 2).

use engine::Nanos;
use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, positive};

/// Bars of the short mean; the long one takes 50.
const SHORT: usize = 20;
const LONG: usize = 50;
/// How long a rotation may take.
const ROTATION_LIFE: Nanos = Nanos::from_secs(120);

/// What the market is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SlotRegime {
    /// Six positions.
    TrendStrong,
    /// Four.
    Base,
    /// Three.
    Chop,
}

impl SlotRegime {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            SlotRegime::TrendStrong => "TREND_STRONG",
            SlotRegime::Base => "BASE",
            SlotRegime::Chop => "CHOP",
        }
    }

    /// Positions at once.
    pub const fn slots(self) -> u32 {
        match self {
            SlotRegime::TrendStrong => 6,
            SlotRegime::Base => 4,
            SlotRegime::Chop => 3,
        }
    }
}

/// The regime of hourly bars (high, low, close), oldest first: the means are plain ones. Fewer than 50
/// bars are no evidence of anything special.
///
/// # Errors
/// [`RefusedNumber`] for prices that are not above zero.
pub fn slot_regime(bars: &[[f64; 3]]) -> Result<SlotRegime, RefusedNumber> {
    for bar in bars {
        bar.iter().try_for_each(|price| positive("bar price", *price).map(drop))?;
    }
    let Some(long) = bars.len().checked_sub(LONG).map(|from| &bars[from..]) else {
        return Ok(SlotRegime::Base);
    };
    let short = &long[LONG - SHORT..];
    let mean = |of: &[[f64; 3]], value: &dyn Fn(&[f64; 3]) -> f64| {
        of.iter().map(value).sum::<f64>() / of.len() as f64
    };
    let (m20, m50) = (mean(short, &|bar| bar[2]), mean(long, &|bar| bar[2]));
    let trend = (m20 - m50).abs() / m50;
    let atr_pct = mean(short, &|bar| bar[0] - bar[1]) / m20;
    Ok(if trend > 0.05 && atr_pct < 0.02 {
        SlotRegime::TrendStrong
    } else if atr_pct > 0.03 || trend < 0.01 {
        SlotRegime::Chop
    } else {
        SlotRegime::Base
    })
}

/// A position that may have to make room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenPosition<'a> {
    /// Whose.
    pub symbol: &'a str,
    /// Unrealised over the entry notional, a fraction.
    pub pnl_pct: f64,
    /// Since the entry.
    pub age_sec: f64,
}

/// The weakest position: the largest loss, with 5 % on top after a day; of equals the first by symbol.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn weakest<'a>(positions: &[OpenPosition<'a>]) -> Result<Option<&'a str>, RefusedNumber> {
    let mut worst: Option<(f64, &str)> = None;
    for position in positions {
        let old = if finite("age_sec", position.age_sec)? > 86_400.0 { 0.05 } else { 0.0 };
        let weakness = old - finite("pnl_pct", position.pnl_pct)?;
        let weaker = worst.is_none_or(|(most, symbol)| {
            weakness > most || weakness == most && position.symbol < symbol
        });
        if weaker {
            worst = Some((weakness, position.symbol));
        }
    }
    Ok(worst.map(|(_, symbol)| symbol))
}

/// Identity of the plan that makes room for another.
#[must_use]
pub fn rotation_plan_id(for_plan: &str, symbol: &str) -> String {
    let first_8: String = for_plan.chars().take(8).collect();
    format!("rot_{first_8}_{symbol}")
}

/// Where the making of room stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// A slot is free.
    Free,
    /// The weakest has to be closed now (ROTATION_LOCK_CREATED).
    Start,
    /// The close is under way: `active_slots_waiting_rotation_close`.
    Waiting,
    /// It is confirmed (ROTATION_COMPLETE).
    Complete,
    /// It took too long: `active_slots_rotation_timeout` (ROTATION_TIMEOUT).
    TimedOut,
}

impl Rotation {
    /// Why an open is refused, if it is.
    #[must_use]
    pub const fn blocks(self) -> Option<&'static str> {
        match self {
            Rotation::Free | Rotation::Complete => None,
            Rotation::Start | Rotation::Waiting => Some("active_slots_waiting_rotation_close"),
            Rotation::TimedOut => Some("active_slots_rotation_timeout"),
        }
    }
}

/// What an open has to wait for. `locked_at` is when a rotation for this plan began; `confirmed` is
/// whether its close was executed and reduce-only.
#[must_use]
pub fn rotation(
    open_positions: u32,
    regime: SlotRegime,
    locked_at: Option<Nanos>,
    confirmed: bool,
    now: Nanos,
) -> Rotation {
    match locked_at {
        Some(_) if confirmed => Rotation::Complete,
        Some(at) if now - at >= ROTATION_LIFE => Rotation::TimedOut,
        Some(_) => Rotation::Waiting,
        None if open_positions < regime.slots() => Rotation::Free,
        None => Rotation::Start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(close: impl Fn(usize) -> f64, range: f64) -> Vec<[f64; 3]> {
        (0..100).map(|i| (close(i), range)).map(|(c, r)| [c * (1.0 + r), c, c]).collect()
    }

    #[test]
    fn regimes_have_their_slots() {
        let of = |bars: &[[f64; 3]]| slot_regime(bars).expect("prices").as_str();
        let rising = |i: usize| 100.0 + i as f64;
        assert_eq!(of(&bars(rising, 0.01)), "TREND_STRONG");
        assert_eq!(of(&bars(rising, 0.025)), "BASE");
        assert_eq!(of(&bars(rising, 0.04)), "CHOP");
        assert_eq!(of(&bars(|_| 100.0, 0.01)), "CHOP", "no trend");
        assert_eq!(of(&bars(rising, 0.01)[..49]), "BASE", "too few bars");
        assert!(slot_regime(&[[1.0, f64::NAN, 1.0]]).is_err());
    }

    #[test]
    fn the_weakest_makes_room_and_the_open_waits() {
        let position = |symbol, pnl_pct, age_sec| OpenPosition { symbol, pnl_pct, age_sec };
        let book = [position("ETHUSDT", -0.02, 1.0), position("BTCUSDT", 0.02, 90_000.0)];
        assert_eq!(weakest(&book), Ok(Some("BTCUSDT")), "0.05 - 0.02 is more than 0.02");
        let young = [position("ETHUSDT", -0.09, 1.0), position("BTCUSDT", 0.02, 90_000.0)];
        assert_eq!(weakest(&young), Ok(Some("ETHUSDT")), "0.09 is more than 0.03");
        let equal = [position("ETHUSDT", 0.1, 1.0), position("BTCUSDT", 0.1, 1.0)];
        assert_eq!(weakest(&equal), Ok(Some("BTCUSDT")));
        assert_eq!(weakest(&[]), Ok(None));
        assert_eq!(rotation_plan_id("5ccb55e0c09e77cb", "SOLUSDT"), "rot_5ccb55e0_SOLUSDT");

        let at = |secs| Nanos::from_secs(secs);
        let of = |open, locked: Option<i64>, confirmed, now| {
            rotation(open, SlotRegime::Chop, locked.map(at), confirmed, at(now))
        };
        assert_eq!(of(2, None, false, 0), Rotation::Free);
        assert_eq!(of(3, None, false, 0), Rotation::Start);
        assert_eq!(of(3, Some(0), false, 119), Rotation::Waiting);
        assert_eq!(of(3, Some(0), false, 120), Rotation::TimedOut);
        assert_eq!(of(2, Some(0), true, 500), Rotation::Complete);
        assert_eq!(Rotation::TimedOut.blocks(), Some("active_slots_rotation_timeout"));
    }
}
