//! Requests: each gets one answer, whatever happens on the way, and is executed at most once.

use engine::{
    AlgoRef, Answer, ClientOrderId, MarketWants, ModifyOrder, NewOrder, OrderStatus, OrderType,
    Outcome, PriceTicks, QtyLots, Request, Side,
};
use live::binance::{BinanceConfig, BinanceLink};
use live::link::{Incoming, VenueLink};

use crate::pace::steadily;
use crate::support::*;

#[test]
fn every_kind_of_request_is_answered() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        let Answer::ExchangeInfo(rows) = live.done(Request::ExchangeInfo) else { panic!() };
        assert_eq!((rows.len(), rows[0].symbol, rows[0].trading), (2, BTC, true));
        assert!(rows[0].tick_size > 0 && rows[0].step_size > 0 && rows[0].max_leverage > 0);
        let Answer::Account(money) = live.done(Request::Account) else { panic!() };
        assert_eq!(money.wallet_balance, 100_000.into());
        let Answer::Leverage { leverage: 7, .. } =
            live.done(Request::SetLeverage { symbol: BTC, leverage: 7 })
        else {
            panic!()
        };
        let order = live.order(Request::NewOrder(resting("q0123456789abcdef-1")));
        assert_eq!((order.status, order.price), (OrderStatus::New, Some(PriceTicks(4_900_000))));
        let change = ModifyOrder {
            symbol: BTC,
            order: by_client("q0123456789abcdef-1"),
            side: Side::Buy,
            quantity: QtyLots(12),
            price: Some(PriceTicks(4_800_000)),
            price_match: None,
        };
        let order = live.order(Request::ModifyOrder(change));
        assert_eq!((order.orig_qty, order.price), (QtyLots(12), Some(PriceTicks(4_800_000))));
        let query = Request::QueryOrder { symbol: BTC, order: by_client("q0123456789abcdef-1") };
        assert_eq!(live.order(query).order_id, order.order_id);
        let Answer::Orders(open) = live.done(Request::OpenOrders { symbol: None }) else {
            panic!()
        };
        assert_eq!(open.len(), 1);
        let cancel = Request::CancelOrder { symbol: BTC, order: by_client("q0123456789abcdef-1") };
        assert_eq!(live.order(cancel).status, OrderStatus::Canceled);
        let filled =
            live.order(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "m1")));
        assert_eq!((filled.status, filled.executed_qty), (OrderStatus::Filled, QtyLots(10)));
        let Answer::PositionRisk(rows) = live.done(Request::PositionRisk) else { panic!() };
        let held: Vec<_> = rows.iter().filter(|row| row.position_amt.0 != 0).collect();
        assert_eq!((held.len(), held[0].position_amt, held[0].leverage), (1, QtyLots(10), 7));
        let stop = NewOrder {
            order_type: OrderType::StopMarket,
            trigger_price: Some(PriceTicks(4_000_000)),
            reduce_only: Some(true),
            ..NewOrder::market(BTC, Side::Sell, QtyLots(10), "stop1")
        };
        let Answer::AlgoOrder(algo) = live.done(Request::NewAlgoOrder(stop)) else { panic!() };
        let order = AlgoRef::Client(ClientOrderId("stop1".into()));
        let Answer::AlgoOrder(found) = live.done(Request::QueryAlgoOrder { order: order.clone() })
        else {
            panic!()
        };
        assert_eq!(found.algo_id, algo.algo_id);
        let Answer::AlgoOrders(open) = live.done(Request::OpenAlgoOrders { symbol: Some(BTC) })
        else {
            panic!()
        };
        assert_eq!(open.len(), 1);
        live.done(Request::CancelAlgoOrder { order });
        let batch = Request::BatchOrders(vec![
            resting("b1"),
            NewOrder { price: Some(PriceTicks(1)), ..resting("b2") },
        ]);
        let Answer::Orders(rows) = live.done(batch) else { panic!() };
        assert!(rows[0].is_ok() && rows[1].is_err(), "{rows:?}");
        assert_eq!(live.done(Request::CancelAllOpenOrders { symbol: BTC }), Answer::Done);
        assert_eq!(live.done(Request::TestOrder(resting("t1"))), Answer::Done);
        live.done(Request::AdlQuantile);
        assert_eq!(at_the_venue(&server, "t1"), 0);
    });
}

