//! Liquidation, insurance fund and deleveraging among the accounts of one book.
//!
//! Accounts 0 and 1 are long 40 B at 101, on cross margin. Of 250 a fee of 2.02 is gone, so that
//! 247.98 / 40 below 101 nothing is left: the bankruptcy price is 94.8005, on the grid and in the trader's
//! favour 94.9. At 90 a taker gets 89, and whoever takes 40 over at 94.9 loses 236. Account 0 empties the
//! fund, and for account 1 the shorts have to stand in.

use rust_decimal::Decimal;

use super::told::{part_of, told};
use super::{Script, account_of, toy_with};
use crate::{ExchangeConfig, Funding, IncomeType, LedgerAccount};

/// The longs, and then shorts with these wallets.
fn market(fund: i64, shorts: &[i64], change: impl FnOnce(&mut ExchangeConfig)) -> Script {
    Script::new(toy_with(250, Funding::None, |config| {
        config.insurance_fund = fund.into();
        config.further_accounts = vec![account_of(250)];
        config.further_accounts.extend(shorts.iter().map(|wallet| account_of(*wallet)));
        change(config);
    }))
}

const LONGS: &str = "B trade 100 | B buy a 40 | #1 B buy b 40";

fn fund(run: &Script) -> Decimal {
    run.exchange.ledger.balance(LedgerAccount::InsuranceFund)
}

fn held(run: &Script, account: usize) -> i64 {
    run.exchange.accounts[account].holdings[1].positions[0].qty
}

#[test]
fn an_empty_fund_deleverages_the_first_in_rank() {
    // The poorer a short is, the more its profit is to it: 4 comes before 3 before 2.
    let mut run = market(236, &[100_000, 10_000, 1_000], |_| {});
    run.run(LONGS);
    run.run("#2 B sell c 30 | #3 B sell d 30 | #4 B sell e 30");
    run.run("#2 B buy f 5 @ 80 | #3 B buy g 5 @ 80 | #4 B buy h 5 @ 80 | #4 buy i 4 @ 80");
    let events = told(&mut run, "B trade 90");
    assert_eq!(
        part_of(0, &events),
        [
            "autoclose-10 x=NEW X=NEW SELL LIMIT IOC 40 @ 94.9 reduce-only",
            "ACCOUNT_UPDATE ORDER wallet 3.98 holds [0]",
            "autoclose-10 x=CALCULATED X=FILLED t=6 40 @ 94.9 pnl -244 fee 0",
            "ACCOUNT_UPDATE INSURANCE_CLEAR wallet 0 holds [0]",
        ]
    );
    assert_eq!(
        part_of(1, &events),
        [
            "autoclose-11 x=NEW X=NEW SELL LIMIT IOC 40 @ 94.9 reduce-only",
            "ACCOUNT_UPDATE ORDER wallet 64.98 holds [10]",
            "autoclose-11 x=CALCULATED X=PARTIALLY_FILLED t=7 30 @ 94.9 pnl -183 fee 0",
            "ACCOUNT_UPDATE ORDER wallet 3.98 holds [0]",
            "autoclose-11 x=CALCULATED X=FILLED t=8 10 @ 94.9 pnl -61 fee 0",
            "ACCOUNT_UPDATE INSURANCE_CLEAR wallet 0 holds [0]",
        ]
    );
    // 30 × (99 - 94.9), without a fee; of the other symbol nothing is touched.
    assert_eq!(
        part_of(4, &events),
        [
            "h x=CANCELED X=CANCELED",
            "adl_autoclose-12 x=NEW X=NEW BUY LIMIT IOC 30 @ 94.9 reduce-only",
            "ACCOUNT_UPDATE ORDER wallet 1121.515 holds [0]",
            "adl_autoclose-12 x=CALCULATED X=FILLED t=7 30 @ 94.9 pnl 123 fee 0",
        ]
    );
    assert_eq!(
        part_of(3, &events),
        [
            "g x=CANCELED X=CANCELED",
            "adl_autoclose-13 x=NEW X=NEW BUY LIMIT IOC 10 @ 94.9 reduce-only",
            "ACCOUNT_UPDATE ORDER wallet 10039.515 holds [-20]",
            "adl_autoclose-13 x=CALCULATED X=FILLED t=8 10 @ 94.9 pnl 41 fee 0",
        ]
    );
    assert!(part_of(2, &events).is_empty(), "the last in rank keeps what it has");
    assert_eq!([2, 3, 4].map(|account| held(&run, account)), [-30, -20, 0]);
    // 236 are gone, and what the longs had left came in as their fees.
    assert_eq!(fund(&run), Decimal::new(796, 2));
    let cleared = run.exchange.ledger_records().find(|record| {
        let from = record.from == LedgerAccount::InsuranceFund;
        from && record.income_type == IncomeType::InsuranceClear
    });
    assert_eq!(cleared.unwrap().amount, Decimal::from(236), "the first took all of it");
    assert_eq!(run.run("#4 open | #2 B open | adl"), "orders [i] | orders [f] | adl []");
}

