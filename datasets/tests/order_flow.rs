//! The market that makes its own book: a book at every instant, rates as stated, and what befalls it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;

use common::drain;
use datasets::synthetic::{SyntheticFeed, SyntheticMarket};
use engine::{Feed, MarketData, MarketEvent, Nanos, Side, Trade};
use serde_json::{Value as Json, json};

/// One symbol with these rates and events.
fn keys(minutes: u32, flow: Json, events: Json) -> Json {
    json!({ "model": "order_flow", "minutes": minutes, "order_flow": flow, "events": events, "funding": null,
            "symbols": [{ "symbol": "SOLUSDT", "start_price": 130.0, "price_decimals": 3, "tick_units": 10,
                          "qty_decimals": 2, "volume_per_minute": 1_000.0 }] })
}

/// Ticks of 0.001 %, 0.01 % and 0.1 % of the price.
const TICKS: [(&str, f64, u32); 3] =
    [("BTCUSDT", 90_000.0, 1), ("SOLUSDT", 100.0, 3), ("DOGEUSDT", 0.1, 5)];

/// One symbol of another price and grid, whose price has this volatility.
fn of(symbol: (&str, f64, u32), volatility: f64, mut keys: Json) -> Vec<MarketEvent> {
    let (name, price, decimals) = symbol;
    keys["symbols"] = json!([{ "symbol": name, "start_price": price, "price_decimals": decimals, "tick_units": 10,
                               "qty_decimals": 2, "volume_per_minute": 1_000.0,
                               "volatility_per_minute": volatility }]);
    let market = market(keys);
    drain(&mut SyntheticFeed::of(&market, 3).expect("valid"))
}

fn market(keys: Json) -> SyntheticMarket {
    serde_json::from_value(keys).expect("a market")
}

fn events(minutes: u32, flow: Json, events: Json) -> Vec<MarketEvent> {
    let market = market(keys(minutes, flow, events));
    drain(&mut SyntheticFeed::of(&market, 3).expect("valid"))
}

/// A book from rows, which refuses what no book can be.
#[derive(Default)]
struct Book {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    trade: Option<(Trade, i64)>,
}

impl Book {
    fn side(&mut self, side: Side) -> &mut BTreeMap<i64, i64> {
        if side == Side::Buy { &mut self.bids } else { &mut self.asks }
    }

    fn best(&self) -> Option<(i64, i64)> {
        Some((*self.bids.last_key_value()?.0, *self.asks.first_key_value()?.0))
    }

    fn see(&mut self, event: &MarketEvent) {
        match event.data {
            MarketData::DepthClear => *self = Book::default(),
            MarketData::Trade(trade) => {
                // Takers take the best level and no more than it has.
                let best = if trade.buyer_is_maker {
                    self.bids.last_key_value()
                } else {
                    self.asks.first_key_value()
                };
                let (price, held) = best.expect("a trade needs a maker");
                assert_eq!(*price, trade.price.0, "at {}", event.time);
                assert!((1..=*held).contains(&trade.qty.0));
                self.trade = Some((trade, held - trade.qty.0));
            }
            MarketData::Depth(row) => {
                if let Some((trade, left)) = self.trade.take() {
                    assert_eq!(
                        (row.price, row.qty.0),
                        (trade.price, left),
                        "the row after a trade"
                    );
                }
                assert!(row.price.0 > 0 && row.price.0 % 10 == 0, "on the tick");
                let levels = self.side(row.side);
                match row.qty.0 {
                    0 => assert!(levels.remove(&row.price.0).is_some(), "what goes was there"),
                    qty => drop(levels.insert(row.price.0, qty)),
                }
                assert!(
                    self.best().is_none_or(|(bid, ask)| bid < ask),
                    "crossed at {}",
                    event.time
                );
            }
            other => panic!("{other:?} is not of an order flow"),
        }
    }
}

fn trades(events: &[MarketEvent]) -> Vec<(Nanos, Trade)> {
    let trade = |event: &MarketEvent| match event.data {
        MarketData::Trade(trade) => Some((event.time, trade)),
        _ => None,
    };
    events.iter().filter_map(trade).collect()
}

