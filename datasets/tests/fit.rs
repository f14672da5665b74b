//! Fits find the parameters of markets that were made with known ones, and refuse what tells nothing.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use common::drain;
use datasets::synthetic::fit::{
    BarSeries, Fitted, FlowObserver, fit_garch, fit_jump_diffusion, log_returns,
};
use datasets::synthetic::{SyntheticFeed, SyntheticMarket};
use engine::{MarketEvent, Nanos};
use serde_json::{Value as Json, json};

fn market(keys: Json) -> SyntheticMarket {
    serde_json::from_value(keys).expect("a market")
}

fn symbol() -> Json {
    json!({ "symbol": "BTCUSDT", "start_price": 90_000.0, "price_decimals": 2, "tick_units": 10,
            "qty_decimals": 3, "volume_per_minute": 90.0, "volatility_per_minute": 0.0007 })
}

fn series(model: &str, parameters: Json) -> BarSeries {
    let mut keys = json!({ "model": model, "minutes": 40_000, "bars": "whole", "funding": null,
                           "symbols": [symbol()] });
    keys[model] = parameters;
    let market = market(keys);
    let feed = SyntheticFeed::of(&market, 9).expect("valid");
    let instrument = market.instruments().remove(0);
    BarSeries::of(instrument, feed).expect("bars")
}

#[track_caller]
fn near(what: &str, found: f64, stated: f64, off: f64) {
    assert!((found - stated).abs() <= off, "{what} is {found}, made with {stated}");
}

#[test]
fn garch_parameters_are_found_again() {
    let stated = json!({ "alpha": 0.09, "beta": 0.88, "degrees_of_freedom": 5.0 });
    let series = series("garch", stated);
    let fit = fit_garch(&series.returns).expect("a fit");
    near("alpha", fit.garch.alpha, 0.09, 0.015);
    near("beta", fit.garch.beta, 0.88, 0.02);
    near("degrees of freedom", fit.garch.degrees_of_freedom, 5.0, 0.5);
    near("volatility", fit.volatility_per_minute, 0.0007, 0.0001);
    assert_eq!(fit, fit_garch(&series.returns).expect("a fit"), "it repeats");
}

#[test]
fn jump_parameters_are_found_again() {
    let stated = json!({ "jumps_per_day": 8.0, "jump_mean": -0.002, "jump_deviation": 0.01 });
    let fit = fit_jump_diffusion(&series("jump_diffusion", stated).returns).expect("a fit");
    // Jumps within the noise are not seen: those below about five deviations.
    near("jumps", fit.jump_diffusion.jumps_per_day, 6.0, 1.5);
    near("mean", fit.jump_diffusion.jump_mean, -0.0025, 0.0015);
    near("deviation", fit.jump_diffusion.jump_deviation, 0.0115, 0.0015);
    near("volatility", fit.volatility_per_minute, 0.0007, 0.00003);
    let calm =
        fit_jump_diffusion(&series("jump_diffusion", json!({ "jumps_per_day": 0.0 })).returns);
    assert!(calm.expect("a fit").jumps <= 2, "a diffusion has no jumps");
}

#[test]
fn a_fragment_is_a_market_that_has_what_was_fitted() {
    let series = series("garch", json!({}));
    for fitted in [series.garch().expect("a fit"), series.jump_diffusion().expect("a fit")] {
        let text = series.fragment(&fitted);
        let table: Json = toml::from_str(&text).expect("TOML");
        let market = market(table["market"]["synthetic"].clone());
        market.validate().expect("a market");
        let SyntheticMarket::Bars(market) = &market else { panic!("bars") };
        let symbol = &market.symbols[0].symbol;
        assert_eq!((symbol.tick_units, symbol.price_decimals), (10, 2));
        let volatility = match fitted {
            Fitted::Garch(fit) => fit.volatility_per_minute,
            Fitted::JumpDiffusion(fit) => fit.volatility_per_minute,
        };
        near("volatility", symbol.volatility_per_minute, volatility, 1e-8);
    }
}

