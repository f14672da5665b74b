//! Random flows: what must hold whatever comes.

use std::collections::BTreeMap;

use engine::{MarketData, OrderId, PriceTicks, QtyLots, Side, TimeInForce};
use proptest::prelude::*;

use super::{row, trade};
use crate::depth::{DepthBook, DepthFill, DepthOrder, QueueKind};

/// Between the first and the last model of this list all others must lie.
pub(crate) const MODELS: [QueueKind; 7] = [
    QueueKind::Pessimistic,
    QueueKind::Proportional,
    QueueKind::Power { exponent: 2 },
    QueueKind::Power { exponent: 3 },
    QueueKind::Log,
    QueueKind::Share { exponent: 3 },
    QueueKind::Optimistic,
];

#[derive(Clone, Debug)]
enum Step {
    Market(MarketData),
    Place {
        side: Side,
        limit: Option<i64>,
        qty: i64,
        time_in_force: TimeInForce,
    },
    /// The order that came so many orders ago.
    Cancel(u64),
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Bids mostly below 100 and asks above, crossed now and then, as rows of one message may be.
    let price = |side: Side, depth: i64| 100 - side.sign() * depth;
    let level = (side(), -1i64..5, prop_oneof![1 => Just(0i64), 4 => 1i64..40]);
    let traded = (side(), -1i64..4, 1i64..30);
    let tif = prop_oneof![
        6 => Just(TimeInForce::Gtc),
        1 => Just(TimeInForce::Gtx),
        1 => Just(TimeInForce::Ioc),
        1 => Just(TimeInForce::Fok),
    ];
    let order =
        (side(), prop_oneof![9 => (-2i64..5).prop_map(Some), 1 => Just(None)], 1i64..20, tif);
    let step = prop_oneof![
        8 => level.prop_map(move |(s, d, q)| Step::Market(row(s, price(s, d), q))),
        6 => traded.prop_map(move |(s, d, q)| Step::Market(trade(s, price(s.opposite(), d), q))),
        3 => order.prop_map(move |(side, d, qty, time_in_force)| {
            Step::Place { side, limit: d.map(|d| price(side, d)), qty, time_in_force }
        }),
        1 => (1u64..6).prop_map(Step::Cancel),
        1 => Just(Step::Market(MarketData::DepthClear)),
    ];
    prop::collection::vec(step, 1..120)
}

struct World {
    book: DepthBook,
    orders: Vec<DepthOrder>,
    filled: BTreeMap<OrderId, i64>,
}

impl World {
    fn new(model: QueueKind) -> World {
        World { book: DepthBook::new(1, model), orders: Vec::new(), filled: BTreeMap::new() }
    }

    fn step(&mut self, step: &Step) {
        let mut fills = Vec::new();
        match *step {
            Step::Market(data) => {
                self.book.observe(&data, &mut fills);
                let offered = match data {
                    MarketData::Trade(t) => t.qty.0,
                    MarketData::Depth(row) => row.qty.0,
                    _ => 0,
                };
                let used: i64 = fills.iter().map(|f| f.qty.0).sum();
                assert!(used <= offered, "{used} filled by {data:?}");
                assert!(fills.iter().all(|f| f.maker));
            }
            Step::Place { side, limit, qty, time_in_force } => {
                let id = OrderId(self.orders.len() as u64);
                let limit = limit.map(PriceTicks);
                let order = DepthOrder { id, side, limit, qty: QtyLots(qty), time_in_force };
                self.orders.push(order);
                self.book.place(&order, &mut fills);
                assert!(fills.iter().all(|f| !f.maker && f.id == id));
            }
            Step::Cancel(ago) => {
                let Some(n) = (self.orders.len() as u64).checked_sub(ago) else { return };
                self.book.cancel(self.orders[n as usize].side, OrderId(n));
            }
        }
        fills.iter().for_each(|fill| self.fill(fill));
    }

    fn fill(&mut self, fill: &DepthFill) {
        let order = self.orders[fill.id.0 as usize];
        assert_eq!(fill.side, order.side);
        assert!(fill.qty.0 > 0);
        let filled = self.filled.entry(fill.id).or_default();
        *filled += fill.qty.0;
        assert_eq!(order.qty.0 - *filled, fill.left.0, "no fill beyond the order");
        assert!(fill.left.0 >= 0);
        if let Some(limit) = order.limit {
            let away = (fill.price.0 - limit.0) * order.side.sign();
            assert!(away <= 0, "no fill through the limit");
            assert!(!fill.maker || away == 0, "who rests gets his price");
        }
    }

    fn filled(&self, id: usize) -> i64 {
        self.filled.get(&OrderId(id as u64)).copied().unwrap_or(0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn models_are_bounded_at_every_moment(steps in steps()) {
        let mut worlds: Vec<World> = MODELS.into_iter().map(World::new).collect();
        for step in &steps {
            worlds.iter_mut().for_each(|world| world.step(step));
            let (worst, best) = (&worlds[0], &worlds[MODELS.len() - 1]);
            for (world, model) in worlds.iter().zip(MODELS) {
                for id in 0..world.orders.len() {
                    let (low, here, high) = (worst.filled(id), world.filled(id), best.filled(id));
                    prop_assert!(
                        low <= here && here <= high,
                        "order {}: {} <= {} <= {} under {:?} after {:?}", id, low, here, high, model, step
                    );
                }
            }
        }
    }
}
