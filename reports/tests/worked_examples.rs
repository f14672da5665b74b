//! Metrics of a few samples, recomputed on paper.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "each test uses a part of the shared support")]

mod support;

use reports::metrics::{
    DAY_NS, Equity, EquityMetrics, Exposure, Fill, InputError, Liquidity, PipelineInput, RunInput,
    Settings, Side, Trade, TradeMetrics, drawdowns, equity_metrics, exposure_metrics, fill_metrics,
    pipeline_metrics, run_metrics, trade_figures, trade_metrics,
};
use rust_decimal::Decimal;
use support::{HOUR_NS, daily, trade, usdt};

/// Close to what the paper says; floats round differently from decimals.
#[track_caller]
fn close(found: Option<f64>, wanted: f64) {
    let found = found.expect("defined");
    assert!((found - wanted).abs() <= 1e-12 * wanted.abs().max(1e-3), "{found}, not {wanted}");
}

/// Returns 10 %, -50 %, 100 %, 0 %: mean 15 %.
const FIVE_DAYS: [f64; 5] = [100.0, 110.0, 55.0, 110.0, 110.0];

#[test]
fn five_days() {
    let of = daily(&FIVE_DAYS, &Settings::default()).expect("sound");
    assert_eq!(of.periods, 4);
    close(of.total_return, 0.1);
    // 1.1^(365 / 4) - 1, by way of ln 1.1 = 0.09531017980432493.
    close(of.cagr, libm::exp(0.095_310_179_804_324_93 * 91.25) - 1.0);
    // Deviations -0.05, -0.65, 0.85, -0.15; squares 0.0025 + 0.4225 + 0.7225 + 0.0225 = 1.17; over 3: 0.39.
    close(of.volatility, (0.39f64 * 365.0).sqrt());
    close(of.sharpe, 0.15 / 0.39f64.sqrt() * 365f64.sqrt());
    // Only the second falls short: 0.25 / 4.
    close(of.sortino, 0.15 / 0.0625f64.sqrt() * 365f64.sqrt());
    close(of.omega, 1.1 / 0.5);
    close(of.max_drawdown, 0.5);
    close(of.calmar, (libm::exp(0.095_310_179_804_324_93 * 91.25) - 1.0) / 0.5);
    // From day 1 to day 3, of four.
    close(of.max_drawdown_days, 2.0);
    close(of.longest_drawdown_days, 2.0);
    close(of.time_under_water, 0.5);
    close(of.average_drawdown, 0.5);
    close(of.ulcer_index, 0.25);
    // -0.5, 0, 0.1, 1: at place 3 * 0.05 = 0.15, so -0.5 + 0.15 * 0.5.
    close(of.value_at_risk, 0.425);
    close(of.expected_shortfall, 0.5);
    // Cubes of the deviations: -0.000125 - 0.274625 + 0.614125 - 0.003375 = 0.336.
    close(of.skew, 4.0 * 3f64.sqrt() / 2.0 * 0.336 / (1.17 * 1.17f64.sqrt()));
    // Fourth powers: 0.00000625 + 0.17850625 + 0.52200625 + 0.00050625 = 0.701025.
    close(of.excess_kurtosis, (60.0 * 0.701_025 / (1.17 * 1.17) - 27.0) / 2.0);
}

#[test]
fn rates_are_those_of_a_year() {
    // Twice 1 % a day makes 1.01^365 - 1 a year, so with that as rate or target nothing is above it.
    let year = libm::pow(1.01, 365.0) - 1.0;
    let settings = Settings { risk_free_rate: year, target_return: year, ..Settings::default() };
    let of = daily(&[100.0, 110.0, 104.5], &settings).expect("sound");
    // Returns 0.1 and -0.05; above 0.01: 0.09 and -0.06; their mean 0.015, deviations 0.075.
    close(of.sharpe, 0.015 / (2.0 * 0.075f64 * 0.075).sqrt() * 365f64.sqrt());
    close(of.sortino, 0.015 / (0.0036f64 / 2.0).sqrt() * 365f64.sqrt());
    close(of.omega, 1.5);
}

