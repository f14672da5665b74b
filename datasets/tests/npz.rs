//! Event arrays of hftbacktest: bytes as numpy writes them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::io::Write as _;

use common::stream::{BASE_MS, feed, kinds, levels, run};
use common::{Raw, drain};
use datasets::Kind;
use datasets::catalogue::Catalogue;
use datasets::replay::Range;
use engine::{MarketData, Nanos, Side};

const EXCH: u64 = 1 << 31;
const LOCAL: u64 = 1 << 30;
const BOTH: u64 = EXCH | LOCAL;
const BUY: u64 = 1 << 29;
const SELL: u64 = 1 << 28;
const DEPTH: u64 = 1;
const TRADE: u64 = 2;
const CLEAR: u64 = 3;
const SNAPSHOT: u64 = 4;
const T: i64 = BASE_MS * 1_000_000;

/// Flags, exchange's and local time in ns after `T`, price, quantity.
type Row = (u64, i64, i64, f64, f64);

fn npy(rows: &[Row]) -> Vec<u8> {
    let mut header = format!(
        "{{'descr': [('ev', '<u8'), ('exch_ts', '<i8'), ('local_ts', '<i8'), ('px', '<f8'), ('qty', '<f8'), \
         ('order_id', '<u8'), ('ival', '<i8'), ('fval', '<f8')], 'fortran_order': False, 'shape': ({},), }}",
        rows.len()
    );
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    for (ev, exchange, local, px, qty) in rows {
        let (exchange, local) = (T + exchange, T + local);
        bytes.extend_from_slice(&ev.to_le_bytes());
        bytes.extend_from_slice(&exchange.to_le_bytes());
        bytes.extend_from_slice(&local.to_le_bytes());
        bytes.extend_from_slice(&px.to_le_bytes());
        bytes.extend_from_slice(&qty.to_le_bytes());
        bytes.extend_from_slice(&[0; 24]);
    }
    bytes
}

/// As `np.savez` packs it, or `np.savez_compressed`.
fn npz(npy: &[u8], method: zip::CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    writer.start_file("data.npy", options).expect("a zip");
    writer.write_all(npy).expect("a zip");
    writer.finish().expect("a zip").into_inner()
}

fn stored(rows: &[Row]) -> Vec<u8> {
    npz(&npy(rows), zip::CompressionMethod::Stored)
}

fn day() -> Vec<Row> {
    vec![
        (CLEAR | BOTH | BUY, 0, 1_000_500, 99.9, 0.0),
        (SNAPSHOT | BOTH | BUY, 0, 1_000_500, 100.1, 0.001),
        (SNAPSHOT | BOTH | BUY, 0, 1_000_500, 99.9, 12.5),
        (CLEAR | BOTH | SELL, 0, 1_000_500, 100.2, 0.0),
        (SNAPSHOT | BOTH | SELL, 0, 1_000_500, 100.2, 3.0),
        (DEPTH | BOTH | BUY, 1_000_000, 2_000_000, 100.1, 0.0),
        (DEPTH | EXCH | SELL, 1_000_000, 2_000_000, 100.3, 7.25),
        (TRADE | BOTH | SELL, 1_500_000, 2_500_000, 99.9, 0.125),
        (DEPTH | LOCAL | SELL, 1_000_000, 2_000_000, 100.3, 7.25),
        (DEPTH | BOTH | SELL, 2_000_000, 1_000_000, 100.2, 0.3),
        (DEPTH | BOTH | SELL, 2_000_000, 1_000_000, 100.2, 0.5),
        (TRADE | BOTH | BUY, 3_000_000, 4_000_000, 100.2, 0.25),
        (10 | BOTH | BUY, 3_000_000, 4_000_000, 100.2, 0.25),
    ]
}

