//! The developer's market data, where the folder is present: row counts as its README states them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::path::PathBuf;

use common::Raw;
use datasets::Kind;
use datasets::catalogue::Catalogue;
use datasets::import::import;

#[test]
fn developer_data_comes_in_whole() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/futures/um");
    if !root.is_dir() {
        eprintln!("skipped: {} is absent", root.display());
        return;
    }
    let raw = Raw::new();
    let paths = ["monthly", "range/fundingRate", "daily/aggTrades"].map(|p| root.join(p));
    let report = import(&paths, &raw.path("set"), &|_| {}).expect("a folder");
    assert!(report.refused.is_empty(), "{report:?}");
    let list = Catalogue::open(&raw.path("set")).expect("a data set").list();
    let rows = |kind| list.iter().filter(|s| s.kind == kind).map(|s| s.rows).sum::<u64>();
    // 18,629 lines, of which 556 of BTCUSDT and 502 of ETHUSDT are told by two files.
    assert_eq!(rows(Kind::FundingRate), 18_629 - 556 - 502);
    assert_eq!(rows(Kind::AggTrades), 45_342);
    // 2025-02 of four symbols, 2026-02 of seven, 28 days each.
    assert_eq!(rows(Kind::Klines), 11 * 40_320);
    assert_eq!(list.iter().filter(|s| s.kind == Kind::Klines).count(), 7);
}
