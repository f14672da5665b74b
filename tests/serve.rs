//! `qsim serve`: which market it serves, and what it refuses.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::net::TcpListener;

use support::Folder;
use support::served::Served;

/// 2026-02-01T00:00Z.
const START_MS: i64 = 1_769_904_000_000;

/// Minutes of two symbols: three hours, of which the second one has the last two.
fn data_set() -> Folder {
    let folder = Folder::new();
    for (symbol, minutes, price) in [("BTCUSDT", 0..180, 90_000), ("ETHUSDT", 60..180, 3_000)] {
        let mut csv = "open_time,open,high,low,close,volume\n".to_owned();
        for minute in minutes {
            let (open, high, low) = (START_MS + minute * 60_000, price + 5, price - 5);
            csv += &format!("{open},{price},{high},{low},{price},12.5\n");
        }
        folder.file(&format!("raw/klines/{symbol}/1m/{symbol}-1m-2026-02.csv"), csv);
    }
    folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
    folder
}

#[test]
fn symbols_with_data_are_served_from_the_data() {
    let folder = data_set();
    let more = ["--data", "set", "--speed", "stepped"];
    let served = Served::start(folder.root(), "--symbols=btcusdt", &more);
    let info = served.query("/fapi/v1/exchangeInfo");
    assert_eq!(info["symbols"].as_array().map(Vec::len), Some(1));
    assert_eq!(info["symbols"][0]["symbol"], "BTCUSDT");
    assert_eq!(served.query("/fapi/v1/time")["serverTime"], START_MS);
    served.ask("POST", "/step", r#"{"ms":300000}"#);
    let klines = served.query("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=2");
    assert_eq!((&klines[0][2], &klines[0][3]), (&"90005.00".into(), &"89995.00".into()));
}

#[test]
fn the_span_of_the_data_is_said() {
    let folder = data_set();
    // It does not get further than its market: somebody listens there.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("its address").to_string();
    let said = |more: &[&str]| {
        let words = [&["serve", "--addr", &addr, "--data", "set", "--symbols"], more].concat();
        let output = folder.qsim(&words).expect_code(2);
        assert!(output.stderr.contains("another process listens there"), "{output:?}");
        output.stderr
    };
    let one = said(&["BTCUSDT"]);
    let all_of_it =
        "bars of 1m of BTCUSDT from 2026-02-01T00:00:00Z to 2026-02-01T03:00:00Z in set";
    assert!(one.contains(all_of_it), "{one}");
    let both = said(&["BTCUSDT,ETHUSDT"]);
    assert!(both.contains("from 2026-02-01T01:00:00Z to 2026-02-01T03:00:00Z"), "{both}");
    let part = said(&["BTCUSDT", "--from", "2026-02-01T02:00:00Z", "--to", "2026-02-01T02:30:00Z"]);
    assert!(part.contains("from 2026-02-01T02:00:00Z to 2026-02-01T02:30:00Z"), "{part}");
}

#[test]
fn what_would_have_no_effect_is_refused() {
    let folder = data_set();
    folder.file("made.toml", "[market.synthetic]\nminutes = 10\n");
    folder.file("keys.toml", "[[key]]\nkey = \"a\"\naccount = 1\nsecret = \"b\"\n");
    for (words, reasons) in [
        (&["--data", "nowhere", "--symbols", "BTCUSDT"][..], ["nowhere: no imported", "qsim data"]),
        (&["--data", "set", "--symbols", "SOLUSDT"], ["set has BTCUSDT, ETHUSDT", "qsim data"]),
        (&["--data", "set"], ["say the --symbols", "BTCUSDT, ETHUSDT"]),
        (&["--symbols", "DOTUSDT"], ["a made market has BTCUSDT", "--data"]),
        (&["--from", "2026-02-01", "--to", "2026-02-02"], ["--from and --to", "give --data DIR"]),
        (&["made.toml", "--data", "set"], ["made.toml is a made one", "leave it out"]),
        (&["made.toml", "--accounts", "0"], ["--accounts", "0 is not in 1"]),
        (&["made.toml", "--keys", "keys.toml", "--accounts", "9"], ["--keys", "cannot be used"]),
    ] {
        let output = folder.qsim(&[&["serve"], words].concat()).expect_code(2);
        for reason in reasons {
            assert!(output.stderr.contains(reason), "{words:?}: no {reason:?}: {}", output.stderr);
        }
    }
}
