//! A market of two symbols, what it answers, and what its streams say.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use binance_wire::{
    AggTradeRow, BookTicker, DayTicker, Depth, ExchangeInfo, KlineRow, MarketStreamEvent,
};
use engine::{
    Bar, DepthRow, Exchange, Instrument, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, Side,
    SymbolIndex, Trade, TradeOrigin,
};
use rust_decimal::Decimal;
use sim_exchange::{
    ExchangeConfig, FillModel, Funding, Latency, MarketDepth, Profile, SimExchange,
};

use super::*;
use crate::market::Outlet;

/// 2026-09-20T00:00:00Z, a settlement of funding.
const START: i64 = 1_789_862_400_000;

/// Everything that is said under some topics.
#[derive(Default)]
struct Heard {
    topics: RefCell<Vec<String>>,
    /// Those that have not been welcomed.
    new: RefCell<BTreeSet<String>>,
    version: Cell<u64>,
    said: RefCell<Vec<(String, String)>>,
}

impl Heard {
    fn topics(topics: &[&str]) -> Heard {
        let heard = Heard::default();
        heard.listen(topics);
        heard
    }

    fn listen(&self, topics: &[&str]) {
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let old = self.topics.replace(topics.clone());
        self.new.borrow_mut().extend(topics.into_iter().filter(|topic| !old.contains(topic)));
        self.version.set(self.version.get() + 1);
    }

    fn take(&self, topic: &str) -> Vec<MarketStreamEvent> {
        let said = self.said.borrow();
        let of = said.iter().filter(|(known, _)| known == topic);
        of.map(|(_, json)| serde_json::from_str(json).unwrap()).collect()
    }
}

impl Outlet for Heard {
    fn version(&self) -> u64 {
        self.version.get()
    }

    fn topics(&self, each: &mut dyn FnMut(&str, bool)) {
        let (topics, new) = (self.topics.borrow(), self.new.borrow());
        topics.iter().for_each(|topic| each(topic, new.contains(topic)));
    }

    fn publish(&self, topic: &str, json: String) {
        assert!(
            self.topics.borrow().iter().any(|known| known == topic),
            "nobody listens to {topic}"
        );
        self.said.borrow_mut().push((topic.to_owned(), json));
    }

    fn welcome(&self, topic: &str, all: &[String], news: &[String]) {
        let told = if self.new.borrow_mut().remove(topic) { all } else { news };
        told.iter().for_each(|json| self.publish(topic, json.clone()));
    }
}

struct World {
    exchange: SimExchange,
    view: MarketView,
    heard: Heard,
    now: i64,
}

impl World {
    fn new(topics: &[&str]) -> World {
        World::with_fills(topics, None)
    }

    fn with_fills(topics: &[&str], fills: Option<FillModel>) -> World {
        let instrument = |symbol: &str| Instrument {
            symbol: symbol.parse().unwrap(),
            price_decimals: 2,
            qty_decimals: 3,
        };
        let rate = |symbol: &str| (symbol.parse().unwrap(), Decimal::new(1, 4));
        let rates = [rate("BTCUSDT"), rate("ETHUSDT")].into();
        let latency = Latency::Constant { request: Nanos::ZERO, response: Nanos::ZERO };
        let mut config = ExchangeConfig::new(
            vec![instrument("BTCUSDT"), instrument("ETHUSDT")],
            Nanos::from_millis(START),
            Decimal::from(10_000),
            latency,
            Funding::Constant { rates },
        );
        config.fills = fills.unwrap_or(config.fills);
        let exchange = SimExchange::new(config).unwrap();
        let view = MarketView::new(&exchange);
        World { exchange, view, heard: Heard::topics(topics), now: START }
    }

    fn advance(&mut self, ms: i64) {
        self.exchange.advance(Nanos::from_millis(ms), &mut Vec::new());
        self.view.advance(Nanos::from_millis(ms), &self.exchange, &self.heard);
        self.now = ms;
    }