/// The mid price in ticks and the lots that rest, at the end of each minute.
fn minutes(events: &[MarketEvent]) -> Vec<(f64, i64)> {
    let mut book = Book::default();
    let mut ends = Vec::new();
    let start = events[0].time;
    for event in events {
        while (event.time - start).secs() >= 60 * (ends.len() as i64 + 1) {
            let (bid, ask) = book.best().expect("two sides");
            let resting = book.bids.values().chain(book.asks.values()).sum();
            ends.push(((bid + ask) as f64 / 20.0, resting));
        }
        book.see(event);
    }
    ends
}

#[test]
fn at_every_instant_there_is_a_book() {
    let hawkes = json!({ "branching": 0.7, "decay_per_second": 1.0, "cross_share": 0.3 });
    let thin = json!({ "limit_orders_per_second": 5.0, "cancels_per_second": 0.3, "levels": 12,
                       "hawkes": hawkes });
    for flow in [json!({}), thin] {
        let events = events(120, flow, json!([]));
        assert!(matches!(events[0].data, MarketData::DepthClear));
        assert!(events.windows(2).all(|w| w[0].time <= w[1].time));
        let mut book = Book::default();
        events.iter().for_each(|event| book.see(event));
        assert!(trades(&events).len() > 5_000);
    }
}

#[test]
fn it_repeats_and_hears_its_seed_and_comes_in_batches() {
    let market = market(keys(30, json!({}), json!([])));
    let written = serde_json::to_value(&market).expect("serializes");
    assert_eq!(serde_json::from_value::<SyntheticMarket>(written).expect("its own text"), market);
    let of = |seed| SyntheticFeed::of(&market, seed).expect("valid");
    let all = drain(&mut of(1));
    assert_eq!(all, drain(&mut of(1)));
    assert_ne!(all, drain(&mut of(2)));
    let (mut feed, mut batch, mut most, mut sum) = (of(1), Vec::new(), 0, 0);
    loop {
        feed.next_batch(&mut batch).expect("a batch");
        if batch.is_empty() {
            break;
        }
        most = most.max(batch.len());
        sum += batch.len();
    }
    assert_eq!(sum, all.len());
    assert!((4_096..5_000).contains(&most), "a batch does not grow with the market: {most}");
    assert!(all.last().expect("events").time < market.range().1);
}

#[test]
fn rates_sizes_and_depth_are_the_stated_ones() {
    let flow = json!({ "limit_orders_per_second": 30.0, "market_orders_per_second": 2.0,
                       "cancels_per_second": 0.1, "levels": 10, "distance_exponent": 0.0 });
    let events = events(240, flow, json!([]));
    let trades = trades(&events);
    // An order that takes several levels trades several times at one instant.
    let mut orders: Vec<Nanos> = trades.iter().map(|(time, _)| *time).collect();
    orders.dedup();
    let per_second = orders.len() as f64 / (240.0 * 60.0);
    assert!((per_second - 2.0).abs() < 0.05, "{per_second}");
    let volume = trades.iter().map(|(_, t)| t.qty.0).sum::<i64>() as f64 / 100.0 / 240.0;
    assert!((volume - 1_000.0).abs() < 40.0, "{volume} a minute");
    let buys = trades.iter().filter(|(_, t)| !t.buyer_is_maker).count() as f64;
    assert!((buys / trades.len() as f64 - 0.5).abs() < 0.02);
    // What rests, in market orders: arrivals less what is taken, by the rate of cancellation.
    let mut book = Book::default();
    let (mut sum, mut looks) = (0.0, 0.0);
    for (number, event) in events.iter().enumerate() {
        book.see(event);
        if number > 20_000 && number % 1_000 == 0 {
            let lots: i64 = book.bids.values().chain(book.asks.values()).sum();
            sum += lots as f64 / (1_000.0 / 120.0 * 100.0);
            looks += 1.0;
        }
    }
    // A cancellation that meets less than an order takes what is there: up to some more rests.
    let (resting, stated) = (sum / looks, (30.0 - 2.0) / 0.1);
    assert!((0.95..1.25).contains(&(resting / stated)), "{resting} not {stated}");
}

