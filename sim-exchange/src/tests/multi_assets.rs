//! Multi-assets mode on the exchange. BTC has the mark of B as its index: at 100 it counts 95, and 97.5
//! when it is sold. USDT counts 0.9999, or 1.0001 where it is owed.

use engine::{AccountId, MarginType, Nanos, Symbol};
use rust_decimal::Decimal;

use super::pricing::dec;
use super::{START, Script, toy_with};
use crate::commission_tiers::VipLevel;
use crate::{
    Collateral, CollateralPrice, ExchangeConfig, Funding, LedgerAccount, VenueChange, VenueEvent,
};

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

fn btc(amount: &str) -> Vec<Collateral> {
    let price = CollateralPrice::MarkOf(symbol("BUSDT"));
    vec![Collateral { asset: symbol("BTC"), amount: dec(amount), price }]
}

/// 100 USDT and some BTC on multi-assets mode.
fn with_btc(amount: &str, change: impl FnOnce(&mut ExchangeConfig)) -> Script {
    Script::new(toy_with(100, Funding::None, |config| {
        config.multi_assets = true;
        config.collateral = btc(amount);
        change(config);
    }))
}

fn runs(amount: &str, script: &str, expected: &str) -> Script {
    let mut run = with_btc(amount, |_| {});
    assert_eq!(run.run(script), expected, "\nscript: {script}");
    run.exchange.check_conservation().unwrap();
    run
}

fn amount(run: &Script) -> Decimal {
    run.exchange.accounts[0].collateral.amount_of(symbol("BTC"))
}

#[test]
fn collateral_is_available() {
    // 0.9999 × 100 + 10 × 95. The order: 101 × 20 / 20 + 20 of open loss, 121 in all. With the fee of 1.01
    // and the loss of 20 there are 78.99 USDT left: 78.982101 + 950, less 100 × 1.0001.
    let run = runs(
        "10",
        "trade 100 | B trade 100 | account | buy a 20 | account",
        "wallet 100 free 1049.99 initial 0 maint 0 | a New | a 20 @ 101 taker | \
         wallet 98.99 free 928.972101 initial 100.01 maint 20.002",
    );
    let balance = run.exchange.account_balance();
    assert_eq!(balance.margin_balance, dec("1028.982101"));
    assert_eq!(balance.max_withdraw, dec("98.99"), "no more USDT than there are");
    // On single-asset mode the same order is refused, and where BTC has no price yet.
    let mut single = with_btc("10", |config| config.multi_assets = false);
    assert_eq!(single.run("trade 100 | B trade 100 | buy a 20"), "refused -2019");
    runs("10", "trade 100 | buy a 20", "refused -2019");
}

#[test]
fn margins_count_at_the_ask_of_usdt() {
    // 99.99 + 9.47421053 × 95 = 1,000.04: enough for 1,000 × 1, and not × 1.0001.
    runs("9.47421053", "trade 100 | B trade 100 | buy a 200 @ 100 gtx", "refused -2019");
    runs("9.47421053", "trade 100 | B trade 100 | buy a 198 @ 100 gtx", "a New");
    // 99 × 10 × 1.0001 are free of 1,049.99, and 990 more are not.
    let lowered = "a New | refused -2028";
    runs("10", "trade 100 | B trade 100 | buy a 198 @ 100 gtx | leverage 9", lowered);
}

#[test]
fn a_fixed_price_needs_no_market() {
    let mut run = with_btc("0", |config| {
        let price = CollateralPrice::Fixed(dec("1"));
        config.collateral = vec![Collateral { asset: symbol("USDC"), amount: dec("50"), price }];
    });
    let log = run.run("trade 100 | account | buy a 20");
    assert_eq!(log, "wallet 100 free 149.985 initial 0 maint 0 | a New | a 20 @ 101 taker");
}

const OPENED: &str = "a New | a 100 @ 101 taker";

#[test]
fn the_liquidation_price_counts_the_whole_account() {
    // (94.95 + 950 / 1.0001 - 10,100) / (1 - 100).
    let opening = "trade 100 | B trade 100 | buy a 100";
    let log = format!("{OPENED} | held [Both 1000 entry 101 iso 0 liq 91.4661]");
    runs("10", &format!("{opening} | positions"), &log);
    let run = runs("10", &format!("{opening} | mark 91.5"), &format!("{OPENED} | margin call 1"));
    assert_eq!(run.position(0), 1000);
    let mut run = with_btc("10", |_| {});
    run.run(&format!("{opening} | mark 91.5 | mark 91.4"));
    assert_eq!(run.position(0), 0);
}

