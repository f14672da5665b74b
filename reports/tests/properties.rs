//! What holds for metrics of any series.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "each test uses a part of the shared support")]

mod support;

use proptest::prelude::*;
use reports::metrics::{
    DAY_NS, Equity, EquityMetrics, Exposure, Fill, Liquidity, RunInput, Settings, Side, Trade,
    equity_metrics, exposure_metrics, period_ends, returns, run_metrics, trade_metrics,
};
use rust_decimal::Decimal;
use support::{HOUR_NS, daily, trade};

/// Equity of one sample a day, above zero, flat now and then.
fn curve() -> impl Strategy<Value = Vec<f64>> {
    let step = prop_oneof![4 => -0.2..0.2f64, 1 => Just(0.0)];
    prop::collection::vec(step, 0..60).prop_map(|steps| {
        let mut equity = vec![10_000.0];
        for step in steps {
            equity.push(equity[equity.len() - 1] * (1.0 + step));
        }
        equity
    })
}

/// Any numbers at any times, the worst that pass as a series.
fn any_series() -> impl Strategy<Value = (Vec<i64>, Vec<f64>)> {
    let value = prop_oneof![
        3 => -1e4..1e5f64,
        1 => prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        1 => Just(100.0),
    ];
    prop::collection::vec((0..40 * DAY_NS, value), 0..40).prop_map(|mut samples| {
        samples.sort_by_key(|sample| sample.0);
        samples.into_iter().unzip()
    })
}

fn trades() -> impl Strategy<Value = Vec<Trade<'static>>> {
    let cents = -2_000..2_000i64;
    // And few prices, so that only the PnL tells some of them apart.
    let (low, high) =
        (prop::sample::select(vec![95.0, 99.0]), prop::sample::select(vec![101.0, 107.0]));
    let one = (
        prop::sample::select(vec!["BTCUSDT", "ETHUSDT", "SOLUSDT"]),
        prop::sample::select(vec!["stop_loss", "take_profit", "time"]),
        // Few times, so that many trades end together.
        (0..4i64, 0..4i64),
        (cents, 0..100i64, -50..50i64),
        (low, high, prop::option::of(90.0..95.0f64)),
        any::<(bool, bool)>(),
    );
    let built =
        one.prop_map(|(symbol, exit_reason, times, money, prices, (long, liquidated))| Trade {
            symbol,
            exit_reason,
            side: if long { Side::Long } else { Side::Short },
            entry_time_ns: times.0 * HOUR_NS,
            exit_time_ns: (times.0 + times.1) * HOUR_NS,
            realised_pnl_usdt: Decimal::new(money.0, 2),
            fees_usdt: Decimal::new(money.1, 2),
            funding_usdt: Decimal::new(money.2, 2),
            lowest_price: prices.0,
            highest_price: prices.1,
            initial_stop_price: prices.2,
            liquidated,
            ..trade()
        });
    prop::collection::vec(built, 0..40)
}

fn near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-6),
        (a, b) => a == b,
    }
}

fn of(equity: &[f64]) -> EquityMetrics {
    daily(equity, &Settings::default()).expect("sound")
}

