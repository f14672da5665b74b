//! The same maker as a service of the kernel, with the whole exchange behind it: orders with checks,
//! margin, ledger, user stream, and the journal's digest of all of it.

use std::collections::VecDeque;

use engine::*;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sim_exchange::depth::Ladder;
use sim_exchange::{
    ExchangeConfig, FillModel, Funding, Latency, MarketDepth, Profile, SimExchange,
};

use crate::maker::{QUEUE, TICK};

const SYMBOL: SymbolIndex = SymbolIndex(0);
const STEP: Nanos = Nanos::from_millis(100);
const WIRE: Nanos = Nanos::from_millis(5);
/// The mean of what `gen_data.py` draws: the kernel has one latency for the whole feed.
const FEED: Nanos = Nanos::from_millis(3);
const QTY: QtyLots = QtyLots(10);
const POSITION_MAX: i64 = 1_000;

/// Cancels what rests, and quotes one bid and one ask two ticks back.
#[derive(Clone, Serialize, Deserialize)]
pub struct Maker {
    view: Ladder,
    position: i64,
    live: Vec<(Side, u64)>,
    /// Requests of the last step and the orders that they place.
    sent: VecDeque<(RequestId, u64)>,
    /// Orders sent.
    pub orders: u64,
    /// Cancels sent.
    pub cancels: u64,
    /// Looks at the book.
    pub steps: u64,
    /// Sum of all best bids and asks, in ticks.
    pub seen: i64,
}

impl Service for Maker {
    fn wiring(&self) -> Wiring {
        let market = MarketWants { depth: true, ..MarketWants::NONE };
        Wiring { market, user_stream: true, ..Wiring::default() }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => ctx.timer_after(STEP, TimerKey(0)),
            Input::Market(event) => {
                if let MarketData::Depth(row) = event.data {
                    self.view.set(row.side, row.price.0, row.qty.0);
                }
            }
            Input::Timer(_) => {
                ctx.timer_after(STEP, TimerKey(0));
                self.quote(ctx);
            }
            Input::Exchange(ExchangeEvent::User {
                event: UserEvent::OrderTradeUpdate { order, fill, .. },
                ..
            }) => {
                if let Some(fill) = fill {
                    self.position += order.side.sign() * fill.qty.0;
                }
                if order.status.is_terminal() {
                    let number = order.client_order_id.0.parse().ok();
                    self.live.retain(|(_, live)| Some(*live) != number);
                }
            }
            Input::Exchange(ExchangeEvent::Response {
                request,
                outcome: Outcome::Refused(_),
                ..
            }) => {
                let refused = self.sent.iter().find(|(sent, _)| sent == request).copied();
                self.live.retain(|(_, live)| Some(*live) != refused.map(|(_, number)| number));
            }
            _ => {}
        }
    }
}

impl Maker {
    fn quote(&mut self, ctx: &mut Context<'_>) {
        self.steps += 1;
        let best = (self.view.best(Side::Buy), self.view.best(Side::Sell));
        let (Some(bid), Some(ask)) = best else { return };
        self.seen += bid / TICK + ask / TICK;
        for (_, number) in &self.live {
            let order = OrderRef::Client(ClientOrderId(number.to_string().into()));
            ctx.submit(Request::CancelOrder { symbol: SYMBOL, order });
            self.cancels += 1;
        }
        self.sent.clear();
        for (side, price) in [(Side::Buy, bid - 2 * TICK), (Side::Sell, ask + 2 * TICK)] {
            if side.sign() * self.position >= POSITION_MAX {
                continue;
            }
            self.orders += 1;
            let (id, price) = (self.orders.to_string(), PriceTicks(price));
            let order = NewOrder::limit(SYMBOL, side, QTY, price, TimeInForce::Gtx, &id);
            self.sent.push_back((ctx.submit(Request::NewOrder(order)), self.orders));
            self.live.push((side, self.orders));
        }
    }
}

/// A tape in memory, a part at a time.
struct TapeFeed<'a>(&'a [MarketEvent]);

impl Feed for TapeFeed<'_> {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        let (next, rest) = self.0.split_at(self.0.len().min(512));
        batch.clear();
        batch.extend_from_slice(next);
        self.0 = rest;
        Ok(())
    }
}

/// Runs the events and answers the maker and how often it was filled.
pub fn run(events: &[MarketEvent]) -> (Maker, u64) {
    let (first, last) = (events.first().expect("events"), events.last().expect("events"));
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    let instruments = vec![Instrument { symbol, price_decimals: 2, qty_decimals: 3 }];
    let latency = Latency::Constant { request: WIRE, response: WIRE };
    let wallet = Decimal::from(10_000_000);
    let mut config =
        ExchangeConfig::new(instruments.clone(), first.time, wallet, latency, Funding::None);
    config.fills = FillModel { queue: QUEUE, ..Profile::Standard.fills(MarketDepth::Levels) };
    config.limits.enforce = false;
    let exchange = SimExchange::new(config).expect("an exchange");
    let config = KernelConfig {
        seed: 1,
        start: first.time,
        instruments,
        link: Link::INSTANT,
        links: Default::default(),
        call_link: Link::INSTANT,
        feed_latency: FeedLatency::Constant(FEED),
    };
    let maker = Maker {
        view: Ladder::new(TICK),
        position: 0,
        live: Vec::new(),
        sent: VecDeque::new(),
        orders: 0,
        cancels: 0,
        steps: 0,
        seen: 0,
    };
    let (bus, feed) = (Box::new(MemoryBus::new()), TapeFeed(events));
    let members = vec![Member::new("maker", Box::new(maker))];
    let mut kernel = Kernel::new(config, bus, exchange, feed, members, Box::new(DigestOnly));
    kernel.run_until(last.time).expect("a run");
    kernel.finish().expect("an end");
    let fills = kernel.exchange().report().symbols.iter().map(|(_, counts)| counts.fills).sum();
    let state = kernel.state(ServiceId(0)).expect("a maker").save().expect("plain data");
    (serde_json::from_value(state).expect("a maker"), fills)
}
