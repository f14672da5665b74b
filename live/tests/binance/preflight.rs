//! Is the account as the pipeline needs it?

use engine::{MarginType, NewOrder, QtyLots, Request, Side};
use live::binance::{Expectations, Finding, Preflight, SymbolExpectation, venue_facts};
use live::clock::LiveClock;
use std::sync::Arc;

use crate::support::*;

fn stops(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|one| one.stops).map(|one| one.subject.as_str()).collect()
}

fn expectations() -> Expectations {
    Expectations {
        dual_side_position: false,
        multi_assets: false,
        symbols: Vec::new(),
        available_min: 1_000.into(),
        clock_off_max: engine::Nanos::from_secs(1),
        may_hold: false,
    }
}

#[test]
fn what_differs_is_told_with_what_to_change() {
    let (server, peer, mut live) = connected();
    let config = config(server.addr(), peer.addr);
    let clock = Arc::new(LiveClock::system());
    let symbols: Vec<_> = instruments().iter().map(|one| one.symbol).collect();
    let facts = venue_facts(&config, Some(&keys()), &clock, &symbols).unwrap();
    assert_eq!(facts.instruments.len(), 2);
    let symbol = |n: usize| SymbolExpectation {
        symbol: symbols[n],
        margin_type: MarginType::Crossed,
        leverage: None,
        filters: Some(facts.filters[n]),
    };
    let fine = Expectations { symbols: vec![symbol(0), symbol(1)], ..expectations() };
    let findings = Preflight::look(&config, &keys(), &clock, &fine);
    assert_eq!(stops(&findings), [""; 0], "{findings:#?}");
    live.done(Request::SetLeverage { symbol: BTC, leverage: 7 });
    live.done(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "p1")));
    live.done(Request::NewOrder(resting("p2")));
    admin(&server, "POST", "/skew", r#"{"ms":2000}"#);
    let mut other = fine.clone();
    other.dual_side_position = true;
    other.available_min = 1_000_000.into();
    other.symbols[0].leverage = Some(5);
    other.symbols[0].margin_type = MarginType::Isolated;
    if let Some(filters) = &mut other.symbols[1].filters {
        filters.tick_size = 7.into();
    }
    let findings = live.link.preflight(&other);
    assert_eq!(
        stops(&findings),
        [
            "clock",
            "position mode",
            "available balance",
            "BTCUSDT margin type",
            "BTCUSDT leverage",
            "ETHUSDT tick size",
            "open orders",
            "positions"
        ]
    );
    let leverage = findings.iter().find(|one| one.subject == "BTCUSDT leverage").unwrap();
    let text = leverage.to_string();
    let wanted = "BTCUSDT leverage: is 7, should be 5: set it (POST /fapi/v1/leverage)";
    assert!(text.starts_with(wanted), "{text}");
    // A session that goes on after a restart holds what is its own.
    let own = Expectations { may_hold: true, ..fine };
    admin(&server, "POST", "/skew", r#"{"ms":0}"#);
    let findings = live.link.preflight(&own);
    assert_eq!(stops(&findings), [""; 0], "{findings:#?}");
}

/// A limit that the first questions use up: the next one is told off, and nothing more is asked.
#[test]
fn nothing_is_asked_of_a_venue_that_takes_no_more() {
    let server = server();
    let config = config(server.addr(), server.addr());
    let clock = Arc::new(LiveClock::system());
    let mut findings = Vec::new();
    // Twice: a minute may end on the way.
    for _ in 0..2 {
        admin(&server, "POST", "/limits", r#"{"request_weight_1m":40,"forgive":true}"#);
        findings = Preflight::look(&config, &keys(), &clock, &expectations());
        if stops(&findings).len() == 1 {
            break;
        }
    }
    assert_eq!(stops(&findings).len(), 1, "{findings:#?}");
    let last = findings.last().unwrap();
    assert!(last.stops && last.is.contains("HTTP 429: -1003"), "{findings:#?}");
    assert!(last.change.contains(" until 20") && last.change.ends_with("try again"), "{last}");
    admin(&server, "POST", "/limits", r#"{"forgive":true}"#);
    fault(&server, r#"{"kind":"ban","ms":90000,"times":1,"path":"/fapi/v1/time"}"#);
    let error = live::venue_time(&format!("http://{}", server.addr())).unwrap_err().to_string();
    let banned = "the venue has banned this address until 20";
    assert!(error.contains(banned) && !error.contains("is it running"), "{error}");
    let findings = Preflight::look(&config, &keys(), &clock, &expectations());
    assert_eq!(stops(&findings), ["venue"], "{findings:#?}");
    assert!(findings[0].change.contains(banned), "{findings:#?}");
}

/// An answer that takes long tells little of the clock: a good one is not set by it.
#[test]
fn a_venue_that_is_too_slow_to_measure_moves_no_clock() {
    let server = server();
    let config = config(server.addr(), server.addr());
    let clock = Arc::new(LiveClock::system());
    fault(&server, r#"{"kind":"delay_before","ms":500,"path":"/fapi/v1/time"}"#);
    let expected =
        Expectations { clock_off_max: engine::Nanos::from_millis(100), ..expectations() };
    let findings = Preflight::look(&config, &keys(), &clock, &expected);
    assert_eq!(stops(&findings), ["clock"], "{findings:#?}");
    let text = findings[0].to_string();
    assert!(text.contains("too slow to measure") && !text.contains("NTP"), "{text}");
    assert_eq!(clock.venue_ahead(), engine::Nanos::ZERO, "it is right as it is");
    // The venue's clock is ahead by more than such a measurement can be wrong.
    admin(&server, "POST", "/skew", r#"{"ms":2000}"#);
    Preflight::look(&config, &keys(), &clock, &expected);
    assert!(clock.venue_ahead() > engine::Nanos::from_secs(1));
}
