//! The user stream: told once, in spite of duplicates, late events, cuts and keys that expire.

use std::time::{Duration, Instant};

use engine::{
    ExecutionType, MarketData, MarketWants, NewOrder, OrderStatus, PriceTicks, QtyLots, Request,
    Side, UserEvent,
};
use live::binance::BinanceLink;
use live::link::{Incoming, VenueLink};

use crate::pace::steadily;
use crate::peer::StreamPeer;
use crate::support::*;

const USER: &str = "/private/ws/";

/// ORDER_TRADE_UPDATE of a buy of 0.010 at 49,000, with what differs.
fn order_frame(
    id: u64,
    execution: &str,
    status: &str,
    trade: u64,
    last: &str,
    filled: &str,
    time: i64,
) -> String {
    format!(
        r#"{{"e":"ORDER_TRADE_UPDATE","T":{time},"E":{time},"o":{{"s":"BTCUSDT","c":"q-x-{id}","S":"BUY","o":"LIMIT","f":"GTC","q":"0.010","p":"49000.00","ap":"49000.00","sp":"0","x":"{execution}","X":"{status}","i":{id},"l":"{last}","z":"{filled}","L":"49000.00","N":"USDT","n":"0.01","T":{time},"t":{trade},"b":"0","a":"0","m":true,"R":false,"wt":"CONTRACT_PRICE","ot":"LIMIT","ps":"BOTH","cp":false,"pP":false,"si":0,"ss":0,"rp":"0","V":"EXPIRE_MAKER","pm":"NONE","gtd":0,"er":"0"}}}}"#
    )
}

fn fills(live: &Live) -> Vec<(u64, i64, OrderStatus)> {
    let fill = |event: UserEvent| match event {
        UserEvent::OrderTradeUpdate { order, fill: Some(fill), .. } => {
            Some((fill.trade_id, order.executed_qty.0, order.status))
        }
        _ => None,
    };
    live.user_events().into_iter().filter_map(fill).collect()
}

fn executions(live: &Live) -> Vec<ExecutionType> {
    let execution = |event: UserEvent| match event {
        UserEvent::OrderTradeUpdate { execution, .. } => Some(execution),
        _ => None,
    };
    live.user_events().into_iter().filter_map(execution).collect()
}

#[test]
fn duplicates_and_late_events_are_told_once() {
    steadily(|| {
        let (_server, peer, mut live) = connected();
        let frames = [
            order_frame(7, "NEW", "NEW", 0, "0", "0", 1_000),
            order_frame(7, "NEW", "NEW", 0, "0", "0", 1_000),
            order_frame(7, "TRADE", "PARTIALLY_FILLED", 1, "0.004", "0.004", 2_000),
            order_frame(7, "TRADE", "PARTIALLY_FILLED", 1, "0.004", "0.004", 2_000),
            // The third before the second: both are told, and the order does not go back.
            order_frame(7, "TRADE", "FILLED", 3, "0.003", "0.010", 4_000),
            order_frame(7, "TRADE", "PARTIALLY_FILLED", 2, "0.003", "0.007", 3_000),
            order_frame(7, "NEW", "NEW", 0, "0", "0", 1_000),
            order_frame(8, "NEW", "NEW", 0, "0", "0", 5_000),
        ];
        for frame in &frames {
            peer.say(USER, frame);
        }
        live.until("the last frame", |said| {
            said.iter().any(|incoming| format!("{incoming:?}").contains("q-x-8")).then_some(())
        });
        assert_eq!(
            executions(&live),
            [
                ExecutionType::New,
                ExecutionType::Trade,
                ExecutionType::Trade,
                ExecutionType::Trade,
                ExecutionType::New
            ]
        );
        assert_eq!(
            fills(&live),
            [
                (1, 4, OrderStatus::PartiallyFilled),
                (3, 10, OrderStatus::Filled),
                (2, 10, OrderStatus::Filled)
            ]
        );
    });
}

