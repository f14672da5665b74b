//! `[strategy]`: a simple strategy in place of the pipeline, against what it should have done, computed apart.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::Write as _;
use std::path::Path;

use engine::Nanos;
use reports::page::{Bars, Column, Lazy};
use rust_decimal::Decimal;
use scenarios::{NoProgress, RecordedFill, RunOptions, Scenario, ScenarioReport};

const MINUTES: usize = 2_000;

fn text(more: &str) -> String {
    format!(
        "seed = 3\n[market.synthetic]\nminutes = {MINUTES}\n[account]\nwallet = \"100000\"\n[strategy.ema_cross]\nsymbol = \"BTCUSDT\"\nfast = 8\nslow = 21\nquantity = \"0.5\"\n{more}"
    )
}

fn scenario(more: &str) -> Scenario {
    Scenario::parse("cross.toml", &text(more)).expect("it reads")
}

fn run(scenario: &Scenario, data: Option<&Path>) -> (ScenarioReport, Vec<RecordedFill>) {
    let options =
        RunOptions { record: true, data: data.map(Path::to_owned), ..RunOptions::default() };
    let mut report = scenarios::run(scenario, &options, &NoProgress).expect("it runs");
    let fills = report.record.take().expect("a record").fills;
    (report, fills)
}

fn closes(scenario: &Scenario) -> Vec<f64> {
    let bars = scenarios::bars(scenario, None).expect("bars").swap_remove(0).bars;
    let Lazy::Here(Bars { close: Column::Floats(closes), .. }) = bars else { panic!("prices") };
    closes
}

/// Which position is wanted after each close, from the formula of the averages: the weights of all closes, summed.
fn wanted(closes: &[f64], short: f64) -> Vec<Option<f64>> {
    let average = |at: usize, bars: f64| {
        let kept: f64 = 1.0 - 2.0 / (bars + 1.0);
        let (mut sum, mut weight) = (0.0, 1.0);
        for close in closes[1..=at].iter().rev() {
            sum += close * weight * (1.0 - kept);
            weight *= kept;
        }
        sum + closes[0] * weight
    };
    let of = |at: usize| {
        (at + 1 >= 21).then(|| if average(at, 8.0) > average(at, 21.0) { 0.5 } else { short })
    };
    (0..closes.len()).map(of).collect()
}

/// What is held behind each close.
fn held(fills: &[RecordedFill], start: Nanos) -> Vec<f64> {
    let behind = |minute: usize| {
        let end = start + Nanos::from_secs(60 * (minute as i64 + 2));
        let until = fills.iter().take_while(|fill| fill.time < end);
        let signed = until.map(|fill| if fill.buys { fill.qty } else { -fill.qty });
        f64::try_from(signed.sum::<Decimal>()).expect("a number")
    };
    (0..MINUTES).map(behind).collect()
}

#[test]
fn it_holds_what_the_averages_say() {
    for (more, short) in [("", -0.5), ("short = false\n", 0.0)] {
        let scenario = scenario(more);
        let (report, fills) = run(&scenario, None);
        let start = scenario.range().expect("a range").0;
        let wanted = wanted(&closes(&scenario), short);
        let held = held(&fills, start);
        assert!(fills.len() > 20, "it trades too little for a comparison: {}", fills.len());
        // Behind the last close nothing is filled any more.
        for minute in 0..MINUTES - 1 {
            assert_eq!(held[minute], wanted[minute].unwrap_or(0.0), "{more} minute {minute}");
        }
        assert!(report.figures["commission"] < Decimal::ZERO);
        assert_eq!(report.verdict, scenarios::Verdict::Pass, "{:?}", report.failed);
        let (again, _) = run(&scenario, None);
        assert_eq!(report.digest, again.digest);
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_with_a_remedy() {
    let refused = |text: &str| {
        let ran = Scenario::parse("cross.toml", text)
            .and_then(|scenario| scenarios::run(&scenario, &RunOptions::default(), &NoProgress));
        ran.expect_err("it is refused").to_string()
    };
    let good = text("");
    for (was, is, words) in [
        ("fast = 8", "fast = 21", "fast has to be above zero and below slow"),
        ("fast = 8", "fast = 0", "fast has to be above zero and below slow"),
        ("\"0.5\"", "\"0\"", "it has to be above zero"),
        ("\"0.5\"", "\"0.00005\"", "BTCUSDT is traded in 3 decimals"),
        ("\"BTCUSDT\"", "\"XRPUSDT\"", "the market has BTCUSDT"),
        ("[account]", "[pipeline.trading_bot]\nenabled = false\n[account]", "remove one of them"),
        ("[account]", "[links]\nfeed_latency_us = 1\n[acount]", "acount"),
    ] {
        assert!(good.contains(was));
        let told = refused(&good.replace(was, is));
        assert!(told.contains(words), "{words:?} in {told}");
    }
}

/// Bars of a file, told whole or by their path: who looks at closes trades the same.
#[test]
fn whole_bars_cost_less_and_trade_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("klines/LTCUSDT-1m-2026.csv");
    std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
    let mut csv = std::fs::File::create(&file).expect("a file");
    let mut price = 6_000_i64;
    for minute in 0..900_i64 {
        let opens = 1_767_225_600_000 + minute * 60_000;
        let close = price + (minute * 7_919 % 23) - 11 + if minute / 40 % 2 == 0 { 2 } else { -2 };
        let (high, low) = (price.max(close) + 3, price.min(close) - 3);
        let text = |n: i64| format!("{}.{:02}", n / 100, n % 100);
        writeln!(
            csv,
            "{opens},{},{},{},{},100.000,{},0,0,0,0,0",
            text(price),
            text(high),
            text(low),
            text(close),
            opens + 59_999
        )
        .expect("written");
        price = close;
    }
    drop(csv);
    let data = folder.path().join("data");
    datasets::import::import(&[file], &data, &|_| ()).expect("an import");
    let of = |more: &str| {
        let text = format!(
            "[market.recorded]\nsymbols = [\"LTCUSDT\"]\nbars = \"1m\"\nfrom = \"2026-01-01T00:00:00Z\"\nto = \"2026-01-01T15:00:00Z\"\n{more}[exchange]\nfunding_rate = \"0.0001\"\n[strategy.ema_cross]\nsymbol = \"LTCUSDT\"\nfast = 5\nslow = 13\nquantity = \"10\"\n"
        );
        run(&Scenario::parse("ltc.toml", &text).expect("it reads"), Some(&data))
    };
    let (points, path_fills) = of("");
    let (whole, fills) = of("bar_path = \"whole\"\n");
    let of_fill = |fill: &RecordedFill| (fill.time, fill.buys, fill.price, fill.qty);
    assert!(fills.len() > 10, "{}", fills.len());
    assert_eq!(
        fills.iter().map(of_fill).collect::<Vec<_>>(),
        path_fills.iter().map(of_fill).collect::<Vec<_>>()
    );
    assert!(whole.events * 2 < points.events, "{} and {}", whole.events, points.events);
    let told = Scenario::parse(
        "x.toml",
        "[market.recorded]\nsymbols = [\"LTCUSDT\"]\nbar_path = \"whole\"\nfrom = \"2026-01-01T00:00:00Z\"\nto = \"2026-01-01T15:00:00Z\"\n",
    );
    let told = told.expect_err("no bars").to_string();
    assert!(told.contains("say bars = \"1m\" as well"), "{told}");
}
