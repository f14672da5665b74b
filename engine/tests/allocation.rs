//! How much the hot paths allocate: nothing per timer or market event, at most one per bus entry.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

mod support;

use engine::*;
use serde::{Deserialize, Serialize};
use support::*;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// A timer that sets itself again, and a look at each market event.
#[derive(Clone, Serialize, Deserialize)]
struct Busy;

impl Service for Busy {
    fn wiring(&self) -> Wiring {
        Wiring { market: MarketWants { trades: true, ..MarketWants::NONE }, ..Wiring::default() }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if matches!(input, Input::Start | Input::Timer(_)) {
            ctx.timer_after(Nanos::from_millis(1), TimerKey(0));
        }
    }
}

const ENTRIES: &str = "quantum:stream:entries";

/// Publishes an entry a millisecond and reads it.
#[derive(Clone, Serialize, Deserialize)]
struct Echo;

impl Service for Echo {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(ENTRIES, "echo", GroupStart::Beginning)],
            ..Wiring::default()
        }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start | Input::Timer(_) => {
                let _ = ctx.publish(ENTRIES, Trim::Approximate(1_000), number(1));
                ctx.timer_after(Nanos::from_millis(1), TimerKey(0));
            }
            Input::Delivery(delivery) => {
                ctx.read::<Number>(ENTRIES, delivery);
            }
            _ => {}
        }
    }
}

fn allocations_of(work: impl FnOnce()) -> u64 {
    let before = dhat::HeapStats::get().total_blocks;
    work();
    dhat::HeapStats::get().total_blocks - before
}

/// One test, because the counter is one for the whole process.
#[test]
fn hot_paths_do_not_allocate() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for latency in [FeedLatency::NONE, FeedLatency::Constant(Nanos::from_millis(40))] {
        let events: Vec<MarketEvent> = (1..20_000).map(|ms| trade(ms, ms)).collect();
        let bus = Box::new(MemoryBus::new());
        let members = vec![member("busy", Busy)];
        let sink = Box::new(DigestOnly);
        let config = KernelConfig { feed_latency: latency, ..config(1, Link::INSTANT) };
        let mut kernel = Kernel::new(config, bus, NoExchange, ListFeed(events), members, sink);
        kernel.run_until(Nanos::from_secs(5)).expect("a run");
        let steady = allocations_of(|| kernel.run_until(Nanos::from_secs(19)).expect("a run"));
        println!("14,000 timers and 14,000 market events: {steady} allocations");
        assert_eq!(steady, 0);
    }

    let link = Link { latency: Nanos::from_micros(50), jitter: Nanos::ZERO };
    let bus = Box::new(MemoryBus::new());
    let members = vec![member("echo", Echo)];
    let sink = Box::new(DigestOnly);
    let mut kernel =
        Kernel::new(config(1, link), bus, NoExchange, ListFeed(Vec::new()), members, sink);
    kernel.run_until(Nanos::from_secs(5)).expect("a run");
    let steady = allocations_of(|| kernel.run_until(Nanos::from_secs(25)).expect("a run"));
    println!("20,000 entries: {steady} allocations");
    assert!(steady <= 20_050, "{steady} allocations for 20,000 entries");
}
