//! The link and the server alone: streams, user events and what a cut loses.

use std::sync::Arc;

use engine::{
    AccountUpdateReason, Answer, ExecutionType, MarketData, MarketWants, Nanos, NewOrder,
    OrderStatus, Outcome, PriceTicks, QtyLots, Request, Side, UserEvent,
};
use exchange_server::ClockMode;
use live::binance::{BinanceConfig, BinanceLink, Setup, StreamPaths};
use live::clock::LiveClock;
use live::link::{Incoming, VenueLink};

use crate::pace::steadily;
use crate::support::*;

/// What was told about an order: execution, status and what is filled.
fn told(live: &Live, id: &str) -> Vec<(ExecutionType, OrderStatus, i64)> {
    let own = |event: UserEvent| match event {
        UserEvent::OrderTradeUpdate { execution, order, .. } if *order.client_order_id.0 == *id => {
            Some((execution, order.status, order.executed_qty.0))
        }
        _ => None,
    };
    live.user_events().into_iter().filter_map(own).collect()
}

fn ended(said: &[Incoming], id: &str) -> Option<()> {
    let ends = |incoming: &Incoming| match incoming {
        Incoming::Exchange(engine::ExchangeEvent::User {
            event: UserEvent::OrderTradeUpdate { order, .. },
            ..
        }) => *order.client_order_id.0 == *id && order.status.is_terminal(),
        _ => false,
    };
    said.iter().any(ends).then_some(())
}

#[test]
fn the_user_stream_tells_what_orders_do() {
    steadily(|| {
        let (_server, mut live) = connected_whole(MarketWants::NONE);
        live.done(Request::SetLeverage { symbol: BTC, leverage: 9 });
        let filled =
            live.order(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "m1")));
        live.done(Request::NewOrder(resting("r1")));
        live.done(Request::CancelOrder { symbol: BTC, order: by_client("r1") });
        live.until("the end of both", |said| ended(said, "m1").and(ended(said, "r1")));
        assert_eq!(
            told(&live, "m1"),
            [
                (ExecutionType::New, OrderStatus::New, 0),
                (ExecutionType::Trade, OrderStatus::Filled, 10)
            ]
        );
        assert_eq!(
            told(&live, "r1"),
            [
                (ExecutionType::New, OrderStatus::New, 0),
                (ExecutionType::Canceled, OrderStatus::Canceled, 0)
            ]
        );
        let events = live.user_events();
        assert!(events.contains(&UserEvent::LeverageUpdate { symbol: BTC, leverage: 9 }));
        let order = events.iter().find_map(|event| match event {
            UserEvent::OrderTradeUpdate { order, fill: Some(fill), .. } => Some((order, fill)),
            _ => None,
        });
        let (order, fill) = order.unwrap();
        assert_eq!(order.cum_quote, filled.cum_quote);
        assert!(fill.commission > 0.into());
        let account = events.iter().find_map(|event| match event {
            UserEvent::AccountUpdate { reason, positions, .. } => Some((*reason, positions[0])),
            _ => None,
        });
        let (reason, position) = account.unwrap();
        assert_eq!((reason, position.position_amt), (AccountUpdateReason::Order, QtyLots(10)));
    });
}

#[test]
fn nothing_is_missing_after_cuts_in_the_middle_of_trading() {
    steadily(|| {
        let (server, mut live) = connected_whole(MarketWants::NONE);
        let mut ids = Vec::new();
        for n in 0..12 {
            let id = format!("q-{n}-1");
            let side = if n % 2 == 0 { Side::Buy } else { Side::Sell };
            let request =
                live.send(Request::NewOrder(NewOrder::market(BTC, side, QtyLots(5), &id)));
            if n % 3 == 1 {
                admin(&server, "POST", "/cut", "{}");
            }
            if n % 2 == 1 {
                live.link.poll(std::time::Duration::from_millis(5), &mut live.said).unwrap();
            }
            ids.push((request, id));
        }
        let mut executed = 0;
        let outcomes_of: Vec<_> = ids.iter().map(|(request, _)| live.outcome(*request)).collect();
        live.until_is("ready", BinanceLink::is_ready);
        for ((request, id), outcome) in ids.iter().zip(outcomes_of) {
            let (times, events) = match &outcome {
                Outcome::Done(Answer::Order(_)) => {
                    live.until("its end", |said| ended(said, id));
                    let new = (ExecutionType::New, OrderStatus::New, 0);
                    (1, vec![new, (ExecutionType::Trade, OrderStatus::Filled, 5)])
                }
                // It was cut before the venue saw it.
                Outcome::Refused(error) if error.code == -1001 => (0, Vec::new()),
                other => panic!("{id}: {other:?}"),
            };
            executed += times;
            assert_eq!(outcomes(&live.said, *request).len(), 1, "{id} is answered once");
            assert_eq!(at_the_venue(&server, id), times, "{id}: {outcome:?}");
            assert_eq!(told(&live, id), events, "{id} is told once");
        }
        assert!(executed > 0, "some were not cut");
    });
}

