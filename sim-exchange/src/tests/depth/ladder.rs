//! The ladder against two ordered maps.

use std::collections::BTreeMap;

use engine::Side;
use proptest::prelude::*;

use crate::depth::Ladder;

fn compare(ladder: &Ladder, model: &[BTreeMap<i64, i64>; 2]) {
    let [bids, asks] = model;
    assert_eq!(ladder.best(Side::Buy), bids.keys().next_back().copied());
    assert_eq!(ladder.best(Side::Sell), asks.keys().next().copied());
    let levels = |side| ladder.levels(side).collect::<Vec<_>>();
    assert_eq!(levels(Side::Buy), bids.iter().rev().map(|(p, q)| (*p, *q)).collect::<Vec<_>>());
    assert_eq!(levels(Side::Sell), asks.iter().map(|(p, q)| (*p, *q)).collect::<Vec<_>>());
}

/// Rows around a centre that jumps, some off the tick of 10, some far away.
fn rows() -> impl Strategy<Value = Vec<(bool, i64, i64)>> {
    let price = prop_oneof![
        6 => (0i64..40).prop_map(|n| n * 10),
        1 => 0i64..400,
        2 => (0i64..20_000).prop_map(|n| n * 10),
    ];
    let quantity = prop_oneof![2 => Just(0i64), 3 => 1i64..1_000];
    let jump = prop_oneof![9 => Just(0i64), 1 => -60_000i64..60_000];
    prop::collection::vec((any::<bool>(), price, quantity, jump), 1..400).prop_map(|rows| {
        let mut centre = 1_000_000;
        let shift = |(buy, price, qty, jump): (bool, i64, i64, i64)| {
            centre += jump / 10 * 10;
            (buy, centre + price, qty)
        };
        rows.into_iter().map(shift).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn the_ladder_is_an_ordered_map(rows in rows()) {
        let mut ladder = Ladder::new(10);
        let mut model = [BTreeMap::new(), BTreeMap::new()];
        let mut off_tick = 0;
        for (buy, price, qty) in rows {
            let side = if buy { Side::Buy } else { Side::Sell };
            let levels = &mut model[side as usize];
            let old = if qty == 0 { levels.remove(&price) } else { levels.insert(price, qty) };
            off_tick += u64::from(price % 10 != 0);
            prop_assert_eq!(ladder.set(side, price, qty), Some(old.unwrap_or(0)));
            prop_assert_eq!(ladder.qty(side, price), qty);
            compare(&ladder, &model);
        }
        prop_assert_eq!(ladder.off_tick(), off_tick);
        ladder.clear();
        compare(&ladder, &[BTreeMap::new(), BTreeMap::new()]);
    }
}

#[test]
fn impossible_rows_are_refused_and_counted() {
    let mut ladder = Ladder::new(10);
    for (price, qty) in [(0, 1), (-10, 1), (i64::MAX, 1), (i64::MIN, 1), (10, -1), (10, i64::MAX)] {
        assert_eq!(ladder.set(Side::Sell, price, qty), None, "{qty} at {price}");
    }
    assert_eq!((ladder.refused(), ladder.best(Side::Sell)), (6, None));
}
