//! Risk brain: MSE 5.3, on the scale that its file explains: 50 in calm, 85 at the limit of drawdown or exposure.

use engine::{Body, GaugeOf, Symbol};
use pipeline::records::{RiskReply, RiskRequest};
use pipeline::{PipelineSettings, keys};

use crate::bench::Bench;
use crate::plans::decimal;
use crate::portfolios::portfolio;
use crate::questions::{ask, ask_anything, asked};

const BRAIN: &str = "risk_brain";

fn bench() -> Bench {
    asked(BRAIN, &PipelineSettings::default())
}

fn reply(bench: &mut Bench, usd: &str) -> Option<RiskReply> {
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    ask(bench, RiskRequest { symbol, size_usd: decimal(usd) })
}

/// The worse of drawdown and exposure counts, and the scale ends at 100.
#[test]
fn the_score_rises_with_drawdown_and_exposure() {
    let of = |changes: &[(&str, &str)]| {
        let mut bench = bench();
        portfolio(&mut bench, changes);
        let score = reply(&mut bench, "200").expect("a reply").risk_score;
        assert_eq!(bench.gauge(BRAIN, "risk_score", GaugeOf::All), Some(score));
        score
    };
    assert_eq!(of(&[]), 50.0);
    assert_eq!(of(&[("drawdown", "0.08")]), 85.0);
    assert_eq!(of(&[("drawdown", "0.04")]), 67.5);
    // Five equities of 1,000.
    assert_eq!(of(&[("gross_exposure_usd", "5000")]), 85.0);
    assert_eq!(of(&[("gross_exposure_usd", "2500"), ("drawdown", "0.08")]), 85.0);
    assert_eq!(of(&[("drawdown", "0.5")]), 100.0);
}

#[test]
fn a_size_is_allowed_up_to_a_share_of_the_equity() {
    let mut settings = PipelineSettings::default();
    settings.risk_brain.max_size_share = 0.5;
    let mut bench = asked(BRAIN, &settings);
    portfolio(&mut bench, &[]);
    for (asked_for, allowed) in [("200", "200"), ("500", "500"), ("501", "500"), ("0", "0")] {
        let reply = reply(&mut bench, asked_for).expect("a reply");
        assert_eq!(reply.size_usd, decimal(allowed), "{asked_for}");
    }
}

/// Its caller then falls back on defaults of its own.
#[test]
fn of_a_fund_that_nobody_knows_it_says_nothing() {
    let mut bench = bench();
    assert!(reply(&mut bench, "200").is_none(), "there is no portfolio");
    for changes in [[("stale", "true")], [("equity_usd", "0")], [("equity_usd", "-5")]] {
        portfolio(&mut bench, &changes);
        assert!(reply(&mut bench, "200").is_none(), "{changes:?}");
    }
    assert_eq!(bench.counter(BRAIN, "portfolio_unknown"), 4);
    portfolio(&mut bench, &[("drawdown", "a lot")]);
    assert!(reply(&mut bench, "200").is_none());
    bench.forget(keys::PORTFOLIO.name);
    bench.set(keys::PORTFOLIO.name, "no hash");
    assert!(reply(&mut bench, "200").is_none());
    assert_eq!(bench.counter(BRAIN, "portfolio_unreadable"), 2);
    bench.forget(keys::PORTFOLIO.name);
    portfolio(&mut bench, &[]);
    assert!(reply(&mut bench, "200").is_some());
}

#[test]
fn a_malformed_question_has_no_reply() {
    let mut bench = bench();
    portfolio(&mut bench, &[]);
    let bad: [&[(&str, &str)]; 3] = [
        &[("symbol", "BTCUSDT")],
        &[("symbol", "BTCUSDT"), ("size_usd", "NaN")],
        &[("size_usd", "200")],
    ];
    for question in bad {
        assert!(ask_anything::<RiskReply>(&mut bench, Body::fields(question)).is_none());
    }
    assert_eq!(bench.counter(BRAIN, "requests_malformed"), 3);
}
