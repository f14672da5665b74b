//! Stop and target of an entry (MSE 4.6, 6).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, not_negative, positive};

/// Which side of the entry the stop is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelRule {
    /// Mirrored for shorts.
    #[default]
    Mirrored,
    /// Below for both sides: a short had its stop in the profit (incident I-08).
    AuditedSameForBothSides,
}

/// Stop and target, in USDT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryLevels {
    /// Where the loss is taken.
    pub stop_loss: f64,
    /// Where the profit is taken.
    pub take_profit: f64,
}

/// The levels of an entry at `price` (USDT); distances are fractions of it.
///
/// # Errors
/// [`RefusedNumber`] for a price that is not above zero, negative distances, NaN and infinities.
pub fn entry_levels(
    long: bool,
    price: f64,
    stop_distance: f64,
    target_distance: f64,
    rule: LevelRule,
) -> Result<EntryLevels, RefusedNumber> {
    let price = positive("price", price)?;
    let stop = not_negative("stop_distance", stop_distance)?;
    let target = not_negative("target_distance", target_distance)?;
    let as_long = long || rule == LevelRule::AuditedSameForBothSides;
    let sign = if as_long { 1.0 } else { -1.0 };
    Ok(EntryLevels {
        stop_loss: finite("stop_loss", price * (1.0 - sign * stop))?,
        take_profit: finite("take_profit", price * (1.0 + sign * target))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A SELL got its stop below and its target above the entry.
    #[test]
    fn incident_i08_shorts_are_mirrored() {
        let levels = |rule| entry_levels(false, 100.0, 0.02, 0.02, rule).expect("finite");
        let mirrored = levels(LevelRule::Mirrored);
        assert_eq!((mirrored.stop_loss, mirrored.take_profit), (102.0, 98.0));
        let audited = levels(LevelRule::AuditedSameForBothSides);
        assert_eq!((audited.stop_loss, audited.take_profit), (98.0, 102.0));
        assert!(entry_levels(true, 0.0, 0.02, 0.02, LevelRule::Mirrored).is_err());
    }
}