#[test]
fn few_orders_rest_while_the_book_is_thin() {
    let thin =
        json!([{ "event": "thin_book", "at_minute": 30, "minutes": 30, "volume_factor": 0.3 }]);
    let ends = minutes(&events(90, json!({}), thin));
    let resting = |range: std::ops::Range<usize>| {
        let sum: i64 = range.clone().map(|minute| ends[minute].1).sum();
        sum as f64 / range.len() as f64
    };
    let (before, within, after) = (resting(10..29), resting(40..59), resting(75..88));
    assert!(within < 0.5 * before && after > 0.9 * before, "{before} {within} {after}");
}

#[test]
fn a_crash_and_a_squeeze_follow_their_path_through_the_book() {
    let crash = json!([{ "event": "flash_crash", "at_minute": 30, "depth": 0.1, "fall_minutes": 5,
                         "recovery_minutes": 10, "recovered_share": 1.0 }]);
    let all = events(60, json!({}), crash);
    let ends = minutes(&all);
    let change = |minute: usize| ends[minute].0 / ends[29].0 - 1.0;
    assert!((-0.105..-0.095).contains(&change(34)), "{}", change(34));
    assert!(change(44).abs() < 0.01, "{}", change(44));
    let mut book = Book::default();
    all.iter().for_each(|event| book.see(event));
    let squeeze = json!([{ "event": "squeeze", "at_minute": 10, "height": 0.2, "rise_minutes": 5,
                           "recovery_minutes": 10, "recovered_share": 0.5 }]);
    let ends = minutes(&events(40, json!({}), squeeze));
    let change = |minute: usize| ends[minute].0 / ends[9].0 - 1.0;
    assert!((0.195..0.205).contains(&change(14)), "{}", change(14));
    assert!((0.08..0.11).contains(&change(24)), "{}", change(24));
}

/// A tenth of a thousandth of the price is a tick of one symbol, and two hundred ticks of another.
#[test]
fn a_crash_and_a_squeeze_reach_their_end_whatever_the_tick() {
    for symbol in TICKS {
        for volatility in [0.0, 0.0006] {
            let crash = json!({ "event": "flash_crash", "depth": 0.4, "fall_minutes": 5 });
            let squeeze = json!({ "event": "squeeze", "height": 0.6, "rise_minutes": 5 });
            for (mut event, end, after) in [(crash, 0.6, 0.8), (squeeze, 1.6, 1.3)] {
                event["at_minute"] = json!(30);
                event["recovery_minutes"] = json!(10);
                event["recovered_share"] = json!(0.5);
                let all = of(symbol, volatility, keys(60, json!({}), json!([event])));
                let mut book = Book::default();
                all.iter().for_each(|event| book.see(event));
                let ends = minutes(&all);
                let price = |minute: usize| ends[minute].0 / ends[29].0;
                let case = format!("{symbol:?} {volatility} {event}");
                // Six deviations of the minutes between, two ticks, and what a look leaves open.
                let off = 6.0 * volatility * 15f64.sqrt() + 2.0 / ends[29].0 + 2e-3;
                assert!((price(34) - end).abs() < off, "{case}: {}", price(34));
                assert!((price(44) - after).abs() < off, "{case}: {}", price(44));
                let volume = |from: i64, to: i64| -> i64 {
                    let within =
                        |time: Nanos| (from..to).contains(&((time - all[0].time).secs() / 60));
                    let of = trades(&all).into_iter().filter(|(time, _)| within(*time));
                    of.map(|(_, trade)| trade.qty.0).sum::<i64>() / (to - from)
                };
                let busy = volume(30, 35) as f64 / volume(0, 30) as f64;
                assert!((1.5..60.0).contains(&busy), "{case}: {busy} times the volume");
            }
        }
    }
}

