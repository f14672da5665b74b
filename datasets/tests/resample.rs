//! Bars made of trades and of shorter bars: against sums by hand, and against Binance's own longer bars.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use common::{Raw, START_MS, header, kline};
use datasets::catalogue::Catalogue;
use datasets::import::import;
use datasets::replay::Range;
use datasets::resample::{LeftOut, Resampled, ResampledBar};
use datasets::{DataError, Interval, Kind, SeriesId};
use engine::Nanos;

fn id(kind: Kind, symbol: &str, interval: Option<&str>) -> SeriesId {
    let symbol = symbol.parse().expect("a symbol");
    SeriesId { kind, symbol, interval: interval.and_then(Interval::named) }
}

fn bars(
    catalogue: &Catalogue,
    id: &SeriesId,
    range: Range,
    length: &str,
) -> Result<Vec<ResampledBar>, DataError> {
    let mut source = Resampled::open(catalogue, id, range, length.parse().expect("a length"))?;
    let mut all = Vec::new();
    while let Some(bar) = source.next_bar()? {
        all.push(bar);
    }
    Ok(all)
}

/// `+seconds o h l c v [count taker_buy]` of each bar, in the integers of the series.
fn shown(bars: &[ResampledBar]) -> Vec<String> {
    let show = |bar: &ResampledBar| {
        let at = bar.open_time.secs() - START_MS / 1_000;
        let [o, h, l, c] = [bar.open, bar.high, bar.low, bar.close].map(|price| price.0);
        let volume = bar.volume.map_or(String::new(), |v| format!(" {}", v.0));
        let sums = bar.trades.map(|t| format!(" {} {}", t.count, t.taker_buy.0));
        format!("+{at} {o} {h} {l} {c}{volume}{}", sums.unwrap_or_default())
    };
    bars.iter().map(show).collect()
}

fn at(second: i64) -> Nanos {
    Nanos::from_millis(START_MS + second * 1_000)
}

/// Trades as `second price qty maker`, in two files.
fn trades(raw: &Raw, rows: &[(i64, &str, &str, bool)]) -> Catalogue {
    let half = rows.len().div_ceil(2);
    for (file, rows) in rows.chunks(half).enumerate() {
        let mut text =
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
                .to_owned();
        for (i, (second, price, qty, maker)) in rows.iter().enumerate() {
            let (number, time) = (file * half + i + 1, START_MS + second * 1_000);
            text += &format!("{number},{price},{qty},{number},{number},{time},{maker}\n");
        }
        raw.file(&format!("aggTrades/BTCUSDT/BTCUSDT-aggTrades-{file}.csv"), text.as_bytes());
    }
    let report = import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    assert!(report.refused.is_empty(), "{report:?}");
    Catalogue::open(&raw.path("set")).expect("a data set")
}

const TAPE: [(i64, &str, &str, bool); 6] = [
    (10, "100", "1", false),
    (50, "103.5", "2", true),
    (89, "99", "0.5", false),
    (90, "101", "1", true),
    (400, "90", "3", false),
    (449, "95", "1", false),
];

#[test]
fn trades_become_bars_of_any_length() {
    let raw = Raw::new();
    let catalogue = trades(&raw, &TAPE);
    let id = id(Kind::AggTrades, "BTCUSDT", None);
    let of = |range, length| shown(&bars(&catalogue, &id, range, length).expect("bars"));
    assert_eq!(
        of(Range::ALL, "90s"),
        [
            "+0 1000 1035 990 990 35 3 15",
            "+90 1010 1010 1010 1010 10 1 0",
            "+180 1010 1010 1010 1010 0 0 0",
            "+270 1010 1010 1010 1010 0 0 0",
            "+360 900 950 900 950 40 2 40",
        ],
        "with flat bars where nobody traded"
    );
    assert_eq!(of(Range::ALL, "450s"), ["+0 1000 1035 900 950 85 6 55"]);
    assert!(of(Range::ALL, "1h").is_empty(), "of the hour only seven minutes are recorded");
    assert_eq!(of(Range::ALL, "1s").len(), 440, "from the first trade to the last");
    // What the range cuts is no bar: neither the one from 0 to 90 nor the one from 360 to 450.
    let cut = Range { from: at(10), to: at(449) };
    assert_eq!(of(cut, "90s"), ["+90 1010 1010 1010 1010 10 1 0"]);
    let none = bars(&catalogue, &id, Range { from: at(10), to: at(100) }, "90s");
    let text = none.expect_err("no whole bar").to_string();
    assert!(text.contains("no whole bar of 90s"), "{text}");
    assert!(text.contains("from 2026-02-01T00:01:30Z to 2026-02-01T00:03:00Z"), "{text}");
}