#[test]
fn refusals_come_in_the_venues_words() {
    steadily(|| {
        let (_server, _peer, mut live) = connected();
        let cancel = Request::CancelOrder { symbol: BTC, order: by_client("nobody") };
        let Outcome::Refused(error) = live.ask(cancel) else { panic!() };
        assert_eq!((error.code, &*error.msg), (-2011, "Unknown order sent."));
        let long = "x".repeat(37);
        let Outcome::Refused(error) = live.ask(Request::NewOrder(resting(&long))) else { panic!() };
        assert_eq!(error.code, -4015, "an id that is too long never goes out");
    });
}

/// Cuts a new order in each phase; it is at the venue `times` times afterwards, and answered once.
fn cut(fault_kind: &str, path: &str, times: usize) {
    let (server, _peer, mut live) = connected();
    let method = if path.starts_with('/') { "POST" } else { "WS" };
    fault(&server, &format!(r#"{{{fault_kind},"times":1,"method":"{method}","path":"{path}"}}"#));
    if method == "POST" {
        // Without the WebSocket API the order goes over REST.
        fault(&server, r#"{"kind":"drop_before","times":1,"method":"WS","path":"order.cancel"}"#);
        let cancel = Request::CancelOrder { symbol: BTC, order: by_client("nobody") };
        let first = live.send(cancel);
        live.until("a cut", |said| {
            said.iter().find_map(|incoming| match incoming {
                live::link::Incoming::Notice(notice) => {
                    (notice.what == "ws_api_lost").then_some(())
                }
                _ => None,
            })
        });
        let second = live.send(Request::NewOrder(resting("q-cut-1")));
        live.outcome(first);
        return check(&server, live, second, times);
    }
    let id = live.send(Request::NewOrder(resting("q-cut-1")));
    check(&server, live, id, times);
}

fn check(server: &exchange_server::Server, mut live: Live, id: engine::RequestId, times: usize) {
    let outcome = live.outcome(id);
    match (times, &outcome) {
        (1, Outcome::Done(Answer::Order(order))) => assert_eq!(order.status, OrderStatus::New),
        (0, Outcome::Refused(error)) => assert_eq!(error.code, -1001, "{error}"),
        _ => panic!("{outcome:?} {:#?}", live.said),
    }
    assert_eq!(at_the_venue(server, "q-cut-1"), times);
    live.until_is("connected again", live::binance::BinanceLink::is_ready);
    assert_eq!(outcomes(&live.said, id), [outcome], "answered once");
}

#[test]
fn a_ws_request_that_is_cut_before_it_arrives_never_arrives() {
    steadily(|| {
        cut(r#""kind":"drop_before""#, "order.place", 0);
    });
}

#[test]
fn a_ws_request_that_is_cut_after_it_arrived_is_found() {
    steadily(|| {
        cut(r#""kind":"drop_after""#, "order.place", 1);
    });
}

#[test]
fn a_ws_answer_that_is_cut_in_its_middle_is_asked_for() {
    steadily(|| {
        cut(r#""kind":"drop_middle""#, "order.place", 1);
    });
}

#[test]
fn a_rest_request_is_cut_in_each_phase() {
    steadily(|| {
        cut(r#""kind":"drop_before""#, "/fapi/v1/order", 0);
        cut(r#""kind":"drop_after""#, "/fapi/v1/order", 1);
        cut(r#""kind":"drop_middle""#, "/fapi/v1/order", 1);
    });
}

#[test]
fn answers_that_leave_the_outcome_open_are_followed_by_a_question() {
    steadily(|| {
        cut(r#""kind":"unknown503","executed":true"#, "order.place", 1);
        cut(r#""kind":"unknown503","executed":false"#, "order.place", 0);
        cut(r#""kind":"timeout408","executed":true"#, "order.place", 1);
        cut(r#""kind":"timeout408","executed":false"#, "/fapi/v1/order", 0);
        // The answer comes later than anybody waits for it.
        cut(r#""kind":"delay_after","ms":4000"#, "order.place", 1);
    });
}

/// A question that finds nothing while the order may still be on its way is no answer.
#[test]
fn an_order_that_arrives_late_is_not_given_up_before_its_window_has_passed() {
    steadily(|| {
        let server = server();
        let config = config(server.addr(), server.addr());
        let config = BinanceConfig { recv_window_ms: 6_000, request_timeout_ms: 700, ..config };
        let link = BinanceLink::connect(setup(config, MarketWants::NONE)).unwrap();
        let mut live = Live::of(link);
        fault(&server, r#"{"kind":"delay_before","ms":2500,"times":1,"path":"order.place"}"#);
        let outcome = live.ask(Request::NewOrder(resting("q-late-1")));
        let Outcome::Done(Answer::Order(order)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(order.status, OrderStatus::New);
        assert_eq!(at_the_venue(&server, "q-late-1"), 1);
        assert!(live.notices().contains(&"answer_lost"));
    });
}

#[test]
fn what_has_failed_is_refused_at_once() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        for kind in ["unavailable503", "throttled503"] {
            fault(&server, &format!(r#"{{"kind":"{kind}","times":1,"path":"order.place"}}"#));
            let Outcome::Refused(_) = live.ask(Request::NewOrder(resting("f1"))) else { panic!() };
            assert!(!live.notices().contains(&"answer_lost"));
        }
        assert_eq!(at_the_venue(&server, "f1"), 0);
    });
}

#[test]
fn a_request_of_an_earlier_life_is_asked_for_and_never_sent() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        live.order(Request::NewOrder(resting("q-old-1")));
        let outgoing = live.outgoing(Request::NewOrder(resting("q-old-1")));
        let id = outgoing.id;
        live.link.resolve(outgoing);
        assert!(matches!(live.outcome(id), Outcome::Done(Answer::Order(_))));
        let outgoing = live.outgoing(Request::NewOrder(resting("q-old-2")));
        let id = outgoing.id;
        live.link.resolve(outgoing);
        assert!(matches!(live.outcome(id), Outcome::Refused(_)));
        assert_eq!((at_the_venue(&server, "q-old-1"), at_the_venue(&server, "q-old-2")), (1, 0));
    });
}

#[test]
fn a_clock_that_is_two_seconds_off_is_set_and_the_order_goes_out_once() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        for ms in [2_000, -2_000] {
            admin(&server, "POST", "/skew", &format!(r#"{{"ms":{ms}}}"#));
            let id = format!("skew{}", ms + 2_000);
            let order = live.order(Request::NewOrder(resting(&id)));
            assert_eq!(order.status, OrderStatus::New);
            assert_eq!(at_the_venue(&server, &id), 1);
        }
        assert!(live.notices().contains(&"clock_moved"));
    });
}

#[test]
fn after_429_reads_wait_and_after_418_nothing_is_sent() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        fault(
            &server,
            r#"{"kind":"refuse","http":429,"code":-1003,"msg":"Too many requests","times":1,"path":"/fapi/v2/account"}"#,
        );
        // The first answer is 429, the second comes when the venue is asked again.
        let Answer::Account(_) = live.done(Request::Account) else { panic!() };
        assert!(live.notices().contains(&"rate_limited"));
        fault(&server, r#"{"kind":"ban","ms":60000,"times":1,"path":"/fapi/v2/account"}"#);
        live.send(Request::Account);
        live.until("a ban", |said| {
            said.iter().find_map(|incoming| match incoming {
                live::link::Incoming::Notice(notice) => (notice.what == "banned").then_some(()),
                _ => None,
            })
        });
        let Outcome::Refused(error) = live.ask(Request::NewOrder(resting("ban1"))) else {
            panic!()
        };
        assert_eq!(error.code, -1003);
        assert_eq!(at_the_venue(&server, "ban1"), 0);
    });
}

/// The WebSocket API has no headers: it tells beside its refusal until when all has to wait.
#[test]
fn the_websocket_api_tells_how_long_to_be_quiet() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        fault(&server, r#"{"kind":"rate_limit","times":1,"path":"order.cancel"}"#);
        live.send(Request::CancelOrder { symbol: BTC, order: by_client("nobody") });
        let text = live.until("a refusal", |said| {
            said.iter().find_map(|incoming| match incoming {
                live::link::Incoming::Notice(notice) if notice.what == "rate_limited" => {
                    Some(notice.text.clone())
                }
                _ => None,
            })
        });
        // That is the end of the minute, give or take the second to which the venue rounds.
        let seconds = text.rsplit(':').next().and_then(|rest| rest.get(..2)?.parse::<u32>().ok());
        assert!(seconds.is_some_and(|s| s == 59 || s <= 1), "{text}");
    });
}

#[test]
fn before_the_order_limit_only_closes_go() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "open1")));
        admin(&server, "POST", "/limits", r#"{"orders_10s":10,"forgive":true}"#);
        let mut refused = None;
        // Enough for two windows: one may end on the way.
        for n in 0..30 {
            let id = format!("limit{n}");
            match live.ask(Request::NewOrder(resting(&id))) {
                Outcome::Done(_) => assert_eq!(at_the_venue(&server, &id), 1),
                Outcome::Refused(error) => {
                    assert_eq!(error.code, -1015, "{error}");
                    assert_eq!(at_the_venue(&server, &id), 0);
                    refused = Some(n);
                    break;
                }
                Outcome::Unknown => panic!("{:#?}", live.said),
            }
        }
        assert!(refused.is_some(), "nothing was refused");
        assert!(live.notices().contains(&"refused_by_budget"), "here, before the venue does it");
        let close = NewOrder {
            reduce_only: Some(true),
            ..NewOrder::market(BTC, Side::Sell, QtyLots(10), "close1")
        };
        assert_eq!(live.order(Request::NewOrder(close)).status, OrderStatus::Filled);
    });
}

#[test]
fn a_server_that_restarts_is_found_again() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        admin(&server, "POST", "/restart", r#"{"down_ms":300}"#);
        live.until("a cut", |said| {
            said.iter().find_map(|incoming| match incoming {
                live::link::Incoming::Notice(notice) => {
                    (notice.what == "ws_api_lost").then_some(())
                }
                _ => None,
            })
        });
        live.until("the way back", |said| {
            said.iter().find_map(|incoming| match incoming {
                live::link::Incoming::Notice(notice) => {
                    (notice.what == "ws_api_back").then_some(())
                }
                _ => None,
            })
        });
        assert_eq!(live.order(Request::NewOrder(resting("again"))).status, OrderStatus::New);
    });
}

