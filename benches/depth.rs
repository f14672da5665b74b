//! Level-2 replay with matching: the events of `bench/gen_data.py` (its folder is $BENCH_DATA), 5 ms
//! each way, a power queue model, and a maker that cancels what rests and quotes one bid and one ask
//! two ticks back every 100 ms. The same work as `hft_rs_bench mm partial` of the shared bench folder.
#![allow(clippy::expect_used, clippy::panic)] // A benchmark that cannot be set up measures nothing.

#[path = "support/npz.rs"]
mod npz;

use std::collections::VecDeque;
use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::*;
use sim_exchange::depth::{DepthBook, DepthFill, DepthOrder, Ladder, QueueKind};

/// The order tick, 0.10, in price units.
const TICK: i64 = 10;
const STEP: i64 = 100_000_000;
const REQUEST: i64 = 5_000_000;
const RESPONSE: i64 = 5_000_000;
/// From the exchange to the maker's own book; `gen_data.py` draws 2 to 4 ms.
const FEED: i64 = 3_000_000;
const QUEUE: QueueKind = QueueKind::Power { exponent: 3 };
/// 0.01, and 1.
const QTY: i64 = 10;
const POSITION_MAX: i64 = 1_000;

enum Ask {
    Place(DepthOrder),
    Cancel(Side, OrderId),
}

/// The maker beside the book alone, without kernel, account and ledger.
#[derive(Default)]
struct Totals {
    orders: u64,
    cancels: u64,
    fills: u64,
    position: i64,
    quoted: i64,
}

struct World {
    book: DepthBook,
    /// What the maker sees, `FEED` late.
    seen: Ladder,
    requests: VecDeque<(i64, Ask)>,
    answers: VecDeque<(i64, DepthFill)>,
    fills: Vec<DepthFill>,
    /// What the maker believes to rest.
    live: Vec<(Side, OrderId)>,
    totals: Totals,
}

impl World {
    fn new() -> World {
        World {
            book: DepthBook::new(TICK, QUEUE),
            seen: Ladder::new(TICK),
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            fills: Vec::new(),
            live: Vec::new(),
            totals: Totals::default(),
        }
    }

    fn send_fills(&mut self, now: i64) {
        self.answers.extend(self.fills.drain(..).map(|fill| (now + RESPONSE, fill)));
    }

    /// The exchange's side up to `until`.
    fn exchange(&mut self, events: &[MarketEvent], from: &mut usize, until: i64) {
        loop {
            let due = self.requests.front().map_or(i64::MAX, |(due, _)| *due);
            let bound = until.min(due);
            while let Some(event) = events.get(*from)
                && event.time.0 <= bound
            {
                self.book.observe(&event.data, &mut self.fills);
                if !self.fills.is_empty() {
                    self.send_fills(event.time.0);
                }
                *from += 1;
            }
            if due > until {
                return;
            }
            match self.requests.pop_front() {
                Some((_, Ask::Place(order))) => {
                    self.book.place(&order, &mut self.fills);
                }
                Some((_, Ask::Cancel(side, id))) => {
                    self.book.cancel(side, id);
                }
                None => return,
            }
            self.send_fills(due);
        }
    }

    /// The maker's book and position up to `now`.
    fn see(&mut self, events: &[MarketEvent], from: &mut usize, now: i64) {
        while let Some(event) = events.get(*from)
            && event.time.0 + FEED <= now
        {
            if let MarketData::Depth(row) = event.data {
                self.seen.set(row.side, row.price.0, row.qty.0);
            }
            *from += 1;
        }
        while let Some((_, fill)) = self.answers.pop_front_if(|(due, _)| *due <= now) {
            self.totals.fills += 1;
            self.totals.position += fill.side.sign() * fill.qty.0;
            if fill.left.0 == 0 {
                self.live.retain(|(_, id)| *id != fill.id);
            }
        }
    }

    fn quote(&mut self, now: i64) {
        let best = (self.seen.best(Side::Buy), self.seen.best(Side::Sell));
        let (Some(bid), Some(ask)) = best else { return };
        self.totals.quoted = self.totals.quoted.wrapping_add(bid).wrapping_add(ask);
        for (side, id) in self.live.drain(..) {
            self.requests.push_back((now + REQUEST, Ask::Cancel(side, id)));
            self.totals.cancels += 1;
        }
        for (side, price) in [(Side::Buy, bid - 2 * TICK), (Side::Sell, ask + 2 * TICK)] {
            if side.sign() * self.totals.position >= POSITION_MAX {
                continue;
            }
            self.totals.orders += 1;
            let id = OrderId(self.totals.orders);
            let limit = Some(PriceTicks(price));
            let time_in_force = TimeInForce::Gtx;
            let order = DepthOrder { id, side, limit, qty: QtyLots(QTY), time_in_force };
            self.requests.push_back((now + REQUEST, Ask::Place(order)));
            self.live.push((side, id));
        }
    }
}

fn replay(events: &[MarketEvent]) -> Totals {
    let mut world = World::new();
    let (mut at, mut seen) = (0, 0);
    let Some((first, last)) = events.first().zip(events.last()) else { return world.totals };
    let mut now = first.time.0;
    while now < last.time.0 {
        now += STEP;
        world.exchange(events, &mut at, now);
        world.see(events, &mut seen, now);
        world.quote(now);
    }
    world.totals
}

fn data() -> Option<Vec<MarketEvent>> {
    #[allow(clippy::disallowed_methods)] // Where the data lies is no part of any run.
    let folder = std::env::var_os("BENCH_DATA");
    let Some(folder) = folder.map(PathBuf::from) else {
        println!("skipped: BENCH_DATA does not name the folder that bench/gen_data.py filled");
        return None;
    };
    let path = folder.join("btcusdt.npz");
    let events = npz::read(&path);
    if events.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    events
}

fn depth(criterion: &mut Criterion) {
    let Some(events) = data() else { return };
    let t = replay(&events);
    println!(
        "depth: {} events, {} orders, {} cancels, {} fills, position {}, quoted {}",
        events.len(),
        t.orders,
        t.cancels,
        t.fills,
        t.position,
        t.quoted
    );
    let mut group = criterion.benchmark_group("depth");
    group.sample_size(10);
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("book alone, both ladders, maker", |b| b.iter(|| replay(&events)));
    group.bench_function("book alone, no orders", |b| {
        b.iter(|| {
            let mut book = DepthBook::new(TICK, QUEUE);
            let mut fills = Vec::new();
            events.iter().for_each(|event| book.observe(&event.data, &mut fills));
            book.ladder().best(Side::Buy)
        });
    });
    group.finish();
}

criterion_group!(benches, depth);
criterion_main!(benches);
