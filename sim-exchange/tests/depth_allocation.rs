//! The depth book allocates nothing per event once its buffers have grown: neither for rows and trades
//! near the touch nor for orders that come, fill and go.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

use engine::*;
use sim_exchange::depth::{DepthBook, DepthFill, DepthOrder, QueueKind};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const TICK: i64 = 10;

struct World {
    book: DepthBook,
    fills: Vec<DepthFill>,
    rng: NamedRng,
    mid: i64,
    orders: u64,
    filled: u64,
}

impl World {
    fn row(&mut self, side: Side, ticks: i64, qty: i64) {
        let price = PriceTicks(self.mid - side.sign() * (5 + TICK * ticks));
        let data = MarketData::Depth(DepthRow { side, price, qty: QtyLots(qty) });
        self.book.observe(&data, &mut self.fills);
    }

    fn number(&mut self, below: u64) -> i64 {
        self.rng.below(below) as i64
    }

    /// Four events, and an order on each side now and then.
    fn step(&mut self, step: u64) {
        let side = if step.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        let (ticks, qty) = (self.number(20), self.number(100));
        self.row(side, ticks, qty);
        self.row(side.opposite(), 0, 1 + qty);
        if step.is_multiple_of(16) {
            // The market moves by a tick, up for a while and then down: the level that is in its way goes,
            // and one comes on the other side.
            let up = if (step / 4_096).is_multiple_of(2) { Side::Buy } else { Side::Sell };
            self.row(up.opposite(), 0, 0);
            self.mid += up.sign() * TICK;
            self.row(up, 0, 1 + qty);
        }
        let price = PriceTicks(self.mid - side.sign() * 5);
        let (buyer_is_maker, origin) = (side == Side::Buy, TradeOrigin::Tape);
        let trade = Trade { price, qty: QtyLots(1 + qty), buyer_is_maker, origin };
        self.book.observe(&MarketData::Trade(trade), &mut self.fills);
        if step % 32 < 2 {
            for old in [self.orders.checked_sub(7), self.orders.checked_sub(8)] {
                old.and_then(|old| self.book.cancel(side, OrderId(old)));
            }
            self.orders += 1;
            let (id, limit) = (OrderId(self.orders), self.book.ladder().best(side).map(PriceTicks));
            let time_in_force = TimeInForce::Gtc;
            let order = DepthOrder { id, side, limit, qty: QtyLots(20), time_in_force };
            self.book.place(&order, &mut self.fills);
        }
        self.filled += self.fills.drain(..).count() as u64;
    }
}

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let model = QueueKind::Share { exponent: 3 };
    let mut world = World {
        book: DepthBook::new(TICK, model),
        fills: Vec::new(),
        rng: NamedRng::new(1, "depth"),
        mid: 6_000_005,
        orders: 0,
        filled: 0,
    };
    (0..20_000).for_each(|step| world.step(step));
    let (before, filled) = (dhat::HeapStats::get().total_blocks, world.filled);
    (20_000..200_000).for_each(|step| world.step(step));
    // Printing allocates, too.
    let blocks = dhat::HeapStats::get().total_blocks - before;
    let (orders, filled) = (world.orders, world.filled - filled);
    println!("{orders} orders, {filled} fills");
    assert!(filled > 1_000, "{filled} fills");
    assert_eq!(blocks, 0);
}
