//! Made markets in scenario files: the models run, the order flow is a book to the exchange, and what is
//! wrong is told with its place.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{Folder, text};

const ORDER_FLOW: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/order_flow.toml"));

#[test]
fn the_order_flow_scenario_passes_on_levels_and_repeats() {
    let folder = Folder::new();
    folder.file("a.toml", ORDER_FLOW);
    let run = || folder.qsim(&["run", "a.toml", "--format", "json", "--verbose"]).expect_code(0);
    let (first, second) = (run(), run());
    assert_eq!(text(&first.json(), "verdict"), "pass");
    assert_eq!(text(&first.json(), "digest"), text(&second.json(), "digest"));
    assert!(first.stderr.contains("a taker takes the levels of the"), "{}", first.stderr);
}

#[test]
fn a_journal_of_an_order_flow_replays() {
    let folder = Folder::new();
    folder.file("a.toml", "seed = 4\n[market.synthetic]\nmodel = \"order_flow\"\nminutes = 30\n");
    folder.qsim(&["run", "a.toml", "--journal", "journals"]).expect_code(0);
    folder.qsim(&["replay", "journals/a-4.journal"]).expect_code(0);
}

#[test]
fn every_model_runs_from_a_file() {
    for model in ["jump_diffusion", "garch", "regimes"] {
        let folder = Folder::new();
        let market = format!("[market.synthetic]\nmodel = \"{model}\"\nminutes = 120\n");
        folder.file(
            "a.toml",
            market + "correlation = [[1, 0.7, 0.6], [0.7, 1, 0.5], [0.6, 0.5, 1]]\n",
        );
        let output =
            folder.qsim(&["run", "a.toml", "--format", "json", "--verbose"]).expect_code(0);
        assert_eq!(text(&output.json(), "verdict"), "pass");
        assert!(!output.stderr.contains("takes the levels"), "bars tell no book");
    }
}

