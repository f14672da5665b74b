//! Recorded depth of Binance: the book against the recorded best quotes, and one strategy under all
//! queue models. Skipped where the shared folder is absent.

use std::collections::BTreeMap;

use engine::{DepthRow, MarketData, OrderId, PriceTicks, QtyLots, Side, TimeInForce};

use super::properties::MODELS;
use super::tape::{Message, folder, read};
use crate::depth::{DepthBook, DepthFill, DepthOrder, Ladder, QueueKind};

/// A name, its order tick in price units, and its files.
const TAPES: [(&str, i64, &[&str]); 3] = [
    ("BTCUSDT 2024-08-08", 10, &["btcusdt_20240808.gz"]),
    ("ETHUSDT 2024-08-08", 1, &["ethusdt_20240808.gz"]),
    ("BTCUSDT 2023-04-04", 10, &["btcusdt_20230404.dat.gz", "btcusdt_20230405.dat.gz"]),
];

fn each_tape(mut test: impl FnMut(&str, i64, &[Message])) {
    let Some(folder) = folder() else { return };
    for (name, tick, files) in TAPES {
        test(name, tick, &read(&folder, files));
    }
}

/// After every depth message the best levels are those that `bookTicker` showed for that update.
#[test]
fn the_ladder_shows_the_recorded_best_quotes() {
    each_tape(|name, tick, messages| {
        let mut quotes = BTreeMap::new();
        for message in messages {
            quotes.extend(message.quotes().map(|shown| (message.update, shown)));
        }
        let (mut ladder, mut equal, mut unlike) = (Ladder::new(tick), 0u32, 0u32);
        for message in messages.iter().filter(|m| m.quotes().is_none() && m.update > 0) {
            for data in &message.data {
                match *data {
                    MarketData::Depth(DepthRow { side, price, qty }) => {
                        ladder.set(side, price.0, qty.0);
                    }
                    _ => ladder.clear(),
                }
            }
            let best = [Side::Buy, Side::Sell].map(|side| ladder.levels(side).next().unwrap());
            assert!(best[0].0 < best[1].0, "{name}: crossed at update {}", message.update);
            let Some((_, shown)) = quotes.range(..=message.update).next_back() else { continue };
            let shown = [(shown.bid.0, shown.bid_qty.0), (shown.ask.0, shown.ask_qty.0)];
            *(if best == shown { &mut equal } else { &mut unlike }) += 1;
        }
        println!("{name}: {equal} messages with the recorded best quotes, {unlike} without");
        assert!(equal > 1_000 && unlike == 0, "{name}: {equal} equal, {unlike} not");
        assert_eq!((ladder.refused(), ladder.off_tick()), (0, 0));
    });
}

/// What the strategy sends does not depend on its fills: one pair a second at the best bid and ask, each
/// cancelled after five seconds. So its orders are the same under all models.
struct World {
    book: DepthBook,
    fills: Vec<DepthFill>,
    filled: BTreeMap<OrderId, i64>,
}

impl World {
    fn place(&mut self, side: Side, id: OrderId, qty: i64) {
        let limit = self.book.ladder().best(side).map(PriceTicks);
        let time_in_force = TimeInForce::Gtx;
        let order = DepthOrder { id, side, limit, qty: QtyLots(qty), time_in_force };
        self.book.place(&order, &mut self.fills);
    }

    fn observe(&mut self, message: &Message) {
        message.data.iter().for_each(|data| self.book.observe(data, &mut self.fills));
        for fill in self.fills.drain(..) {
            *self.filled.entry(fill.id).or_default() += fill.qty.0;
        }
    }

    fn filled(&self, id: OrderId) -> i64 {
        self.filled.get(&id).copied().unwrap_or(0)
    }
}

#[test]
fn models_lie_between_pessimistic_and_optimistic() {
    const QTY: i64 = 500;
    const LIFE: u64 = 5;
    each_tape(|name, tick, messages| {
        let world = |model: QueueKind| World {
            book: DepthBook::new(tick, model),
            fills: Vec::new(),
            filled: BTreeMap::new(),
        };
        let mut worlds = MODELS.map(world);
        let (mut next_ms, mut pairs) = (messages[0].time_ms + 1_000, 0u64);
        for message in messages.iter().filter(|m| m.quotes().is_none()) {
            if message.time_ms >= next_ms {
                (next_ms, pairs) = (message.time_ms + 1_000, pairs + 1);
                for world in &mut worlds {
                    for (side, id) in [(Side::Buy, 2 * pairs), (Side::Sell, 2 * pairs + 1)] {
                        if let Some(old) = id.checked_sub(2 * LIFE) {
                            world.book.cancel(side, OrderId(old));
                        }
                        world.place(side, OrderId(id), QTY);
                    }
                }
            }
            worlds.iter_mut().for_each(|world| world.observe(message));
            let live = (2 * (pairs + 1).saturating_sub(LIFE)..2 * pairs + 2).map(OrderId);
            for id in live {
                let by_model = worlds.each_ref().map(|world| world.filled(id));
                let (least, most) = (by_model[0], by_model[MODELS.len() - 1]);
                let between = by_model.iter().all(|filled| (least..=most).contains(filled));
                assert!(between, "{name}: {id:?} filled {by_model:?} under {MODELS:?}");
            }
        }
        let sums = worlds.each_ref().map(|world| world.filled.values().sum::<i64>());
        let (least, most) = (sums[0], sums[MODELS.len() - 1]);
        println!("{name}: of {pairs} pairs of {QTY} lots, filled {sums:?} under {MODELS:?}");
        for (sum, model) in sums.iter().zip(MODELS).skip(1).take(MODELS.len() - 2) {
            assert!(least < *sum && *sum < most, "{name}: {least} < {sum} < {most}, {model:?}");
        }
    });
}
