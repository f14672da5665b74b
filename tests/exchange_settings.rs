//! The exchange as a scenario file sets it: profiles, latencies, fees, dates.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Folder, text};

const SHORT: &str = "seed = 3\n[market.synthetic]\nminutes = 360\n";

/// The digest of a short run with these lines, which has to pass.
fn digest(folder: &Folder, lines: &str) -> String {
    folder.file("a.toml", format!("{SHORT}{lines}"));
    let line = folder.run_json("a.toml");
    assert_eq!(text(&line, "verdict"), "pass");
    text(&line, "digest").to_owned()
}

#[test]
fn each_setting_changes_the_run_and_repeats() {
    let folder = Folder::new();
    let plain = digest(&folder, "");
    let settings = [
        "[exchange]\nprofile = \"strict\"\n",
        "[exchange]\ntaker_spread_ticks = 3\n",
        "[exchange.latency]\nrequest = [[0, 1000], [1000, 90000]]\nresponse = [[0, 1000], [1000, 9000]]\n",
        "[account]\nvip = 9\n",
        "[account]\nmargin_type = \"ISOLATED\"\n",
        "[account]\nwallet = \"100\"\nmulti_assets = true\ncollateral = { BTC = \"0.5\", USDC = \"20\" }\ncollateral_prices = { USDC = \"1\" }\n",
    ];
    let mut seen = vec![plain];
    for lines in settings {
        let found = digest(&folder, lines);
        assert_eq!(found, digest(&folder, lines), "the same twice: {lines}");
        assert!(!seen.contains(&found), "it changes nothing: {lines}");
        seen.push(found);
    }
    // Nobody is liquidated here.
    let liquidations =
        "[exchange]\nliquidation_size = \"whole\"\nadl_formula = \"effective_leverage\"\n";
    assert_eq!(digest(&folder, liquidations), seen[0]);
}

#[test]
fn recorded_latencies_are_part_of_the_journal() {
    let folder = Folder::new();
    folder.file("l.csv", "time_ms,request_us,response_us\n0,5000,5000\n1767230000000,40000,9000\n");
    folder.file("a.toml", format!("{SHORT}[exchange.latency]\nfile = \"l.csv\"\n"));
    let run = folder.qsim(&["run", "a.toml", "--journal", "j", "--format", "json"]).expect_code(0);
    let line = run.json();
    std::fs::remove_file(folder.path("l.csv")).expect("deleted");
    let again = folder.qsim(&["replay", "j/a-3.journal", "--format", "json"]).expect_code(0).json();
    assert_eq!(text(&again, "digest"), text(&line, "digest"));
    assert_eq!(text(&again, "verdict"), "pass");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = Folder::new();
    folder.file("l.csv", "time_ms,request_us,response_us\n5,1,1\n4,1,1\n");
    folder.file("m.csv", "time_ms,request_us\n5,1\n");
    for (lines, reasons) in [
        ("[exchange.latency]\nfile = \"l.csv\"\n", ["l.csv:3", "sort the file"]),
        ("[exchange.latency]\nfile = \"m.csv\"\n", ["m.csv", "its columns are"]),
        ("[exchange.latency]\nfile = \"none.csv\"\n", ["none.csv", "No such file"]),
        ("[exchange.latency]\nrequest = [[0, 1], [1000, 2]]\n", ["needs either", "file"]),
        (
            "[exchange.latency]\nrequest = [[0, 9], [1000, 2]]\nresponse = [[0, 1], [1000, 1]]\n",
            ["quantiles", "rising"],
        ),
        (
            "[exchange]\nrequest_latency_us = 5\n[exchange.latency]\nfile = \"l.csv\"\n",
            ["a.toml:5:1: request_latency_us contradicts", "remove one of them"],
        ),
        ("[exchange]\nrules_at = \"soon\"\n", ["rules_at", "is not a time"]),
        ("[exchange]\nprofile = \"quick\"\n", ["`quick`", "known are: fast, standard, strict"]),
        ("[account]\nvip = 12\n", ["account.vip", "12"]),
        ("[account]\ncollateral = { USDC = \"20\" }\n", ["add USDCUSDT", "collateral_prices"]),
        ("[account]\ncollateral = { USDT = \"20\" }\n", ["USDT is the wallet", "account.wallet"]),
        ("[account]\ncollateral_prices = { BTC = \"9\" }\n", ["BTC is not in", "give its amount"]),
        (
            "[account]\ncollateral = { BTC = \"1\" }\ncollateral_prices = { BTC = \"9\" }\n",
            ["the mark of BTCUSDT", "remove its price"],
        ),
        ("[account]\ncollateral = { BTC = \"-1\" }\n", ["collateral: amount", "-1"]),
        (
            "[account]\nmulti_assets = true\nmargin_type = \"ISOLATED\"\n",
            ["multi_assets", "cross margin only"],
        ),
        ("[exchange]\nliquidation_size = \"half\"\n", ["`half`", "fewest"]),
        ("[exchange]\nadl_formula = \"profit\"\n", ["`profit`", "margin_ratio"]),
    ] {
        folder.file("a.toml", format!("{SHORT}{lines}"));
        let output = folder.qsim(&["run", "a.toml"]).expect_code(2);
        for reason in reasons {
            assert!(output.stderr.contains(reason), "no {reason:?}: {}", output.stderr);
        }
    }
}