#[test]
fn bars_become_longer_bars() {
    let raw = Raw::new();
    let minutes = [
        (0, "10,12,9,11,1.5"),
        (1, "11,15,11,14,2"),
        (2, "14,14,8,9,1"),
        (3, "9,9,9,9,0"),
        (4, "9,9,9,9,0"),
        (5, "9,9.5,7,8,4"),
    ];
    let lines: String = minutes.iter().map(|(minute, values)| kline(*minute, values)).collect();
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", (header() + &lines).as_bytes());
    import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    let catalogue = Catalogue::open(&raw.path("set")).expect("a data set");
    let id = id(Kind::Klines, "BTCUSDT", Some("1m"));
    assert_eq!(
        shown(&bars(&catalogue, &id, Range::ALL, "2m").expect("bars")),
        ["+0 100 150 90 140 35", "+120 140 140 80 90 10", "+240 90 95 70 80 40"]
    );
    for (length, reason) in [("90s", "no multiple"), ("30s", "no multiple")] {
        let text = bars(&catalogue, &id, Range::ALL, length).expect_err(length).to_string();
        assert!(text.contains(reason), "{text}");
    }
}

/// Bars of a minute, each at the price of its number.
fn minutes(raw: &Raw, minutes: impl Iterator<Item = i64>) -> Catalogue {
    let line = |minute: i64| kline(minute, &format!("{0},{0},{0},{0},1", minute + 1));
    let lines: String = minutes.map(line).collect();
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", (header() + &lines).as_bytes());
    import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    Catalogue::open(&raw.path("set")).expect("a data set")
}

fn left_out(catalogue: &Catalogue, id: &SeriesId, range: Range, length: &str) -> String {
    let found = LeftOut::find(catalogue, id, range, length.parse().expect("a length"));
    found.expect("readable").map_or(String::new(), |left_out| left_out.to_string())
}

#[test]
fn a_time_that_nobody_recorded_has_no_bars() {
    let raw = Raw::new();
    let catalogue = minutes(&raw, (3..12).chain(90..101));
    let id = id(Kind::Klines, "BTCUSDT", Some("1m"));
    let five = shown(&bars(&catalogue, &id, Range::ALL, "5m").expect("bars"));
    // Neither in the hole, nor where a bar would be made of a part of its minutes.
    assert_eq!(five, ["+300 6 10 6 10 5", "+5400 91 95 91 95 5", "+5700 96 100 96 100 5"]);
    assert_eq!(
        left_out(&catalogue, &id, Range::ALL, "5m"),
        "18 bars of 21 left out: not recorded from 2026-02-01T00:00:00Z to 2026-02-01T00:03:00Z, \
         from 2026-02-01T00:12:00Z to 2026-02-01T01:30:00Z, and 1 more"
    );
    // A range that begins in the hole is the same hole.
    let range = Range { from: at(20 * 60), to: at(100 * 60) };
    assert_eq!(bars(&catalogue, &id, range, "5m").expect("bars").len(), 2);
    let told = left_out(&catalogue, &id, range, "5m");
    assert!(
        told.starts_with("14 bars of 16 left out: not recorded from 2026-02-01T00:12"),
        "{told}"
    );
    let range = Range { from: at(90 * 60), to: at(100 * 60) };
    assert_eq!(left_out(&catalogue, &id, range, "5m"), "", "all of it is recorded");
}