#[test]
fn falling_collateral_calls_and_liquidates() {
    // -5.05 × 1.0001 + 9.5 × P against 100 × 1.0001: called at 13.69, liquidated at 11.059.
    let opening = "trade 100 | B trade 100 | buy a 100 | B trade 13.7";
    let mut run = runs("10", opening, OPENED);
    assert_eq!(run.run("B trade 13.6 | B trade 11.1"), "margin call 1");
    assert_eq!(run.position(0), 1000);
    // What stands for 104.48955104 USDT covers the position until 99.0056, on the grid 99.1. The debt:
    // 94.95 - 190 and the fee of 9.91, of which only 9.43955104 are covered. BTC is sold at 10.725.
    assert_eq!(
        run.run("B trade 11"),
        "autoclose-2 New | autoclose-2 100 @ 99.1 taker | auto-exchange 104.48955104 to 0.00000000"
    );
    assert_eq!(run.position(0), 0);
    // 104.48955104 × 1.00005 / 10.725, rounded up.
    assert_eq!(amount(&run), dec("10") - dec("9.74310262"));
    let totals = run.exchange.ledger_totals();
    assert_eq!(totals.auto_exchange, dec("104.48955104"));
    assert_eq!(totals.insurance, dec("-9.43955104"), "the fund pays nothing");
    run.exchange.check_conservation().unwrap();
}

#[test]
fn a_large_position_is_liquidated_in_part() {
    // 0.95 × 100 × 26.5 / 1.0001 - 425.25 lie 8.0017 below 50,000 × 0.05 - 400. At the bankruptcy price of
    // 95.9 a unit costs 4.1 and the fee of 0.0959, and sets 5 free: ten units.
    let script = "trade 100 | B trade 100 | buy a 500 | B trade 26.5";
    let log =
        "a New | a 500 @ 101 taker | autoclose-2 New | autoclose-2 10 @ 99 taker | margin call 1";
    let run = runs("100", script, log);
    assert_eq!(amount(&run), dec("100"), "without a debt nothing is exchanged");
}

#[test]
fn what_rounding_leaves_of_spent_collateral_goes_along() {
    // 3,900 / 1.00005 of the debt, cut, would leave two of the last decimals at a price of 0.39.
    let mut run = with_btc("10000", |_| {});
    run.run("trade 100 | B trade 100 | buy a 900 | trade 97 | sell b 900 ro | B trade 0.4");
    assert_eq!(amount(&run), Decimal::ZERO);
    assert_eq!(run.exchange.account_balance().wallet_balance, Decimal::ZERO);
    run.exchange.check_conservation().unwrap();
}

/// 900 bought at 101 and sold one below the price: 54.55 less the loss and the fee.
fn lost_at(price: &str) -> Script {
    let mut run = with_btc("1000", |_| {});
    run.run(&format!("trade 100 | B trade 100 | buy a 900 | trade {price}"));
    run
}

#[test]
fn a_debt_below_the_threshold_is_settled() {
    let mut run = lost_at("96");
    // 5,400 and 42.75 are gone; 5,388.2 × 1.00005 / 97.5 of BTC, rounded up.
    let log = run.run("sell b 900 ro");
    assert!(log.ends_with("b 900 @ 95 taker | auto-exchange 5388.2 to 0.00000000"), "{log}");
    assert_eq!(amount(&run), dec("1000") - dec("55.26635293"));
    run.exchange.check_conservation().unwrap();
}

#[test]
fn from_vip_2_on_the_threshold_is_10_000() {
    for (vip, sold) in [(1, true), (2, false)] {
        let mut run = with_btc("1000", |config| config.vip = VipLevel::try_from(vip).unwrap());
        let log = run.run("trade 100 | B trade 100 | buy a 900 | trade 96 | sell b 900 ro");
        assert_eq!(log.contains("auto-exchange 5388.2"), sold, "VIP {vip}: {log}");
    }
}

#[test]
fn a_small_debt_stays_until_the_collateral_nears_it() {
    let mut run = lost_at("97");
    let log = run.run("sell b 900 ro | B trade 4.7");
    assert!(log.ends_with("b 900 @ 96 taker"), "{log}");
    assert_eq!(run.exchange.account_balance().wallet_balance, dec("-4488.65"));
    // At 4.6 it is sold for 4,485 / 1.00005; all of it is gone, and the fund pays the rest.
    let fund = LedgerAccount::InsuranceFund;
    let before = run.exchange.ledger.balance(fund);
    let log = run.run("B trade 4.6");
    assert!(log.starts_with("auto-exchange 4484.775"), "{log}");
    assert_eq!(amount(&run), Decimal::ZERO);
    let paid = before - run.exchange.ledger.balance(fund);
    assert_eq!(dec("4488.65") - run.exchange.ledger_totals().auto_exchange, paid);
    assert_eq!(run.exchange.account_balance().wallet_balance, Decimal::ZERO);
    run.exchange.check_conservation().unwrap();
}

