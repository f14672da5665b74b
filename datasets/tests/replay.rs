//! From csv over Parquet to events.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::{Raw, START_MS, drain, header, kline};
use datasets::catalogue::Catalogue;
use datasets::import::import;
use datasets::replay::{Range, ReplayFeed, Request};
use datasets::synthetic::{SyntheticConfig, SyntheticFeed};
use datasets::{BarMode, DataError, Interval, Kind, SeriesId};
use engine::{Instrument, MarketData, MarketEvent, Nanos, Symbol};
use proptest::prelude::*;

fn id(kind: Kind, symbol: &str) -> SeriesId {
    SeriesId {
        kind,
        symbol: Symbol::new(symbol).expect("a symbol"),
        interval: kind.has_interval().then(|| Interval::named("1m")).flatten(),
    }
}

fn grid(symbols: &[&str], decimals: u32) -> Vec<Instrument> {
    let instrument = |s: &&str| Instrument {
        symbol: Symbol::new(s).expect("a symbol"),
        price_decimals: decimals,
        qty_decimals: decimals,
    };
    symbols.iter().map(instrument).collect()
}

fn catalogue(raw: &Raw) -> Catalogue {
    let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    assert!(report.refused.is_empty(), "{report:?}");
    Catalogue::open(&raw.path("set")).expect("a data set")
}

fn events(c: &Catalogue, symbols: &[&str], kinds: &[Kind], bars: BarMode) -> Vec<MarketEvent> {
    let all = c.ids().filter(|s| kinds.contains(&s.kind));
    let requests: Vec<Request> = all.map(|series| Request { series, bars }).collect();
    let feed = ReplayFeed::open(c, &grid(symbols, 4), &requests, Range::ALL);
    drain(&mut feed.expect("opens"))
}

fn decimal(units: i64) -> String {
    format!("{}.{:04}", units / 10_000, units % 10_000)
}

/// Bars as "open,high,low,close,volume" in units of 1e-4.
fn bar() -> impl Strategy<Value = [i64; 5]> {
    (1..1_000_000i64, 0..5_000i64, 0..5_000i64, 0..=10_000i64, 0..1_000_000i64).prop_map(
        |(low, up, more, share, volume)| {
            let high = low + up + more;
            [low + up, high, low, low + (high - low) * share / 10_000, volume]
        },
    )
}

fn lines(bars: &[[i64; 5]], from: usize) -> String {
    let text = |(i, b): (usize, &[i64; 5])| kline((from + i) as i64, &b.map(decimal).join(","));
    bars.iter().enumerate().map(text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// What comes out is what went in, and splitting the rows over files changes nothing.
    #[test]
    fn round_trip(bars in prop::collection::vec(bar(), 2..400), share in 0.0..1.0f64) {
        let place = "klines/BTCUSDT/1m/BTCUSDT-1m-a.csv";
        let one = Raw::new();
        one.file(place, (header() + &lines(&bars, 0)).as_bytes());
        let cut = 1 + ((bars.len() - 1) as f64 * share) as usize;
        let many = Raw::new();
        many.file(place, lines(&bars[..cut], 0).as_bytes());
        if cut < bars.len() {
            let rest = common::zip("x.csv", lines(&bars[cut..], cut).as_bytes());
            many.file("klines/BTCUSDT/1m/BTCUSDT-1m-b.zip", &rest);
        }
        let (one, many) = (catalogue(&one), catalogue(&many));
        prop_assert_eq!(one.digest(), many.digest());

        let whole = events(&one, &["BTCUSDT"], &[Kind::Klines], BarMode::Whole);
        prop_assert_eq!(whole.len(), bars.len());
        for (i, (event, expected)) in whole.iter().zip(&bars).enumerate() {
            let MarketData::Bar(b) = event.data else { panic!("a bar") };
            prop_assert_eq!([b.open.0, b.high.0, b.low.0, b.close.0, b.volume.0], *expected);
            prop_assert_eq!(event.time.millis(), START_MS + (i as i64 + 1) * 60_000);
            prop_assert!(!b.path_passed);
        }
        let points = |c| events(c, &["BTCUSDT"], &[Kind::Klines], BarMode::Points);
        prop_assert_eq!(points(&one), points(&many));
    }
}

#[test]
fn digest_ignores_decimals_and_sees_values() {
    let digest = |values: &str| {
        let raw = Raw::new();
        raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", kline(0, values).as_bytes());
        catalogue(&raw).digest()
    };
    assert_eq!(digest("1,2,1,2,5"), digest("1.00,2.0,1,2.000,5.0"));
    assert_ne!(digest("1,2,1,2,5"), digest("1,2,1,2,6"));
}

/// Each file has the decimals that its own rows need; together they need more, and are the same.
#[test]
fn digest_ignores_the_decimals_of_each_file() {
    let (coarse, fine) = (kline(0, "1,2,1,2,5"), kline(1, "1.25,2,1,2,5.5"));
    let one = Raw::new();
    let both = coarse.clone() + &fine;
    one.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", both.as_bytes());
    let two = Raw::new();
    two.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", coarse.as_bytes());
    two.file("klines/BTCUSDT/1m/BTCUSDT-1m-b.csv", fine.as_bytes());
    assert_eq!(catalogue(&one).digest(), catalogue(&two).digest());
}

#[test]
fn milliseconds_and_microseconds_are_the_same() {
    let digest = |unit: &str| {
        let raw = Raw::new();
        let text = format!("open_time,open,high,low,close,volume\n1769904000000{unit},1,2,1,2,5\n");
        raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", text.as_bytes());
        catalogue(&raw).digest()
    };
    assert_eq!(digest(""), digest("000"));
}

fn four_kinds() -> Raw {
    let raw = Raw::new();
    let bars = |volume: i64| {
        kline(0, &format!("10,12,9,11,{volume}")) + &kline(1, &format!("11,13,10,12,{volume}"))
    };
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        for (kind, bars) in [("klines", bars(8)), ("markPriceKlines", bars(0))] {
            raw.file(&format!("{kind}/{symbol}/1m/{symbol}-1m-a.csv"), bars.as_bytes());
        }
        let funding = format!("{},8,-0.00010000\n", START_MS + 60_000);
        raw.file(&format!("fundingRate/{symbol}/{symbol}-fundingRate-a.csv"), funding.as_bytes());
    }
    raw
}