#[test]
fn the_worst_share_may_end_within_a_return() {
    // Returns -0.1, -0.2, -0.3 in some order and seven of 0.1; the worst 25 % of ten are 2.5 of them.
    let returns = [0.1, -0.2, 0.1, 0.1, -0.1, 0.1, 0.1, -0.3, 0.1, 0.1];
    let mut equity = vec![1.0];
    equity.extend(returns.iter().scan(1.0, |held, r| {
        *held *= 1.0 + r;
        Some(*held)
    }));
    let settings = Settings { tail_level: 0.75, ..Settings::default() };
    let of = daily(&equity, &settings).expect("sound");
    close(of.expected_shortfall, (0.3 + 0.2 + 0.5 * 0.1) / 2.5);
    // Place 9 * 0.25 = 2.25: between -0.1 and 0.1.
    close(of.value_at_risk, 0.1 - 0.25 * 0.2);
}

#[test]
fn falls_one_by_one() {
    let time_ns: Vec<i64> = [0, 1, 2, 3, 4, 6, 10].map(|day| day * DAY_NS).into();
    let equity = Equity {
        time_ns: &time_ns,
        equity_usdt: &[100.0, 100.0, 80.0, 100.0, 200.0, 150.0, 190.0],
    };
    let falls = drawdowns(&equity);
    // The first began when the peak was held for the last time; the second has not ended.
    let days = |fall: &reports::metrics::Drawdown| {
        let recovery = fall.recovery_ns.map(|time| time / DAY_NS);
        (fall.peak_ns / DAY_NS, fall.trough_ns / DAY_NS, recovery, fall.depth, fall.days)
    };
    let found: Vec<_> = falls.iter().map(days).collect();
    assert_eq!(found, [(1, 2, Some(3), 0.2, 2.0), (4, 6, None, 0.25, 6.0)]);
    let of = equity_metrics(&equity, &Settings::default()).expect("sound");
    assert_eq!((of.max_drawdown, of.max_drawdown_days), (Some(0.25), Some(6.0)));
    close(of.time_under_water, 0.8);
    close(of.average_drawdown, 0.225);
}

#[test]
fn the_deepest_need_not_be_the_longest() {
    let of = daily(&[100.0, 90.0, 95.0, 101.0, 50.0, 102.0], &Settings::default()).expect("sound");
    assert_eq!((of.max_drawdown_days, of.longest_drawdown_days), (Some(2.0), Some(3.0)));
    close(of.max_drawdown, 51.0 / 101.0);
}

#[test]
fn what_has_no_value_is_none() {
    let of = |equity: &[f64]| daily(equity, &Settings::default()).expect("sound");
    assert_eq!(of(&[]), EquityMetrics::default());
    let one = of(&[100.0]);
    let wanted = EquityMetrics {
        total_return: Some(0.0),
        max_drawdown: Some(0.0),
        max_drawdown_days: Some(0.0),
        longest_drawdown_days: Some(0.0),
        ..EquityMetrics::default()
    };
    assert_eq!(one, wanted);
    let flat = of(&[100.0; 5]);
    assert_eq!((flat.volatility, flat.sharpe, flat.sortino), (Some(0.0), None, None));
    assert_eq!((flat.omega, flat.calmar, flat.skew), (None, None, None));
    assert_eq!((flat.excess_kurtosis, flat.value_at_risk), (None, Some(0.0)));
    // Two returns and no loss: volatility, but nothing to divide by below the target.
    let rising = of(&[100.0, 110.0, 120.0]);
    assert!(rising.sharpe.is_some());
    assert_eq!((rising.sortino, rising.omega, rising.calmar), (None, None, None));
    assert_eq!((rising.skew, rising.excess_kurtosis), (None, None));
    assert_eq!(of(&[0.0, 1.0]), EquityMetrics { periods: 1, ..EquityMetrics::default() });
}

#[test]
fn rounding_is_no_volatility() {
    // 1 % each day, as far as floats can say it.
    let mut equity = vec![100.0];
    for _ in 0..50 {
        equity.push(equity[equity.len() - 1] * 1.01);
    }
    let of = daily(&equity, &Settings::default()).expect("sound");
    assert!(of.volatility.is_some_and(|volatility| volatility < 1e-13));
    assert_eq!((of.sharpe, of.skew), (None, None));
}