fn flow(parameters: Json) -> datasets::synthetic::fit::FlowFit {
    let mut symbol = symbol();
    symbol.as_object_mut().expect("a table").remove("volatility_per_minute");
    let market = market(json!({ "model": "order_flow", "minutes": 240, "funding": null,
                                "symbols": [symbol], "order_flow": parameters }));
    let mut observer = FlowObserver::new(10, 1_000);
    let events = drain(&mut SyntheticFeed::of(&market, 4).expect("valid"));
    events.iter().for_each(|event| observer.observe(event));
    observer.finish().expect("a fit")
}

#[test]
fn rates_of_an_order_flow_are_found_again() {
    let fit = flow(json!({ "limit_orders_per_second": 20.0, "market_orders_per_second": 8.0,
        "cancels_per_second": 0.08, "distance_exponent": 0.7, "levels": 30, "limit_size_ratio": 1.5 }));
    near("limit orders", fit.flow.limit_orders_per_second, 20.0, 0.3);
    near("market orders", fit.flow.market_orders_per_second, 8.0, 0.2);
    near("cancellations", fit.flow.cancels_per_second, 0.08, 0.01);
    near("exponent", fit.flow.distance_exponent, 0.7, 0.05);
    near("levels", f64::from(fit.flow.levels), 30.0, 1.0);
    near("sizes", fit.flow.limit_size_ratio, 1.5, 0.05);
    near("volume", fit.lots_per_minute, 90_000.0, 4_000.0);
    assert_eq!(fit.flow.hawkes, None, "nothing excites");
}

#[test]
fn a_time_that_is_not_recorded_does_not_count() {
    let mut symbol = symbol();
    symbol.as_object_mut().expect("a table").remove("volatility_per_minute");
    let market = market(json!({ "model": "order_flow", "minutes": 120, "funding": null,
                                "symbols": [symbol], "order_flow": {} }));
    let events = drain(&mut SyntheticFeed::of(&market, 4).expect("valid"));
    let observe = |pause: Nanos| {
        let (mut observer, middle) = (FlowObserver::new(10, 1_000), events.len() / 2);
        events[..middle].iter().for_each(|event| observer.observe(event));
        // As a recorder that was off, and begins with a snapshot.
        for event in &events {
            observer.observe(&MarketEvent { time: event.time + pause, ..*event });
        }
        observer.finish().expect("a fit")
    };
    let fit = observe(Nanos::from_secs(3_600 * 24 * 400));
    assert_eq!(fit.silences, 1);
    let whole = flow(json!({}));
    assert_eq!(whole.silences, 0);
    for (what, found, stated) in [
        ("limit orders", fit.flow.limit_orders_per_second, whole.flow.limit_orders_per_second),
        ("market orders", fit.flow.market_orders_per_second, whole.flow.market_orders_per_second),
        ("cancellations", fit.flow.cancels_per_second, whole.flow.cancels_per_second),
        ("volume", fit.lots_per_minute, whole.lots_per_minute),
    ] {
        near(what, found / stated, 1.0, 0.05);
    }
    assert_eq!(fit.flow.hawkes, None, "a pause excites nothing");
}

#[test]
fn excitement_is_found_again() {
    let fit = flow(json!({ "market_orders_per_second": 2.0,
        "hawkes": { "branching": 0.6, "decay_per_second": 1.5, "cross_share": 0.2 } }));
    let hawkes = fit.flow.hawkes.expect("orders excite");
    near("branching", hawkes.branching, 0.6, 0.04);
    near("decay", hawkes.decay_per_second, 1.5, 0.25);
    near("cross share", hawkes.cross_share, 0.2, 0.05);
}

#[test]
fn what_tells_nothing_is_refused_with_the_remedy() {
    let refused = |returns: &[f64], part: &str| {
        for error in [
            fit_garch(returns).expect_err("nothing to learn").to_string(),
            fit_jump_diffusion(returns).expect_err("nothing to learn").to_string(),
        ] {
            assert!(error.contains(part), "{error}");
        }
    };
    refused(&[0.001; 20], "1000 are needed");
    refused(&[0.0; 5_000], "take a series that trades");
    refused(&log_returns(&[0.0; 5_000]), "prices must be above zero");
    let empty = FlowObserver::new(10, 1_000).finish().expect_err("nothing was seen").to_string();
    assert!(empty.contains("longer recording"), "{empty}");
}