/// However short a hole is beside the bars: what stands for no record, or for a part of one, is none.
#[test]
fn a_short_hole_cuts_bars_too() {
    let raw = Raw::new();
    let catalogue = minutes(&raw, (0..17).chain(18..30).chain(40..60));
    let id = id(Kind::Klines, "BTCUSDT", Some("1m"));
    let opened = |length: &str| -> Vec<i64> {
        let bars = bars(&catalogue, &id, Range::ALL, length).expect("bars");
        bars.iter().map(|bar| (bar.open_time.secs() - START_MS / 1_000) / 60).collect()
    };
    assert_eq!(opened("5m"), [0, 5, 10, 20, 25, 40, 45, 50, 55]);
    assert!(opened("30m").is_empty());
    assert_eq!(opened("1m").len(), 49);
    assert_eq!(
        left_out(&catalogue, &id, Range::ALL, "5m"),
        "3 bars of 12 left out: not recorded from 2026-02-01T00:17:00Z to 2026-02-01T00:18:00Z, \
         from 2026-02-01T00:30:00Z to 2026-02-01T00:40:00Z"
    );
}

#[test]
fn a_quiet_time_is_none_that_nobody_recorded() {
    let raw = Raw::new();
    let mut text =
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
            .to_owned();
    // Nobody trades for an hour; then trades are missing for another, and one of an instant.
    for (id, minute) in [(1, 0), (2, 60), (9, 120), (10, 124), (12, 124), (13, 125), (14, 126)] {
        let time = START_MS + minute * 60_000;
        text += &format!("{id},100,1,{id},{id},{time},true\n");
    }
    raw.file("aggTrades/BTCUSDT/BTCUSDT-aggTrades-a.csv", text.as_bytes());
    import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    let catalogue = Catalogue::open(&raw.path("set")).expect("a data set");
    let id = id(Kind::AggTrades, "BTCUSDT", None);
    let made = bars(&catalogue, &id, Range::ALL, "1m").expect("bars");
    let opened: Vec<i64> = made.iter().map(|b| (b.open_time - at(0)).0 / 60_000_000_000).collect();
    let whole: Vec<i64> = (0..60).chain(120..124).chain(125..127).collect();
    assert_eq!(opened, whole, "the minute of trade 9 begins with it");
    assert_eq!(
        left_out(&catalogue, &id, Range::ALL, "1m"),
        "61 bars of 127 left out: not recorded from 2026-02-01T01:00:00Z to 2026-02-01T02:00:00Z, \
         from 2026-02-01T02:04:00Z to 2026-02-01T02:04:00.000001Z"
    );
    // A hole of a part of an hour takes the hours it lies in.
    let hours = bars(&catalogue, &id, Range::ALL, "1h").expect("bars");
    assert_eq!(shown(&hours), ["+0 100 100 100 100 1 1 0"]);
}

fn shared() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/futures/um");
    if !root.is_dir() {
        eprintln!("skipped: {} is absent", root.display());
        return None;
    }
    Some(root)
}

/// The lines of the csv in an archive.
fn lines(path: &Path) -> Vec<String> {
    let file = std::fs::File::open(path).expect("an archive");
    let mut archive = zip::ZipArchive::new(file).expect("an archive");
    let mut text = String::new();
    archive.by_index(0).expect("a csv").read_to_string(&mut text).expect("text");
    text.lines().map(str::to_owned).collect()
}

/// The text of a decimal in units of `10^-decimals`, read without the code under test.
fn units(text: &str, decimals: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    assert!(fraction.len() <= decimals, "{text}");
    format!("{whole}{fraction:0<decimals$}").parse().expect("an integer")
}

