//! What an import tells whoever waits: bytes that add up to the files', also of files that are read twice.

#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::sync::Mutex;

use datasets::import::import;

/// Trades of some megabytes; the last has more decimals than those before, so that it is all read again.
fn trades() -> String {
    let mut text = "id,price,qty,quote_qty,time,is_buyer_maker\n".to_owned();
    for id in 1..=200_000u64 {
        let price = if id == 200_000 { "100.123" } else { "100.1" };
        let time = 1_769_904_000_000 + id;
        writeln!(text, "{id},{price},1,100,{time},true").expect("text");
    }
    text
}

#[test]
fn bytes_add_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let raw = folder.path().join("raw/trades/BTCUSDT");
    std::fs::create_dir_all(&raw).expect("a folder");
    let text = trades();
    std::fs::write(raw.join("BTCUSDT-trades-2026-02-01.csv"), &text).expect("a file");
    let refused = "not a csv at all";
    std::fs::write(raw.join("BTCUSDT-trades-2026-02-02.csv"), refused).expect("a file");
    let told = Mutex::new(Vec::new());
    let report = import(&[folder.path().join("raw")], &folder.path().join("set"), &|progress| {
        told.lock().expect("a list").push((progress.bytes, progress.bytes_total, progress.done));
    })
    .expect("an import");
    assert_eq!((report.files, report.refused.len()), (1, 1));
    let told = told.into_inner().expect("a list");
    let total = (text.len() + refused.len()) as u64;
    assert!(told.iter().all(|(bytes, all, _)| *all == total && bytes <= all), "{told:?}");
    assert!(told.iter().any(|(bytes, _, done)| *bytes > 0 && *done < 2), "{told:?}");
    let (bytes, _, done) = told.iter().max_by_key(|(_, _, done)| *done).expect("told");
    assert_eq!((*bytes, *done), (total, 2));
}