#[test]
fn equal_times_have_one_order() {
    let raw = four_kinds();
    let c = catalogue(&raw);
    let all = events(&c, &["ETHUSDT", "BTCUSDT"], &Kind::ALL, BarMode::Points);
    let at: Vec<(u16, &str)> = all
        .iter()
        .filter(|e| e.time.millis() == START_MS + 60_000)
        .map(|e| {
            let what = match e.data {
                MarketData::MarkPrice(_) => "mark",
                MarketData::Bar(_) => "bar",
                MarketData::Trade(_) => "trade",
                MarketData::FundingRate(rate) => {
                    assert_eq!(rate, -10_000);
                    "funding"
                }
                other => panic!("this data holds no {other:?}"),
            };
            (e.symbol.0, what)
        })
        .collect();
    let expected = |s| [(s, "mark"), (s, "bar"), (s, "trade"), (s, "funding")];
    assert_eq!(at, [expected(0), expected(1)].concat());
}

/// No event tells of a time later than its own: a bar's extremes are seen only after its open, and
/// its close only when it has closed.
fn no_look_ahead(all: &[MarketEvent]) {
    assert!(all.windows(2).all(|w| w[0].time <= w[1].time), "time goes forward");
    for event in all {
        if let MarketData::Bar(bar) = event.data {
            let interval = Nanos::from_millis(i64::from(bar.interval_ms));
            let opened = event.time - interval;
            let inside = all
                .iter()
                .filter(|e| e.symbol == event.symbol && e.time >= opened && e.time < event.time);
            let prices: Vec<i64> = inside
                .filter_map(|e| match e.data {
                    MarketData::Trade(t) => Some(t.price.0),
                    _ => None,
                })
                .collect();
            assert_eq!(prices.len(), 4);
            assert_eq!((prices[0], prices[3]), (bar.open.0, bar.close.0));
            assert_eq!(prices.iter().max(), Some(&bar.high.0));
            assert_eq!(prices.iter().min(), Some(&bar.low.0));
        }
    }
}

#[test]
fn no_event_knows_the_future() {
    let raw = four_kinds();
    let c = catalogue(&raw);
    no_look_ahead(&events(&c, &["BTCUSDT", "ETHUSDT"], &Kind::ALL, BarMode::Points));
    let config = SyntheticConfig { minutes: 240, ..SyntheticConfig::default() };
    no_look_ahead(&drain(&mut SyntheticFeed::new(&config, 1).expect("valid")));
}

