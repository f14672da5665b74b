//! Which rows may follow each other in a series, whatever file they come from.

use super::iso;
use crate::kind::{Kind, Shape};
use crate::rows::{Row, repeats};

/// Refuses a row that contradicts itself, or cannot come after the one before.
pub(super) fn check(kind: Kind, previous: Option<&Row>, row: &Row) -> Result<(), String> {
    if kind.is_bars() {
        let [_, open, high, low, close, ..] = *row;
        if high < open.max(close) || low > open.min(close) || low > high {
            return Err(
                "open, high, low and close contradict each other: the low must be lowest and \
                        the high highest; the file is damaged, download it again"
                    .to_owned(),
            );
        }
    }
    if kind.shape() == Shape::Trades && row[3] == 0 {
        return Err("a trade of nothing (its quantity is 0); the file is damaged".to_owned());
    }
    let Some(previous) = previous else {
        return Ok(());
    };
    let (before, now) = (previous[0], row[0]);
    if now < before {
        return Err(format!(
            "out of order: {} comes after {}; sort the rows by time",
            iso(now),
            iso(before)
        ));
    }
    if kind.shape() == Shape::Trades {
        if row[1] <= previous[1] {
            return Err(format!(
                "duplicate or out of order: trade id {} comes after {}; remove the repeated row",
                row[1], previous[1]
            ));
        }
    } else if repeats(kind, previous, row) {
        return Err(format!("duplicate: a second row of {}; remove one of them", iso(now)));
    }
    Ok(())
}
