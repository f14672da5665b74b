//! Faults of the streams that a live session survives, a venue that dies, and a storm of everything by seeds.
//!
//! CI lets a few seeds blow; `QSIM_STORMS=20` lets twenty.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::{JournalEntry, JournalFile, MarketData, Side};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use support::faulted::{MARKET, ONE_INTENT, START_MS, Way, World, positions, symbols};
use support::pace::{lead, steadily};
use support::served::{Served, entries};

fn scenario() -> String {
    format!("{MARKET}{ONE_INTENT}")
}

#[test]
fn what_the_streams_tell_twice_or_late_is_told_once_and_in_order() {
    steadily(|| {
        let faults = [
            r#"{"kind":"duplicate"}"#,
            r#"[{"kind":"late","behind":2,"event":"ORDER_TRADE_UPDATE","times":3},
            {"kind":"late","behind":1,"event":"ACCOUNT_UPDATE","times":3},
            {"kind":"late","behind":2,"event":"aggTrade","times":40},
            {"kind":"late","behind":300,"event":"kline","times":1000},
            {"kind":"late","behind":2,"event":"markPriceUpdate","times":40}]"#,
        ];
        std::thread::scope(|scope| {
            for fault in faults {
                scope.spawn(move || {
                    let mut world = World::serve(MARKET);
                    world.stream_fault(fault);
                    world.begin(&scenario(), Way::Ws, "6m");
                    world.until_s(240);
                    world.served.ask("DELETE", "/stream-faults", "");
                    let story = world.judged();
                    assert_eq!(story.filled(), (1, 1), "{}", story.said);
                    for (symbol, closes) in bars(&story.world) {
                        let apart = closes.windows(2).all(|two| two[1] - two[0] == 60);
                        assert!(
                            apart && closes.len() > 4,
                            "bars of {symbol}: {closes:?}\n{}",
                            story.said
                        );
                    }
                });
            }
        });
    });
}

/// When the bars of a session's journal closed, by symbol and in seconds.
fn bars(world: &World) -> BTreeMap<u16, Vec<i64>> {
    let mut found: BTreeMap<u16, Vec<i64>> = BTreeMap::new();
    for (_, _, entry) in entries(&world.folder.path("one.journal")) {
        if let JournalEntry::MarketEvent(event) = entry
            && let MarketData::Bar(_) = event.data
        {
            let closed = event.time - event.delay.span().unwrap_or_default();
            // To the nearest minute: the clocks differ by a little.
            let minute = (closed.0 + 30_000_000_000).div_euclid(60_000_000_000);
            found.entry(event.symbol.0).or_default().push(minute * 60);
        }
    }
    found
}