#[test]
fn range_cuts_bars_and_points() {
    let raw = four_kinds();
    let c = catalogue(&raw);
    let request = Request { series: id(Kind::Klines, "BTCUSDT"), bars: BarMode::Points };
    let range = Range {
        from: Nanos::from_millis(START_MS + 1),
        to: Nanos::from_millis(START_MS + 120_000),
    };
    let mut feed = ReplayFeed::open(&c, &grid(&["BTCUSDT"], 4), &[request], range).expect("opens");
    assert_eq!(drain(&mut feed).len(), 5, "the second bar only");
}

#[test]
fn coarse_grid_and_missing_series_are_errors() {
    let raw = Raw::new();
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", kline(0, "1.125,2,1,2,5").as_bytes());
    let c = catalogue(&raw);
    let request = |s: &str| Request { series: id(Kind::Klines, s), bars: BarMode::Points };
    let open = |s: &str, d| ReplayFeed::open(&c, &grid(&[s], d), &[request(s)], Range::ALL);
    assert!(matches!(open("BTCUSDT", 2), Err(DataError::GridTooCoarse { found: 3, .. })));
    assert!(matches!(open("ETHUSDT", 2), Err(DataError::NoSeries { .. })));
    assert!(open("BTCUSDT", 3).is_ok());
}

#[test]
fn overlapping_files_must_agree() {
    let open = |second: &str| {
        // No import brings two together that contradict each other: somebody copies files.
        let (raw, other) = (Raw::new(), Raw::new());
        let first = kline(0, "1,2,1,2,5") + &kline(1, "1,2,1,2,5");
        raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", first.as_bytes());
        let text = kline(1, second) + &kline(2, "1,2,1,2,5");
        other.file("klines/BTCUSDT/1m/BTCUSDT-1m-b.csv", text.as_bytes());
        catalogue(&raw);
        catalogue(&other);
        let folder = "set/klines/BTCUSDT/1m";
        for file in std::fs::read_dir(other.path(folder)).expect("a folder").flatten() {
            let copy = raw.path(folder).join(file.file_name());
            std::fs::copy(file.path(), copy).expect("copied");
        }
        let c = Catalogue::open(&raw.path("set")).expect("a data set");
        let check = c.check().expect("readable");
        let found = (check[0].findings[0].what, check[0].is_clean());
        let expected =
            if second.ends_with('6') { ("contradiction", false) } else { ("overlap", true) };
        assert_eq!(found, expected);
        let request = Request { series: id(Kind::Klines, "BTCUSDT"), bars: BarMode::Whole };
        ReplayFeed::open(&c, &grid(&["BTCUSDT"], 4), &[request], Range::ALL)
            .map(|mut feed| drain(&mut feed).len())
    };
    assert_eq!(open("1,2,1,2,5.0").expect("equal rows are told once"), 3);
    assert!(matches!(open("1,2,1,2,6"), Err(DataError::Overlap { .. })));
}

#[test]
fn two_paths_of_one_symbol_are_refused() {
    let raw = four_kinds();
    let trades = format!("1,10,1,1,1,{START_MS},true\n");
    raw.file("aggTrades/BTCUSDT/BTCUSDT-aggTrades-a.csv", trades.as_bytes());
    let c = catalogue(&raw);
    let open = |bars| {
        let requests =
            [Kind::Klines, Kind::AggTrades].map(|k| Request { series: id(k, "BTCUSDT"), bars });
        ReplayFeed::open(&c, &grid(&["BTCUSDT"], 4), &requests, Range::ALL)
    };
    assert!(matches!(open(BarMode::Points), Err(DataError::Misuse(_))));
    assert!(open(BarMode::CloseOnly).is_ok());
}

/// Whether the path of each bar has passed, by interval.
fn paths_passed(all: &[MarketEvent]) -> Vec<(u32, bool)> {
    let bars = all.iter().filter_map(|e| match e.data {
        MarketData::Bar(bar) => Some((bar.interval_ms, bar.path_passed)),
        _ => None,
    });
    bars.collect()
}

