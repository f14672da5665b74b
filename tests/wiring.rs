//! The map of the pipeline is true: services touch what their wiring names, and nothing else.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use datasets::synthetic::{SyntheticConfig, SyntheticFeed};
use engine::{
    DigestOnly, FeedLatency, Instrument, Kernel, KernelConfig, Link, MemoryBus, Nanos, Touch,
};
use pipeline::map::PipelineMap;
use pipeline::{PipelineSettings, chain};
use rust_decimal::Decimal;
use sim_exchange::{ExchangeConfig, Funding, Latency, SimExchange};

/// A day of the whole pipeline, and all that its services touched.
fn day(settings: &PipelineSettings) -> (Vec<Instrument>, Vec<String>, BTreeSet<Touch>) {
    let market = SyntheticConfig { minutes: 1_440, ..SyntheticConfig::default() };
    let instruments = market.instruments();
    let start = Nanos::from_millis(market.start_ms);
    let latency =
        Latency::Constant { request: Nanos::from_millis(5), response: Nanos::from_millis(5) };
    let wallet = Decimal::from(10_000);
    let config = ExchangeConfig::new(instruments.clone(), start, wallet, latency, Funding::Data);
    let exchange = SimExchange::new(config).expect("an exchange");
    let feed = SyntheticFeed::new(&market, 7).expect("a market");
    let members = chain(settings, &instruments).expect("a chain");
    let link = Link { latency: Nanos::from_micros(300), jitter: Nanos::ZERO };
    let config = KernelConfig {
        seed: 7,
        start,
        instruments: instruments.clone(),
        link,
        links: Default::default(),
        call_link: link,
        feed_latency: FeedLatency::NONE,
    };
    let bus = Box::new(MemoryBus::new());
    let mut kernel = Kernel::new(config, bus, exchange, feed, members, Box::new(DigestOnly));
    kernel.watch_touches();
    kernel.run_until(start + Nanos::from_secs(86_400)).expect("a run");
    let touches = kernel.touches().cloned().collect();
    (instruments, kernel.services().to_vec(), touches)
}

#[test]
fn services_touch_what_their_wiring_names() {
    let settings = PipelineSettings::default();
    let (instruments, names, touches) = day(&settings);
    assert!(touches.len() > 100, "a day touches a lot: {}", touches.len());
    let map = PipelineMap::of(&settings, &instruments).expect("a map");
    assert_eq!(map.undeclared(&names, &touches), BTreeSet::new());
    // What a quiet day does not ask for. Anything else that nobody touches is a wrong declaration.
    let quiet: BTreeSet<String> = [
        // A model is trained after a day at the soonest.
        "clm writes the key quantum:clm:candidate:{model}",
        "portfolio_risk_governor writes the stream quantum:stream:budget.violation",
        "position_state_brain writes the stream quantum:stream:reconcile.events",
        "trainer writes the key quantum:clm:model:{model}",
        "trainer writes the stream quantum:stream:model.training_completed",
        "trainer writes the stream quantum:stream:model.training_started",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(map.untouched(&names, &touches), quiet);
}