#[test]
fn equity_that_is_gone() {
    let of = daily(&[100.0, 50.0, -10.0, 20.0], &Settings::default()).expect("sound");
    // Returns -0.5 and -1.2; of what is gone there is none.
    close(of.value_at_risk, 1.2 - 0.05 * 0.7);
    close(of.max_drawdown, 1.1);
    close(of.total_return, -0.8);
    assert_eq!(of.periods, 3);
    let gone = daily(&[100.0, -10.0], &Settings::default()).expect("sound");
    assert_eq!((gone.total_return, gone.cagr, gone.calmar), (Some(-1.1), None, None));
    let zero = daily(&[100.0, 0.0], &Settings::default()).expect("sound");
    assert_eq!((zero.total_return, zero.cagr, zero.calmar), (Some(-1.0), Some(-1.0), Some(-1.0)));
}

#[test]
fn growth_that_no_float_holds() {
    let equity = Equity { time_ns: &[0, HOUR_NS], equity_usdt: &[100.0, 200.0] };
    let of = equity_metrics(&equity, &Settings::default()).expect("sound");
    assert_eq!((of.total_return, of.cagr), (Some(1.0), None));
}

#[test]
fn positions_over_time() {
    // Equity 100 for 2 h, then 200 for 2 h. Long 100 from 1 h, short 300 from 2 h, flat from 3 h; the last
    // of two samples at one time counts, and what comes after the end does not.
    let equity_times = [0, 2, 4].map(|hour| hour * HOUR_NS);
    let equity = Equity { time_ns: &equity_times, equity_usdt: &[100.0, 200.0, 200.0] };
    let exposure = Exposure {
        time_ns: &[1, 2, 2, 3, 5].map(|hour| hour * HOUR_NS),
        gross_usdt: &[100.0, 900.0, 300.0, 0.0, 9_000.0],
        net_usdt: &[100.0, 900.0, -300.0, 0.0, 9_000.0],
    };
    let of = exposure_metrics(&equity, &exposure).expect("sound");
    close(of.exposure, 0.5);
    // 1 for an hour and 1.5 for an hour, of four and of two.
    close(of.gross_exposure_mean, 2.5 / 4.0);
    close(of.net_exposure_mean, -0.5 / 4.0);
    close(of.leverage_mean, 2.5 / 2.0);
    close(of.leverage_max, 1.5);
    // While the equity is below zero, only the time in the market counts.
    let gone = Equity { time_ns: &equity_times, equity_usdt: &[-100.0, 200.0, 200.0] };
    let of = exposure_metrics(&gone, &exposure).expect("sound");
    close(of.exposure, 0.5);
    close(of.gross_exposure_mean, 1.5 / 2.0);
    close(of.leverage_mean, 1.5);
    let none = exposure_metrics(&equity, &Exposure::default()).expect("sound");
    assert_eq!(
        (none.exposure, none.leverage_mean, none.leverage_max),
        (Some(0.0), None, Some(0.0))
    );
}

#[test]
fn executions() {
    let equity = Equity { time_ns: &[0, DAY_NS, 3 * DAY_NS], equity_usdt: &[100.0, 250.0, 999.0] };
    let fill = |notional, fee, liquidity| Fill {
        notional_usdt: usdt(notional),
        fee_usdt: usdt(fee),
        liquidity,
    };
    let fills =
        [fill("300.10", "0.12", Liquidity::Taker), fill("99.90", "-0.02", Liquidity::Maker)];
    let of = fill_metrics(&equity, &fills).expect("sound");
    assert_eq!((of.fills, of.volume, of.fill_fees), (2, usdt("400"), usdt("0.10")));
    close(of.maker_share, 99.9 / 400.0);
    // Mean equity (100 + 2 * 250) / 3 = 200.
    close(of.turnover, 2.0);
    close(of.turnover_annual, 2.0 * 365.0 / 3.0);
    let none = fill_metrics(&equity, &[]).expect("sound");
    assert_eq!((none.maker_share, none.turnover), (None, Some(0.0)));
}

