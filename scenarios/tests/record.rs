//! The record of a run against the exchange's books: what trades made, paid and got is what moved the wallet.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use rust_decimal::Decimal;
use scenarios::{NoProgress, RunOptions, RunRecord, Scenario, ScenarioReport};

fn run_text(text: &str) -> (ScenarioReport, RunRecord) {
    run(&Scenario::parse("record.toml", text).expect("it reads"))
}

fn run(scenario: &Scenario) -> (ScenarioReport, RunRecord) {
    let options = RunOptions { record: true, ..RunOptions::default() };
    let mut report = scenarios::run(scenario, &options, &NoProgress).expect("it runs");
    let record = report.record.take().expect("a record");
    let plain = scenarios::run(scenario, &RunOptions::default(), &NoProgress).expect("it runs");
    assert_eq!(report.digest, plain.digest, "to be recorded changes nothing");
    (report, record)
}

/// What trades say of money, against the exchange's totals.
fn adds_up(report: &ScenarioReport, record: &RunRecord) {
    let figure = |name: &str| *report.figures.get(name).expect("a figure");
    let sum = |of: fn(&scenarios::ClosedTrade) -> Decimal| -> Decimal {
        record.trades.iter().map(of).sum()
    };
    let open =
        |of: fn(&scenarios::OpenTrade) -> Decimal| -> Decimal { record.open.iter().map(of).sum() };
    assert_eq!(sum(|t| t.realized) + open(|t| t.realized), figure("realized_pnl"));
    let paid = sum(|t| t.fees) + open(|t| t.fees);
    let commission: Decimal = record.fills.iter().map(|fill| fill.commission).sum();
    assert_eq!(-commission, figure("commission"));
    assert!(paid >= commission, "{paid} with the fees of liquidations, {commission} without");
    assert_eq!(sum(|t| t.funding) + open(|t| t.funding), figure("funding"));
    assert_eq!(Decimal::from(record.fills.len() as u64), figure("fills"));
    let last = *record.equity.last().expect("a sample");
    let margin = f64::try_from(figure("margin_balance")).expect("a float");
    assert!((last - margin).abs() < 1e-9, "{last} {margin}");
}

const CHAIN: &str = "seed = 3\n[market.synthetic]\nminutes = 1440\n";

#[test]
fn a_day_of_the_chain_adds_up() {
    let (report, record) = run_text(CHAIN);
    adds_up(&report, &record);
    assert!(record.trades.len() > 5, "{} trades", record.trades.len());
    for trade in &record.trades {
        let (low, high) = (trade.lowest.expect("a low"), trade.highest.expect("a high"));
        // A taker pays a part of the spread, which no trade of the market has shown.
        let near = |price: Decimal| {
            let room = price / Decimal::from(1_000);
            low <= price + room && price <= high + room
        };
        assert!(low <= high && near(trade.exit_price) && near(trade.entry_price), "{trade:?}");
        assert!(trade.entry_time <= trade.exit_time && trade.qty > Decimal::ZERO);
        let sign = if trade.long { Decimal::ONE } else { -Decimal::ONE };
        let made = (trade.exit_price - trade.entry_price) * trade.qty * sign;
        assert!((made - trade.realized).abs() < Decimal::new(1, 6), "{trade:?} made {made}");
        assert_ne!(&*trade.exit_reason, "by hand", "{trade:?}");
    }
    // A sample each minute, with the first and the last instant.
    assert_eq!(record.sampled_at.len(), 1_441);
    assert_eq!(record.equity[0], 10_000.0);
}