#[test]
fn events_become_a_book_and_a_tape() {
    let raw = Raw::new();
    raw.file("btcusdt_20260201.npz", &stored(&day()));
    let report = run(&raw);
    assert_eq!((report.files, report.rows, report.refused.len()), (1, 10, 0), "{report:#?}");
    assert_eq!(kinds(&raw), ["trades/BTCUSDT 2", "depth/BTCUSDT 8"]);
    let notes: Vec<&str> = report.notes.iter().map(|note| &note.text[..]).collect();
    for part in [
        "2 trades have no ids",
        "1 rows are but copies",
        "1 snapshots clear the book as far",
        "1 of \"event 10\"",
        "5 times finer than microseconds",
        "2 of 11 local times run before",
    ] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part:?} in {notes:#?}");
    }
    let set = Catalogue::open(&raw.path("set")).expect("a data set");
    assert!(set.check().expect("runs").iter().all(|c| c.is_clean()), "{:#?}", set.check());

    let events = drain(&mut feed(&raw, &[Kind::Depth, Kind::Trades], Range::ALL));
    let us: Vec<i64> = events.iter().map(|event| (event.time.0 - T) / 1_000).collect();
    assert_eq!(us, [0, 0, 0, 0, 1_000, 1_000, 1_500, 2_000, 2_000, 3_000]);
    assert_eq!(events[0].delay.span(), Some(Nanos::from_micros(1_000)));
    let book = [(Side::Buy, 999, 12_500), (Side::Sell, 1_002, 500), (Side::Sell, 1_003, 7_250)];
    assert_eq!(levels(&events), book);
    let makers: Vec<bool> = events
        .iter()
        .filter_map(|event| match event.data {
            MarketData::Trade(trade) => Some(trade.buyer_is_maker),
            _ => None,
        })
        .collect();
    assert_eq!(makers, [true, false], "the side of a trade is the taker's");
}

#[test]
fn packed_and_stored_arrays_are_the_same() {
    let digest = |bytes: &[u8]| {
        let raw = Raw::new();
        raw.file("ETHUSDT.npz", bytes);
        run(&raw).digest
    };
    let bytes = npy(&day());
    let packed = npz(&bytes, zip::CompressionMethod::Deflated);
    assert_eq!(digest(&packed), digest(&npz(&bytes, zip::CompressionMethod::Stored)));
}

#[test]
fn arrays_that_are_none_are_refused() {
    let refused = |name: &str, bytes: &[u8], parts: &[&str]| {
        let raw = Raw::new();
        raw.file(name, bytes);
        let report = run(&raw);
        assert_eq!((report.files, report.refused.len()), (0, 1), "{report:#?}");
        for part in parts {
            let reason = &report.refused[0].reason;
            assert!(reason.contains(part), "no {part:?} in {reason:?}");
        }
        assert_eq!(raw.parquet_files(), 0);
    };
    let name = "btcusdt_20260201.npz";
    let whole = npy(&day());
    let stored_bytes = |bytes: &[u8]| npz(bytes, zip::CompressionMethod::Stored);
    refused("20260201.npz", &stored(&day()), &["no symbol", "btcusdt_20240808.npz"]);
    for none in ["x.npz", "data.npz", "depth_20260201.npz", "usdt.npz"] {
        refused(
            none,
            &stored(&day()),
            &["begins with no symbol of a contract", "btcusdt_20240808.npz"],
        );
    }
    refused(name, b"nothing", &["not a readable zip"]);
    refused(name, &stored_bytes(b"no array at all"), &["no npy array", "hftbacktest 2"]);
    refused(name, &stored_bytes(&whole[..whole.len() - 7]), &["row 13:", "cut"]);
    refused(name, &stored_bytes(&[&whole[..], b"more"].concat()), &["more than the 13 rows"]);
    let old = String::from_utf8_lossy(&whole[..128]).into_owned();
    assert!(old.contains("NUMPY"));
    let renamed: Vec<u8> = {
        let at = whole.windows(4).position(|w| w == b"'px'").expect("a column");
        let mut bytes = whole.clone();
        bytes[at + 1] = b'q';
        bytes
    };
    refused(name, &stored_bytes(&renamed), &["no column 'px'"]);

    let bad = |row: Row, parts: &[&str]| {
        let mut rows = day();
        rows.push(row);
        refused(name, &stored(&rows), parts);
    };
    let late = 5_000_000;
    bad(
        (DEPTH | BOTH | BUY, late, late, f64::NAN, 1.0),
        &["row 14:", "'px': NaN", "price above zero"],
    );
    // A sum of floats is no decimal that anybody quoted.
    bad(
        (DEPTH | BOTH | BUY, late, late, 1.0, 0.1 + 0.2),
        &["row 14: depth/BTCUSDT", "quantity 0.30000000000000004", "more than 8 decimals", "round"],
    );
    bad((DEPTH | BOTH | BUY, late, late, -1.0, 1.0), &["row 14:", "'px': -1"]);
    bad((TRADE | BOTH | BUY, late, late, 1.0, -1.0), &["row 14:", "'qty': -1"]);
    bad((TRADE | BOTH | BUY, late, late, 1.0, 0.0), &["row 14:", "a trade of nothing"]);
    bad((TRADE | BOTH, late, late, 1.0, 1.0), &["row 14:", "'ev'", "neither a buy nor a sell"]);
    bad((DEPTH | BOTH | BUY, -T + 1, late, 1.0, 1.0), &["row 14:", "'exch_ts'", "no time"]);
    let no_time = ["row 14:", "'exch_ts': 0 is no time", "leave the file out"];
    bad((SNAPSHOT | BOTH | BUY, -T, -T, 1.0, 1.0), &no_time);
    let huge = ["row 14:", "'px': 1e300 is not a price above zero"];
    bad((DEPTH | BOTH | BUY, late, late, 1e300, 1.0), &huge);
    bad((DEPTH | BOTH | BUY, late, -T - 1, 1.0, 1.0), &["row 14:", "'local_ts': -1 is no time"]);
    bad((DEPTH | BOTH | BUY, 1, late, 1.0, 1.0), &["row 14: depth/BTCUSDT", "out of order"]);
    bad((CLEAR | BOTH | BUY, late, late, 1.0, 0.0), &["row 15:", "clears one side"]);
    let crossed =
        [(SNAPSHOT | BOTH | BUY, 0, 0, 100.0, 1.0), (SNAPSHOT | BOTH | SELL, 0, 0, 100.0, 1.0)];
    refused(name, &stored(&crossed), &["row 3:", "crossed"]);
}

