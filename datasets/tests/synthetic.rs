//! Made markets: what a file may say, what the models make of it, and what events add.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::drain;
use datasets::BarMode;
use datasets::synthetic::{SyntheticConfig, SyntheticFeed, SyntheticMarket};
use engine::{Bar, MarketData, MarketEvent};
use serde_json::{Value as Json, json};

fn market(keys: Json) -> SyntheticMarket {
    serde_json::from_value(keys).expect("a market")
}

fn events(market: &SyntheticMarket, seed: u64) -> Vec<MarketEvent> {
    drain(&mut SyntheticFeed::of(market, seed).expect("valid"))
}

/// The bars of one symbol.
fn bars(market: &SyntheticMarket, symbol: u16) -> Vec<Bar> {
    let bar = |event: &MarketEvent| match event.data {
        MarketData::Bar(bar) if event.symbol.0 == symbol => Some(bar),
        _ => None,
    };
    events(market, 5).iter().filter_map(bar).collect()
}

fn returns(market: &SyntheticMarket, symbol: u16) -> Vec<f64> {
    let closes: Vec<f64> = bars(market, symbol).iter().map(|bar| bar.close.0 as f64).collect();
    closes.windows(2).map(|w| libm::log(w[1] / w[0])).collect()
}

const MODELS: [&str; 4] = ["trends", "jump_diffusion", "garch", "regimes"];

fn of(model: &str, more: &[(&str, Json)]) -> Json {
    let mut keys = json!({ "model": model, "minutes": 300 });
    more.iter().for_each(|(key, value)| keys[*key] = value.clone());
    keys
}

#[test]
fn every_model_repeats_and_hears_its_seed() {
    for model in MODELS {
        let market = market(of(model, &[]));
        let (a, b, c) = (events(&market, 1), events(&market, 1), events(&market, 2));
        assert_eq!(a, b, "{model}");
        assert_ne!(a, c, "{model}");
        // Three symbols, five events a bar, and funding at the start.
        assert_eq!(a.len(), 3 * (300 * 5 + 1), "{model}");
        assert!(a.windows(2).all(|w| w[0].time <= w[1].time), "{model}");
        let written = serde_json::to_value(&market).expect("serializes");
        let read: SyntheticMarket = serde_json::from_value(written).expect("its own text");
        assert_eq!(read, market, "{model}");
    }
}

#[test]
fn the_default_model_is_the_trends_of_before() {
    let old = SyntheticConfig { crash: None, funding: None, minutes: 60, ..Default::default() };
    let new = SyntheticMarket::Trends(old.clone());
    assert_eq!(new.digest(3).expect("a digest"), old.digest(3).expect("a digest"));
    let written = serde_json::to_value(&new).expect("serializes");
    assert_eq!(
        written,
        serde_json::to_value(&old).expect("serializes"),
        "journals stay as they are"
    );
    assert_eq!(
        serde_json::from_value::<SyntheticMarket>(written).expect("reads"),
        new,
        "no crash is none"
    );
    assert_eq!(market(json!({})), SyntheticMarket::Trends(SyntheticConfig::default()));
    // BLAKE3 of the default market with seed 7, as it was before there were other models.
    let mut hasher = blake3::Hasher::new();
    for event in events(&market(json!({})), 7) {
        hasher.update(format!("{event:?}").as_bytes());
    }
    assert_eq!(&hasher.finalize().to_hex()[..16], GOLDEN_TRENDS);
}

const GOLDEN_TRENDS: &str = "a14a05dbd2e92923";

#[test]
fn correlated_symbols_correlate_as_stated() {
    let matrix = json!([[1.0, 0.9, 0.0], [0.9, 1.0, 0.3], [0.0, 0.3, 1.0]]);
    for model in ["jump_diffusion", "garch", "regimes"] {
        // With the usual jumps, which are a fifth of the variance of the first symbol.
        let keys = of(model, &[("correlation", matrix.clone()), ("minutes", json!(60_000))]);
        let market = market(keys);
        let r: Vec<Vec<f64>> = (0..3).map(|symbol| returns(&market, symbol)).collect();
        let correlation = |a: usize, b: usize| {
            let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            sum(&r[a], &r[b]) / (sum(&r[a], &r[a]) * sum(&r[b], &r[b])).sqrt()
        };
        for (a, b, stated) in [(0, 1, 0.9), (1, 2, 0.3), (0, 2, 0.0)] {
            let found = correlation(a, b);
            assert!((found - stated).abs() < 0.06, "{model}: {found} is not {stated}");
        }
    }
}

