//! What two runs have not in common.

use std::collections::BTreeMap;

use reports::page::{Comparison, FirstDifference, Note};
use scenarios::{ClosedTrade, Parting, RunRecord, Side};

use super::run::Told;

/// So many steps before the first difference are told.
const BEFORE: usize = 8;

/// Holds two runs against each other.
pub fn comparison(one: &Told, other: &Told) -> Comparison {
    let mut comparison =
        Comparison { trades_only: Some(trades_only(one, other)), ..Comparison::default() };
    let (Some(a), Some(b)) = (&one.recording, &other.recording) else {
        let text = "a journal is longer than 1 GiB: where the two first differ was not looked for";
        comparison.notes.push(text.to_owned().into());
        return comparison;
    };
    let found = scenarios::diff(a, b);
    comparison.first_difference = Some(found.first.as_ref().map(difference));
    if !found.same_market {
        comparison.notes.push("the two ran on different markets".to_owned().into());
    }
    comparison.notes.extend(found.settings.iter().map(|(place, a, b)| Note {
        text: format!("{place} differs"),
        detail: Some(format!("{a}\n{b}")),
    }));
    if let Some(order) = &found.order {
        let order = difference(order);
        comparison.notes.push(Note {
            text: "the first order that differs".to_owned(),
            detail: Some(format!("{}\n{}", order.a, order.b)),
        });
    }
    comparison
}

fn difference(parting: &Parting) -> FirstDifference {
    let text = |side: &Option<Side>| match side {
        Some(side) if side.absent => format!("nothing; behind entry {}: {}", side.entry, side.text),
        Some(side) => side.text.clone(),
        None => "nothing".to_owned(),
    };
    let (a, b) = (parting.a.as_ref(), parting.b.as_ref());
    let before = a.or(b).map(|side| &side.story.steps[..]).unwrap_or_default();
    let last = &before[before.len().saturating_sub(BEFORE)..];
    FirstDifference {
        index: a.or(b).map_or(0, |side| side.entry),
        time_ms: None,
        a: text(&parting.a),
        b: text(&parting.b),
        before: last
            .iter()
            .map(|step| format!("{} {}: {}", step.offset, step.service, step.came_in))
            .collect(),
    }
}

/// What two trades have to have in common to be one.
type Key<'t> = (&'t str, bool, i64, i64, String);

fn keys<'t>(record: &'t RunRecord, symbols: &'t [String]) -> Vec<Key<'t>> {
    let symbol = |place: usize| symbols.get(place).map_or("", String::as_str);
    let ended = |trade: &'t ClosedTrade| {
        let said = format!(
            "{} {} {} {} {}",
            trade.qty, trade.entry_price, trade.exit_price, trade.realized, trade.exit_reason
        );
        (symbol(trade.symbol), trade.long, trade.entry_time.0, trade.exit_time.0, said)
    };
    let open = record.open.iter().map(|trade| {
        let said = format!("{} {}", trade.qty, trade.entry_price);
        (symbol(trade.symbol), trade.long, trade.entry_time.0, i64::MAX, said)
    });
    record.trades.iter().map(ended).chain(open).collect()
}

/// The rows of each run's trades that the other has not.
fn trades_only(one: &Told, other: &Told) -> [Vec<usize>; 2] {
    let (a, b) = (keys(&one.record, &one.run.symbols), keys(&other.record, &other.run.symbols));
    let without = |mine: &[Key<'_>], others: &[Key<'_>]| {
        let mut there: BTreeMap<&Key<'_>, usize> = BTreeMap::new();
        others.iter().for_each(|key| *there.entry(key).or_default() += 1);
        let mut rows = Vec::new();
        for (row, key) in mine.iter().enumerate() {
            match there.get_mut(key) {
                Some(left) if *left > 0 => *left -= 1,
                _ => rows.push(row),
            }
        }
        rows
    };
    [without(&a, &b), without(&b, &a)]
}