/// The import numbers the rows of each array by itself, so that no id tells whether one day goes on where the
/// other ended. Nothing is found, and the trades of both days count.
#[test]
fn two_days_of_one_symbol() {
    let raw = Raw::new();
    let late = |rows: Vec<Row>, ns: i64| -> Vec<Row> {
        rows.into_iter()
            .map(|(ev, exch, local, px, qty)| (ev, exch + ns, local + ns, px, qty))
            .collect()
    };
    // The second day goes on with changes, without a snapshot.
    raw.file("btcusdt_20260201.npz", &stored(&day()));
    let second: Vec<Row> = day().split_off(6);
    raw.file("btcusdt_20260202.npz", &stored(&late(second, 86_400_000_000_000)));
    // Of the second day, too, trades are compared with bars.
    let trade = |minute: i64| (TRADE | BOTH | BUY, minute * 60_000_000_000, 0, 100.2, 0.25);
    let third: Vec<Row> = (1..5).map(trade).collect();
    raw.file("btcusdt_20260203.npz", &stored(&late(third, 2 * 86_400_000_000_000)));
    let bar = common::kline(2 * 1_440 + 3, "100.2,100.2,100.2,100.2,9");
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", bar.as_bytes());
    let report = run(&raw);
    assert_eq!((report.files, report.refused.len()), (4, 0), "{report:#?}");
    let set = Catalogue::open(&raw.path("set")).expect("a data set");
    let checks = set.check().expect("runs");
    let recorded = checks.iter().filter(|check| check.kind != Kind::Klines);
    for check in recorded {
        assert_eq!(check.findings, [], "{check:#?}");
    }
    let pair = checks.iter().find(|check| check.against.is_some()).expect("bars and trades");
    assert_eq!(pair.findings[0].detail, "1 of 1 bars differ; the first: volume 9 and 0.25");
}

/// hftbacktest writes the prices of its snapshots as ticks times their size.
#[test]
fn a_price_that_is_a_product_of_floats_is_its_decimal() {
    let digest = |price: f64| {
        let raw = Raw::new();
        let rows = [(DEPTH | BOTH | BUY, 0, 1, price, 1.0), (DEPTH | BOTH | BUY, 9, 10, 99.7, 1.0)];
        raw.file("btcusdt_20260201.npz", &stored(&rows));
        let report = datasets::import::import(&[raw.path("raw")], &raw.path("set"), &|_| {})
            .expect("a folder");
        assert_eq!(report.refused, []);
        let noted =
            report.notes.iter().any(|note| note.text.contains("1 prices were products of floats"));
        (report.digest, noted)
    };
    let (product, plain) = (998.0 * 0.1, 99.8);
    assert_ne!(product, plain, "by a last bit");
    assert_eq!((digest(product), digest(plain).0), ((digest(plain).0, true), digest(plain).0));
    assert!(!digest(plain).1);
}
