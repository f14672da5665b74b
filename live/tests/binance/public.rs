//! A link without a key: the market, and nothing that is not public.

use engine::{MarketData, MarketWants, Nanos, NewOrder, Outcome, QtyLots, Request, Side};
use live::binance::{BinanceLink, Expectations, Preflight, Setup, SymbolExpectation, venue_facts};
use live::clock::LiveClock;
use live::link::Incoming;
use std::sync::Arc;

use crate::pace::steadily;
use crate::peer::StreamPeer;
use crate::support::*;

const WANTS: MarketWants =
    MarketWants { trades: true, bars: true, marks: true, depth: true, ..MarketWants::NONE };

#[test]
fn without_a_key_the_market_is_heard_and_no_request_is_taken() {
    steadily(|| {
        let (server, peer) = (server(), StreamPeer::start());
        // It strikes whoever shows the account's key, and counts how often.
        fault(&server, r#"{"kind":"delay_before","ms":0,"account":0,"times":1000}"#);
        let strikes_left = || admin(&server, "GET", "/faults", "")[0]["times"].clone();
        let config = config(server.addr(), peer.addr);
        let setup = Setup { keys: None, ..setup(config, WANTS) };
        let mut live = Live::of(BinanceLink::connect(setup).unwrap());
        let outcome =
            live.ask(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(1), "n")));
        assert!(matches!(outcome, Outcome::Refused(error) if error.msg.contains("no key")));
        assert_eq!(at_the_venue(&server, "n"), 0);
        peer.say(
        "/market",
        r#"{"e":"aggTrade","E":1,"s":"BTCUSDT","a":1,"p":"50000.00","q":"0.001","f":1,"l":1,"T":1,"m":false}"#,
    );
        live.until("a trade", |said| {
            let is =
                |one: &Incoming| matches!(one, Incoming::Market { data: MarketData::Trade(_), .. });
            said.iter().any(is).then_some(())
        });
        let paths = peer.paths();
        assert!(!paths.is_empty() && !paths.iter().any(|path| path.starts_with("/private")));
        peer.cut("/market");
        live.until_is("lost", |link| !link.is_ready());
        live.until_is("back", BinanceLink::is_ready);
        assert!(!peer.paths().iter().any(|path| path.starts_with("/private")));
        assert_eq!(strikes_left(), 1000);
    });
}

#[test]
fn what_is_public_is_looked_at_without_a_key() {
    steadily(|| {
        let (server, peer) = (server(), StreamPeer::start());
        let config = config(server.addr(), peer.addr);
        let clock = Arc::new(LiveClock::system());
        let symbols: Vec<_> = instruments().iter().map(|one| one.symbol).collect();
        let facts = venue_facts(&config, None, &clock, &symbols).unwrap();
        let told = facts.rules[0];
        assert_eq!(told.tick_size, Some(facts.filters[0].tick_size));
        assert_eq!(told.min_notional, Some(facts.filters[0].min_notional));
        assert!(told.trigger_protect.is_some() && told.multiplier_up.is_some());
        let symbol = |symbol| SymbolExpectation {
            symbol,
            margin_type: engine::MarginType::Crossed,
            leverage: Some(3),
            filters: None,
        };
        let mut expected = Expectations {
            dual_side_position: true,
            multi_assets: true,
            symbols: symbols.into_iter().map(symbol).collect(),
            available_min: 1_000_000.into(),
            clock_off_max: Nanos::from_secs(1),
            may_hold: false,
        };
        let look = |expected: &Expectations| Preflight::look_at_market(&config, &clock, expected);
        let subjects = |findings: &[live::binance::Finding]| -> Vec<String> {
            findings.iter().map(|one| one.subject.clone()).collect()
        };
        let found = look(&expected);
        assert_eq!(subjects(&found), ["clock", "BTCUSDT", "ETHUSDT"]);
        assert!(found.iter().all(|one| one.is_fine()), "{found:#?}");
        admin(&server, "POST", "/skew", r#"{"ms":2000}"#);
        expected.symbols.truncate(1);
        let found = look(&expected);
        assert!(found[0].stops && !found[0].is_fine(), "{found:#?}");
    });
}