    /// An event after so many ms.
    fn event(&mut self, after: i64, data: MarketData) {
        let ms = START + after;
        self.advance(ms - 1);
        let event = MarketEvent::new(Nanos::from_millis(ms), SymbolIndex(0), data);
        self.exchange.observe(&event);
        self.view.observe(&event, &self.exchange, &self.heard);
        self.now = ms;
    }

    fn trade(&mut self, after: i64, price: i64, qty: i64, buyer_is_maker: bool) {
        let (price, qty) = (PriceTicks(price), QtyLots(qty));
        let trade = Trade { price, qty, buyer_is_maker, origin: TradeOrigin::Tape };
        self.event(after, MarketData::Trade(trade));
    }

    fn ask(&self, request: &str) -> Result<String, (i32, String)> {
        let (path, query) = request.split_once('?').unwrap_or((request, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let params = Params::of(pairs.map(|(a, b)| (Cow::from(a), Cow::from(b))).collect());
        let asked =
            Asked { view: &self.view, exchange: &self.exchange, now: self.now, params: &params };
        match answer_of(path, &asked) {
            Ok(reply) => Ok(String::from_utf8(reply).unwrap()),
            Err(failure) => Err((failure.error.code, failure.error.msg.into())),
        }
    }

    fn get<T: serde::de::DeserializeOwned>(&self, request: &str) -> T {
        serde_json::from_str(&self.ask(request).unwrap()).unwrap()
    }
}

/// Some trades of two minutes and a bit.
fn traded() -> World {
    let mut world = World::new(&[]);
    world.trade(1_000, 10_000_010, 500, false);
    world.trade(1_050, 10_000_010, 250, false);
    world.trade(30_000, 10_020_000, 1_000, true);
    world.trade(61_000, 9_990_000, 2_000, false);
    world.trade(125_000, 10_010_000, 100, true);
    world.advance(START + 126_000);
    world
}

#[test]
fn refusals_have_binances_codes_and_texts() {
    let world = traded();
    let cases = [
        (
            "depth?limit=5",
            -1102,
            "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
        ),
        ("depth?symbol=FOOUSDT", -1121, "Invalid symbol."),
        ("depth?symbol=BTCUSDT&limit=3", -4021, "3 is not valid depth limit"),
        ("depth?symbol=BTCUSDT&limit=1500", -1130, "Data sent for parameter 'limit' is not valid."),
        (
            "trades?symbol=BTCUSDT&limit=1001",
            -1130,
            "Data sent for parameter 'limit' is not valid.",
        ),
        (
            "aggTrades?symbol=BTCUSDT&limit=1001",
            -1130,
            "Data sent for parameter 'limit' is not valid.",
        ),
        (
            "aggTrades?symbol=BTCUSDT&fromId=1&startTime=1",
            -1128,
            "Combination of optional parameters invalid.",
        ),
        (
            "aggTrades?symbol=BTCUSDT&startTime=0&endTime=3600000",
            -1127,
            "More than 1 hours between startTime and endTime.",
        ),
        ("klines?symbol=BTCUSDT&interval=1s", -1120, "Invalid interval."),
        (
            "klines?symbol=BTCUSDT&interval=1m&limit=2000",
            -1130,
            "Data sent for parameter 'limit' is not valid.",
        ),
        (
            "klines?symbol=BTCUSDT&interval=1m&startTime=2&endTime=1",
            -1023,
            "Start time is greater than end time.",
        ),
        (
            "klines?symbol=BTCUSDT",
            -1102,
            "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.",
        ),
        ("ticker/24hr?symbol=X", -1121, "Invalid symbol."),
        (
            "openInterestHist?symbol=BTCUSDT",
            -5000,
            "Path /fapi/v1/openInterestHist, Method GET is invalid",
        ),
    ];
    for (request, code, text) in cases {
        let refused = world.ask(&format!("/fapi/v1/{request}"));
        assert_eq!(refused, Err((code, text.to_owned())), "{request}");
    }
}

#[test]
fn trades_and_klines_are_told_as_they_were() {
    let world = traded();
    let klines: Vec<KlineRow> = world.get("/fapi/v1/klines?symbol=BTCUSDT&interval=1m");
    let text = |num: binance_wire::Num| num.0.to_string();
    let first = &klines[0];
    assert_eq!((first.0, first.6, first.8), (START, START + 59_999, 3));
    let prices = [first.1, first.2, first.3, first.4].map(text);
    assert_eq!(prices, ["100000.10", "100200.00", "100000.10", "100200.00"]);
    assert_eq!(
        [first.5, first.7, first.9, first.10].map(text),
        ["1.750", "175200.07500", "0.750", "75000.07500"]
    );
    assert_eq!(klines.iter().map(|row| row.0 - START).collect::<Vec<_>>(), [0, 60_000, 120_000]);
    let later: Vec<KlineRow> = world.get(&format!(
        "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime={}&limit=1",
        START + 1
    ));
    assert_eq!(later, klines[1..2]);
    let hour: Vec<KlineRow> =
        world.get("/fapi/v1/continuousKlines?pair=BTCUSDT&contractType=PERPETUAL&interval=1h");
    assert_eq!((hour.len(), hour[0].8, text(hour[0].5)), (1, 5, "3.850".to_owned()));

    let aggs: Vec<AggTradeRow> = world.get("/fapi/v1/aggTrades?symbol=BTCUSDT");
    let rows: Vec<_> =
        aggs.iter().map(|agg| (agg.id, agg.first_id, agg.last_id, text(agg.qty))).collect();
    assert_eq!(rows[0], (1, 1, 2, "0.750".to_owned()), "two within 100 ms");
    assert_eq!(rows.len(), 4);
    let from: Vec<AggTradeRow> = world.get("/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=3&limit=1");
    assert_eq!(from, aggs[2..3]);
    let trades = world.ask("/fapi/v1/trades?symbol=BTCUSDT&limit=1").unwrap();
    let expected = r#"[{"id":5,"price":"100100.00","qty":"0.100","quoteQty":"10010.00000","time":1789862525000,"isBuyerMaker":true,"isRPITrade":false}]"#;
    assert_eq!(trades, expected);

    let day: DayTicker = world.get("/fapi/v1/ticker/24hr?symbol=BTCUSDT");
    assert_eq!(
        (text(day.last_price), text(day.price_change), day.count),
        ("100100.00".into(), "99.90".into(), 5)
    );
    let all: Vec<DayTicker> = world.get("/fapi/v1/ticker/24hr");
    assert_eq!(all, [day], "the other symbol has no price yet");
}

#[test]
fn where_no_book_is_told_there_is_a_bid_and_an_ask() {
    let world = traded();
    let book: Depth = world.get("/fapi/v1/depth?symbol=BTCUSDT&limit=5");
    assert_eq!((book.bids.len(), book.asks.len()), (1, 1));
    let (bid, ask) = (book.bids[0].0.0.to_string(), book.asks[0].0.0.to_string());
    assert_eq!(
        (bid.as_str(), ask.as_str()),
        ("100099.90", "100100.10"),
        "a tick each side of 100100.0"
    );
    let best: BookTicker = world.get("/fapi/v1/ticker/bookTicker?symbol=BTCUSDT");
    assert_eq!((best.bid_price, best.ask_price), (book.bids[0].0, book.asks[0].0));
    assert_eq!(best.last_update_id, Some(book.last_update_id));
}

#[test]
fn exchange_info_tells_the_rules_in_binances_order() {
    let world = traded();
    let text = world.ask("/fapi/v1/exchangeInfo?symbol=NONE").unwrap();
    let head = r#"{"timezone":"UTC","serverTime":1789862526000,"futuresType":"U_MARGINED","rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400}"#;
    assert!(text.starts_with(head), "{}", &text[..300]);
    let info: ExchangeInfo = serde_json::from_str(&text).unwrap();
    let names: Vec<_> = info.symbols.iter().map(|row| &*row.symbol).collect();
    assert_eq!(names, ["BTCUSDT", "ETHUSDT"]);
    for piece in [
        r#"{"filterType":"PRICE_FILTER","minPrice":"556.80","maxPrice":"4529764","tickSize":"0.10"}"#,
        r#"{"filterType":"MIN_NOTIONAL","notional":"50"}"#,
        r#"{"filterType":"PERCENT_PRICE","multiplierUp":"1.0500","multiplierDown":"0.9500","multiplierDecimal":"4"}"#,
        r#"{"filterType":"POSITION_RISK_CONTROL","positionControlSide":"NONE"}"#,
        r#""liquidationFee":"0.012500","marketTakeBound":"0.05","maxMoveOrderLimit":10000"#,
    ] {
        assert!(text.contains(piece), "{piece}");
    }
    assert!(!text.contains("MAX_NUM_ALGO_ORDERS"), "not since 2025-12-29");
}

#[test]
fn a_bar_and_its_path_are_the_same_market() {
    let bar = |path_passed| Bar {
        open: PriceTicks(10_000_000),
        high: PriceTicks(10_050_000),
        low: PriceTicks(9_990_000),
        close: PriceTicks(10_020_000),
        volume: QtyLots(11),
        interval_ms: 60_000,
        path_passed,
    };
    let mut whole = World::new(&[]);
    whole.event(60_000, MarketData::Bar(bar(false)));
    let mut path = World::new(&[]);
    let points = [
        (0, 10_000_000, 2),
        (20_000, 9_990_000, 2),
        (40_000, 10_050_000, 2),
        (59_999, 10_020_000, 5),
    ];
    for (i, (after, price, qty)) in points.into_iter().enumerate() {
        let fell = i > 0 && price < points[i - 1].1;
        let trade = Trade {
            price: PriceTicks(price),
            qty: QtyLots(qty),
            buyer_is_maker: fell,
            origin: TradeOrigin::BarPath,
        };
        path.event(after, MarketData::Trade(trade));
    }
    path.event(60_000, MarketData::Bar(bar(true)));
    let asked = "/fapi/v1/klines?symbol=BTCUSDT&interval=1m";
    let (mut rows, mut others): (Vec<KlineRow>, Vec<KlineRow>) =
        (whole.get(asked), path.get(asked));
    // Whether the next minute has begun depends on who came last.
    rows.truncate(1);
    others.truncate(1);
    assert_eq!(rows, others);
    assert_eq!((rows[0].5.0.to_string(), rows[0].8), ("0.011".to_owned(), 4), "no volume twice");
}

#[test]
fn funding_is_told_as_it_was_settled() {
    let mut world = traded();
    let premium = world.ask("/fapi/v1/premiumIndex?symbol=BTCUSDT").unwrap();
    let expected = r#"{"symbol":"BTCUSDT","markPrice":"100100.00000000","indexPrice":"100100.00000000","estimatedSettlePrice":"100100.00000000","lastFundingRate":"0.00010000","interestRate":"0.00010000","nextFundingTime":1789891200000,"time":1789862526000}"#;
    assert_eq!(premium, expected);
    assert_eq!(world.ask("/fapi/v1/fundingRate?symbol=BTCUSDT").unwrap(), "[]");
    world.trade(8 * 3_600_000 + 10, 10_000_000, 1, true);
    let rates = world.ask("/fapi/v1/fundingRate?symbol=BTCUSDT").unwrap();
    let expected = r#"[{"symbol":"BTCUSDT","fundingRate":"0.00010000","fundingTime":1789891200000,"markPrice":"100100.00000000","rateType":"Regular"}]"#;
    assert_eq!(rates, expected);
    assert!(world.ask("/fapi/v1/fundingInfo").unwrap().contains(r#""fundingIntervalHours":8"#));
}

#[test]
fn a_book_has_a_mark_before_its_first_trade() {
    let asked = "/fapi/v1/premiumIndex?symbol=BTCUSDT";
    let mark = |world: &World| world.get::<serde_json::Value>(asked)["markPrice"].clone();
    let fills = Profile::Standard.fills(MarketDepth::Levels);
    let mut world = World::with_fills(&["btcusdt@markPrice@1s"], Some(fills));
    let level = |side, price| {
        MarketData::Depth(DepthRow { side, price: PriceTicks(price), qty: QtyLots(1_000) })
    };
    assert_eq!(world.ask(asked).expect_err("no price is known").0, -1112);
    world.event(0, level(Side::Buy, 10_000_000));
    assert_eq!(mark(&world), "100000.00000000", "of one side, at once");
    world.event(10, level(Side::Sell, 10_000_011));
    assert_eq!(world.get::<Vec<serde_json::Value>>("/fapi/v1/premiumIndex").len(), 1);
    world.advance(START + 1_500);
    assert_eq!(mark(&world), "100000.05000000", "the grid unit below the middle, by the second");
    assert_eq!(
        world.heard.take("btcusdt@markPrice@1s").len(),
        2,
        "at the beginning, a second after it"
    );
    world.trade(2_000, 10_000_010, 500, false);
    world.advance(START + 2_001);
    assert_eq!(mark(&world), "100000.10000000", "and then the price of the trade");
}

#[test]
fn every_endpoint_answers_json() {
    let world = traded();
    for endpoint in ENDPOINTS {
        for query in ["", "?symbol=BTCUSDT&pair=BTCUSDT&interval=1h&contractType=PERPETUAL"] {
            let answer = world.ask(&format!("{}{query}", endpoint.path));
            let json = answer.unwrap_or_else(|(code, _)| code.to_string());
            serde_json::from_str::<serde_json::Value>(&json).expect(endpoint.path);
        }
    }
}

#[test]
fn a_closed_kline_is_told_once_and_open_ones_every_250_ms_at_most() {
    let mut world = World::new(&["btcusdt@kline_1m", "btcusdt_perpetual@continuousKline_1h"]);
    for second in 0..200 {
        world.trade(second * 1_000 + 10, 10_000_000 + second * 10, 10, false);
        world.trade(second * 1_000 + 20, 10_000_000, 10, true);
    }
    world.advance(START + 240_000);
    let klines: Vec<_> = world
        .heard
        .take("btcusdt@kline_1m")
        .into_iter()
        .map(|event| match event {
            MarketStreamEvent::Kline(event) => event,
            other => panic!("{other:?}"),
        })
        .collect();
    let closed: Vec<_> = klines
        .iter()
        .filter(|event| event.kline.closed)
        .map(|event| event.kline.open_time - START)
        .collect();
    assert_eq!(
        closed,
        [0, 60_000, 120_000, 180_000],
        "also the last, in which nothing more happened"
    );
    assert_eq!(klines[0].kline.count, 2);
    let opens = klines.iter().filter(|event| !event.kline.closed).count();
    assert_eq!(opens, 200, "one for each burst");
    let hours = world.heard.take("btcusdt_perpetual@continuousKline_1h");
    assert!(
        matches!(&hours[0], MarketStreamEvent::ContinuousKline(event) if &*event.pair == "BTCUSDT")
    );
}

#[test]
fn depth_events_stitch_with_a_snapshot_of_rest() {
    let mut world =
        World::new(&["btcusdt@depth@100ms", "btcusdt@depth5@500ms", "btcusdt@bookTicker"]);
    let row = |world: &mut World, after, side, price, qty| {
        let row = DepthRow { side, price: PriceTicks(price), qty: QtyLots(qty) };
        world.event(after, MarketData::Depth(row));
    };
    row(&mut world, 10, Side::Buy, 9_999_990, 5);
    row(&mut world, 20, Side::Sell, 10_000_010, 7);
    world.advance(START + 130);
    let snapshot: Depth = world.get("/fapi/v1/depth?symbol=BTCUSDT&limit=10");
    row(&mut world, 140, Side::Buy, 9_999_990, 0);
    row(&mut world, 150, Side::Buy, 9_999_980, 3);
    world.advance(START + 1_000);
    let depth: Vec<_> = world
        .heard
        .take("btcusdt@depth@100ms")
        .into_iter()
        .map(|event| match event {
            MarketStreamEvent::DepthUpdate(event) => event,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(depth.len(), 2, "one for each period in which something changed");
    let (last, second) = (snapshot.last_update_id, &depth[1]);
    assert!(depth[0].last_update_id < last, "the first is in the snapshot");
    assert!(second.first_update_id <= last && last <= second.last_update_id);
    assert_eq!(second.previous_update_id, depth[0].last_update_id);
    assert_eq!(
        serde_json::to_string(&second.bids).unwrap(),
        r#"[["99999.80","0.003"],["99999.90","0.000"]]"#
    );
    assert_eq!((depth[0].event_time - START, depth[1].event_time - START), (100, 200));
    assert_eq!(world.heard.take("btcusdt@depth5@500ms").len(), 1);
    assert_eq!(world.heard.take("btcusdt@bookTicker").len(), 4, "every change of the best");
}

#[test]
fn what_has_a_period_keeps_it_and_trades_come_at_once() {
    let topics = [
        "btcusdt@trade",
        "btcusdt@aggTrade",
        "btcusdt@markPrice@1s",
        "btcusdt@markPrice",
        "!ticker@arr",
        "btcusdt@miniTicker",
    ];
    let mut world = World::new(&topics);
    world.trade(10, 10_000_000, 1, true);
    world.trade(20, 10_000_000, 2, true);
    assert_eq!(world.heard.take("btcusdt@trade").len(), 2);
    assert_eq!(world.heard.take("btcusdt@aggTrade").len(), 0, "more may come");
    world.advance(START + 6_000);
    let aggs = world.heard.take("btcusdt@aggTrade");
    assert!(
        matches!(&aggs[..], [MarketStreamEvent::AggTrade(agg)] if agg.event_time == START + 110)
    );
    assert_eq!(world.heard.take("btcusdt@markPrice@1s").len(), 6);
    assert_eq!(world.heard.take("btcusdt@markPrice").len(), 2);
    assert_eq!(world.heard.take("btcusdt@miniTicker").len(), 1, "it has not changed since");
    let said = world.heard.said.borrow();
    let tickers: Vec<_> = said.iter().filter(|(topic, _)| topic == "!ticker@arr").collect();
    assert!(tickers.len() == 1 && tickers[0].1.starts_with(r#"[{"e":"24hrTicker","#));
    drop(said);
    // Who leaves is told nothing more: publishing to him would be a panic of `Heard`.
    world.heard.listen(&[]);
    world.trade(7_000, 10_000_000, 1, true);
    world.advance(START + 20_000);
}

#[test]
fn years_before_the_first_event_cost_nothing() {
    let mut world = World::new(&[]);
    assert_eq!(world.view.next_due(), Nanos::NEVER, "nothing is due by itself");
    let years = 20 * 365 * 86_400_000;
    world.trade(years + 30_000, 10_000_000, 1, true);
    assert_eq!(
        world.view.next_due(),
        Nanos::from_millis(START + years + 30_000),
        "from now on each second"
    );
    let klines: Vec<KlineRow> = world.get("/fapi/v1/klines?symbol=BTCUSDT&interval=1m");
    assert_eq!(klines.len(), 1);
}

#[test]
fn of_a_second_the_largest_liquidation_is_told() {
    let mut world = World::new(&["btcusdt@forceOrder", "!forceOrder@arr"]);
    world.trade(10, 10_000_000, 1, true);
    let row = |qty: i64| binance_wire::ForceOrderRow {
        symbol: "BTCUSDT".into(),
        side: binance_wire::Side::Sell,
        order_type: binance_wire::OrderType::Limit,
        time_in_force: binance_wire::TimeInForce::Ioc,
        orig_qty: binance_wire::Num(qty.into()),
        price: binance_wire::Num(Decimal::from(99_000)),
        avg_price: binance_wire::Num(Decimal::from(99_000)),
        status: binance_wire::OrderStatus::Filled,
        last_qty: binance_wire::Num(qty.into()),
        filled_qty: binance_wire::Num(qty.into()),
        time: START + 10,
    };
    for qty in [1, 3, 2] {
        world.view.symbols[0].force_order(START + 20, row(qty), 1_000);
    }
    world.advance(START + 3_000);
    for topic in ["btcusdt@forceOrder", "!forceOrder@arr"] {
        let told = world.heard.take(topic);
        let [MarketStreamEvent::ForceOrder(event)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(event.order.orig_qty.0, Decimal::from(3));
    }
}