#[test]
fn a_fund_that_can_pay_deleverages_nobody() {
    // After the first its fee is in the fund: 236 - 3.98 more are enough.
    for (fund_at_start, deleveraged) in [(469, 0), (468, 40)] {
        let mut run = market(fund_at_start, &[1_000], |_| {});
        run.run(&format!("{LONGS} | #2 B sell c 90"));
        let events = told(&mut run, "B trade 90");
        assert_eq!(held(&run, 2), deleveraged - 90, "{fund_at_start}");
        assert_eq!(part_of(2, &events).is_empty(), deleveraged == 0, "{fund_at_start}");
    }
}

#[test]
fn the_book_comes_before_the_fund_and_the_fund_before_deleveraging() {
    // Account 2 buys 15 at 95, above the bankruptcy price. The market's 94 is below it.
    let mut run = market(0, &[1_000, 1_000], |config| {
        config.further_accounts.remove(0);
    });
    run.run("B trade 100 | B mark 100 | B buy a 40 | #1 B sell c 90 | #2 B buy d 15 @ 95");
    run.run("B trade 95.8");
    let events = told(&mut run, "B mark 95.7");
    let accounts: Vec<u16> = events.iter().map(|(account, _)| *account).collect();
    assert_eq!(accounts, [0, 2, 2, 2, 0, 0, 0, 1, 0, 0, 1, 1, 0], "fill by fill");
    assert_eq!(
        part_of(0, &events),
        [
            "autoclose-4 x=NEW X=NEW SELL LIMIT IOC 40 @ 94.9 reduce-only",
            "TRADE_LITE autoclose-4 15",
            "ACCOUNT_UPDATE ORDER wallet 157.98 holds [25]",
            "autoclose-4 x=TRADE X=PARTIALLY_FILLED t=3 15 @ 95.0 pnl -90 fee 0",
            "ACCOUNT_UPDATE ORDER wallet 5.48 holds [0]",
            "autoclose-4 x=CALCULATED X=FILLED t=4 25 @ 94.9 pnl -152.5 fee 0",
            "ACCOUNT_UPDATE INSURANCE_CLEAR wallet 0 holds [0]",
        ]
    );
    assert_eq!(
        part_of(2, &events),
        [
            "TRADE_LITE d 15",
            "ACCOUNT_UPDATE ORDER wallet 999.715 holds [15]",
            "d x=TRADE X=FILLED t=3 15 @ 95.0 pnl 0 fee 0.285",
        ]
    );
    assert_eq!(held(&run, 1), -65);
}

#[test]
fn in_hedge_mode_the_side_is_deleveraged_and_isolated_margin_comes_back() {
    let mut run = market(0, &[10_000], |_| {});
    run.run("#2 hedge | #2 B isolated | #2 B leverage 2");
    run.run(LONGS);
    run.run("#2 B sell c 90 short | #2 B buy d 7 long");
    told(&mut run, "B trade 90");
    let holding = &run.exchange.accounts[2].holdings[1];
    // BOTH, LONG and SHORT.
    assert_eq!(holding.positions.each_ref().map(|position| position.qty), [0, 7, -10]);
    assert_eq!(holding.counts.deleveraged, 2);
    // 90 × 99 / 2 less the fee were set apart: a ninth stays, and what cutting left.
    assert_eq!(holding.positions[2].isolated_wallet, Decimal::new(49_450_500_001, 8));
}

#[test]
fn what_no_account_holds_the_unknown_market_takes() {
    let mut run = market(0, &[1_000], |_| {});
    run.run(&format!("{LONGS} | #2 B sell c 30"));
    let events = told(&mut run, "B trade 90");
    assert_eq!([0, 1, 2].map(|account| held(&run, account)), [0, 0, 0]);
    let calculated = part_of(1, &events).iter().filter(|t| t.contains("CALCULATED")).count();
    assert_eq!(calculated, 1, "all of it at once: nobody is left");
    let warned = run.exchange.warnings().iter().any(|w| w.contains("unknown traders"));
    assert!(warned, "{:?}", run.exchange.warnings());
}

#[test]
fn conditional_orders_are_cancelled_too() {
    for (route, told_of) in [("", "s x=CANCELED X=CANCELED"), ("algo ", "algo s Canceled")] {
        let mut run = market(0, &[1_000], |config| {
            let algo_service = engine::Nanos::from_secs(1_765_238_400);
            config.rules_at = (!route.is_empty()).then_some(algo_service);
        });
        run.run(&format!(
            "{LONGS} | #2 B sell c 90 | #2 B {route}buy s 2 stop 120 | #2 buy t 4 @ 80"
        ));
        let events = told(&mut run, "B trade 90");
        assert_eq!(part_of(2, &events)[0], told_of);
    }
}
