//! Auto-exchange: when wallets are settled, and from which collateral.

use engine::Symbol;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::dec;
use crate::auto_exchange::{
    AssetWallet, AutoExchangeCause, AutoExchangeRules, Conversion, cause, loan_to_value, settle,
};
use crate::collateral::{AssetRates, Buffers};
use crate::commission_tiers::VipLevel;

fn wallet(name: &str, index: &str, auto_exchange: &str, balance: &str) -> AssetWallet {
    let buffer = dec(auto_exchange);
    let haircut = buffer + buffer;
    let buffers = Buffers {
        bid: haircut,
        ask: haircut,
        auto_exchange_bid: buffer,
        auto_exchange_ask: buffer,
    };
    let rates = AssetRates::new(dec(index), &buffers);
    AssetWallet { asset: Symbol::new(name).unwrap(), rates, balance: dec(balance) }
}

fn btc(balance: &str) -> AssetWallet {
    wallet("BTC", "50000", "0.025", balance)
}

fn usdt(balance: &str) -> AssetWallet {
    wallet("USDT", "1", "0", balance)
}

fn rules(level: u8) -> AutoExchangeRules {
    AutoExchangeRules::of_level(VipLevel::try_from(level).unwrap())
}

fn shown(conversions: &[Conversion]) -> Vec<String> {
    let line = |c: &Conversion| {
        let (given, received) = (c.given.normalize(), c.received.normalize());
        format!("{given} {} for {received} {}", c.from, c.to)
    };
    conversions.iter().map(line).collect()
}

#[test]
fn the_example_of_the_trading_rules() {
    // 20,000 BUSD owed; 20,000 / 97.5 % = 20,513 worth of BTC at its index, or 20,000 / 48,750 of it.
    let wallets = [wallet("BUSD", "1", "0", "-20000"), btc("1")];
    let done = settle(&AutoExchangeRules::earlier(), &wallets, AutoExchangeCause::Threshold);
    assert_eq!(shown(&done), ["0.41025642 BTC for 20000 BUSD"]);
    assert_eq!((done[0].given * dec("50000")).round(), dec("20513"));
}

#[test]
fn each_collateral_gives_in_proportion() {
    // BTC are worth 48,750, ETH 10 × 1,950 = 19,500: 5/7 and 2/7 of 20,000.
    let wallets = [usdt("-20000"), btc("1"), wallet("ETH", "2000", "0.025", "10")];
    let done = settle(&rules(2), &wallets, AutoExchangeCause::Threshold);
    assert_eq!(
        shown(&done),
        ["0.2930403 BTC for 14285.71428571 USDT", "2.93040294 ETH for 5714.28571429 USDT"]
    );
}

#[test]
fn too_little_collateral_settles_the_debts_in_proportion() {
    // 0.1 BTC fetch 4,875 of the 25,000 that are owed: 19.5 %.
    let wallets = [usdt("-20000"), wallet("USDC", "1", "0", "-5000"), btc("0.1")];
    let done = settle(&rules(0), &wallets, AutoExchangeCause::Liquidation);
    assert_eq!(shown(&done), ["0.08 BTC for 3900 USDT", "0.02 BTC for 975 USDC"]);
    assert!(settle(&rules(0), &wallets[..2], AutoExchangeCause::Liquidation).is_empty());
}

#[test]
fn only_what_is_below_its_threshold_is_settled_for_it() {
    let wallets = [usdt("-5001"), wallet("USDC", "1", "0", "-4999"), btc("1")];
    let done = settle(&rules(0), &wallets, AutoExchangeCause::Threshold);
    assert_eq!(shown(&done), ["0.10258462 BTC for 5001 USDT"]);
    let done = settle(&rules(0), &wallets, AutoExchangeCause::LoanToValue);
    assert_eq!(done.len(), 2);
}

