//! A fitted order flow against the recorded book that it was fitted to: spread, shape of the depth, rates, volume
//! and the deviation of a minute's return
//! (J.-P. Bouchaud, M. Mézard, M. Potters 2002, "Statistical properties of stock order books", Quantitative
//! Finance 2).

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use common::drain;
use datasets::synthetic::fit::FlowObserver;
use datasets::synthetic::{SyntheticFeed, SyntheticMarket};
use engine::{
    DepthRow, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, Side, SymbolIndex, Trade,
    TradeOrigin,
};
use serde_json::{Value as Json, json};

/// A decimal text as whole units.
fn units(value: &Json, decimals: usize) -> i64 {
    let text = value.as_str().expect("a number in text");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{:0<decimals$}", &part[..part.len().min(decimals)]).parse().expect("a number")
}

fn rows(body: &Json, bids: &str, asks: &str) -> Vec<MarketData> {
    let of = |name: &str, side: Side| -> Vec<MarketData> {
        let row = |level: &Json| {
            let (price, qty) = (PriceTicks(units(&level[0], 2)), QtyLots(units(&level[1], 3)));
            MarketData::Depth(DepthRow { side, price, qty })
        };
        body[name].as_array().expect("levels").iter().map(row).collect()
    };
    [of(bids, Side::Buy), of(asks, Side::Sell)].concat()
}

/// Depth at every change and trades, from the snapshot on, by the exchange's time.
fn recorded(text: &str) -> Vec<MarketEvent> {
    let (mut events, mut last) = (Vec::new(), None);
    for line in text.lines() {
        let (_, json) = line.split_once(' ').expect("receive time and message");
        let json: Json = serde_json::from_str(json).expect("JSON");
        let body = json.get("data").unwrap_or(&json);
        let update = body["u"].as_u64();
        let data = match body["e"].as_str() {
            None => {
                last = body["lastUpdateId"].as_u64();
                [vec![MarketData::DepthClear], rows(body, "bids", "asks")].concat()
            }
            // What is older than the snapshot is in it.
            Some("depthUpdate") if last.is_some() && update >= last => rows(body, "b", "a"),
            Some("trade") if last.is_some() && body["X"] == "MARKET" => {
                vec![MarketData::Trade(Trade {
                    price: PriceTicks(units(&body["p"], 2)),
                    qty: QtyLots(units(&body["q"], 3)),
                    buyer_is_maker: body["m"] == true,
                    origin: TradeOrigin::Tape,
                })]
            }
            _ => continue,
        };
        let time = Nanos::from_millis(body["T"].as_i64().expect("a time"));
        events.extend(data.into_iter().map(|data| MarketEvent::new(time, SymbolIndex(0), data)));
    }
    events.sort_by_key(|event| event.time);
    events
}

/// What a book looks like, on average over its seconds.
#[derive(Clone, Debug)]
struct Shape {
    /// In ticks.
    spread: f64,
    /// Lots at each distance from the own best, in ticks, both sides.
    profile: Vec<f64>,
    /// Of returns of the mid price over a minute, one from each second on.
    deviation: f64,
    /// Lots that traded in a minute.
    volume: f64,
}

const DEPTH: usize = 5;

fn shape(events: &[MarketEvent], tick: i64) -> Shape {
    let mut halves = [BTreeMap::<i64, i64>::new(), BTreeMap::new()];
    let mut shape = Shape { spread: 0.0, profile: vec![0.0; DEPTH], deviation: 0.0, volume: 0.0 };
    let mut mids: Vec<f64> = Vec::new();
    let (start, mut looks) = (events[0].time, 0i64);
    for event in events {
        while (event.time - start).secs() > looks {
            looks += 1;
            let [Some(bid), Some(ask)] =
                halves.each_ref().map(|half| half.last_key_value().map(|(key, _)| *key))
            else {
                continue;
            };
            shape.spread += (-ask - bid) as f64 / tick as f64;
            mids.push((bid - ask) as f64 / 2.0);
            for half in &halves {
                let best = half.last_key_value().map_or(0, |(key, _)| *key);
                for (key, lots) in half.range(best - (DEPTH as i64 - 1) * tick..) {
                    shape.profile[((best - key) / tick) as usize] += *lots as f64;
                }
            }
        }
        match event.data {
            MarketData::DepthClear => halves.iter_mut().for_each(BTreeMap::clear),
            MarketData::Trade(trade) => shape.volume += trade.qty.0 as f64,
            MarketData::Depth(row) => {
                let (half, key) = match row.side {
                    Side::Buy => (0, row.price.0),
                    Side::Sell => (1, -row.price.0),
                };
                match row.qty.0 {
                    0 => halves[half].remove(&key),
                    qty => halves[half].insert(key, qty),
                };
            }
            _ => {}
        }
    }
    shape.spread /= looks as f64;
    shape.volume *= 60.0 / looks as f64;
    let returns = mids.iter().zip(&mids[60..]).map(|(before, after)| libm::log(after / before));
    shape.deviation = (returns.map(|r| r * r).sum::<f64>() / (mids.len() - 60) as f64).sqrt();
    shape.profile.iter_mut().for_each(|lots| *lots /= 2.0 * looks as f64);
    shape
}