/// The price goes where the volatility says, whatever the tick; minutes have no memory; the volume is the stated one.
#[test]
fn volatility_and_volume_are_the_stated_ones() {
    let hawkes = json!({ "branching": 0.6, "decay_per_second": 0.5, "cross_share": 0.2 });
    let busy = json!({ "limit_orders_per_second": 20.0, "market_orders_per_second": 12.0, "hawkes": hawkes,
                       "cancels_per_second": 1.0, "levels": 3, "limit_size_ratio": 0.8 });
    for symbol in TICKS {
        for (flow, volatility) in
            [(json!({}), 0.0007), (busy.clone(), 0.0007), (json!({ "hawkes": hawkes }), 0.002)]
        {
            let all = of(symbol, volatility, keys(240, flow.clone(), json!([])));
            let mut book = Book::default();
            all.iter().for_each(|event| book.see(event));
            let ends = minutes(&all);
            let returns: Vec<f64> = ends.windows(2).map(|w| libm::log(w[1].0 / w[0].0)).collect();
            let count = returns.len() as f64;
            let variance = returns.iter().map(|r| r * r).sum::<f64>() / count;
            // A coarse tick adds its own: the mid price may be off by some.
            let tick = 2.2 / ends[0].0;
            let most = (1.2 * volatility).hypot(tick);
            let case = format!("{symbol:?} {volatility} {flow}");
            assert!(
                (0.8 * volatility..most).contains(&variance.sqrt()),
                "{case}: {}",
                variance.sqrt()
            );
            let memory = returns.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / count / variance;
            // A price that stands on a few ticks bounces between them.
            assert!(memory.abs() < 0.25 || tick > volatility, "{case}: {memory}");
            let volume =
                trades(&all).iter().map(|(_, t)| t.qty.0).sum::<i64>() as f64 / 100.0 / 240.0;
            assert!((volume / 1_000.0 - 1.0).abs() < 0.08, "{case}: {volume} a minute");
        }
    }
}

#[test]
fn a_gap_is_a_new_book() {
    let gap = json!([{ "event": "gap", "at_minute": 10, "share": -0.2 }]);
    let all = events(20, json!({}), gap);
    let clears: Vec<i64> = all
        .iter()
        .filter(|event| matches!(event.data, MarketData::DepthClear))
        .map(|event| (event.time - all[0].time).secs())
        .collect();
    assert_eq!(clears, [0, 600]);
    let ends = minutes(&all);
    let change = ends[10].0 / ends[9].0 - 1.0;
    assert!((-0.205..-0.195).contains(&change), "{change}");
    assert_eq!(ends.len(), 19);
}

#[track_caller]
fn refused(flow: Json, parts: &[&str]) {
    let error = match serde_json::from_value::<SyntheticMarket>(keys(10, flow, json!([]))) {
        Err(error) => error.to_string(),
        Ok(market) => market.validate().expect_err("no market").to_string(),
    };
    parts.iter().for_each(|part| assert!(error.contains(part), "{error}: no {part}"));
}

#[test]
fn rates_that_make_no_book_are_refused_with_the_remedy() {
    refused(
        json!({ "limit_orders_per_second": 1.0 }),
        &["SOLUSDT", "no book would be left", "raise"],
    );
    refused(json!({ "levels": 0 }), &["levels is 0", "1 to 1000"]);
    refused(json!({ "cancels_per_second": 0.0 }), &["cancels_per_second is 0"]);
    refused(json!({ "distance_exponent": -1.0 }), &["distance_exponent is -1"]);
    refused(json!({ "limit_order": 1 }), &["limit_order", "limit_orders_per_second"]);
    refused(
        json!({ "limit_orders_per_second": 1e6, "cancels_per_second": 1e-3 }),
        &["would rest", "raise cancels_per_second"],
    );
    refused(
        json!({ "hawkes": { "branching": 1.0, "decay_per_second": 1.0 } }),
        &["branching is 1", "without end"],
    );
    refused(
        json!({ "hawkes": { "branching": 0.5, "decay_per_second": 0.0 } }),
        &["decay_per_second is 0"],
    );
    refused(json!({ "hawkes": { "branching": 0.5 } }), &["decay_per_second"]);
    let mut small = keys(10, json!({}), json!([]));
    small["symbols"][0]["volume_per_minute"] = json!(0.5);
    let small = market(small).validate().expect_err("orders of less than a lot").to_string();
    assert!(small.contains("change volume_per_minute"), "{small}");
    let mut still = keys(10, json!({ "market_orders_per_second": 0.0 }), json!([]));
    still["symbols"][0]["volatility_per_minute"] = json!(0.001);
    let still = market(still).validate().expect_err("nothing moves it").to_string();
    assert!(still.contains("market_orders_per_second is 0: raise it"), "{still}");
    let mut bars = keys(10, json!({}), json!([]));
    bars["bars"] = json!("whole");
    let bars = serde_json::from_value::<SyntheticMarket>(bars).expect_err("no bars").to_string();
    assert!(bars.contains("`bars` belongs to"), "{bars}");
}