#[test]
fn thresholds_are_of_the_level_and_of_the_time() {
    use AutoExchangeCause::Threshold;
    let of = |rules: &AutoExchangeRules, debt: AssetWallet| {
        cause(rules, &[debt, wallet("ETH", "2000", "0.025", "100")], false, false)
    };
    let cases = [
        (rules(0), usdt("-5000"), None),
        (rules(0), usdt("-5000.01"), Some(Threshold)),
        (rules(1), usdt("-5000.01"), Some(Threshold)),
        (rules(2), usdt("-5000.01"), None),
        (rules(2), usdt("-10000.01"), Some(Threshold)),
        (rules(0), btc("-0.1"), None),
        (rules(0), btc("-0.11"), Some(Threshold)),
        // Worth 10,000 at the index.
        (rules(2), btc("-0.2"), None),
        (rules(2), btc("-0.21"), Some(Threshold)),
        (AutoExchangeRules::earlier(), usdt("-9000"), None),
    ];
    for (rules, debt, expected) in cases {
        assert_eq!(of(&rules, debt), expected, "{debt:?}");
    }
}

#[test]
fn an_idle_account_is_settled_when_its_debt_nears_its_collateral() {
    use AutoExchangeCause::{Liquidation, LoanToValue};
    // 0.02 BTC fetch 975.
    let of = |rules: &AutoExchangeRules, debt, idle, liquidated| {
        cause(rules, &[usdt(debt), btc("0.02")], idle, liquidated)
    };
    assert_eq!(loan_to_value(&[usdt("-780"), btc("0.02")]), Some(dec("0.8")));
    // 0.995 × 975 = 970.125.
    assert_eq!(of(&rules(0), "-970.124", true, false), None);
    assert_eq!(of(&rules(0), "-970.125", true, false), Some(LoanToValue));
    assert_eq!(of(&rules(0), "-970.125", false, false), None, "it has positions or orders");
    assert_eq!(of(&AutoExchangeRules::earlier(), "-974", true, false), None);
    assert_eq!(of(&AutoExchangeRules::earlier(), "-975", true, false), Some(LoanToValue));
    assert_eq!(of(&rules(0), "-1", false, true), Some(Liquidation));
    assert_eq!(of(&rules(0), "1", true, true), None, "nothing is owed");
    assert_eq!(loan_to_value(&[usdt("-1")]), None);
    assert_eq!(cause(&rules(0), &[usdt("-1")], true, false), Some(LoanToValue));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_wallet_changes_its_sign_and_rounding_makes_no_money(
        balances in prop::array::uniform4(-2_000_000_000_000i64..2_000_000_000_000),
        indexes in prop::array::uniform4(1i64..9_999_999),
    ) {
        let mut wallets: Vec<AssetWallet> = Vec::new();
        for (n, (balance, index)) in balances.into_iter().zip(indexes).enumerate() {
            let (index, balance) = (Decimal::new(index, 3), Decimal::new(balance, 8));
            let name = ["USDT", "BTC", "ETH", "BNB"][n];
            wallets.push(wallet(name, &index.to_string(), "0.025", &balance.to_string()));
        }
        let before = wallets.clone();
        let covered = loan_to_value(&before).is_some_and(|ratio| ratio <= dec("0.999"));
        for done in settle(&rules(0), &before, AutoExchangeCause::Liquidation) {
            let rate = |name| before.iter().find(|w| w.asset == name).unwrap().rates;
            let cost = done.given * rate(done.from).auto_exchange_bid;
            let worth = done.received * rate(done.to).auto_exchange_ask;
            prop_assert!(worth - cost < dec("0.0000000001"), "{done:?}");
            prop_assert!(done.given.scale() <= 8 && done.received.scale() <= 8, "{done:?}");
            for (name, change) in [(done.from, -done.given), (done.to, done.received)] {
                wallets.iter_mut().find(|w| w.asset == name).unwrap().balance += change;
            }
        }
        for (now, then) in wallets.iter().zip(&before) {
            let zero = Decimal::ZERO;
            let kept = if then.balance < zero { now.balance <= zero } else { now.balance >= zero };
            prop_assert!(kept, "{then:?} became {}", now.balance);
            if then.balance < zero && covered {
                // A last giver that is short by rounding leaves at most that.
                prop_assert!(now.balance.abs() <= dec("0.01"), "{} is left", now.balance);
            }
        }
    }
}