/// The stream is lost again while what was missed is being asked for: the late answer to the first question shows a
/// position of before the fill.
#[test]
fn an_answer_to_an_earlier_recovery_tells_nothing_of_the_next_one() {
    steadily(|| {
        let (server, mut live) = connected_whole(MarketWants::NONE);
        for ms in [1_000, 2_000] {
            let what = format!(r#""kind":"delay_after","ms":{ms}"#);
            fault(&server, &format!(r#"{{{what},"times":1,"path":"/fapi/v2/positionRisk"}}"#));
        }
        let cut = |live: &mut Live, left: usize| {
            admin(&server, "POST", "/cut", r#"{"account":0}"#);
            live.until_is("asked", |_| {
                admin(&server, "GET", "/faults", "").as_array().is_some_and(|all| all.len() == left)
            });
        };
        cut(&mut live, 1);
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "r1")));
        cut(&mut live, 0);
        live.until_is("ready", BinanceLink::is_ready);
        let held = live.user_events().into_iter().rev().find_map(|event| match event {
            UserEvent::AccountUpdate { positions, .. } => {
                positions.last().map(|row| row.position_amt)
            }
            _ => None,
        });
        assert_eq!(held, Some(QtyLots(10)));
        assert_eq!(told(&live, "r1").len(), 2);
    });
}

#[test]
fn a_listen_key_that_the_venue_ends_is_replaced() {
    steadily(|| {
        let (server, mut live) = connected_whole(MarketWants::NONE);
        admin(&server, "POST", "/listen-key/expire", r#"{"account":0}"#);
        live.until("the end of the key", |said| {
            said.iter().any(|one| format!("{one:?}").contains("ListenKeyExpired")).then_some(())
        });
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "k1")));
        live.until("a fill on the new key", |said| ended(said, "k1"));
        assert_eq!(told(&live, "k1").len(), 2);
    });
}

#[test]
fn a_venue_that_restarts_without_its_listen_keys_is_heard_again() {
    steadily(|| {
        let (server, mut live) = connected_whole(MarketWants::NONE);
        admin(&server, "POST", "/restart", r#"{"down_ms":300,"forget_listen_keys":true}"#);
        live.until_is("lost", |link| !link.is_ready());
        live.until_is("back", BinanceLink::is_ready);
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "k2")));
        live.until("a fill on the new key", |said| ended(said, "k2"));
        assert_eq!(told(&live, "k2").len(), 2);
    });
}

#[test]
fn the_paths_of_before_work_where_the_venue_still_has_them() {
    steadily(|| {
        let server = server_as(|config| config.legacy_streams = true);
        let config = config(server.addr(), server.addr());
        let config = BinanceConfig { stream_paths: StreamPaths::Legacy, ..config };
        let wants = MarketWants { marks: true, ..MarketWants::NONE };
        let mut live = Live::of(BinanceLink::connect(setup(config, wants)).unwrap());
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "l1")));
        live.until("a fill", |said| ended(said, "l1"));
    });
}

#[test]
fn an_accelerated_venue_is_followed() {
    steadily(|| {
        let server = server_as(|config| config.clock = ClockMode::Speed(60));
        // A window of a second of the wall.
        let config =
            BinanceConfig { recv_window_ms: 60_000, ..config(server.addr(), server.addr()) };
        let clock = Arc::new(LiveClock::starting_at(LiveClock::system().now(), 60));
        let wants = MarketWants { marks: true, ..MarketWants::NONE };
        let setup = Setup { clock: Arc::clone(&clock), ..setup(config, wants) };
        let mut live = Live::of(BinanceLink::connect(setup).unwrap());
        let began = clock.venue_now();
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Buy, QtyLots(10), "a1")));
        live.until("a fill", |said| ended(said, "a1"));
        live.until("ten minutes of the venue", |said| {
            let last = said.iter().rev().find_map(|incoming| match incoming {
                Incoming::Market { venue_time, .. } => Some(*venue_time),
                _ => None,
            });
            last.filter(|last| *last > began + Nanos::from_secs(600)).map(|_| ())
        });
        live.done(Request::NewOrder(NewOrder::market(BTC, Side::Sell, QtyLots(10), "a2")));
        live.until("a fill", |said| ended(said, "a2"));
        fault(&server, r#"{"kind":"drop_before","times":1,"path":"order.place"}"#);
        let Outcome::Refused(_) = live.ask(Request::NewOrder(resting("a3"))) else { panic!() };
        assert_eq!(at_the_venue(&server, "a3"), 0);
    });
}

#[test]
fn market_streams_come_from_the_server() {
    steadily(|| {
        let wants =
            MarketWants { trades: true, bars: true, marks: true, depth: true, ..MarketWants::NONE };
        let (server, mut live) = connected_whole(wants);
        let mark = |said: &[Incoming]| {
            said.iter().find_map(|incoming| match incoming {
                Incoming::Market { symbol: BTC, data: MarketData::MarkPrice(mark), .. } => {
                    Some(*mark)
                }
                _ => None,
            })
        };
        assert_eq!(live.until("a mark price", mark), PriceTicks(5_000_000));
        admin(&server, "POST", "/cut", "{}");
        live.until_is("lost", |link| !link.is_ready());
        live.said.clear();
        live.until_is("back", BinanceLink::is_ready);
        assert_eq!(live.until("a mark price", mark), PriceTicks(5_000_000));
        let off: Vec<_> =
            live.notices().into_iter().filter(|what| what.contains("off_grid")).collect();
        assert!(off.is_empty(), "{:#?}", live.said);
    });
}