/// Three of BTC and one of ETH: +10, -4, 0 and -6 net.
fn four_trades() -> [Trade<'static>; 4] {
    let first = Trade {
        realised_pnl_usdt: usdt("11"),
        fees_usdt: usdt("0.4"),
        funding_usdt: usdt("-0.6"),
        slippage_usdt: usdt("0.3"),
        highest_price: 112.0,
        lowest_price: 96.0,
        initial_stop_price: Some(95.0),
        exit_reason: "take_profit",
        ..trade()
    };
    let second = Trade {
        side: Side::Short,
        qty: 2.0,
        entry_time_ns: HOUR_NS,
        exit_time_ns: 4 * HOUR_NS,
        realised_pnl_usdt: usdt("-4"),
        highest_price: 104.0,
        lowest_price: 99.0,
        initial_stop_price: Some(104.0),
        exit_reason: "stop_loss",
        ..trade()
    };
    // A stop above the entry of a long is none that risks anything.
    let third = Trade { exit_time_ns: 9 * HOUR_NS, initial_stop_price: Some(101.0), ..trade() };
    let fourth = Trade {
        symbol: "ETHUSDT",
        exit_time_ns: 5 * HOUR_NS,
        realised_pnl_usdt: usdt("-6"),
        exit_reason: "stop_loss",
        leverage: 20.0,
        liquidated: true,
        ..trade()
    };
    [first, second, third, fourth]
}

#[test]
fn closed_trades() {
    let of = trade_metrics(&four_trades()).expect("sound");
    let all = of.all;
    assert_eq!((all.trades, all.net_pnl), (4, usdt("0")));
    assert_eq!((all.gross_profit, all.gross_loss), (usdt("10"), usdt("10")));
    assert_eq!((all.fees, all.funding, all.slippage), (usdt("0.4"), usdt("-0.6"), usdt("0.3")));
    close(all.hit_rate, 0.25);
    close(all.payoff_ratio, 10.0 / 5.0);
    close(all.profit_factor, 1.0);
    assert_eq!(all.expectancy, Some(0.0));
    // 10 of a risk of 5, and -4 of a risk of 8.
    close(all.expectancy_r, (2.0 - 0.5) / 2.0);
    close(all.mae_mean, (0.04 + 0.04) / 4.0);
    close(all.mfe_mean, (0.12 + 0.01) / 4.0);
    close(all.time_in_trade_hours_mean, (1.0 + 3.0 + 9.0 + 5.0) / 4.0);
    close(all.time_in_trade_hours_median, 4.0);
    close(all.set_leverage_mean, 35.0 / 4.0);
    close(all.set_leverage_max, 20.0);
    // By exit: won, lost, lost, neither.
    assert_eq!((all.liquidations, all.longest_losing_streak), (1, 2));

    let symbols: Vec<_> =
        of.by_symbol.iter().map(|(name, of)| (name.as_str(), of.trades)).collect();
    assert_eq!(symbols, [("BTCUSDT", 3), ("ETHUSDT", 1)]);
    let reasons: Vec<_> =
        of.by_exit_reason.iter().map(|(name, of)| (name.as_str(), of.net_pnl)).collect();
    assert_eq!(
        reasons,
        [("stop_loss", usdt("-10")), ("take_profit", usdt("10")), ("time", usdt("0"))]
    );
    let eth = &of.by_symbol["ETHUSDT"];
    assert_eq!((eth.hit_rate, eth.payoff_ratio, eth.profit_factor), (Some(0.0), None, Some(0.0)));
    assert_eq!((eth.expectancy, eth.expectancy_r), (Some(-6.0), None));
    assert_eq!(trade_metrics(&[]).expect("sound").all, TradeMetrics::default());
}

#[test]
fn one_trade_at_a_time() {
    let of = trade_figures(&four_trades()).expect("sound");
    assert_eq!(of[0].net_pnl_usdt, usdt("10.0"));
    assert_eq!([of[0].r_multiple, of[1].r_multiple], [Some(2.0), Some(-0.5)]);
    assert_eq!([of[2].r_multiple, of[3].r_multiple], [None, None]);
    assert_eq!([of[1].mae, of[1].mfe, of[1].hours], [0.04, 0.01, 3.0]);
}