#[test]
fn the_mode_is_switched_and_refused() {
    let there = "trade 100 | B trade 100";
    runs("10", &format!("{there} | multi on"), "refused -4171");
    runs(
        "10",
        &format!("{there} | multi off | account"),
        "multi false | wallet 100 free 100 initial 0 maint 0",
    );
    runs("10", &format!("{there} | buy a 2 @ 98 | multi off"), "a New | refused -4170");
    runs("10", &format!("{there} | buy a 2 stop 105 | multi off"), "a New | refused -4170");
    runs("10", &format!("{there} | isolated"), "refused -4168");
    let back = "multi false | refused -4167 | multi true";
    runs("10", &format!("{there} | multi off | isolated | multi on | cross | multi on"), back);
    // A position that USDT alone would not cover keeps the mode; another one does not.
    runs(
        "10",
        &format!("{there} | buy a 20 | multi off"),
        "a New | a 20 @ 101 taker | refused -4169",
    );
    let small =
        "a New | a 4 @ 101 taker | multi false | held [Both 40 entry 101 iso 0 liq 76.8187]";
    runs(
        "10",
        &format!("{there} | buy a 4 | positions | multi off | positions"),
        &format!(
            "a New | a 4 @ 101 taker | held [Both 40 entry 101 iso 0 liq 0] | {}",
            &small[26..]
        ),
    );
    let mut debtor = lost_at("97");
    debtor.run("sell b 900 ro");
    assert_eq!(debtor.run("multi off"), "refused -4172");
}

#[test]
fn a_testnet_reset_restores_mode_and_collateral() {
    let mut run = with_btc("1000", |config| {
        let at = START + Nanos::from_secs(100);
        let what = VenueChange::TestnetReset { wallet: None };
        config.events = vec![VenueEvent { at, what }];
    });
    run.run("trade 100 | B trade 100 | buy a 900 | trade 96 | sell b 900 ro | multi off");
    assert!(amount(&run) < dec("1000") && !run.exchange.accounts[0].multi_assets);
    run.run("wait 120 | account");
    assert!(run.exchange.accounts[0].multi_assets);
    assert_eq!(amount(&run), dec("1000"));
    run.exchange.check_conservation().unwrap();
}

#[test]
fn the_configuration_is_checked() {
    let good = with_btc("10", |_| {}).exchange.config;
    let refused = |change: &dyn Fn(&mut ExchangeConfig), expected: &str| {
        let mut config = good.clone();
        change(&mut config);
        let problem = config.check().unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    };
    refused(&|c| c.collateral[0].asset = symbol("USDT"), "USDT is the wallet");
    refused(&|c| c.collateral.extend(btc("1")), "BTC stands twice");
    refused(&|c| c.collateral = btc("-1"), "collateral: amount: -1");
    let price = |c: &mut ExchangeConfig, price| c.collateral[0].price = price;
    refused(&|c| price(c, CollateralPrice::Fixed(dec("0"))), "the price of BTC is 0");
    refused(&|c| price(c, CollateralPrice::Fixed(dec("-1"))), "collateral: price: -1");
    refused(&|c| price(c, CollateralPrice::MarkOf(symbol("X"))), "X is not among");
    let isolated = [(symbol("AUSDT"), MarginType::Isolated)];
    refused(&|c| c.margin_type = isolated.into(), "AUSDT is isolated");
    let mut unknown = good.clone();
    unknown.collateral[0].asset = symbol("DOGE");
    assert!(crate::SimExchange::new(unknown).is_err());
    // Who uses it is told, and nobody else.
    let told = with_btc("10", |_| {}).exchange;
    assert!(told.assumptions().iter().any(|line| line.starts_with("Multi-assets mode: ")));
    assert!(told.warnings().contains(&"BTC: collateral ratio of 2021".to_owned()));
    let other = toy_with(100, Funding::None, |_| {});
    assert!(!other.assumptions().iter().any(|line| line.starts_with("Multi-assets mode: ")));
    assert!(other.warnings().is_empty(), "{:?}", other.warnings());
    assert_eq!(other.balances(AccountId::default()).available_balance, dec("100"));
}

#[test]
fn collateral_is_written_so() {
    let text = "wallet = \"100\"\nmulti_assets = true\n\
        [[collateral]]\nasset = \"BTC\"\namount = \"10\"\nprice = { mark_of = \"BUSDT\" }\n\
        [[collateral]]\nasset = \"USDC\"\namount = \"5\"\nprice = { fixed = \"1\" }\n";
    let account: crate::AccountConfig = toml::from_str(text).unwrap();
    assert_eq!(account.collateral[0], btc("10")[0]);
    assert_eq!(account.collateral[1].price, CollateralPrice::Fixed(dec("1")));
}