/// An exchange ignores a bar whose path has passed: said of a path that nobody told, it would never
/// see a price.
#[test]
fn a_close_says_that_its_path_has_passed_only_if_it_has() {
    let raw = Raw::new();
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", kline(0, "10,12,9,11,8").as_bytes());
    let alone = catalogue(&raw);
    let closes =
        |c, kinds: &[Kind]| paths_passed(&events(c, &["BTCUSDT"], kinds, BarMode::CloseOnly));
    assert_eq!(closes(&alone, &[Kind::Klines]), [(60_000, false)]);

    let trades = format!("1,10,1,1,1,{START_MS},true\n");
    raw.file("aggTrades/BTCUSDT/BTCUSDT-aggTrades-a.csv", trades.as_bytes());
    let with_trades = catalogue(&raw);
    let both = [Kind::Klines, Kind::AggTrades];
    assert_eq!(closes(&with_trades, &both), [(60_000, true)]);
    assert_eq!(closes(&with_trades, &[Kind::Klines]), [(60_000, false)]);

    // Of two lengths the shorter one tells the path, and only it.
    let row = format!("{START_MS},10,12,9,11,8,{},1,1,1,1,0\n", START_MS + 299_999);
    raw.file("klines/BTCUSDT/5m/BTCUSDT-5m-a.csv", row.as_bytes());
    let two = catalogue(&raw);
    assert_eq!(closes(&two, &[Kind::Klines]), [(60_000, false), (300_000, true)]);
    assert_eq!(closes(&two, &both), [(60_000, true), (300_000, true)]);

    let made = SyntheticConfig { minutes: 2, bars: BarMode::CloseOnly, ..Default::default() };
    let made = drain(&mut SyntheticFeed::new(&made, 1).expect("valid"));
    assert_eq!(paths_passed(&made), [(60_000, false); 6]);
}

#[test]
fn check_finds_gaps_and_tampering() {
    let raw = Raw::new();
    let text = kline(0, "1,2,1,2,0") + &kline(3, "1,2,1,2,5");
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", text.as_bytes());
    let check = &catalogue(&raw).check().expect("readable")[0];
    let found: Vec<_> = check.findings.iter().map(|f| (f.what, f.count, f.note)).collect();
    assert_eq!(found, [("zero_volume", 1, true), ("gap", 2, false)]);
    assert_eq!(check.findings[1].first, "2026-02-01T00:01:00Z");
}

/// A count over several places says so beside the words on the first of them.
#[test]
fn check_does_not_tell_a_sum_as_one_gap() {
    let raw = Raw::new();
    let text: String = [0, 3, 4, 10].map(|minute| kline(minute, "1,2,1,2,5")).concat();
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", text.as_bytes());
    let finding = &catalogue(&raw).check().expect("readable")[0].findings[0];
    assert_eq!((finding.what, finding.count, finding.places), ("gap", 7, 2));
    let first = "first of 2: 2 bars missing after 2026-02-01T00:00:00Z";
    assert_eq!(finding.detail, first);
}

#[test]
fn empty_folder_says_what_to_do() {
    let raw = Raw::new();
    let error = Catalogue::open(&raw.path("nothing")).expect_err("nothing there");
    assert!(error.to_string().contains("qsim data import PATH --into"));
}

#[test]
fn synthetic_market_repeats_and_crashes() {
    let config = SyntheticConfig::default();
    let run = |seed| drain(&mut SyntheticFeed::new(&config, seed).expect("valid"));
    let (a, b, c) = (run(7), run(7), run(8));
    assert_eq!(a, b);
    assert_ne!(a, c);
    // Three symbols, five events a bar, funding at 00:00, 08:00, 16:00 and 24:00.
    assert_eq!(a.len(), 3 * (1_440 * 5 + 4));
    let tick = |s: usize| config.symbols[s].tick_units;
    let close_at = |minute: i64| {
        let time = Nanos::from_millis(config.start_ms + minute * 60_000);
        a.iter()
            .find_map(|e| match e.data {
                MarketData::Bar(b) if e.time == time => Some(b.close.0),
                _ => None,
            })
            .expect("a bar") as f64
    };
    let fall = close_at(608) / close_at(600) - 1.0;
    assert!((-0.16..-0.08).contains(&fall), "fell by {fall}");
    for e in &a {
        if let MarketData::Trade(t) = e.data {
            assert!(t.price.0 > 0);
            assert_eq!(t.price.0 % tick(e.symbol.0 as usize), 0, "on the tick");
        }
    }
}

#[test]
fn seed_reaches_each_symbol() {
    let config = SyntheticConfig {
        common_share: 0.0,
        trend_share: 0.0,
        volatility_of_volatility: 0.0,
        ..SyntheticConfig::default()
    };
    let run = |seed| drain(&mut SyntheticFeed::new(&config, seed).expect("valid"));
    assert_ne!(run(7), run(8));
}

#[test]
fn synthetic_parameters_are_checked() {
    let bad = SyntheticConfig { common_share: f64::NAN, ..SyntheticConfig::default() };
    assert!(SyntheticFeed::new(&bad, 1).is_err());
    assert!(serde_json::from_str::<SyntheticConfig>("{\"minuets\": 1}").is_err());
}
