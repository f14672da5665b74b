//! What led to each trade of a recorded run, for the rows of its table.

use std::collections::BTreeMap;

use reports::page::Chains;

use super::chain::{Chain, Handling, Reach};
use super::recording::{Kind, Recording};
use super::words::Grids;
use super::{came_in, is_order};

/// Of a longer chain the last steps are told: those nearest to the order.
const STEPS_MAX: usize = 40;

/// What led to the orders of each trade, oldest first: who handled what, and what went out. `orders` has the client order ids
/// of each trade; ids that the journal does not know, as those of somebody else's orders, have no chain.
pub fn chains(recording: &Recording, orders: &[[&str; 2]]) -> Chains {
    let mut all = Chains::default();
    for ids in orders {
        let mut steps: BTreeMap<Handling, (i64, String, String)> = BTreeMap::new();
        for order in ids.iter().filter_map(|id| submit(recording, id)) {
            let chain = Chain::of(recording, &[order], Reach::Until);
            let handlings = chain.in_order();
            let last = handlings.len().saturating_sub(STEPS_MAX);
            for handling in handlings.into_iter().skip(last) {
                let told = tell(recording, &chain, handling);
                steps.entry(handling).or_insert(told);
            }
        }
        let steps = steps.values();
        all.push(steps.map(|(time_ms, who, text)| (*time_ms, who.as_str(), text.as_str())));
    }
    all
}

/// The entry that places the order of this id.
fn submit(recording: &Recording, id: &str) -> Option<u32> {
    let entries = recording.naming.get(id)?;
    let places =
        |entry: &&u32| recording.row(**entry).kind == Kind::Submit && is_order(recording, **entry);
    entries.iter().find(places).copied()
}

/// When it was, who handled it, and what came in and went out.
fn tell(recording: &Recording, chain: &Chain<'_>, handling: Handling) -> (i64, String, String) {
    let (input, service) = handling;
    let row = recording.row(input);
    let who = recording.services.get(usize::from(service)).cloned();
    let who = who.unwrap_or_else(|| recording.whose(input).to_owned());
    let grids = Grids(&recording.wires.instruments);
    let known: Vec<&str> = chain.ids.iter().map(String::as_str).collect();
    let outs = chain.steps.get(&handling).into_iter().flatten();
    let outs: Vec<String> =
        outs.map(|out| grids.went_out(&recording.entry(*out), &known)).collect();
    let came_in = if row.kind.came_in() { came_in(recording, input) } else { String::new() };
    let text = match (came_in.as_str(), outs.as_slice()) {
        (came_in, []) => came_in.to_owned(),
        ("", outs) => outs.join("; "),
        (came_in, outs) => format!("{came_in} → {}", outs.join("; ")),
    };
    (row.time.millis(), who, text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn an_order_has_a_chain_that_ends_with_it() {
        let scenario = crate::embedded().expect("the scenario");
        let recording = crate::record(&scenario, None).expect("a recording");
        let entries = 0..recording.rows.len() as u32;
        let first = entries.into_iter().find(|entry| is_order(&recording, *entry));
        let first = first.expect("an order");
        let ids = super::super::causes::ids_of(&recording.entry(first));
        let id = ids.iter().find(|id| submit(&recording, id) == Some(first)).expect("its id");
        let all = chains(&recording, &[[id, ""], ["unknown", ""]]);
        assert_eq!(all.trades(), 2);
        let chain: Vec<_> = all.chain(0).collect();
        assert!(chain.len() > 3 && chain.is_sorted_by_key(|(time, _, _)| *time), "{chain:?}");
        let (time, _, _) = chain[chain.len() - 1];
        assert_eq!(time, recording.row(first).time.millis());
        assert_eq!(all.chain(1).count(), 0, "nobody knows that order");
    }
}