proptest! {
    #[test]
    fn no_metric_is_nan_or_infinite(
        (time_ns, equity_usdt) in any_series(),
        trades in trades(),
        level in 0.001..0.999f64,
        rate in -0.9..10.0f64,
    ) {
        let gross: Vec<f64> = equity_usdt.iter().map(|value| value.abs()).collect();
        let fill = Fill {
            notional_usdt: Decimal::MAX,
            fee_usdt: Decimal::ONE,
            liquidity: Liquidity::Maker,
        };
        let input = RunInput {
            equity: Equity { time_ns: &time_ns, equity_usdt: &equity_usdt },
            exposure: Some(Exposure { time_ns: &time_ns, gross_usdt: &gross, net_usdt: &equity_usdt }),
            fills: Some(&[fill]),
            trades: &trades,
        };
        let settings = Settings {
            period_ns: HOUR_NS,
            risk_free_rate: rate,
            target_return: rate,
            tail_level: level,
        };
        let run = run_metrics(&input, &settings).expect("sound");
        for (metric, value) in run.values() {
            prop_assert!(value.is_none_or(f64::is_finite), "{} is {value:?}", metric.name);
        }
    }

    #[test]
    fn scale_changes_no_metric(equity in curve(), scale in 1e-3..1e6f64) {
        let scaled: Vec<f64> = equity.iter().map(|value| value * scale).collect();
        for ((metric, one), (_, other)) in of(&equity).values().zip(of(&scaled).values()) {
            prop_assert!(near(one, other), "{}: {one:?}, scaled {other:?}", metric.name);
        }
    }

    #[test]
    fn falls_are_shares(equity in curve()) {
        let of = of(&equity);
        let share = 0.0..=1.0;
        let deepest = of.max_drawdown.expect("samples");
        prop_assert!(share.contains(&deepest));
        prop_assert!(of.time_under_water.is_none_or(|time| share.contains(&time)));
        prop_assert!(of.average_drawdown.is_none_or(|mean| mean > 0.0 && mean <= deepest + 1e-15));
        prop_assert!(of.ulcer_index.is_none_or(|index| index <= deepest + 1e-15));
        prop_assert!(of.max_drawdown_days <= of.longest_drawdown_days);
        // A fall of a part of the run is none of a greater one.
        let part = support::daily(&equity[..equity.len() / 2 + 1], &Settings::default());
        prop_assert!(part.expect("sound").max_drawdown <= of.max_drawdown);
    }

    #[test]
    fn returns_compound_to_that_of_the_run(
        (time_ns, values) in any_series(), period_ns in HOUR_NS..9 * DAY_NS
    ) {
        let equity_usdt: Vec<f64> = values.iter().map(|value| 50.0 + value.abs().min(1e5)).collect();
        let equity = Equity { time_ns: &time_ns, equity_usdt: &equity_usdt };
        let ends = period_ends(&equity, period_ns).expect("sound");
        prop_assert!(ends.time_ns.windows(2).all(|pair| pair[1] - pair[0] <= period_ns));
        prop_assert!(ends.time_ns.windows(2).rev().skip(1).all(|pair| pair[1] - pair[0] == period_ns));
        let growth: f64 = returns(&ends.equity_usdt).iter().map(|r| 1.0 + r).product();
        let settings = Settings { period_ns, ..Settings::default() };
        let of = equity_metrics(&equity, &settings).expect("sound");
        let wanted = of.total_return.map_or(1.0, |total| total + 1.0);
        prop_assert!((growth - wanted).abs() <= 1e-11 * wanted);
    }

    #[test]
    fn more_a_day_raises_sharpe(equity in curve(), more in 0.001..0.05f64) {
        let mut raised = vec![equity[0]];
        for r in returns(&equity) {
            raised.push(raised[raised.len() - 1] * (1.0 + r + more));
        }
        let (one, other) = (of(&equity), of(&raised));
        prop_assert!(near(one.volatility, other.volatility));
        // Of no volatility, rounding decides on which side of the floor it lies.
        if one.volatility.is_some_and(|volatility| volatility > 1e-6) {
            prop_assert!(one.sharpe < other.sharpe, "{:?}, more {:?}", one.sharpe, other.sharpe);
            prop_assert!(one.value_at_risk > other.value_at_risk);
        }
        prop_assert!(one.max_drawdown >= other.max_drawdown);
    }

    #[test]
    fn shortfall_is_not_below_value_at_risk(equity in curve(), level in 0.5..0.999f64) {
        let settings = Settings { tail_level: level, ..Settings::default() };
        let of = daily(&equity, &settings).expect("sound");
        let (risk, shortfall) = (of.value_at_risk, of.expected_shortfall);
        prop_assert!(risk <= shortfall || near(risk, shortfall), "{risk:?}, {shortfall:?}");
    }

    #[test]
    fn samples_without_news_change_nothing(equity in curve(), twice in any::<bool>()) {
        // Each value said again, at noon or at the same time: the ends of the days are the same.
        let later = if twice { 0 } else { DAY_NS / 2 };
        let times = (0..equity.len() as i64).flat_map(|day| [day * DAY_NS, day * DAY_NS + later]);
        let values = equity.iter().flat_map(|value| [*value, *value]);
        let (mut times, mut values): (Vec<i64>, Vec<f64>) = (times.collect(), values.collect());
        times.pop();
        values.pop();
        let said = Equity { time_ns: &times, equity_usdt: &values };
        let said = equity_metrics(&said, &Settings::default()).expect("sound");
        let of = of(&equity);
        let returns = |of: &EquityMetrics| (of.sharpe, of.sortino, of.omega, of.cagr, of.ulcer_index);
        prop_assert_eq!(returns(&said), returns(&of));
        prop_assert_eq!(said.max_drawdown, of.max_drawdown);
        prop_assert!(!twice || said == of);
    }

    #[test]
    fn the_order_of_trades_decides_nothing(
        (trades, shuffled) in trades().prop_flat_map(|t| (Just(t.clone()), Just(t).prop_shuffle()))
    ) {
        let one = trade_metrics(&trades).expect("sound");
        prop_assert_eq!(&one, &trade_metrics(&shuffled).expect("sound"));
        prop_assert!(one.by_symbol.keys().is_sorted() && one.by_exit_reason.keys().is_sorted());
    }

    #[test]
    fn groups_add_up(trades in trades()) {
        let of = trade_metrics(&trades).expect("sound");
        for groups in [&of.by_symbol, &of.by_exit_reason] {
            let sum = |of: fn(&reports::metrics::TradeMetrics) -> Decimal| -> Decimal {
                groups.values().map(of).sum()
            };
            prop_assert_eq!(sum(|of| of.net_pnl), of.all.net_pnl);
            prop_assert_eq!(sum(|of| of.fees), of.all.fees);
            prop_assert_eq!(groups.values().map(|of| of.trades).sum::<u64>(), of.all.trades);
            let streak = groups.values().map(|of| of.longest_losing_streak).max().unwrap_or(0);
            prop_assert!(groups.len() != 1 || streak == of.all.longest_losing_streak);
        }
        let exact = of.all.gross_profit - of.all.gross_loss;
        prop_assert_eq!(exact, of.all.net_pnl);
        prop_assert!(of.all.hit_rate.is_none_or(|rate| (0.0..=1.0).contains(&rate)));
    }

    #[test]
    fn exposure_is_bounded_by_its_extremes(
        (time_ns, values) in any_series(), (exposed_ns, notional) in any_series()
    ) {
        let equity_usdt: Vec<f64> = values.iter().map(|value| 50.0 + value.abs().min(1e5)).collect();
        let net_usdt: Vec<f64> = notional.iter().map(|value| value.clamp(-1e9, 1e9)).collect();
        let gross_usdt: Vec<f64> = net_usdt.iter().map(|net| net.abs()).collect();
        let equity = Equity { time_ns: &time_ns, equity_usdt: &equity_usdt };
        let exposure =
            Exposure { time_ns: &exposed_ns, gross_usdt: &gross_usdt, net_usdt: &net_usdt };
        let of = exposure_metrics(&equity, &exposure).expect("sound");
        if let (Some(share), Some(gross)) = (of.exposure, of.gross_exposure_mean) {
            let max = of.leverage_max.expect("samples") * (1.0 + 1e-12);
            let net = of.net_exposure_mean.expect("as gross");
            prop_assert!((0.0..=1.0).contains(&share));
            prop_assert!(net.abs() <= gross * (1.0 + 1e-12) && gross <= max);
            // The mean over all time is that over the time in the market, times its share.
            let in_market = of.leverage_mean.map_or(0.0, |leverage| leverage * share);
            prop_assert!(near(Some(gross), Some(in_market)), "{gross}, {in_market}");
        }
    }
}
