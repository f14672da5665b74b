//! Recordings with damage at any place: they come in or are refused, and never end the program.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::Raw;
use common::stream::{BASE_MS, change, gzip, quotes, run, snapshot, trade};
use datasets::catalogue::Catalogue;
use proptest::prelude::*;

fn recording() -> Vec<u8> {
    let t = BASE_MS;
    let forced = format!(
        r#"{{"e":"forceOrder","E":{t},"o":{{"s":"BTCUSDT","S":"SELL","q":"1","p":"9","ap":"9","z":"1","T":{t}}}}}"#
    );
    let mark = format!(
        r#"[{{"e":"markPriceUpdate","E":{t},"s":"BTCUSDT","p":"100.5","i":"100.4","r":"0.0001","T":{t}}}]"#
    );
    let lines = [
        format!("{}123 {}", t, snapshot(t, 100, &[("100", "1")], &[("101", "2")])),
        format!(
            "{}123 {}",
            t + 1,
            change(t + 1, (99, 101, 98), &[("100", "3.25")], &[("102", "0")])
        ),
        quotes(t + 1, 101, ("100", "1.5"), ("101", "2")),
        trade(t + 2, 7, "100.10", "0.25", "MARKET"),
        format!(r#"{{"ts_local":{}.5,"symbol":"X","type":"y","data":{}}}"#, t / 1_000, mark),
        forced,
    ];
    lines.join("\n").into_bytes()
}

/// What stands at `places` (shares of the length) is replaced.
fn damage(mut bytes: Vec<u8>, places: &[(f64, u8)]) -> Vec<u8> {
    let length = bytes.len() as f64;
    for &(place, byte) in places {
        let at = (place * length) as usize;
        if let Some(old) = bytes.get_mut(at) {
            *old = byte;
        }
    }
    bytes
}

/// Bytes that mean something to a parser of JSON, and any others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![prop::sample::select(br#""{}[],:-.0919eE nUupaA"#.to_vec()), any::<u8>()]
}

fn comes_in_or_is_refused(name: &str, bytes: &[u8]) {
    let raw = Raw::new();
    raw.file(name, bytes);
    let report = run(&raw);
    assert_eq!(report.files + report.refused.len() as u64, 1, "{report:?}");
    let files = raw.parquet_files();
    if report.files == 0 {
        assert_eq!(files, 0, "a refused file leaves nothing");
        return;
    }
    let set = Catalogue::open(&raw.path("set")).expect("what came in is whole");
    let rows: u64 = set.list().iter().map(|series| series.rows).sum();
    assert_eq!(rows, report.rows);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_lines(places in prop::collection::vec((0.0..1.0f64, byte()), 1..4)) {
        comes_in_or_is_refused("btcusdt.jsonl", &damage(recording(), &places));
    }

    #[test]
    fn damaged_gzip(places in prop::collection::vec((0.0..1.0f64, any::<u8>()), 1..3)) {
        comes_in_or_is_refused("btcusdt.gz", &damage(gzip(&recording()), &places));
    }
}