#[test]
fn a_day_of_trades_agrees_with_sums_by_hand() {
    let Some(root) = shared() else { return };
    let archive = root.join("daily/aggTrades/APEUSDT/APEUSDT-aggTrades-2024-10-18.zip");
    let raw = Raw::new();
    import(std::slice::from_ref(&archive), &raw.path("set"), &|_| {}).expect("an archive");
    let catalogue = Catalogue::open(&raw.path("set")).expect("a data set");
    let id = id(Kind::AggTrades, "APEUSDT", None);
    let decimals = catalogue.decimals_in(&id, Range::ALL).expect("decimals");
    let (price_decimals, qty_decimals) = (decimals.price as usize, decimals.qty as usize);

    // Minute: the prices as they came, volume, count, volume of buying takers.
    let mut by_hand: BTreeMap<i64, (Vec<i64>, i64, u64, i64)> = BTreeMap::new();
    for line in lines(&archive).iter().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
    {
        let fields: Vec<&str> = line.split(',').collect();
        let time: i64 = fields[5].parse().expect("milliseconds");
        let (price, qty) = (units(fields[1], price_decimals), units(fields[2], qty_decimals));
        let minute = by_hand.entry(time / 60_000).or_default();
        minute.0.push(price);
        minute.1 += qty;
        minute.2 += 1;
        minute.3 += if fields[6].eq_ignore_ascii_case("true") { 0 } else { qty };
    }
    let bars = bars(&catalogue, &id, Range::ALL, "1m").expect("bars");
    assert_eq!(bars.len(), 1_440, "from 00:00:03 to 23:59:41");
    let mut last_close = 0;
    for bar in &bars {
        let sums = bar.trades.expect("sums of trades");
        let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(|p| p.0);
        let found = (bar.volume.expect("a volume").0, sums.count, sums.taker_buy.0);
        match by_hand.get(&(bar.open_time.millis() / 60_000)) {
            Some((prices, volume, count, bought)) => {
                let ends = (prices.first().copied(), prices.last().copied());
                assert_eq!((Some(open), Some(close)), ends, "{bar:?}");
                let extremes = (prices.iter().copied().max(), prices.iter().copied().min());
                assert_eq!((Some(high), Some(low)), extremes, "{bar:?}");
                assert_eq!(found, (*volume, *count, *bought), "{bar:?}");
            }
            None => {
                assert_eq!([open, high, low, close], [last_close; 4], "{bar:?}");
                assert_eq!(found, (0, 0, 0), "{bar:?}");
            }
        }
        last_close = close;
    }
    assert_eq!(bars.iter().filter_map(|b| b.trades).map(|t| t.count).sum::<u64>(), 45_342);
}

#[test]
fn minutes_of_a_month_make_the_hours_of_another_source() {
    let Some(root) = shared() else { return };
    let raw = Raw::new();
    let mut compared = 0;
    for symbol in
        ["ALGO", "AVAX", "DOT", "FIL", "LINK", "LTC", "NEAR"].map(|s| s.to_owned() + "USDT")
    {
        let minutes = root.join(format!("monthly/klines/{symbol}/1m/{symbol}-1m-2026-02.zip"));
        let set = raw.path(&symbol);
        import(&[minutes], &set, &|_| {}).expect("an archive");
        let catalogue = Catalogue::open(&set).expect("a data set");
        let id = id(Kind::Klines, &symbol, Some("1m"));
        let decimals = catalogue.decimals_in(&id, Range::ALL).expect("decimals");
        let bars = bars(&catalogue, &id, Range::ALL, "1h").expect("bars");
        assert_eq!(bars.len(), 672, "{symbol}");

        let hours = root.join(format!("range/klines/{symbol}/1h"));
        let mut theirs: BTreeMap<i64, [i64; 5]> = BTreeMap::new();
        for entry in std::fs::read_dir(&hours).expect("hours") {
            let path = entry.expect("an entry").path();
            if !path.to_string_lossy().contains("_2026-03")
                || path.extension() != Some("zip".as_ref())
            {
                continue;
            }
            for line in lines(&path).iter().skip(1) {
                let fields: Vec<&str> = line.split(',').collect();
                let time: i64 = fields[0].parse().expect("milliseconds");
                if bars.iter().any(|bar| bar.open_time.millis() == time) {
                    let price = |i: usize| units(fields[i], decimals.price as usize);
                    let volume = units(fields[5], decimals.qty as usize);
                    theirs.insert(time, [price(1), price(2), price(3), price(4), volume]);
                }
            }
        }
        assert_eq!(theirs.len(), 672, "{symbol}: hours of the other source");
        for bar in &bars {
            let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(|p| p.0);
            let ours = [open, high, low, close, bar.volume.expect("a volume").0];
            assert_eq!(theirs.get(&bar.open_time.millis()), Some(&ours), "{symbol} {bar:?}");
            compared += 1;
        }
    }
    assert_eq!(compared, 7 * 672);
}