/// The venue refuses an order for its stamp, and the clock is measured for so long that the world has changed.
fn refused_for_its_stamp(
    live: &mut Live,
    server: &exchange_server::Server,
    id: &str,
) -> engine::RequestId {
    fault(server, r#"{"kind":"delay_before","ms":700,"path":"/fapi/v1/time"}"#);
    let stamp = r#""http":400,"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow.""#;
    fault(server, &format!(r#"{{"kind":"refuse",{stamp},"times":1,"path":"order.place"}}"#));
    let id = live.send(Request::NewOrder(resting(id)));
    live.until_is("refused", |_| {
        admin(server, "GET", "/faults", "").as_array().is_some_and(|all| all.len() == 1)
    });
    assert!(outcomes(&live.said, id).is_empty(), "it waits for the clock");
    id
}

fn refusal(live: &mut Live, id: engine::RequestId) -> (i32, String) {
    match live.outcome(id) {
        Outcome::Refused(error) => (error.code, error.msg.into()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order_that_waits_to_leave_once_more_is_refused_when_nothing_may_open_any_more() {
    steadily(|| {
        let server = server();
        let config =
            BinanceConfig { recv_window_ms: 60_000, ..config(server.addr(), server.addr()) };
        let link = BinanceLink::connect(setup(config, MarketWants::NONE)).unwrap();
        let mut live = Live::of(link);
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "held-0")));
        let waits = refused_for_its_stamp(&mut live, &server, "held-1");
        live.link.let_open(false);
        let (code, msg) = refusal(&mut live, waits);
        assert_eq!(code, -4087, "{msg}");
        assert!(msg.contains(engine::OWN_REFUSAL), "{msg}");
        admin(&server, "DELETE", "/faults", "");
        // What whoever knows of the hold sends all the same makes a position smaller.
        let close = NewOrder::market(BTC, Side::Sell, QtyLots(10), "held-2");
        assert_eq!(live.order(Request::NewOrder(close)).status, OrderStatus::Filled);
        live.link.let_open(true);
        live.order(Request::NewOrder(resting("held-3")));
        let there = ["held-1", "held-2", "held-3"].map(|id| at_the_venue(&server, id));
        assert_eq!(there, [0, 1, 1]);
    });
}

#[test]
fn an_order_that_has_waited_for_longer_than_its_window_does_not_leave() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        let waits = refused_for_its_stamp(&mut live, &server, "stale-1");
        let (code, msg) = refusal(&mut live, waits);
        assert_eq!(code, -1021);
        assert!(msg.contains("longer than its window"), "{msg}");
        assert_eq!(at_the_venue(&server, "stale-1"), 0);
    });
}