/// All of three symbols that move as one, jumps among them.
#[test]
fn a_correlation_near_one_stays_near_one() {
    for model in ["jump_diffusion", "garch", "regimes"] {
        let row = |own: usize| -> Vec<f64> {
            (0..3).map(|other| if other == own { 1.0 } else { 0.99 }).collect()
        };
        let matrix = json!([row(0), row(1), row(2)]);
        let market = market(of(model, &[("correlation", matrix), ("minutes", json!(20_000))]));
        let (a, b) = (returns(&market, 0), returns(&market, 1));
        let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let found = sum(&a, &b) / (sum(&a, &a) * sum(&b, &b)).sqrt();
        assert!((0.96..0.995).contains(&found), "{model}: {found}");
    }
}

#[test]
fn a_minute_trades_the_stated_volume_on_average() {
    let regimes = json!([
        { "volatility_factor": 0.3, "mean_minutes": 30.0, "to": [0.0, 3.0, 1.0] },
        { "volatility_factor": 4.0, "mean_minutes": 20.0 },
        { "volatility_factor": 9.0, "mean_minutes": 10.0, "to": [1.0, 0.0, 0.0] },
    ]);
    let stormy = json!({ "alpha": 0.2, "beta": 0.7, "degrees_of_freedom": 4.0 });
    for (model, table) in [
        ("trends", Json::Null),
        ("jump_diffusion", json!({})),
        ("garch", json!({})),
        ("garch", stormy),
        ("regimes", json!(null)),
        ("regimes", regimes),
    ] {
        let mut keys = of(model, &[("minutes", json!(60_000)), ("bars", json!("whole"))]);
        if !table.is_null() {
            keys[model] = table.clone();
        }
        if model == "trends" {
            keys["crash"] = Json::Null;
        }
        let market = market(keys);
        // In units of 0.001 BTC and 0.01 SOL.
        for (symbol, stated) in [(0, 90_000.0), (2, 1_500_000.0)] {
            let bars = bars(&market, symbol);
            let sum: f64 = bars.iter().map(|bar| bar.volume.0 as f64).sum();
            let of_stated = sum / bars.len() as f64 / stated;
            assert!((of_stated - 1.0).abs() < 0.05, "{model} {table}: {of_stated} of the stated");
        }
    }
}

/// Close of the minute over close before it, with and without an event, in one model.
fn effect(model: &str, event: Json) -> Vec<(f64, f64)> {
    let mut calm = of(model, &[]);
    if model == "trends" {
        calm["crash"] = Json::Null;
    }
    let mut shaken = calm.clone();
    shaken["events"] = json!([event]);
    let (calm, shaken) = (bars(&market(calm), 1), bars(&market(shaken), 1));
    let pairs = calm.iter().zip(&shaken);
    pairs
        .map(|(a, b)| (b.close.0 as f64 / a.close.0 as f64, b.volume.0 as f64 / a.volume.0 as f64))
        .collect()
}

#[track_caller]
fn near(found: f64, stated: f64) {
    assert!((found / stated - 1.0).abs() < 2e-3, "{found} is not {stated}");
}

