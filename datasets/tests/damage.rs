//! A data set that was damaged after its import: no row of it is replayed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::path::{Path, PathBuf};

use common::{Raw, drain, header, kline};
use datasets::catalogue::Catalogue;
use datasets::import::import;
use datasets::replay::{Range, ReplayFeed, Request};
use datasets::{BarMode, DataError};
use engine::{Instrument, MarketEvent};

const BARS: i64 = 300;

/// A data set of one file, and the file.
fn one_file() -> (Raw, PathBuf) {
    let raw = Raw::new();
    let bars = (0..BARS).map(|minute| kline(minute, &format!("1.5,2,1,2,{}", minute % 7)));
    let text = header() + &bars.collect::<String>();
    raw.file("klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", text.as_bytes());
    import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    let folder = raw.path("set/klines/BTCUSDT/1m");
    let mut files = std::fs::read_dir(folder).expect("a folder").flatten();
    let file = files.next().expect("a file").path();
    assert!(files.next().is_none());
    (raw, file)
}

fn replayed(set: &Path) -> Result<Vec<MarketEvent>, DataError> {
    let catalogue = Catalogue::open(set)?;
    let requests: Vec<Request> =
        catalogue.ids().map(|series| Request { series, bars: BarMode::Whole }).collect();
    let grid: Vec<Instrument> = catalogue
        .ids()
        .map(|id| Instrument { symbol: id.symbol, price_decimals: 4, qty_decimals: 4 })
        .collect();
    Ok(drain(&mut ReplayFeed::open(&catalogue, &grid, &requests, Range::ALL)?))
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let (raw, file) = one_file();
    let set = raw.path("set");
    assert_eq!(replayed(&set).expect("as imported").len(), BARS as usize);
    let good = std::fs::read(&file).expect("readable");
    for place in 0..good.len() {
        let mut bytes = good.clone();
        bytes[place] ^= 1 << (place % 8);
        std::fs::write(&file, bytes).expect("written");
        let error = match replayed(&set) {
            Ok(_) => panic!("byte {place} of {} was replayed as genuine", good.len()),
            Err(error) => error.to_string(),
        };
        for part in [file.to_str().expect("UTF-8"), "delete it", "qsim data import"] {
            assert!(error.contains(part), "byte {place}: no {part:?} in {error:?}");
        }
    }
}

#[test]
fn a_cut_or_longer_file_is_found() {
    let (raw, file) = one_file();
    let good = std::fs::read(&file).expect("readable");
    let longer = [&good[..], b"more"].concat();
    for bytes in [&b""[..], &good[..7], &good[..good.len() / 2], &good[..good.len() - 1], &longer] {
        std::fs::write(&file, bytes).expect("written");
        let error = replayed(&raw.path("set")).expect_err("damaged").to_string();
        assert!(error.contains("delete it"), "{} bytes: {error}", bytes.len());
    }
}

/// The check tells it as one finding of the file's series, and goes on with the others.
#[test]
fn a_check_finds_it_and_goes_on() {
    let (raw, file) = one_file();
    raw.file("klines/ETHUSDT/1m/ETHUSDT-1m-a.csv", kline(0, "1,2,1,2,5").as_bytes());
    import(&[raw.path("raw")], &raw.path("set"), &|_| {}).expect("a folder");
    let mut bytes = std::fs::read(&file).expect("readable");
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let checks = Catalogue::open(&raw.path("set")).expect("its footers are whole").check();
    let checks = checks.expect("readable");
    let found: Vec<_> = checks.iter().flat_map(|c| &c.findings).map(|f| f.what).collect();
    assert_eq!(found, ["damaged"]);
    assert!(!checks[0].is_clean() && checks[1].is_clean(), "{checks:?}");
}

/// A file whose footer cannot be read is a finding too, and the rest of the data set can be looked at. A run
/// must not miss its rows.
#[test]
fn a_file_that_cannot_be_opened_is_a_finding() {
    let (raw, file) = one_file();
    let set = raw.path("set");
    std::fs::write(file.with_file_name("x.parquet"), "x\n").expect("written");
    std::fs::create_dir_all(set.join("klines/ETHUSDT/1h")).expect("a folder");
    std::fs::write(set.join("klines/ETHUSDT/1h/y.parquet"), "").expect("written");
    std::fs::write(set.join("klines/z.parquet"), "").expect("written");
    assert!(matches!(Catalogue::open(&set), Err(DataError::BadFile { .. })));
    let catalogue = Catalogue::open_readable(&set).expect("a data set");
    let list = catalogue.list();
    assert_eq!((list.len(), list[0].rows), (1, BARS as u64));
    let damaged = catalogue.damaged();
    let known: Vec<bool> = damaged.iter().map(|damage| damage.series.is_some()).collect();
    assert_eq!(known, [true, true, false], "{damaged:?}");
    assert!(damaged[0].reason.contains("delete it"), "{damaged:?}");
    let checks = catalogue.check().expect("readable");
    let found = |at: usize| {
        let all = checks[at].findings.iter().map(|f| (f.what, f.count)).collect::<Vec<_>>();
        (checks[at].symbol.as_str(), checks[at].rows, all)
    };
    assert_eq!(found(0), ("BTCUSDT", BARS as u64, vec![("damaged", 1), ("zero_volume", 43)]));
    assert_eq!(found(1), ("ETHUSDT", 0, vec![("damaged", 1)]));
    let detail = &checks[0].findings[0].detail;
    assert!(detail.contains("x.parquet") && detail.contains("delete it"), "{detail}");
}