#[test]
fn a_liquidation_is_told_with_its_fee() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("flash_crash_liquidation.toml");
    let mut liquidated = 0;
    for scenario in Scenario::read_cases(&path).expect("the scenario") {
        let (report, record) = run(&scenario);
        adds_up(&report, &record);
        let forced: Vec<_> = record.trades.iter().filter(|trade| trade.liquidated).collect();
        assert!(forced.iter().all(|trade| &*trade.exit_reason == "liquidation"));
        let fees: Decimal = forced.iter().map(|trade| trade.fees).sum();
        let told = *report.figures.get("liquidations").expect("a figure");
        assert_eq!(told > Decimal::ZERO, !forced.is_empty(), "{forced:?}");
        assert_eq!(fees > Decimal::ZERO, !forced.is_empty(), "{forced:?}");
        liquidated += forced.len();
    }
    assert!(liquidated > 0, "something is liquidated");
}

#[test]
fn orders_by_hand_and_turns_of_a_position() {
    let by_hand = |at: &str, side: &str, qty: &str| {
        format!(
            "[[timeline]]\nat = \"{at}\"\nmanual_trade = {{ symbol = \"BTCUSDT\", side = \"{side}\", quantity = \"{qty}\" }}\n"
        )
    };
    let steps = by_hand("10m", "BUY", "0.1")
        + &by_hand("20m", "BUY", "0.1")
        + &by_hand("30m", "SELL", "0.5")
        + &by_hand("40m", "BUY", "0.1");
    let (report, record) = run_text(&format!(
        "seed = 3\n[market.synthetic]\nminutes = 60\n[pipeline.trading_bot]\nenabled = false\n{steps}"
    ));
    adds_up(&report, &record);
    let [first] = &record.trades[..] else { panic!("{:?}", record.trades) };
    assert_eq!(
        (first.long, first.qty.to_string(), &*first.exit_reason),
        (true, "0.2".to_owned(), "by hand")
    );
    let [open] = &record.open[..] else { panic!("{:?}", record.open) };
    assert_eq!((open.long, open.qty.to_string()), (false, "0.2".to_owned()));
}

/// What gates decide is what the page's gates tell; permits are those that lie in the keys.
#[test]
fn the_pipeline_is_counted() {
    let scenario = Scenario::parse("record.toml", CHAIN).expect("it reads");
    let (_, record) = run(&scenario);
    let recording = scenarios::record(&scenario, None).expect("a recording");
    let symbols: Vec<String> = scenario.symbols().iter().map(|s| s.as_str().to_owned()).collect();
    let gates = scenarios::gates(&recording, &symbols);
    let reports::page::Column::Whole(outcomes) = &gates.outcome else { panic!("whole numbers") };
    let count = |outcome: i64| outcomes.iter().filter(|one| **one == outcome).count() as u64;
    let tally = &record.pipeline;
    assert_eq!(tally.decisions, outcomes.len() as u64);
    assert_eq!(tally.refusals.values().sum::<u64>(), count(1));
    assert_eq!(tally.downgrades, count(2));
    let permits: Vec<String> = (0..recording.entries())
        .map(|number| recording.text(number))
        .filter(|text| text.contains(" quantum:permit:") && text.contains("Permit {"))
        .collect();
    let says = |yes: &str| {
        let one = |text: &&String| {
            [" granted=", " allow="].iter().any(|word| text.contains(&format!("{word}{yes}")))
        };
        permits.iter().filter(one).count() as u64
    };
    assert_eq!((tally.permits_granted, tally.permits_denied), (says("true"), says("false")));
    assert!(count(1) > 0 && says("true") > 0 && says("false") > 0, "{tally:?}");
    let deliveries: u64 = scenarios::topology(&recording)
        .edges
        .iter()
        .filter(|edge| edge.lag_p50_ms.is_some())
        .map(|edge| edge.count)
        .sum();
    let heard: u64 = tally.lags.values().sum();
    assert!(heard > 1_000 && heard <= deliveries, "{heard} of {deliveries}");
    let (metrics, lag) = tally.metrics();
    assert_eq!(metrics.rates.refusals, count(1));
    assert!(lag.lag_ms_p50 <= lag.lag_ms_p99 && lag.lag_ms_p99 <= lag.lag_ms_max, "{lag:?}");
}
