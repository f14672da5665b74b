//! Balance tracker: MSE 14.4, as settled. What the book makes of it stands with the portfolio state publisher.

use engine::{Nanos, Ttl};
use pipeline::records::BalanceEntry;
use pipeline::{PipelineSettings, keys, streams};

use crate::accounts::account;
use crate::bench::Bench;
use crate::plans::decimal;

const TRACKER: &str = "balance_tracker";

fn bench(wallet: i64, unrealized: i64) -> Bench {
    let mut bench = Bench::new(&[TRACKER], &PipelineSettings::default(), Vec::new());
    bench.kernel.exchange_mut().account = Some(account(wallet, unrealized));
    bench
}

/// The peak under its key, as long as there is one.
fn peak(bench: &mut Bench) -> String {
    bench.hash(keys::EQUITY_CURRENT.name)["peak"].clone()
}

#[test]
fn the_account_is_told_every_half_minute() {
    let mut bench = bench(1_000, 50);
    bench.run_to_ms(100);
    let balance = bench.hash(keys::ACCOUNT_BALANCE.name);
    assert_eq!((&*balance["balance"], &*balance["available_balance"]), ("1000", "1000"));
    assert_eq!((&*balance["unrealized_pnl"], &*balance["available_ratio"]), ("50", "1"));
    let life = bench.ttl(keys::ACCOUNT_BALANCE.name);
    assert!(matches!(life, Ttl::Left(left) if left > Nanos::from_secs(119)), "{life:?}");
    // Equity is what the account would be worth if all were closed.
    assert_eq!(bench.hash(keys::EQUITY_CURRENT.name)["equity"], "1050");
    assert_eq!(bench.get(keys::MARGIN_TOTAL.name).as_deref(), Some("1050"));
    bench.run_to_ms(59_900);
    let told: Vec<BalanceEntry> = bench.records(streams::ACCOUNT_BALANCE);
    assert_eq!(told.len(), 2);
    assert_eq!((told[0].balance, told[0].unrealized_pnl), (decimal("1000"), decimal("50")));
}

/// What is closed leaves the hash: its readers count the fields.
#[test]
fn margins_are_those_of_open_positions() {
    let mut bench = bench(1_000, 0);
    bench.kernel.exchange_mut().held = vec![-2_000];
    bench.run_to_ms(100);
    let margins = bench.hash(keys::POSITIONS_OPEN.name);
    // Two at 100 with a leverage of ten, on either side.
    assert_eq!(decimal(&margins["BTCUSDT"]).abs(), decimal("20"));
    bench.kernel.exchange_mut().held = vec![0];
    bench.run_to_ms(30_100);
    assert!(bench.hash(keys::POSITIONS_OPEN.name).is_empty());
}

/// Its readers judge its age by `last_update_ts`; the peak has no other place.
#[test]
fn equity_stays_and_says_how_old_it_is() {
    let mut bench = bench(1_000, 0);
    bench.run_to_ms(100);
    bench.kernel.exchange_mut().account = None;
    bench.run_to_ms(600_000);
    let equity = bench.hash(keys::EQUITY_CURRENT.name);
    assert_eq!(equity["equity"], "1000");
    assert!(equity["last_update_ts"].starts_with("1770000000"), "{equity:?}");
    assert_eq!(bench.ttl(keys::EQUITY_CURRENT.name), Ttl::Persistent);
    assert_eq!(bench.ttl(keys::ACCOUNT_BALANCE.name), Ttl::Absent);
}

#[test]
fn an_account_that_is_not_told_is_counted_and_asked_for_again() {
    let mut bench = bench(1_000, 0);
    bench.kernel.exchange_mut().account = None;
    bench.run_to_ms(60_100);
    assert_eq!(bench.counter(TRACKER, "balance_not_fetched"), 3);
    assert!(bench.entries(streams::ACCOUNT_BALANCE.name).is_empty());
    assert!(bench.hash(keys::ACCOUNT_BALANCE.name).is_empty(), "no balance is made up");
    bench.kernel.exchange_mut().account = Some(account(1_000, 0));
    bench.run_to_ms(90_100);
    assert_eq!(bench.entries(streams::ACCOUNT_BALANCE.name).len(), 1);
}

#[test]
fn a_successor_knows_the_peak() {
    let mut bench = bench(1_000, 0);
    bench.run_to_ms(100);
    bench.kernel.exchange_mut().account = Some(account(700, 0));
    bench.crash(TRACKER, 1_000);
    bench.run_to_ms(2_000);
    let equity = bench.hash(keys::EQUITY_CURRENT.name);
    assert_eq!((&*equity["equity"], &*equity["peak"]), ("700", "1000"));
    // One that cannot be read is counted; the peak begins anew.
    bench.hset(keys::EQUITY_CURRENT.name, &[("peak", "a lot")]);
    bench.crash(TRACKER, 1_000);
    bench.run_to_ms(4_000);
    assert_eq!(bench.counter(TRACKER, "equity_unreadable"), 1);
    assert_eq!(peak(&mut bench), "700");
}

#[test]
fn what_cannot_be_written_is_counted_and_told_all_the_same() {
    let mut bench = bench(1_000, 0);
    bench.set(keys::ACCOUNT_BALANCE.name, "no hash");
    bench.run_to_ms(100);
    assert_eq!(bench.counter(TRACKER, "balance_not_saved"), 1);
    assert_eq!(bench.entries(streams::ACCOUNT_BALANCE.name).len(), 1);
    assert_eq!(peak(&mut bench), "1000");
}