#[test]
fn events_lie_over_every_model() {
    for model in MODELS {
        let crash = effect(
            model,
            json!({ "event": "flash_crash", "at_minute": 100, "depth": 0.2, "fall_minutes": 10,
                    "recovery_minutes": 20, "recovered_share": 1.0, "volume_factor": 8.0 }),
        );
        near(crash[99].0, 1.0);
        near(crash[109].0, 0.8);
        near(crash[109].1, 8.0);
        near(crash[129].0, 1.0);
        let squeeze = effect(
            model,
            json!({ "event": "squeeze", "at_minute": 100, "height": 0.44, "rise_minutes": 10,
                    "recovery_minutes": 20, "recovered_share": 0.5 }),
        );
        near(squeeze[109].0, 1.44);
        assert!(squeeze[104].0 < 1.1, "it accelerates: {}", squeeze[104].0);
        near(squeeze[200].0, 1.22);
        let gap = effect(model, json!({ "event": "gap", "at_minute": 100, "share": -0.1 }));
        near(gap[99].0, 1.0);
        near(gap[100].0, 0.9);
        near(gap[299].0, 0.9);
        let thin = effect(
            model,
            json!({ "event": "thin_book", "at_minute": 100, "minutes": 10, "volume_factor": 0.25 }),
        );
        near(thin[99].1, 1.0);
        near(thin[105].1, 0.25);
        near(thin[105].0, 1.0);
        near(thin[110].1, 1.0);
        let other = effect(
            model,
            json!({ "event": "gap", "at_minute": 100, "share": -0.1, "symbol": "BTCUSDT" }),
        );
        near(other[200].0, 1.0);
    }
}

#[test]
fn a_gap_opens_where_nothing_was_traded_between() {
    let gap = json!([{ "event": "gap", "at_minute": 100, "share": 0.3 }]);
    let bars = bars(&market(of("garch", &[("events", gap)])), 0);
    assert!(bars[100].low.0 as f64 > 1.2 * bars[99].high.0 as f64, "{:?}", bars[100]);
    assert_eq!(bars[101].open, bars[100].close);
}

#[test]
fn a_thin_book_has_wicks() {
    let wicks = |factor: f64| {
        let thin = json!([{ "event": "thin_book", "at_minute": 0, "minutes": 300,
                            "volume_factor": 1.0, "wick_factor": factor }]);
        let bars = bars(&market(of("garch", &[("events", thin)])), 0);
        bars.iter().map(|b| b.high.0 - b.open.max(b.close).0).sum::<i64>()
    };
    let (usual, long) = (wicks(1.0), wicks(4.0));
    assert!(long > 3 * usual, "{usual} {long}");
}

#[test]
fn a_funding_spike_changes_the_settlements_within() {
    let keys = json!({ "model": "garch", "minutes": 2_000,
        "events": [{ "event": "funding_spike", "at_minute": 480, "minutes": 1, "rate_e8": 750_000 }] });
    let rates: Vec<i64> = events(&market(keys), 1)
        .iter()
        .filter_map(|event| match event.data {
            MarketData::FundingRate(rate) if event.symbol.0 == 2 => Some(rate),
            _ => None,
        })
        .collect();
    assert_eq!(rates, [10_000, 750_000, 10_000, 10_000, 10_000]);
}

#[test]
fn whole_bars_have_no_path() {
    let market = market(of("garch", &[("bars", json!("whole"))]));
    let all = events(&market, 1);
    assert!(all.iter().all(|e| !matches!(e.data, MarketData::Trade(_))));
    assert_eq!(serde_json::to_value(BarMode::Whole).expect("a name"), json!("whole"));
}

#[track_caller]
fn refused(keys: Json, parts: &[&str]) {
    let error = match serde_json::from_value::<SyntheticMarket>(keys.clone()) {
        Err(error) => error.to_string(),
        Ok(market) => market.validate().expect_err(&format!("{keys} is no market")).to_string(),
    };
    parts.iter().for_each(|part| assert!(error.contains(part), "{error}: no {part}"));
}