#[test]
fn the_pipeline() {
    let lag = [1_000_000, 2_000_000, 3_000_000, 7_000_000];
    let of = pipeline_metrics(&PipelineInput {
        proposals: 50,
        refusals: &[("risk", 6), ("heat", 4), ("risk", 2)],
        permits_granted: 9,
        permits_denied: 3,
        actions: 8,
        downgrades: 2,
        lag_ns: &[("intents", &lag), ("fills", &[])],
    })
    .expect("sound");
    assert_eq!((of.rates.refusals, of.rates.refusal_rate), (12, Some(0.24)));
    assert_eq!((of.rates.permit_grant_rate, of.rates.downgrade_rate), (Some(0.75), Some(0.25)));
    let gates: Vec<_> =
        of.by_gate.iter().map(|(name, of)| (name.as_str(), of.gate_refusals)).collect();
    assert_eq!(gates, [("heat", 4), ("risk", 8)]);
    let risk = &of.by_gate["risk"];
    assert_eq!((risk.gate_refusal_rate, risk.gate_share), (Some(0.16), Some(8.0 / 12.0)));
    let intents = &of.by_stream["intents"];
    assert_eq!((intents.lag_samples, intents.lag_ms_p50), (4, Some(2.5)));
    // Places 2.7 and 2.97: between 3 and 7.
    close(intents.lag_ms_p90, 3.0 + 0.7 * 4.0);
    close(intents.lag_ms_p99, 3.0 + 0.97 * 4.0);
    assert_eq!((intents.lag_ms_max, of.by_stream["fills"].lag_ms_max), (Some(7.0), None));
    let none = pipeline_metrics(&PipelineInput::default()).expect("sound");
    assert_eq!((none.rates.refusal_rate, none.rates.permit_grant_rate), (None, None));
}

#[test]
fn what_means_nothing_is_refused_by_name() {
    let equity = |time_ns, equity_usdt| {
        let input = RunInput { equity: Equity { time_ns, equity_usdt }, ..RunInput::default() };
        run_metrics(&input, &Settings::default()).expect_err("refused").to_string()
    };
    assert_eq!(equity(&[0, 1], &[1.0]), "equity: 2 times, but 1 values");
    assert_eq!(equity(&[0, 2, 1], &[1.0; 3]), "equity: sample 2 lies before sample 1");
    assert_eq!(
        equity(&[0, 1], &[1.0, f64::NAN]),
        "equity_usdt of equity 1 is NaN: give a finite number"
    );
    let trades = |trade: Trade<'_>| trade_metrics(&[trade]).expect_err("refused").to_string();
    let wanted = "give a finite number above zero";
    assert_eq!(trades(Trade { qty: 0.0, ..trade() }), format!("qty of trade 0 is 0: {wanted}"));
    assert_eq!(
        trades(Trade { initial_stop_price: Some(-1.0), ..trade() }),
        format!("initial_stop_price of trade 0 is -1: {wanted}")
    );
    assert_eq!(
        trades(Trade { exit_time_ns: -1, ..trade() }),
        "exit_time_ns of trade 0 is -1: give a time after the entry"
    );
    assert_eq!(
        trades(Trade { highest_price: 99.0, ..trade() }),
        "highest_price of trade 0 is 99: give a price above the lowest"
    );
    let most = Trade { realised_pnl_usdt: Decimal::MAX, ..trade() };
    assert_eq!(
        trade_metrics(&[most, most]).expect_err("refused"),
        InputError::Overflow { what: "net PnL" }
    );
    let settings = |settings: Settings| daily(&[1.0], &settings).expect_err("refused").to_string();
    assert_eq!(
        settings(Settings { period_ns: 0, ..Settings::default() }),
        "period_ns is 0: give a number above zero"
    );
    assert_eq!(
        settings(Settings { tail_level: 1.0, ..Settings::default() }),
        "tail_level is 1: give a number between 0 and 1"
    );
    assert_eq!(
        settings(Settings { risk_free_rate: -1.0, ..Settings::default() }),
        "risk_free_rate is -1: give a finite number above -1"
    );
    let lag = PipelineInput { lag_ns: &[("intents", &[2, 1])], ..PipelineInput::default() };
    assert_eq!(
        pipeline_metrics(&lag).expect_err("refused").to_string(),
        "lag of intents: sample 1 is less than sample 0: sort them"
    );
}