/// Levels near the touch, where the model's one rate of cancellation holds.
const LEVELS: u32 = 5;

impl Shape {
    /// Lots at the best level, at the next, and on average at the three after it.
    fn near(&self) -> [f64; 3] {
        [self.profile[0], self.profile[1], self.profile[2..5].iter().sum::<f64>() / 3.0]
    }

    /// What is unlike: the spread by half, the lots of a level by three times, the deviation of a minute by a
    /// fifth, or the volume by a tenth.
    fn unlike(&self, other: &Shape) -> Vec<String> {
        let apart = |a: f64, b: f64| (a / b).max(b / a);
        let mut found = Vec::new();
        if apart(self.spread, other.spread) > 1.5 {
            found.push(format!("spread {} and {}", self.spread, other.spread));
        }
        for (what, a, b, most) in [
            ("deviation", self.deviation, other.deviation, 1.2),
            ("volume", self.volume, other.volume, 1.1),
        ] {
            if apart(a, b) > most {
                found.push(format!("{what} {a} and {b}"));
            }
        }
        for (place, (a, b)) in self.near().into_iter().zip(other.near()).enumerate() {
            if apart(a, b) > 3.0 {
                found.push(format!("depth {place}: {a} and {b}"));
            }
        }
        found
    }
}

/// A symbol of a recording with its price, its order tick in price units, and its file.
const TAPES: [(&str, f64, i64, &str); 2] = [
    ("ETHUSDT", 2_681.6, 1, "ethusdt_20240808.gz"),
    ("BTCUSDT", 61_700.0, 10, "btcusdt_20240808.gz"),
];

#[test]
fn a_fitted_flow_has_the_spread_the_depth_the_volatility_and_the_volume_of_the_real_book() {
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if !shared.is_dir() {
        eprintln!("skipped: {} is absent", shared.display());
        return;
    }
    for (symbol, price, tick, file) in TAPES {
        let path = shared.join("data/futures/um/recorded/hftbacktest").join(file);
        let packed = std::fs::File::open(path).expect("a recording");
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("text");
        let events = recorded(&text);
        let mut observer = FlowObserver::new(tick, LEVELS);
        events.iter().for_each(|event| observer.observe(event));
        let fit = observer.finish().expect("a fit");
        let real = shape(&events, tick);
        // Real depth near the touch: most at the best, less at the next, still less behind.
        let [best, next, behind] = real.near();
        assert!(best > next && next > behind, "{symbol}: {real:?}");
        // Market orders come in clusters.
        let hawkes = fit.flow.hawkes.expect("orders that excite others");
        assert!((0.1..0.9).contains(&hawkes.branching), "{symbol}: {hawkes:?}");
        let made = |flow: Json, seed: u64| {
            let market: SyntheticMarket = serde_json::from_value(json!({
                "model": "order_flow", "minutes": 240, "funding": null, "order_flow": flow,
                "symbols": [{ "symbol": symbol, "start_price": price, "price_decimals": 2,
                              "tick_units": tick, "qty_decimals": 3,
                              "volatility_per_minute": fit.volatility_per_minute,
                              "volume_per_minute": fit.lots_per_minute / 1_000.0 }] }))
            .expect("a market");
            shape(&drain(&mut SyntheticFeed::of(&market, seed).expect("valid")), tick)
        };
        let fitted = serde_json::to_value(fit.flow).expect("rates");
        for seed in 1..4 {
            let made = made(fitted.clone(), seed);
            assert_eq!(made.unlike(&real), [""; 0], "{symbol}, seed {seed}");
            let [best, next, behind] = made.near();
            assert!(best > next && next > behind, "{symbol}, seed {seed}: {made:?}");
        }
        // The measure tells a flow that was not fitted.
        assert!(!made(json!({}), 1).unlike(&real).is_empty(), "{symbol}");
    }
}