/// Four threads make the calls of REST: an order behind them is not signed before one of them is free.
#[test]
fn an_order_that_waits_for_a_thread_is_not_signed_when_nothing_may_open_any_more() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        let slow = r#"{"kind":"delay_after","ms":1500,"times":4,"path":"/fapi/v1/exchangeInfo"}"#;
        fault(&server, slow);
        let reads: Vec<_> = (0..4).map(|_| live.send(Request::ExchangeInfo)).collect();
        live.until_is("asked", |_| {
            admin(&server, "GET", "/faults", "").as_array().is_some_and(Vec::is_empty)
        });
        // A batch goes over REST alone.
        let waits = live.send(Request::BatchOrders(vec![resting("thread-1"), resting("thread-2")]));
        live.link.let_open(false);
        live.link.let_open(true);
        assert_eq!(refusal(&mut live, waits).0, -4087);
        reads.into_iter().for_each(|id| assert!(matches!(live.outcome(id), Outcome::Done(_))));
        assert_eq!(at_the_venue(&server, "thread-1"), 0);
    });
}

/// The question shows the order as it was: the cancel did not arrive, and whoever wants it may say it again.
#[test]
fn a_cancel_that_did_not_arrive_is_no_unknown_order() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        live.order(Request::NewOrder(resting("open-1")));
        let change = ModifyOrder {
            symbol: BTC,
            order: by_client("open-1"),
            side: Side::Buy,
            quantity: QtyLots(12),
            price: Some(PriceTicks(4_800_000)),
            price_match: None,
        };
        let cancel = Request::CancelOrder { symbol: BTC, order: by_client("open-1") };
        for (path, request) in
            [("order.cancel", cancel.clone()), ("order.modify", Request::ModifyOrder(change))]
        {
            live.until_is("ready", BinanceLink::is_ready);
            fault(&server, &format!(r#"{{"kind":"drop_before","times":1,"path":"{path}"}}"#));
            let id = live.send(request);
            let (code, msg) = refusal(&mut live, id);
            assert_eq!(code, -1001, "{path}: {msg}");
            assert!(msg.contains("did not arrive"), "{msg}");
        }
        assert_eq!(live.order(cancel).status, OrderStatus::Canceled);
    });
}

#[test]
fn the_end_of_a_silence_is_told() {
    steadily(|| {
        let (server, _peer, mut live) = connected();
        fault(&server, r#"{"kind":"ban","ms":1500,"times":1,"path":"/fapi/v2/account"}"#);
        let id = live.send(Request::Account);
        live.until("its end", |said| {
            said.iter().find_map(|incoming| match incoming {
                Incoming::Notice(notice) => (notice.what == "requests_leave_again").then_some(()),
                _ => None,
            })
        });
        assert!(matches!(live.outcome(id), Outcome::Done(_)));
        let times = |what| live.notices().iter().filter(|one| **one == what).count();
        assert_eq!((times("banned"), times("requests_leave_again")), (1, 1));
    });
}
