//! Gates over time: rates hold, exits pass.

use engine::{Nanos, Symbol};
use proptest::prelude::*;
use strategies::entry::{
    ExecutionGates, GateRequest, GateRule, GateTimes, KernelLimits, KernelVerdict, PlanSide,
    RouterCandidate, RouterSettings, SafetyKernel, select_candidates,
};
use strategies::signal::{RateLimits, SignalRates};

use crate::support::{cases, share, symbol};

#[derive(Clone, Copy, Debug)]
struct Event {
    symbol: Symbol,
    buys: bool,
    reduces: bool,
    identity: u8,
    wait_ms: i64,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (symbol(), any::<bool>(), any::<bool>(), 0u8..40, 0i64..8_000).prop_map(
        |(symbol, buys, reduces, identity, wait_ms)| Event {
            symbol,
            buys,
            reduces,
            identity,
            wait_ms,
        },
    );
    prop::collection::vec(event, 1..120)
}

proptest! {
    #![proptest_config(cases())]

    /// In any window at most 20 opens pass, and at most 5 of a symbol; every exit passes.
    #[test]
    fn the_kernel_holds_its_rates(events in events()) {
        let limits = KernelLimits::default();
        let mut kernel = SafetyKernel::default();
        let (mut now, mut passed) = (Nanos::ZERO, Vec::new());
        for event in events {
            now += Nanos::from_millis(event.wait_ms / 20);
            let verdict = kernel.judge(event.symbol, event.reduces, Some(false), now, &limits);
            if event.reduces {
                prop_assert_eq!(verdict, KernelVerdict::Pass);
            } else if verdict == KernelVerdict::Pass {
                passed.push((now.secs() / 10, event.symbol));
            }
        }
        for (window, symbol) in &passed {
            let of_window = passed.iter().filter(|(w, _)| w == window);
            prop_assert!(of_window.clone().count() <= 20);
            prop_assert!(of_window.filter(|(_, s)| s == symbol).count() <= 5);
        }
    }

    /// An intent is admitted once, whatever happens between; opens of a symbol and side keep their
    /// distance; nothing is admitted while another is in flight.
    #[test]
    fn an_intent_is_executed_once(events in events(), releases in any::<bool>()) {
        let times = GateTimes::default();
        let mut gates = ExecutionGates::default();
        let (mut now, mut done) = (Nanos::ZERO, Vec::new());
        for event in events {
            now += Nanos::from_millis(event.wait_ms);
            let side = if event.buys { PlanSide::Buy } else { PlanSide::Sell };
            let identity = event.identity.to_string();
            let request = GateRequest {
                identity: &identity, symbol: event.symbol, side, reduces: event.reduces,
                safe_mode: false,
            };
            let Ok(token) = gates.admit(&request, now, &times, GateRule::default()) else { continue };
            let before = |gap: i64| done.iter().any(|(_, symbol, b, at): &(u8, Symbol, bool, Nanos)| {
                (*symbol, *b) == (event.symbol, event.buys) && now - *at < Nanos::from_secs(gap)
            });
            prop_assert!(done.iter().all(|(identity, ..)| *identity != event.identity));
            prop_assert!(event.reduces || !before(30), "a repeat within the window");
            prop_assert!(releases || !before(120), "two in flight");
            if releases {
                prop_assert!(gates.release(event.symbol, side, token));
                prop_assert!(!gates.release(event.symbol, side, token), "a lock is released once");
            }
            done.push((event.identity, event.symbol, event.buys, now));
        }
    }

    /// At most six signals a minute, and a symbol rests for two.
    #[test]
    fn signals_keep_their_rates(events in events(), confidence in share()) {
        let limits = RateLimits::default();
        let mut rates = SignalRates::default();
        let (mut now, mut admitted): (_, Vec<(Nanos, Symbol)>) = (Nanos::ZERO, Vec::new());
        for event in events {
            now += Nanos::from_millis(event.wait_ms);
            if rates.admit(event.symbol, confidence, now, &limits).is_ok() {
                prop_assert!(confidence >= 0.75);
                let minute = admitted.iter().filter(|(at, _)| now - *at < Nanos::from_secs(60));
                prop_assert!(minute.count() < 6);
                let same = admitted.iter().filter(|(_, symbol)| *symbol == event.symbol);
                prop_assert!(same.clone().all(|(at, _)| now - *at >= Nanos::from_secs(120)));
                admitted.push((now, event.symbol));
            }
        }
    }

    /// Never more than the free slots, never the same twice, always in the order of the scores.
    #[test]
    fn the_router_stays_within_capacity(
        confidences in prop::collection::vec(0.5..1.0, 0..12), open in prop::option::of(0u32..14),
    ) {
        let candidates: Vec<RouterCandidate> = confidences
            .iter()
            .map(|confidence| RouterCandidate {
                confidence: *confidence, rl_gate_pass: *confidence > 0.8, regime_known: false,
                decided_at: Nanos::ZERO, size_usd: 100.0, approved: Some(true),
            })
            .collect();
        let picks = select_candidates(&candidates, open, Nanos::ZERO, &RouterSettings::default());
        let slots = open.map_or(0, |open| 10u32.saturating_sub(open)) as usize;
        prop_assert!(picks.len() <= slots.min(2));
        prop_assert!(picks.windows(2).all(|two| two[0].score >= two[1].score && two[0].place != two[1].place));
        prop_assert!(picks.iter().all(|pick| (100.0..=130.0).contains(&pick.size_usd)));
    }
}
