//! Is the account as the pipeline needs it?

use engine::{MarginType, NewOrder, QtyLots, Request, Side};
use live::binance::{Expectations, Finding, Preflight, SymbolExpectation, venue_facts};
use live::clock::LiveClock;
use std::sync::Arc;

use crate::support::*;

fn stops(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|one| one.stops).map(|one| one.subject.as_str()).collect()
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
    let fine = Expectations {
        dual_side_position: false,
        multi_assets: false,
        symbols: vec![symbol(0), symbol(1)],
        available_min: 1_000.into(),
        clock_off_max: engine::Nanos::from_secs(1),
        may_hold: false,
    };
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
