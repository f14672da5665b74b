//! `qsim data fit`: what it prints is a scenario's market, and what it cannot do it says.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Folder, text};

/// 2026-02-01T00:00Z.
const START_MS: i64 = 1_769_904_000_000;

/// Bars of BTCUSDT whose closes jump about by a fixed rule.
fn bars(folder: &Folder, count: i64) {
    let mut state = 1u64;
    let mut price = 900_000i64;
    let mut lines = String::new();
    for minute in 0..count {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let open = price;
        price += (state >> 33) as i64 % 1_001 - 500;
        let (high, low) = (open.max(price), open.min(price));
        let show = |tenths: i64| format!("{}.{}", tenths / 10, tenths % 10);
        let time = START_MS + minute * 60_000;
        lines += &format!(
            "{time},{},{},{},{},5.125,{},1,1,1,1,0\n",
            show(open),
            show(high),
            show(low),
            show(price),
            time + 59_999
        );
    }
    folder.file("raw/klines/BTCUSDT/1m/BTCUSDT-1m-a.csv", lines);
    folder.qsim(&["data", "import", "raw", "--into", "set"]).expect_code(0);
}

#[test]
fn a_fit_runs_as_a_scenario() {
    let folder = Folder::new();
    bars(&folder, 3_000);
    for model in ["garch", "jump_diffusion"] {
        let arguments = ["data", "fit", "--data", "set", "--symbol", "BTCUSDT", "--model", model];
        let fragment = folder.qsim(&arguments).expect_code(0).stdout;
        assert!(fragment.contains(&format!("model = \"{model}\"")), "{fragment}");
        assert!(fragment.contains("3000 bars of BTCUSDT, from 2026-02-01T00:00:00Z"), "{fragment}");
        assert!(fragment.contains("volume_per_minute = 5.125"), "{fragment}");
        assert!(fragment.contains("price_decimals = 1"), "{fragment}");
        folder.file("a.toml", format!("seed = 1\n\n{fragment}"));
        let line = folder.qsim(&["run", "a.toml", "--format", "json"]).expect_code(0).json();
        assert_eq!(text(&line, "verdict"), "pass");
    }
    let part = ["data", "fit", "--data", "set", "--symbol", "BTCUSDT"];
    let part =
        [&part[..], &["--from", "2026-02-01T10:00:00Z", "--to", "2026-02-02T10:00:00Z"]].concat();
    let fragment = folder.qsim(&part).expect_code(0).stdout;
    let head = "1440 bars of BTCUSDT, from 2026-02-01T10:00:00Z to 2026-02-02T10:00:00Z";
    assert!(fragment.contains(head), "{fragment}");
    let fit = ["data", "fit", "--data", "set", "--symbol", "BTCUSDT"];
    assert_eq!(folder.qsim(&fit).stdout, folder.qsim(&fit).stdout, "it repeats");
}

#[test]
fn what_cannot_be_fitted_is_refused_with_the_remedy() {
    let folder = Folder::new();
    bars(&folder, 500);
    let refused = |arguments: &[&str], parts: &[&str]| {
        let arguments = [&["data", "fit"], arguments].concat();
        let stderr = folder.qsim(&arguments).expect_code(2).stderr;
        parts.iter().for_each(|part| assert!(stderr.contains(part), "{stderr}: no {part}"));
    };
    refused(&["--data", "set", "--symbol", "BTCUSDT"], &["499 returns", "import a longer series"]);
    refused(&["--data", "set", "--symbol", "ETHUSDT"], &["no series klines/ETHUSDT/1m"]);
    refused(
        &["--data", "set", "--symbol", "BTCUSDT", "--interval", "1h"],
        &["interval 1h", "bars of 1m"],
    );
    refused(&["--data", "nothing", "--symbol", "BTCUSDT"], &["qsim data import"]);
    let late = ["--data", "set", "--symbol", "BTCUSDT", "--from", "2027-01-01T00:00:00Z"];
    refused(&late, &["klines/BTCUSDT/1m", "change the range"]);
    let odd = ["--data", "set", "--symbol", "BTCUSDT", "--from", "yesterday"];
    refused(&odd, &["yesterday", "2026-02-01T00:00:00Z"]);
    refused(&["--symbol", "BTCUSDT"], &["--data DIR"]);
    refused(&["--data", "set", "--symbol", "btc usdt"], &["btc usdt"]);
    refused(&["--data", "set", "--symbol", "BTCUSDT", "--model", "garsch"], &["garch"]);
}
