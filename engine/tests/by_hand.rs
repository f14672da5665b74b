//! A request that no service sends.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // A test fails by panicking.

mod support;

use engine::*;
use serde::{Deserialize, Serialize};
use support::*;

/// Answers each request and tells its account's user stream of it, a millisecond later.
#[derive(Default)]
struct Echo(Vec<(Nanos, ExchangeEvent)>);

impl Exchange for Echo {
    fn submit(&mut self, now: Nanos, from: Sender, request: RequestId, _: Request) {
        let time = now + Nanos::from_millis(1);
        let (to, outcome) = (from.service, Outcome::Done(Answer::Done));
        self.0.push((time, ExchangeEvent::Response { to, request, outcome }));
        let event = UserEvent::LeverageUpdate { symbol: SymbolIndex(0), leverage: 3 };
        self.0.push((time, ExchangeEvent::User { account: from.account, time, event }));
    }
    fn observe(&mut self, _: &MarketEvent) {}
    fn next_due(&self) -> Nanos {
        self.0.first().map_or(Nanos::NEVER, |(time, _)| *time)
    }
    fn advance(&mut self, _: Nanos, out: &mut Vec<ExchangeEvent>) {
        out.extend(self.0.drain(..).map(|(_, event)| event));
    }
}

/// Counts what the exchange says to it.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Listener;

impl Service for Listener {
    fn wiring(&self) -> Wiring {
        Wiring { user_stream: true, ..Wiring::default() }
    }
    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Exchange(ExchangeEvent::Response { .. }) => ctx.count("answers", 1),
            Input::Exchange(ExchangeEvent::User { .. }) => ctx.count("events", 1),
            _ => {}
        }
    }
}

#[test]
fn a_request_by_hand_is_answered_to_nobody_and_told_to_the_account() {
    let other = Member { account: AccountId(1), ..member("other", Listener) };
    let members = vec![member("one", Listener), member("two", Listener), other];
    let config = config(1, Link { latency: Nanos::ZERO, jitter: Nanos::ZERO });
    let bus = Box::new(MemoryBus::new());
    let sink = Box::new(DigestOnly);
    let mut kernel = Kernel::new(config, bus, Echo::default(), ListFeed(Vec::new()), members, sink);
    let request = Request::SetLeverage { symbol: SymbolIndex(0), leverage: 3 };
    kernel.at(Nanos::from_millis(5), Action::Submit { account: AccountId(0), request });
    kernel.run_until(Nanos::from_secs(1)).expect("a quiet run");
    let counted = |place: u16, name: &str| {
        let counters = kernel.counters(ServiceId(place)).expect("it runs");
        counters.get(name).copied().unwrap_or(0)
    };
    assert_eq!([0, 1, 2].map(|place| counted(place, "answers")), [0, 0, 0]);
    assert_eq!([0, 1, 2].map(|place| counted(place, "events")), [1, 1, 0]);
}
