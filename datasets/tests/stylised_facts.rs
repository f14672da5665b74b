//! What real series have in common, measured alike on recorded and on made markets: fat tails, volatility
//! that clusters, returns without memory (R. Cont 2001, "Empirical properties of asset returns: stylized facts
//! and statistical issues", Quantitative Finance 1). A Gaussian walk lacks them, and the measure says so. The
//! facts of a book are in `book_facts.rs`.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod common;

use std::path::PathBuf;

use common::Raw;
use datasets::catalogue::Catalogue;
use datasets::import::import;
use datasets::replay::Range;
use datasets::synthetic::fit::{BarSeries, GarchFit, fit_garch};
use datasets::synthetic::{SyntheticFeed, SyntheticMarket};
use engine::Symbol;
use serde_json::{Value as Json, json};

/// Facts of one-minute returns.
#[derive(Clone, Copy, Debug)]
struct Facts {
    excess_kurtosis: f64,
    /// Share of the returns beyond four standard deviations; 0.00006 of a normal's.
    beyond_four: f64,
    /// Mean autocorrelation of absolute returns over ten minutes, after an hour, and after four.
    clustering: [f64; 3],
    /// The greatest autocorrelation of returns, in size, over ten minutes.
    memory: f64,
}

fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let of = |(a, b): (&f64, &f64)| (a - mean) * (b - mean);
    values.iter().zip(&values[lag..]).map(of).sum::<f64>()
        / values.iter().zip(values).map(of).sum::<f64>()
}

impl Facts {
    fn of(returns: &[f64]) -> Facts {
        let count = returns.len() as f64;
        let squares = returns.iter().map(|r| r * r).sum::<f64>() / count;
        let fourths = returns.iter().map(|r| r * r * r * r).sum::<f64>() / count;
        let sizes: Vec<f64> = returns.iter().map(|r| r.abs()).collect();
        let mean = |lags: std::ops::Range<usize>| {
            let count = lags.len() as f64;
            lags.map(|lag| autocorrelation(&sizes, lag)).sum::<f64>() / count
        };
        let far = 4.0 * squares.sqrt();
        Facts {
            excess_kurtosis: fourths / (squares * squares) - 3.0,
            beyond_four: sizes.iter().filter(|size| **size > far).count() as f64 / count,
            clustering: [mean(1..11), mean(55..65), mean(230..250)],
            memory: (1..11).map(|lag| autocorrelation(returns, lag).abs()).fold(0.0, f64::max),
        }
    }

    /// The facts that are missing.
    fn missing(&self) -> Vec<&'static str> {
        let [near, hour, _] = self.clustering;
        let facts = [
            ("fat tails", self.excess_kurtosis > 1.5 && self.beyond_four > 0.002),
            ("clustered volatility", near > 0.08),
            ("slow decay of the clustering", hour > 0.04 && hour < near),
            ("returns without memory", self.memory < 0.1),
        ];
        facts.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect()
    }

    /// Tails and clustering are those of `other` up to a factor.
    #[track_caller]
    fn is_like(&self, other: &Facts, name: &str) {
        let pairs = [
            ("beyond four deviations", self.beyond_four, other.beyond_four),
            ("clustering", self.clustering[0], other.clustering[0]),
            ("clustering after an hour", self.clustering[1], other.clustering[1]),
        ];
        for (what, own, others) in pairs {
            let ratio = own / others;
            assert!((0.4..2.5).contains(&ratio), "{name}: {what}: {own} and {others}");
        }
    }
}

const MONTH: u32 = 28 * 1_440;

fn returns(model: &str, parameters: Json, volatility: f64, seed: u64) -> Vec<f64> {
    let mut keys = json!({
        "model": model, "minutes": MONTH, "bars": "whole", "funding": null,
        "symbols": [{ "symbol": "LTCUSDT", "start_price": 54.37, "price_decimals": 2, "tick_units": 1,
                      "qty_decimals": 3, "volume_per_minute": 1_500.0,
                      "volatility_per_minute": volatility }] });
    if !parameters.is_null() {
        keys[model] = parameters;
    }
    let market: SyntheticMarket = serde_json::from_value(keys).expect("a market");
    let feed = SyntheticFeed::of(&market, seed).expect("valid");
    BarSeries::of(market.instruments().remove(0), feed).expect("bars").returns
}

fn made_of(fit: &GarchFit, seed: u64) -> Vec<f64> {
    let parameters = serde_json::to_value(fit.garch).expect("parameters");
    returns("garch", parameters, fit.volatility_per_minute, seed)
}

fn shared(place: &str) -> Option<PathBuf> {
    let shared = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if !shared.is_dir() {
        eprintln!("skipped: {} is absent", shared.display());
        return None;
    }
    Some(shared.join("data/futures/um").join(place))
}

#[test]
fn a_fitted_market_has_the_facts_of_the_real_one() {
    let Some(klines) = shared("monthly/klines") else { return };
    let raw = Raw::new();
    import(&[klines], &raw.path("set"), &|_| {}).expect("a folder");
    let catalogue = Catalogue::open(&raw.path("set")).expect("a data set");
    // The symbols whose only month is February 2026, with its sell-off.
    for name in ["LTCUSDT", "LINKUSDT", "DOTUSDT"] {
        let symbol = Symbol::new(name).expect("a symbol");
        let real = BarSeries::read(&catalogue, symbol, "1m", Range::ALL).expect("bars").returns;
        assert_eq!(real.len(), 40_319);
        let fit = fit_garch(&real).expect("a fit");
        let facts = Facts::of(&real);
        assert_eq!(facts.missing(), [""; 0], "{name}: {facts:?}");
        for seed in 1..5 {
            let made = Facts::of(&made_of(&fit, seed));
            assert_eq!(made.missing(), [""; 0], "{name}, made with seed {seed}: {made:?}");
            made.is_like(&facts, name);
        }
    }
}

#[test]
fn the_typical_garch_and_regimes_have_the_facts_without_any_data() {
    for seed in 1..4 {
        for model in ["garch", "regimes"] {
            let facts = Facts::of(&returns(model, Json::Null, 0.001, seed));
            assert_eq!(facts.missing(), [""; 0], "{model}, seed {seed}: {facts:?}");
        }
    }
}

#[test]
fn a_gaussian_walk_fails_the_measure() {
    for seed in 1..4 {
        let walk = returns("jump_diffusion", json!({ "jumps_per_day": 0.0 }), 0.0012, seed);
        let missing = Facts::of(&walk).missing();
        assert_eq!(
            missing,
            ["fat tails", "clustered volatility", "slow decay of the clustering"],
            "seed {seed}"
        );
        // Jumps alone make fat tails and nothing else.
        let jumps = returns("jump_diffusion", json!({ "jumps_per_day": 20.0 }), 0.0012, seed);
        let missing = Facts::of(&jumps).missing();
        assert_eq!(
            missing,
            ["clustered volatility", "slow decay of the clustering"],
            "seed {seed}"
        );
        // And a walk that remembers is told, too.
        let remembers: Vec<f64> = walk.windows(2).map(|w| w[1] + 0.2 * w[0]).collect();
        assert!(Facts::of(&remembers).missing().contains(&"returns without memory"));
    }
}