#[test]
fn what_was_missed_during_a_cut_is_told_once() {
    steadily(|| {
        let (_server, peer, mut live) = connected();
        let rests = live.order(Request::NewOrder(resting("q-rests-1")));
        peer.cut(USER);
        live.until_is("lost", |link| !link.is_ready());
        // All of this happens while nobody listens; part of it while the stream is being recovered.
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "q-taken-1")));
        live.done(Request::CancelOrder { symbol: BTC, order: by_client("q-rests-1") });
        live.until_is("back", BinanceLink::is_ready);
        peer.wait_for(USER, 2);
        let events = live.user_events();
        let of = |id: &str| -> Vec<(ExecutionType, OrderStatus)> {
            let own = |event: &UserEvent| match event {
                UserEvent::OrderTradeUpdate { execution, order, .. }
                    if *order.client_order_id.0 == *id =>
                {
                    Some((*execution, order.status))
                }
                _ => None,
            };
            events.iter().filter_map(own).collect()
        };
        assert_eq!(
            of("q-taken-1"),
            [(ExecutionType::New, OrderStatus::New), (ExecutionType::Trade, OrderStatus::Filled)]
        );
        assert_eq!(
            of("q-rests-1"),
            [
                (ExecutionType::New, OrderStatus::New),
                (ExecutionType::Canceled, OrderStatus::Canceled)
            ]
        );
        let account = events.iter().find_map(|event| match event {
            UserEvent::AccountUpdate { balance, positions, .. } => {
                Some((*balance, positions.clone()))
            }
            _ => None,
        });
        let (balance, positions) = account.unwrap();
        assert_eq!(positions[0].position_amt, QtyLots(10));
        assert!(balance.unwrap().balance_change.is_zero(), "fees are no transfer: {balance:?}");
        // The stream tells it late: nothing of it is new.
        let before = events.len();
        let id = rests.order_id.0;
        peer.say(USER, &order_frame(id, "CANCELED", "CANCELED", 0, "0", "0", 9_000));
        peer.say(USER, &order_frame(900_000, "NEW", "NEW", 0, "0", "0", 9_999));
        live.until("the last frame", |said| {
            said.iter().any(|incoming| format!("{incoming:?}").contains("q-x-900000")).then_some(())
        });
        assert_eq!(live.user_events().len(), before + 1);
        // And a second cut finds nothing more.
        peer.cut(USER);
        live.until_is("lost", |link| !link.is_ready());
        live.until_is("back", BinanceLink::is_ready);
        assert_eq!(
            live.user_events().len(),
            before + 1,
            "{:#?}",
            live.user_events().split_off(before + 1)
        );
    });
}

#[test]
fn a_restarted_session_hears_what_it_missed() {
    steadily(|| {
        let (server, peer, mut live) = connected();
        live.done(Request::NewOrder(resting("q-rests-1")));
        let dump = admin(&server, "GET", "/accounts/0", "");
        let id = dump["openOrders"][0]["orderId"].as_u64().unwrap();
        let time = dump["openOrders"][0]["time"].as_i64().unwrap();
        let frame = order_frame(id, "NEW", "NEW", 0, "0", "0", time);
        peer.say(USER, &frame.replace(&format!("q-x-{id}"), "q-rests-1"));
        live.until("NEW", |said| {
            said.iter()
                .any(|incoming| format!("{incoming:?}").contains("OrderTradeUpdate"))
                .then_some(())
        });
        let heard = live.said.iter().filter_map(|incoming| match incoming {
            Incoming::Exchange(event) => Some(event.clone()),
            _ => None,
        });
        let heard = heard.collect();
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Sell, QtyLots(5), "q-while-1")));
        drop(live);
        let config = config(server.addr(), peer.addr);
        let again = live::binance::Setup { heard, ..setup(config, MarketWants::NONE) };
        let mut live = Live::of(BinanceLink::connect(again).unwrap());
        live.until("the missed fill", |said| {
            said.iter().any(|incoming| format!("{incoming:?}").contains("q-while-1")).then_some(())
        });
        assert_eq!(executions(&live), [ExecutionType::New, ExecutionType::Trade]);
    });
}

/// Killed after the answer and before the stream told anything: the journal knows of the order all the same.
#[test]
fn a_restarted_session_hears_of_orders_that_only_an_answer_has_shown() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(5), "q-only-1")));
        let heard = live.said.iter().filter_map(|incoming| match incoming {
            Incoming::Exchange(event) => Some(event.clone()),
            _ => None,
        });
        let heard: Vec<_> = heard.collect();
        assert_eq!(heard.len(), 1);
        drop(live);
        let config = config(server.addr(), server.addr());
        let again = live::binance::Setup { heard, ..setup(config, MarketWants::NONE) };
        let mut live = Live::of(BinanceLink::connect(again).unwrap());
        live.until("the missed fill", |said| {
            said.iter().any(|incoming| format!("{incoming:?}").contains("Filled")).then_some(())
        });
        assert_eq!(executions(&live), [ExecutionType::New, ExecutionType::Trade]);
    });
}