#[test]
fn what_makes_no_market_is_refused_with_the_remedy() {
    refused(json!({ "model": "brownian" }), &["brownian", "jump_diffusion"]);
    refused(json!({ "minuets": 5 }), &["minuets", "minutes"]);
    refused(of("garch", &[("minutes", json!(0))]), &["minutes must be at least 1"]);
    refused(
        of("garch", &[("crash", Json::Null)]),
        &["`crash` belongs to model = \"trends\"", "flash_crash"],
    );
    refused(of("trends", &[("garch", json!({}))]), &["`garch` belongs to model = \"garch\""]);
    refused(of("trends", &[("correlation", json!([]))]), &["`correlation` belongs to"]);
    refused(
        of("garch", &[("garch", json!({ "alpha": 0.5, "beta": 0.5 }))]),
        &["BTCUSDT", "below 1"],
    );
    refused(of("garch", &[("garch", json!({ "alfa": 0.5 }))]), &["alfa", "alpha"]);
    refused(of("garch", &[("correlation", json!([[1.0]]))]), &["3 rows of 3"]);
    refused(
        of("regimes", &[("correlation", json!([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]))]),
        &["not positive definite", "nearer to 0"],
    );
    refused(of("regimes", &[("regimes", json!([]))]), &["0 are given"]);
    let mut symbol = json!({ "symbol": "BTCUSDT", "start_price": 1.0, "price_decimals": 2,
                             "tick_units": 1, "qty_decimals": 3, "volume_per_minute": 1.0 });
    refused(
        of("garch", &[("symbols", json!([symbol]))]),
        &["BTCUSDT needs `volatility_per_minute`"],
    );
    symbol["volatility_per_minute"] = json!(0.001);
    refused(of("garch", &[("symbols", json!([symbol, symbol]))]), &["BTCUSDT is there twice"]);
    let mut other = symbol.clone();
    other["symbol"] = json!("ETHUSDT");
    other["garch"] = json!({ "degrees_of_freedom": 9.0 });
    let two = [("symbols", json!([symbol, other])), ("correlation", json!([[1, 0.5], [0.5, 1]]))];
    refused(of("garch", &two), &["ETHUSDT has 9", "the same number"]);
    let mut other = symbol.clone();
    other["symbol"] = json!("ETHUSDT");
    other["jump_diffusion"] = json!({ "jumps_per_day": 2.0 });
    let two = [("symbols", json!([symbol, other])), ("correlation", json!([[1, 0.5], [0.5, 1]]))];
    refused(
        of("jump_diffusion", &two),
        &["6 jumps_per_day and ETHUSDT has 2", "jump together", "the same number"],
    );
}

#[test]
fn events_that_cannot_be_are_refused_with_the_remedy() {
    let with = |event: Json| of("garch", &[("events", json!([event]))]);
    refused(with(json!({ "at_minute": 1 })), &["needs `event`"]);
    refused(with(json!({ "event": "gap", "share": 0.1 })), &["needs `at_minute`"]);
    refused(with(json!({ "event": "gap", "at_minute": 1 })), &["needs `share`"]);
    refused(
        with(json!({ "event": "gap", "at_minute": 1, "share": -1.0 })),
        &["gap", "-0.99 to 10"],
    );
    refused(
        with(json!({ "event": "gap", "at_minute": 1, "share": 0.1, "depth": 0.1 })),
        &["gap has no `depth`: remove it"],
    );
    refused(
        with(json!({ "event": "gap", "at_minute": 1, "share": 0.1, "symbol": "LTCUSDT" })),
        &["LTCUSDT is not in the market"],
    );
    refused(
        with(json!({ "event": "gap", "at_minute": 300, "share": 0.1 })),
        &["at_minute is 300", "300 minutes"],
    );
    refused(
        with(
            json!({ "event": "funding_spike", "at_minute": 4_000_000_000u32, "minutes": 1, "rate_e8": 1 }),
        ),
        &["at_minute is 4000000000"],
    );
    let crash = |name: &str, out: &str, depth: &str| {
        json!({ "event": name, "at_minute": 280, depth: 0.1, out: 21, "recovery_minutes": 5,
                "recovered_share": 0.5 })
    };
    refused(
        with(crash("flash_crash", "fall_minutes", "depth")),
        &["at_minute is 280 and fall_minutes 21", "300 minutes", "lower one"],
    );
    refused(with(crash("squeeze", "rise_minutes", "height")), &["rise_minutes 21"]);
    let mut late = of("trends", &[]);
    late["crash"] = json!({ "at_minute": 290, "depth": 0.1, "fall_minutes": 20, "recovery_minutes": 5,
                            "recovered_share": 0.5, "volume_factor": 1.0 });
    refused(late, &["crash: at_minute is 290 and fall_minutes 20"]);
    let spike = json!({ "event": "funding_spike", "at_minute": 10, "minutes": 60, "rate_e8": 1 });
    refused(with(spike.clone()), &["no funding settles between", "every 8 hours"]);
    let mut unfunded = with(spike);
    unfunded["funding"] = Json::Null;
    refused(unfunded, &["tells no funding"]);
}