#[test]
fn keys_expire_and_user_streams_are_cut_around_orders() {
    steadily(|| {
        let strikes = [
            ("/listen-key/expire", r#"{"account":0}"#),
            ("/restart", r#"{"forget_listen_keys":true}"#),
            ("/cut", r#"{"account":0}"#),
        ];
        std::thread::scope(|scope| {
            for (path, body) in strikes {
                scope.spawn(move || {
                    let mut world = World::serve(MARKET);
                    world.begin(&scenario(), Way::Ws, "5m");
                    for second in [60, 85, 92, 110, 178, 182, 190, 220] {
                        world.until_s(second);
                        world.served.ask("POST", path, body);
                    }
                    let story = world.judged();
                    // A cut of all connections may meet the open, which is not sent again then.
                    let cut_too = path == "/restart" && story.filled() == (0, 0);
                    assert!(cut_too || story.filled() == (1, 1), "{}", story.said);
                    assert!(story.notices("user_stream_recovered") > 1, "{}", story.said);
                });
            }
        });
    });
}

#[test]
fn orders_fill_in_parts_while_the_stream_is_away() {
    steadily(|| {
        let fills = "[[timeline]]\nat = \"1s\"\npartial_fills = { part = 0.2, parts = 4, every = \"12s\" }\n";
        let mut world = World::serve(&format!("{MARKET}{fills}"));
        world.begin(&scenario(), Way::Ws, "8m");
        for fills in [1, 3] {
            world.until("filled in part", |world| trades(world) >= fills);
            world.served.ask("POST", "/restart", r#"{"down_ms":300,"forget_listen_keys":true}"#);
        }
        world.until("whole", |world| trades(world) >= 5);
        for fills in [6, 8] {
            world.until("closed in part", |world| trades(world) >= fills);
            world.served.ask("POST", "/cut", r#"{"account":0}"#);
        }
        let story = world.judged();
        assert_eq!(story.filled(), (1, 1), "{}", story.said);
        assert_eq!(story.fills.len(), 10, "{}", story.said);
    });
}

fn trades(world: &World) -> usize {
    world.account()["trades"].as_array().map_or(0, Vec::len)
}

/// A book that is lost in every state of its stitching is in the end the venue's, level by level.
#[test]
fn a_book_is_cut_in_the_middle_of_its_stitching() {
    steadily(|| {
        let market = MARKET
            .replace("volatility_of_volatility = 0.0\ntrend_share = 0.0", "model = \"order_flow\"");
        let market = market.split("[[market.synthetic.events]]").next().expect("a text").to_owned()
            + "[account]\nwallet = \"10000\"\n";
        let mut world = World::serve(&market);
        // The snapshot is on its way for so long that changes come before it, and cuts.
        world.fault(r#"{"kind":"delay_after","ms":150,"path":"/fapi/v1/depth"}"#);
        let wants = format!("{market}[pipeline.price_feed]\nquotes = true\n");
        world.begin(&wants, Way::Ws, "6m");
        world.until_s(10);
        for second in [20, 24, 30, 60, 66] {
            world.until_s(second);
            world.served.ask("POST", "/cut", r#"{"stream":"@depth"}"#);
        }
        for (second, kind) in
            [(80, r#""lose""#), (90, r#""duplicate""#), (100, r#""late","behind":2"#)]
        {
            world.until_s(second);
            world.stream_fault(&format!(r#"{{"kind":{kind},"stream":"@depth","times":3}}"#));
        }
        world.until_s(130);
        world.served.ask("DELETE", "/faults", "");
        world.until_s(180);
        world.served.ask("POST", "/speed", r#"{"speed":"stepped"}"#);
        let stand = START_MS + (world.now_ms() / 10_000 + 1) * 10_000;
        world.served.ask("POST", "/step", &format!(r#"{{"to":{stand}}}"#));
        let story = world.judged();
        assert!(story.notices("market_stream_back") >= 3, "{}", story.said);
        assert!(story.notices("depth_gap") >= 1, "{}", story.said);
        let names = symbols(&story.world.folder.path("one.journal"));
        let books = books(&story.world);
        assert!(!books.is_empty(), "no book was told\n{}", story.said);
        for (symbol, book) in books {
            let name = &names[usize::from(symbol)];
            let path = format!("/fapi/v1/depth?symbol={name}&limit=1000");
            let there = story.world.served.query(&path);
            for (side, at) in [("bids", &book.0), ("asks", &book.1)] {
                let rows = there[side].as_array().expect("levels").iter();
                let rows: BTreeMap<Decimal, Decimal> =
                    rows.map(|row| (decimal(&row[0]), decimal(&row[1]))).collect();
                assert!(!rows.is_empty(), "{name}: {there}");
                assert_eq!(at, &rows, "{side} of {name}\n{}", story.said);
            }
        }
    });
}

fn decimal(text: &Json) -> Decimal {
    let text = text.as_str().expect("a number in a text");
    text.parse::<Decimal>().expect("a number").normalize()
}

type Levels = BTreeMap<Decimal, Decimal>;

/// Bids and asks by symbol, as the session has heard of them last.
fn books(world: &World) -> BTreeMap<u16, (Levels, Levels)> {
    let path = world.folder.path("one.journal");
    let file = JournalFile::open(&path).expect("a journal");
    let grids = file.header()["instruments"].clone();
    let decimals =
        |symbol: u16, of: &str| grids[usize::from(symbol)][of].as_u64().expect("decimals") as u32;
    let mut found: BTreeMap<u16, (Levels, Levels)> = BTreeMap::new();
    for (_, _, entry) in entries(&path) {
        let JournalEntry::MarketEvent(event) = entry else { continue };
        let symbol = event.symbol.0;
        match event.data {
            MarketData::DepthClear => {
                found.insert(symbol, Default::default());
            }
            MarketData::Depth(row) => {
                let book = found.entry(symbol).or_default();
                let levels = if row.side == Side::Buy { &mut book.0 } else { &mut book.1 };
                let price = Decimal::new(row.price.0, decimals(symbol, "price_decimals"));
                let qty = Decimal::new(row.qty.0, decimals(symbol, "qty_decimals"));
                match row.qty.0 {
                    0 => levels.remove(&price.normalize()),
                    _ => levels.insert(price.normalize(), qty.normalize()),
                };
            }
            _ => {}
        }
    }
    found
}

/// An address that no connection takes by itself while nobody listens there.
fn free_address() -> String {
    let first = 20_000 + std::process::id() % 10_000;
    let free = (first..32_000).map(|port| format!("127.0.0.1:{port}"));
    let mut free = free.filter(|addr| std::net::TcpListener::bind(addr).is_ok());
    free.next().expect("a free port")
}

/// `qsim serve` keeps nothing over its end. A session that is flat goes on with the one that comes after it.
#[test]
#[allow(clippy::disallowed_methods, reason = "the second venue is set by the wall")]
fn a_venue_that_dies_and_comes_back_is_found_again() {
    steadily(|| {
        let late = ONE_INTENT.replace("90500ms", "330500ms");
        let market = MARKET.replace("at_minute = 3", "at_minute = 7");
        let mut world = World::serve_at(&market, &free_address());
        world.begin(&format!("{market}{late}"), Way::Ws, "9m");
        world.until_s(70);
        world.until_said("the session begins");
        let clock = std::time::Instant::now();
        let died_at = START_MS + world.now_ms();
        let addr = world.served.rest.strip_prefix("http://").expect("an address").to_owned();
        world.served.kill();
        let lead = lead(4, world.speed);
        let more = ["--speed", "stepped", "--lead", &lead, "--no-limits"];
        world.served = Served::start_at(world.folder.root(), "served.toml", &addr, &more);
        // The same market at the same time: two steps, because the first one takes its own.
        for _ in 0..2 {
            let now = died_at + clock.elapsed().as_millis() as i64 * i64::from(world.speed);
            world.served.ask("POST", "/step", &format!(r#"{{"to":{now}}}"#));
        }
        world.served.ask("POST", "/speed", &format!(r#"{{"speed":{}}}"#, world.speed));
        let story = world.judged();
        assert_eq!(story.filled(), (1, 1), "{}", story.said);
        assert!(story.notices("ws_api_back") >= 1, "{}", story.said);
    });
}

#[test]
fn a_venue_ends_when_it_is_asked_to() {
    steadily(|| {
        let world = World::serve(MARKET);
        assert_eq!(world.end_venue(), Some(0));
    });
}

/// Numbers of a seed (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// What a storm may do. Each seed leaves half of it out, so that rare pairs meet.
const WEATHER: [(&str, &str); 20] = [
    ("/faults", r#"{"kind":"drop_before","times":1}"#),
    ("/faults", r#"{"kind":"drop_after","times":1}"#),
    ("/faults", r#"{"kind":"drop_middle","times":1}"#),
    ("/faults", r#"{"kind":"drop_after","times":1,"path":"order.place"}"#),
    ("/faults", r#"{"kind":"drop_before","times":1,"path":"order.place"}"#),
    ("/faults", r#"{"kind":"delay_after","ms":400,"times":2}"#),
    ("/faults", r#"{"kind":"delay_before","ms":1500,"times":1,"path":"order.place"}"#),
    ("/faults", r#"{"kind":"unknown503","executed":true,"times":1}"#),
    ("/faults", r#"{"kind":"unknown503","executed":false,"times":1,"path":"order.place"}"#),
    ("/faults", r#"{"kind":"timeout408","executed":true,"times":1,"path":"order.place"}"#),
    ("/faults", r#"{"kind":"throttled503","times":1}"#),
    ("/faults", r#"{"kind":"rate_limit","times":1}"#),
    ("/faults", r#"{"kind":"ban","ms":20000,"times":1}"#),
    ("/stream-faults", r#"{"kind":"duplicate","times":5}"#),
    ("/stream-faults", r#"{"kind":"late","behind":2,"times":2,"event":"ORDER_TRADE_UPDATE"}"#),
    ("/cut", "{}"),
    ("/cut", r#"{"account":0}"#),
    ("/restart", r#"{"down_ms":300,"forget_listen_keys":true}"#),
    ("/listen-key/expire", r#"{"account":0}"#),
    ("/skew", r#"{"ms":-2000}"#),
];

/// Opens in three symbols, most of which the fall of the market closes.
fn storm_scenario() -> String {
    let mut text = MARKET.replace("at_minute = 3", "at_minute = 5");
    let opens = [
        ("BTCUSDT", "BUY", 90_000.0, 60),
        ("ETHUSDT", "BUY", 3_000.0, 100),
        ("SOLUSDT", "SELL", 130.0, 150),
        ("ETHUSDT", "BUY", 3_000.0, 190),
        ("BTCUSDT", "BUY", 90_000.0, 240),
        ("BTCUSDT", "BUY", 87_000.0, 500),
        ("SOLUSDT", "BUY", 126.0, 520),
    ];
    for (n, (symbol, side, price, second)) in opens.into_iter().enumerate() {
        let sign = if side == "BUY" { 1.0 } else { -1.0 };
        let (stop, target) = (price * (1.0 - 0.02 * sign), price * (1.0 + 0.025 * sign));
        let _ = write!(
            text,
            "[[timeline]]\nat = \"{second}s\"\npublish = {{ stream = \"trade.intent\", fields = {{ symbol = \"{symbol}\", action = \"{side}\", side = \"{side}\", confidence = 0.9, timestamp = \"$now\", position_size_usd = 300, entry_price = {price}, leverage = 5, stop_loss = {stop}, take_profit = {target}, source = \"trading_bot\", correlation_id = \"00000000-0000-0000-0000-0000000000a{n}\" }} }}\n"
        );
    }
    text
}

/// Nine minutes of a session in a storm, then calm, after which everything agrees.
fn storm(seed: u64) {
    let mut numbers = Numbers(seed);
    let mix: Vec<_> = WEATHER.into_iter().filter(|_| numbers.below(2) == 0).collect();
    let mut world = World::serve(&storm_scenario());
    world.begin(&storm_scenario(), Way::Ws, "14m");
    world.until_said("the session begins");
    let mut second = 20;
    while second < 560 && !mix.is_empty() {
        world.until_s(second);
        let (path, body) = mix[numbers.below(mix.len() as u64) as usize];
        world.served.ask("POST", path, body);
        second += 5 + numbers.below(35) as i64;
    }
    for path in ["/faults", "/stream-faults"] {
        world.served.ask("DELETE", path, "");
    }
    world.served.ask("POST", "/skew", r#"{"ms":0}"#);
    let held = positions(&world.account());
    eprintln!(
        "storm {seed}: {} faults, held after it: {held:?}; again: QSIM_STORM={seed}",
        mix.len()
    );
    let story = world.judged();
    eprintln!("storm {seed}: {:?} filled", story.filled());
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how much a test does, not what it sees")]
fn storms_of_everything_pass() {
    steadily(|| {
        let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
        if let Some(seed) = number("QSIM_STORM") {
            return storm(seed);
        }
        let (next, end) = (AtomicU64::new(1), number("QSIM_STORMS").unwrap_or(3));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed > end {
                            break;
                        }
                        storm(seed);
                    }
                });
            }
        });
    });
}
