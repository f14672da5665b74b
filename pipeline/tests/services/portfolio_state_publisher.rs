//! Portfolio state publisher: MSE 14.2, EHR 3.12, as settled; the balance tracker tells it the money.

mod audits;

use pipeline::records::{ExecutionResult, OrderSide, PortfolioState, ReduceOnly};
use pipeline::{PipelineSettings, keys, streams};

use crate::accounts::account;
use crate::bench::{Bench, instrument};
use crate::plans::{self, decimal};

const TRACKER: &str = "balance_tracker";
const PORTFOLIO: &str = "portfolio_state_publisher";

fn bench(wallet: i64, unrealized: i64) -> Bench {
    let mut bench = Bench::new(&[TRACKER, PORTFOLIO], &PipelineSettings::default(), Vec::new());
    bench.kernel.exchange_mut().account = Some(account(wallet, unrealized));
    bench
}

fn states(bench: &mut Bench) -> Vec<PortfolioState> {
    bench.records(streams::PORTFOLIO_STATE)
}

fn last(bench: &mut Bench) -> PortfolioState {
    states(bench).pop().expect("a state")
}

/// P3.3's look: long 2 at this mark price, with this unrealised profit.
fn snapshot(bench: &mut Bench, mark: &str, unrealized: &str) {
    let fields = [
        ("symbol", "BTCUSDT"),
        ("position_amt", "2"),
        ("side", "LONG"),
        ("entry_price", "100"),
        ("mark_price", mark),
        ("unrealized_pnl", unrealized),
        ("leverage", "10"),
        ("ts_epoch", "1770000000"),
        ("source", "p33_poll"),
    ];
    bench.hset(&keys::POSITION_SNAPSHOT.of(instrument().symbol), &fields);
}

fn fill(bench: &mut Bench, pnl: &str) {
    let result = ExecutionResult {
        commission: Some(decimal("0.5")),
        realized_pnl: Some(decimal(pnl)),
        reduce_only: ReduceOnly(true),
        ..plans::fill(bench, OrderSide::Sell, "1")
    };
    // What comes again is not counted again.
    plans::tell(bench, &result);
    plans::tell(bench, &result);
}

/// The wallet was up to 30 s old and the profit up to 5 s: a close in between was in both, or in neither.
#[test]
fn equity_is_of_one_moment() {
    let mut bench = bench(1_000, 10);
    bench.run_to_ms(100);
    snapshot(&mut bench, "130", "60");
    bench.run_to_ms(5_100);
    let state = last(&mut bench);
    assert_eq!(state.equity_usd, Some(decimal("1010")));
    assert_eq!(state.balance_usd, Some(decimal("1000")));
    assert_eq!(state.unrealized_pnl_usd, decimal("10"));
    // Exposure is the newest look's.
    assert_eq!(state.gross_exposure_usd, decimal("260"));
    assert_eq!(state.positions_count, 1);
    // The close: what was unrealised is in the wallet.
    bench.kernel.exchange_mut().account = Some(account(1_070, 0));
    bench.run_to_ms(30_100);
    assert_eq!(last(&mut bench).equity_usd, Some(decimal("1010")));
    bench.run_to_ms(35_100);
    assert_eq!(last(&mut bench).equity_usd, Some(decimal("1070")));
}

#[test]
fn without_an_account_the_state_is_stale_and_its_key_dies() {
    let mut bench = bench(1_000, 0);
    bench.run_to_ms(5_100);
    assert_eq!(bench.hash(keys::PORTFOLIO.name)["equity_usd"], "1000");
    bench.kernel.exchange_mut().account = None;
    bench.run_to_ms(125_100);
    let state = last(&mut bench);
    assert!(state.stale, "the balance is 120 s old");
    assert_eq!((state.equity_usd, state.balance_usd), (None, None));
    assert!(!bench.hash(keys::PORTFOLIO.name).is_empty());
    bench.run_to_ms(240_100);
    assert!(bench.hash(keys::PORTFOLIO.name).is_empty());
    assert_eq!(bench.counter(TRACKER, "balance_not_fetched"), 8);
    assert_eq!(bench.counter(PORTFOLIO, "stale"), 24);
}