#[track_caller]
fn refused(scenario: &str, parts: &[&str]) {
    let folder = Folder::new();
    folder.file("a.toml", scenario);
    let stderr = folder.qsim(&["run", "a.toml"]).expect_code(2).stderr;
    parts.iter().for_each(|part| assert!(stderr.contains(part), "{stderr}: no {part}"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let with = |more: &str| format!("[market.synthetic]\nmodel = \"garch\"\n{more}");
    refused("[market.synthetic]\nmodel = \"garsch\"\n", &["a.toml:2:9: ", "did you mean `garch`?"]);
    refused(
        &with("[market.synthetic.garch]\nalfa = 0.1\n"),
        &["a.toml:4:1: ", "did you mean `alpha`?"],
    );
    refused(
        &with("trend_share = 0.1\n"),
        &["a.toml:1:", "`trend_share` belongs to model = \"trends\""],
    );
    refused(&with("[market.synthetic.garch]\nalpha = 0.2\n"), &["a.toml: ", "alpha + beta is 1.1"]);
    refused(
        &with("[[market.synthetic.events]]\nevent = \"gap\"\nat_minute = 5\nshares = 0.1\n"),
        &["a.toml:6:1: ", "did you mean `share`?"],
    );
    refused(
        &with("[[market.synthetic.events]]\nevent = \"gap\"\nat_minute = 5\n"),
        &["a.toml:3:1: ", "the event needs `share`: add it"],
    );
    refused(
        &with("correlation = [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]\n"),
        &["not positive definite", "nearer to 0"],
    );
}

#[test]
fn keys_of_a_book_need_a_market_that_tells_one() {
    let bars = "[market.synthetic]\nminutes = 60\n";
    let flow = "[market.synthetic]\nmodel = \"order_flow\"\nminutes = 60\n";
    let queue = "[exchange]\nqueue = { model = \"pessimistic\" }\n";
    refused(&format!("{bars}{queue}"), &["exchange.queue", "remove it", "order_flow"]);
    let ninth = "[exchange]\nqueue = { model = \"power\", exponent = 9 }\n";
    refused(&format!("{flow}{ninth}"), &["exponent is 9", "1 to 8"]);
    refused(
        &format!("{flow}[exchange]\ntaker_spread_ticks = 2\n"),
        &["exchange.taker_spread_ticks", "remove it"],
    );
    refused(
        &format!("{flow}[[market.gaps]]\nat = \"10m\"\nsymbol = \"BTCUSDT\"\npercent = -5\n"),
        &["[[market.gaps]]", "event = \"gap\""],
    );
    let folder = Folder::new();
    folder.file("a.toml", format!("{flow}{queue}"));
    let output = folder.qsim(&["run", "a.toml", "--verbose"]).expect_code(0);
    assert!(output.stderr.contains("all behind our order while anything is"), "{}", output.stderr);
}

/// A rate is a decimal, as exchange.funding_rate is; the count of 1e-8 that it is inside says the same.
#[test]
fn a_rate_is_a_decimal() {
    let folder = Folder::new();
    let run = |usual: &str, spike: &str| {
        let funding = format!("[market.synthetic.funding]\n{usual}\ninterval_hours = 1\n");
        let event = "[[market.synthetic.events]]\nevent = \"funding_spike\"\nat_minute = 100\nminutes = 140";
        folder.file(
            "a.toml",
            format!("[market.synthetic]\nminutes = 240\n{funding}{event}\n{spike}\n"),
        );
        folder.qsim(&["run", "a.toml", "--format", "json", "--journal", "journals"])
    };
    let digest = |usual: &str, spike: &str| {
        text(&run(usual, spike).expect_code(0).json(), "digest").to_owned()
    };
    let counted = digest("rate_e8 = 20000", "rate_e8 = -300000");
    assert_eq!(digest("rate = \"0.0002\"", "rate = \"-0.003\""), counted);
    assert_eq!(digest("rate = 0.0002", "rate = -0.003"), counted);
    assert_ne!(digest("rate = \"0.0002\"", "rate = \"-0.004\""), counted);
    folder.qsim(&["replay", "journals/a-1.journal"]).expect_code(0);
    for (rate, part) in [
        ("", "`rate`: add it"),
        ("rate = \"0.003\"\nrate_e8 = 300000", "rate and rate_e8: say one of them"),
        ("rate = \"0.3 %\"", "a.toml:10:8: "),
        ("rate = \"0.000000001\"", "8 decimals"),
        ("rate = \"1.5\"", "-1 to 1"),
        ("percent = -8", "`percent` is a key of [[market.gaps]]"),
    ] {
        let stderr = run("rate = \"0.0001\"", rate).expect_code(2).stderr;
        assert!(stderr.contains(part), "{rate}: no {part:?} in {stderr}");
    }
}

/// In an order flow somebody trades through the book: the volume is what that takes, and there are no bars.
#[test]
fn factors_that_an_order_flow_ignores_are_refused() {
    let of = |event: &str| {
        let event = format!("[[market.synthetic.events]]\nat_minute = 5\n{event}\n");
        format!("[market.synthetic]\nmodel = \"order_flow\"\nminutes = 60\n{event}")
    };
    let crash = "event = \"flash_crash\"\ndepth = 0.1\nfall_minutes = 5\nrecovery_minutes = 5\n\
                 recovered_share = 0.5\nvolume_factor = 4.0";
    let parts = ["events number 1 (flash_crash)", "volume_factor", "leave it out"];
    refused(&of(crash), &parts);
    let thin = "event = \"thin_book\"\nminutes = 5\nvolume_factor = 0.3\nwick_factor = 3.0";
    refused(&of(thin), &["events number 1 (thin_book)", "wick_factor", "leave it out"]);
}

#[test]
fn trades_of_bars_without_any_are_not_disturbed() {
    for keys in ["duplicated = 0.1", "late = 0.1\nlate_max_ms = 50"] {
        let whole = "[market.synthetic]\nminutes = 60\nbars = \"whole\"\n[market.perturbation]\n";
        refused(
            &format!("{whole}{keys}\n"),
            &["duplicated and late", "tells none", "leave them out"],
        );
    }
}

#[test]
fn prices_below_their_tick_are_refused() {
    let symbol = |price: &str| {
        format!(
            "[market.synthetic]\nminutes = 60\n[[market.synthetic.symbols]]\nsymbol = \"BTCUSDT\"\n\
             start_price = {price}\nprice_decimals = 2\ntick_units = 10\nqty_decimals = 3\n\
             volume_per_minute = 90.0\nvolatility_per_minute = 0.0006\n"
        )
    };
    refused(&symbol("0.001"), &["BTCUSDT", "start_price is 0.001", "one tick, 0.1"]);
    refused(&symbol("0.09"), &["start_price is 0.09"]);
    let folder = Folder::new();
    folder.file("a.toml", symbol("0.1"));
    folder.qsim(&["run", "a.toml"]).expect_code(0);
}
