//! The map of the pipeline is true: services touch what their wiring names, and nothing else. And what they know after a
//! day can be saved and loaded.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use datasets::synthetic::{SyntheticConfig, SyntheticFeed};
use engine::{
    DigestOnly, FeedLatency, Instrument, Kernel, KernelConfig, Link, MemoryBus, Nanos, ServiceId,
    Touch,
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
    for (place, name) in kernel.services().iter().enumerate() {
        let state = kernel.state(ServiceId(place as u16)).expect("it runs");
        let saved = state.save().unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut other = state.clone_service();
        other.load(saved.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = other.save().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(again == saved, "the state of {name} is another one once it is loaded");
    }
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
        "contract_check writes the stream quantum:stream:contract.findings",
        "emergency_stop writes the key quantum:ess:active",
        "emergency_stop writes the key quantum:ess:latch",
        "emergency_stop writes the key quantum:ess:mode",
        "emergency_stop writes the key trading:emergency_stop",
        "emergency_stop writes the stream quantum:stream:apply.plan",
        "emergency_stop writes the stream quantum:stream:event.ess",
        // Looks at positions are fresh all day.
        "exit_monitor reads the key quantum:ticker:{S}",
        "exposure_balancer writes the stream quantum:stream:exposure.alerts",
        "governor reads the key quantum:state:positions:{S}",
        "governor writes the key quantum:governor:disarm:{date}",
        "governor writes the key quantum:rotation:lock:{plan_id}",
        "governor writes the stream quantum:stream:apply.plan",
        "governor writes the stream quantum:stream:governor.events",
        "intent_executor reads the key quantum:manual_lane:enabled",
        "intent_executor reads the key quantum:rotation:lock:{plan_id}",
        "position_state_brain reads the key quantum:cfg:universe:last_ok",
        "position_state_brain writes the stream quantum:stream:reconcile.events",
        // A made market tells no best quotes.
        "price_feed writes the key quantum:market:{S}:book",
        "reconcile_engine reads the key quantum:reconcile:close:cooldown:{case}",
        "apply_layer reads the key quantum:cooldown:last_exec_ts:{S}",
        "reconcile_engine reads the key quantum:reconcile:close:out:{S}",
        "reconcile_engine writes the key quantum:reconcile:close:out:{S}",
        "reconcile_engine reads the key quantum:reconcile:hold_reason:{S}",
        "reconcile_engine writes the key quantum:reconcile:close:cooldown:{case}",
        "reconcile_engine writes the key quantum:reconcile:hold:{S}",
        "reconcile_engine writes the key quantum:reconcile:hold_reason:{S}",
        "reconcile_engine writes the key quantum:reconcile:hold_sig:{S}",
        "reconcile_engine writes the stream quantum:stream:reconcile.close",
        "trading_bot writes the key quantum:safety:safe_mode",
        "trading_bot writes the key quantum:safety:safe_mode:reason",
        "trading_bot writes the stream quantum:stream:safety.fault",
        // A model is trained after a day at the soonest.
        "apply_layer reads the key quantum:apply:dedupe:{plan_id}",
        "apply_layer reads the key quantum:marketstate:{S}",
        "apply_layer reads the key quantum:reconcile:hold:{S}",
        "apply_layer writes the key quantum:apply:stream_published:{plan_id}",
        "apply_layer writes the key quantum:reconcile:hold:{S}",
        "apply_layer writes the key quantum:stop:asked:{S}",
        "clm writes the key quantum:clm:candidate:{model}",
        "portfolio_risk_governor writes the stream quantum:stream:budget.violation",
        "trainer writes the key quantum:clm:model:{model}",
        "trainer writes the stream quantum:stream:model.training_completed",
        "trainer writes the stream quantum:stream:model.training_started",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(map.untouched(&names, &touches), quiet);
}
