//! The market maker of `hft_rs_bench mm`, its exchange and the two wires between them, without
//! kernel and ledger: what `hftbacktest` does, and nothing else.

use std::collections::VecDeque;

use engine::*;
use sim_exchange::depth::{DepthBook, DepthFill, DepthOrder, Ladder, Placed, QueueKind};

use crate::npz::Tape;

/// The order tick, 0.10, in price units.
pub const TICK: i64 = 10;
/// `PowerProbQueueFunc3` with 3.
pub const QUEUE: QueueKind = QueueKind::Share { exponent: 3 };
const STEP: i64 = 100_000_000;
const REQUEST: i64 = 5_000_000;
const RESPONSE: i64 = 5_000_000;
/// 0.01, and 1.
const QTY: i64 = 10;
const POSITION_MAX: i64 = 1_000;
/// Parts of a notional of which a maker gets one as a rebate.
const REBATE_PARTS: i64 = 20_000;

enum Ask {
    Place(DepthOrder),
    Cancel(Side, OrderId),
}

enum Answer {
    Fill(DepthFill),
    Rests,
    /// Cancelled or refused, or already gone when the cancel came.
    Gone(OrderId),
}

/// Position and money, once at the exchange and once as the maker knows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    /// In lots.
    pub position: i64,
    /// In units of price × quantity: 1e-5 USDT.
    pub cash: i64,
    /// Paid, in the same units.
    pub fees: i64,
    /// Parts of orders.
    pub fills: u64,
    /// Orders that are complete.
    pub filled: u64,
}

impl Account {
    fn fill(&mut self, fill: &DepthFill) {
        let notional = fill.price.0 * fill.qty.0;
        self.position += fill.side.sign() * fill.qty.0;
        self.cash -= fill.side.sign() * notional;
        self.fees -= notional / REBATE_PARTS;
        self.fills += 1;
        self.filled += u64::from(fill.left.0 == 0);
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Looks at the book.
    pub steps: u64,
    /// Orders sent.
    pub orders: u64,
    /// Cancels sent.
    pub cancels: u64,
    /// Sum of all best bids and asks that the maker has seen, in ticks: the check of his book.
    pub seen: i64,
    /// As he knows it.
    pub account: Account,
    /// As the exchange knows it.
    pub venue: Account,
}

/// Exchange, wires and maker.
pub struct World {
    book: DepthBook,
    /// What the maker sees.
    view: Ladder,
    requests: VecDeque<(i64, Ask)>,
    answers: VecDeque<(i64, Answer)>,
    fills: Vec<DepthFill>,
    /// What the maker believes to rest.
    live: Vec<(Side, OrderId)>,
    now: i64,
    /// The next event of the tape for the exchange, and for the maker.
    next: usize,
    next_seen: usize,
    totals: Totals,
}

impl World {
    /// Begins at a time.
    pub fn new(now: i64) -> World {
        World {
            book: DepthBook::new(TICK, QUEUE),
            view: Ladder::new(TICK),
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            fills: Vec::new(),
            live: Vec::new(),
            now,
            next: 0,
            next_seen: 0,
            totals: Totals::default(),
        }
    }

    /// A run over a whole tape.
    pub fn replay(tape: &Tape) -> Totals {
        let (Some(first), Some(last)) = (tape.events.first(), tape.arrivals.last()) else {
            return Totals::default();
        };
        let mut world = World::new(first.time.0);
        world.run(tape, *last);
        world.totals()
    }

    /// What it has done.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// All steps before `end`: no event up to then may be missing on the tape.
    pub fn run(&mut self, tape: &Tape, end: i64) {
        while self.now + STEP < end {
            self.now += STEP;
            self.exchange(&tape.events);
            self.maker(tape);
            self.quote();
            self.totals.steps += 1;
        }
    }

    /// Drops from the tape what everybody has seen.
    pub fn forget(&mut self, tape: &mut Tape) {
        tape.forget(self.next_seen);
        self.next -= self.next_seen;
        self.next_seen = 0;
    }

    fn send_fills(&mut self, time: i64) {
        for fill in self.fills.drain(..) {
            self.totals.venue.fill(&fill);
            self.answers.push_back((time + RESPONSE, Answer::Fill(fill)));
        }
    }

    /// The exchange's side of a step.
    fn exchange(&mut self, events: &[MarketEvent]) {
        loop {
            let due = self.requests.front().map_or(i64::MAX, |(due, _)| *due);
            self.market(events, self.now.min(due));
            if due > self.now {
                return;
            }
            let Some((_, ask)) = self.requests.pop_front() else { return };
            let gone = match ask {
                Ask::Place(order) => match self.book.place(&order, &mut self.fills) {
                    Placed::Rests(_) | Placed::Filled => None,
                    _ => Some(order.id),
                },
                Ask::Cancel(side, id) => {
                    self.book.cancel(side, id);
                    Some(id)
                }
            };
            self.answers.push_back((due + RESPONSE, gone.map_or(Answer::Rests, Answer::Gone)));
            self.send_fills(due);
        }
    }

    fn market(&mut self, events: &[MarketEvent], until: i64) {
        while let Some(event) = events.get(self.next)
            && event.time.0 <= until
        {
            self.book.observe(&event.data, &mut self.fills);
            if !self.fills.is_empty() {
                self.send_fills(event.time.0);
            }
            self.next += 1;
        }
    }

    /// What reaches the maker in a step.
    fn maker(&mut self, tape: &Tape) {
        let (events, arrivals) = (&tape.events, &tape.arrivals);
        while let Some(arrival) = arrivals.get(self.next_seen)
            && *arrival <= self.now
        {
            match events[self.next_seen].data {
                MarketData::Depth(row) => {
                    self.view.set(row.side, row.price.0, row.qty.0);
                }
                MarketData::DepthClear => self.view.clear(),
                _ => {}
            }
            self.next_seen += 1;
        }
        let now = self.now;
        while let Some((_, answer)) = self.answers.pop_front_if(|(due, _)| *due <= now) {
            let ended = match answer {
                Answer::Fill(fill) => {
                    self.totals.account.fill(&fill);
                    (fill.left.0 == 0).then_some(fill.id)
                }
                Answer::Rests => None,
                Answer::Gone(id) => Some(id),
            };
            if let Some(ended) = ended {
                self.live.retain(|(_, id)| *id != ended);
            }
        }
    }

    /// Cancels what still rests, and quotes one bid and one ask two ticks back.
    fn quote(&mut self) {
        let best = (self.view.best(Side::Buy), self.view.best(Side::Sell));
        let (Some(bid), Some(ask)) = best else { return };
        self.totals.seen += bid / TICK + ask / TICK;
        let due = self.now + REQUEST;
        for (side, id) in &self.live {
            self.requests.push_back((due, Ask::Cancel(*side, *id)));
            self.totals.cancels += 1;
        }
        for (side, price) in [(Side::Buy, bid - 2 * TICK), (Side::Sell, ask + 2 * TICK)] {
            if side.sign() * self.totals.account.position >= POSITION_MAX {
                continue;
            }
            self.totals.orders += 1;
            let id = OrderId(self.totals.orders);
            let limit = Some(PriceTicks(price));
            let time_in_force = TimeInForce::Gtx;
            let order = DepthOrder { id, side, limit, qty: QtyLots(QTY), time_in_force };
            self.requests.push_back((due, Ask::Place(order)));
            self.live.push((side, id));
        }
    }
}
