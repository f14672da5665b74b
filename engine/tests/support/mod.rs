//! Parts for kernel tests: an exchange that answers nothing, a feed from a list, and small services.
#![allow(dead_code, unused_imports, missing_docs, clippy::expect_used)]

use engine::*;

pub mod faults;

#[derive(Default)]
pub struct NoExchange;

impl Exchange for NoExchange {
    fn submit(&mut self, _: Nanos, _: Sender, _: RequestId, _: Request) {}
    fn observe(&mut self, _: &MarketEvent) {}
    fn next_due(&self) -> Nanos {
        Nanos::NEVER
    }
    fn advance(&mut self, _: Nanos, _: &mut Vec<ExchangeEvent>) {}
}

pub struct ListFeed(pub Vec<MarketEvent>);

impl Feed for ListFeed {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        // Few at a time, so that batches end anywhere.
        batch.clear();
        batch.extend(self.0.drain(..self.0.len().min(7)));
        Ok(())
    }
}

pub fn trade(ms: i64, price: i64) -> MarketEvent {
    let data = MarketData::Trade(Trade {
        price: PriceTicks(price),
        qty: QtyLots(1),
        buyer_is_maker: false,
        origin: TradeOrigin::Tape,
    });
    MarketEvent::new(Nanos::from_millis(ms), SymbolIndex(0), data)
}

record! {
    /// A number on its way.
    pub struct Number {
        /// Which.
        pub value: u64 = "value",
    }
}

pub fn number(value: u64) -> Body {
    Body::message(Envelope::Flat, Number { value })
}

pub fn config(seed: u64, link: Link) -> KernelConfig {
    let instrument = Instrument {
        symbol: Symbol::new("BTCUSDT").expect("a symbol"),
        price_decimals: 2,
        qty_decimals: 3,
    };
    KernelConfig {
        seed,
        start: Nanos::ZERO,
        instruments: vec![instrument],
        link,
        links: Default::default(),
        call_link: Link { latency: Nanos::from_millis(1), jitter: Nanos::ZERO },
        feed_latency: engine::FeedLatency::NONE,
    }
}

pub fn member<S: Service + 'static>(name: &str, service: S) -> Member {
    Member::new(name, Box::new(service))
}