#[test]
fn the_drawdown_is_below_the_highest_equity_also_after_a_crash() {
    // The keys that live 120 s are long gone after the second one.
    for down_ms in [1_000, 3_600_000] {
        let mut bench = bench(1_000, 0);
        bench.run_to_ms(5_100);
        bench.kernel.exchange_mut().account = Some(account(800, 0));
        bench.run_to_ms(40_000);
        assert_eq!(last(&mut bench).drawdown.to_bits(), 0.2f64.to_bits());
        let before = last(&mut bench).dd_ewma_usd;
        bench.crash(TRACKER, down_ms);
        bench.crash(PORTFOLIO, down_ms);
        bench.run_for_ms(down_ms + 5_100);
        let state = last(&mut bench);
        assert_eq!(state.equity_usd, Some(decimal("800")), "{down_ms}");
        assert_eq!(state.peak_equity_usd, decimal("1000"), "{down_ms}");
        assert_eq!(state.drawdown.to_bits(), 0.2f64.to_bits(), "{down_ms}");
        let keep = libm::exp2(-5.0 / 300.0);
        let average = keep * before + (1.0 - keep) * 200.0;
        assert!((state.dd_ewma_usd / average - 1.0).abs() < 1e-9, "{down_ms}");
        let equity = bench.hash(keys::EQUITY_CURRENT.name);
        assert_eq!((equity["equity"].as_str(), equity["peak"].as_str()), ("800", "1000"));
    }
}

#[test]
fn averages_go_on_after_a_crash_as_if_there_had_been_none() {
    let (mut whole, mut crashed) = (bench(1_000, 0), bench(1_000, 0));
    for bench in [&mut whole, &mut crashed] {
        bench.run_to_ms(7_000);
        fill(bench, "-30");
        fill(bench, "20");
        let trade = plans::round_trip(bench, 1, "-10", "1");
        plans::tell_trade(bench, &trade);
        bench.run_to_ms(20_500);
    }
    // Down for two rounds in the midst of the minute, and back in step with the other's.
    crashed.crash(PORTFOLIO, 9_500);
    for ms in [60_100, 310_100] {
        whole.run_to_ms(ms);
        crashed.run_to_ms(ms);
        let (expected, got) = (last(&mut whole), last(&mut crashed));
        assert!(expected.lossburst_ewma_usd > 1.0 && expected.churn_ewma > 0.0);
        for (name, expected, got) in [
            ("losses", expected.lossburst_ewma_usd, got.lossburst_ewma_usd),
            ("fees", expected.fee_burden_ewma_usd, got.fee_burden_ewma_usd),
            ("churn", expected.churn_ewma, got.churn_ewma),
        ] {
            assert!((got / expected - 1.0).abs() < 1e-12, "{name} at {ms}: {got}, not {expected}");
        }
    }
}

/// Sums of whole minutes: 2^(-1/5) is left of an average after each of them, half of it after five.
#[test]
fn averages_have_a_half_life_of_five_minutes() {
    let mut bench = bench(1_000, 0);
    bench.run_to_ms(7_000);
    fill(&mut bench, "-30");
    bench.run_to_ms(40_000);
    fill(&mut bench, "-10");
    bench.run_to_ms(55_100);
    assert_eq!(last(&mut bench).lossburst_ewma_usd, 0.0, "the minute runs");
    bench.run_to_ms(60_100);
    let first = last(&mut bench).lossburst_ewma_usd;
    let expected = 40.0 * (1.0 - libm::exp2(-0.2));
    assert!((first / expected - 1.0).abs() < 1e-9, "{first}, not {expected}");
    bench.run_to_ms(360_100);
    let half = last(&mut bench).lossburst_ewma_usd;
    assert!((half / first - 0.5).abs() < 1e-9, "{half} of {first}");
}

/// Every reducing fill was a round trip, so that a close in ten fills was ten of them.
#[test]
fn a_round_trip_is_a_position_that_became_flat() {
    let mut bench = bench(1_000, 0);
    bench.run_to_ms(7_000);
    for _ in 0..10 {
        fill(&mut bench, "1");
        bench.run_for_ms(10);
    }
    bench.run_to_ms(60_100);
    assert_eq!(last(&mut bench).churn_ewma, 0.0, "still open");
    let trade = plans::round_trip(&bench, 1, "10", "1");
    plans::tell_trade(&mut bench, &trade);
    bench.run_to_ms(120_100);
    let expected = 1.0 - libm::exp2(-0.2);
    assert!((last(&mut bench).churn_ewma / expected - 1.0).abs() < 1e-9);
}

/// An account that nobody sees has not recovered: its drawdown seemed to go away.
#[test]
fn the_drawdown_stays_while_the_account_is_stale() {
    let mut bench = bench(1_000, 0);
    bench.run_to_ms(5_100);
    bench.kernel.exchange_mut().account = Some(account(800, 0));
    bench.run_to_ms(60_100);
    bench.kernel.exchange_mut().account = None;
    bench.run_to_ms(185_100);
    let (stale, before) = (last(&mut bench), last(&mut bench).dd_ewma_usd);
    assert!(stale.stale && before > 10.0, "{before}");
    bench.run_to_ms(600_100);
    assert_eq!(last(&mut bench).dd_ewma_usd.to_bits(), before.to_bits());
}