#[test]
fn a_key_that_expires_is_replaced() {
    steadily(|| {
        let (server, peer, mut live) = connected();
        let path = peer.paths().into_iter().find(|path| path.starts_with(USER)).unwrap();
        let key = path.strip_prefix(USER).unwrap();
        admin(&server, "POST", "/restart", r#"{"forget_listen_keys":true}"#);
        peer.say(USER, &format!(r#"{{"e":"listenKeyExpired","E":1,"listenKey":"{key}"}}"#));
        let keys = |peer: &StreamPeer| peer.paths().iter().filter(|p| p.starts_with(USER)).count();
        live.until_is("on another key", |link| link.is_ready() && keys(&peer) == 2);
        assert!(live.user_events().contains(&UserEvent::ListenKeyExpired));
        let shown = format!("{:?}", live.said);
        assert!(!shown.contains(key), "a listen key is a secret");
        peer.say(USER, &order_frame(3, "NEW", "NEW", 0, "0", "0", 1_000));
        live.until("an event on the new key", |said| {
            said.iter().any(|incoming| format!("{incoming:?}").contains("q-x-3")).then_some(())
        });
    });
}

#[test]
fn market_frames_become_events_of_the_grid() {
    steadily(|| {
        let (server, peer) = (server(), StreamPeer::start());
        let wants = MarketWants { trades: true, bars: true, marks: true, ..MarketWants::NONE };
        let config = config(server.addr(), peer.addr);
        let mut live = Live::of(BinanceLink::connect(setup(config, wants)).unwrap());
        peer.wait_for("/market/ws/btcusdt@aggTrade/btcusdt@kline_1m/btcusdt@markPrice@1s", 1);
        let say = |frame: &str| peer.say("/market", frame);
        say(
            r#"{"e":"aggTrade","E":5,"s":"BTCUSDT","a":9,"p":"50000.10","q":"0.002","f":1,"l":2,"T":4,"m":true}"#,
        );
        say(
            r#"{"e":"aggTrade","E":5,"s":"BTCUSDT","a":9,"p":"50000.10","q":"0.002","f":1,"l":2,"T":4,"m":true}"#,
        );
        say(
            r#"{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":7,"s":"BTCUSDT","p":"50000.12600000","i":"50001.00000000","P":"1.0","r":"0.0001","T":100}}"#,
        );
        let bar = |closed: bool| {
            format!(
                r#"{{"e":"kline","E":60001,"s":"BTCUSDT","k":{{"t":0,"T":59999,"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"1.00","c":"2.00","h":"3.00","l":"0.50","v":"0.010","n":1,"x":{closed},"q":"1","V":"0","Q":"0","B":"0"}}}}"#
            )
        };
        say(&bar(false));
        say(&bar(true));
        say(
            r#"{"e":"aggTrade","E":5,"s":"BTCUSDT","a":10,"p":"50000.101","q":"0.002","f":1,"l":2,"T":4,"m":true}"#,
        );
        live.until("the last frame", |said| {
            said.iter().any(|incoming| format!("{incoming:?}").contains("off_grid")).then_some(())
        });
        let market: Vec<(i64, MarketData)> = live
            .said
            .iter()
            .filter_map(|incoming| match incoming {
                Incoming::Market { venue_time, data, .. } => Some((venue_time.millis(), *data)),
                _ => None,
            })
            .collect();
        let kinds: Vec<i64> = market.iter().map(|(time, _)| *time).collect();
        assert_eq!(kinds, [4, 7, 7, 60_000], "{market:?}");
        assert_eq!(market[2].1, MarketData::MarkPrice(PriceTicks(5_000_013)), "the nearest");
        let MarketData::Bar(bar) = market[3].1 else { panic!() };
        assert_eq!((bar.close, bar.interval_ms, bar.path_passed), (PriceTicks(200), 60_000, true));
    });
}

/// Frames that are none: cut before their event, cut in a letter of two bytes, with times without room for a sum.
#[test]
fn what_no_venue_says_ends_no_session() {
    steadily(|| {
        let (server, peer) = (server(), StreamPeer::start());
        let wants = MarketWants { trades: true, bars: true, ..MarketWants::NONE };
        let config = config(server.addr(), peer.addr);
        let mut live = Live::of(BinanceLink::connect(setup(config, wants)).unwrap());
        let frames = ["{\"stream\":\"x\",\"data\":", "{\"stream\":\"x\",\"data\":é", "é", "{"];
        let far = order_frame(7, "NEW", "NEW", 0, "0", "0", i64::MAX);
        for frame in frames.iter().copied().chain([far.as_str()]) {
            peer.say(USER, frame);
        }
        let bar = format!(
            r#"{{"e":"kline","E":1,"s":"BTCUSDT","k":{{"t":{},"T":{},"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"1.00","c":"2.00","h":"3.00","l":"0.50","v":"0.010","n":1,"x":true,"q":"1","V":"0","Q":"0","B":"0"}}}}"#,
            i64::MAX,
            i64::MAX
        );
        for frame in frames.iter().copied().chain([bar.as_str()]) {
            peer.say("/market", frame);
        }
        live.until("all of them", |said| {
        let unreadable = |one: &&Incoming| {
            matches!(one, Incoming::Notice(notice) if notice.what == "unreadable")
        };
        (said.iter().filter(unreadable).count() == 10).then_some(())
    });
        peer.say(USER, &order_frame(8, "NEW", "NEW", 0, "0", "0", 5_000));
        live.until("an order", |said| {
            said.iter().any(|incoming| format!("{incoming:?}").contains("q-x-8")).then_some(())
        });
        assert!(live.user_events().len() == 1 && live.link.is_ready(), "{:#?}", live.said);
    });
}

/// A proxy that closes each connection as soon as it is made: nobody connects or asks each time at once.
#[test]
fn connections_that_do_not_last_are_made_ever_more_slowly() {
    steadily(|| {
        let (server, peer) = (server(), StreamPeer::start());
        let wants = MarketWants { trades: true, ..MarketWants::NONE };
        let config = config(server.addr(), peer.addr);
        let mut live = Live::of(BinanceLink::connect(setup(config, wants)).unwrap());
        assert!(live.link.hears_account());
        let began = Instant::now();
        peer.close(USER);
        peer.close("/market");
        let mut deaf = false;
        live.until_is("connected five times", |link| {
            deaf |= !link.hears_account();
            peer.count(USER) >= 5 && peer.count("/market") >= 5
        });
        // The pauses are 100, 200, 400 and 800 ms.
        assert!(began.elapsed() >= Duration::from_millis(1_500), "{:?}", began.elapsed());
        assert!(deaf, "nothing is heard of the account without its stream");
    });
}

/// What was missed is asked for as long as the venue's limit lets it, and no longer.
#[test]
fn recoveries_stop_at_the_limit_of_the_venue() {
    steadily(|| {
        let (server, peer) = (server(), StreamPeer::start());
        admin(&server, "POST", "/limits", r#"{"request_weight_1m":260}"#);
        let config = config(server.addr(), peer.addr);
        let mut live = Live::of(BinanceLink::connect(setup(config, MarketWants::NONE)).unwrap());
        // An answer of the WebSocket API tells the limit.
        live.ask(Request::CancelOrder { symbol: BTC, order: by_client("nobody") });
        let told = |live: &Live, what: &str| live.notices().contains(&what);
        let mut cuts = 0;
        while !told(&live, "budget_short") {
            cuts += 1;
            assert!(cuts < 10, "{:#?}", live.said);
            let before = peer.count(USER);
            peer.cut(USER);
            let began = Instant::now();
            while !(told(&live, "budget_short")
                || peer.count(USER) > before && live.link.is_ready())
            {
                assert!(began.elapsed() < PATIENCE, "{:#?}", live.said);
                live.link.poll(Duration::from_millis(20), &mut live.said).unwrap();
            }
        }
        assert!(!told(&live, "rate_limited"), "{:#?}", live.said);
        assert!(!live.link.hears_account());
    });
}
