//! Commission by level, and its payment in BNB.

use engine::{Nanos, Symbol};
use rust_decimal::Decimal;

use super::dec;
use crate::commission_tiers::{
    BnbWallet, CommissionBook, CommissionRates, CommissionTerms, Fee, Liquidity, VipLevel,
};

const AT_2026_05_28: i64 = 1_779_926_400;

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

fn terms(level: u8) -> CommissionTerms {
    let (book, at) = (CommissionBook::embedded().unwrap(), Nanos::from_secs(AT_2026_05_28));
    let (terms, warnings) =
        book.terms(symbol("USDT"), VipLevel::try_from(level).unwrap(), at).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    terms
}

#[test]
fn the_ten_levels_are_those_of_the_table() {
    let table = [
        ("0.0200", "0.0500"),
        ("0.0160", "0.0400"),
        ("0.0140", "0.0350"),
        ("0.0120", "0.0320"),
        ("0.0100", "0.0300"),
        ("0.0080", "0.0270"),
        ("0.0060", "0.0250"),
        ("0.0040", "0.0220"),
        ("0.0020", "0.0200"),
        ("0.0000", "0.0170"),
    ];
    for (level, (maker, taker)) in (0..).zip(table) {
        let percent = |text| dec(text) / Decimal::ONE_HUNDRED;
        let expected = CommissionRates { maker: percent(maker), taker: percent(taker) };
        assert_eq!(terms(level).rates, expected, "VIP {level}");
    }
    assert!(VipLevel::try_from(10).is_err());
}

#[test]
fn what_is_not_known_is_said_or_refused() {
    let book = CommissionBook::embedded().unwrap();
    let before = Nanos::from_secs(AT_2026_05_28 - 1);
    let (old, warnings) = book.terms(symbol("USDT"), VipLevel::default(), before).unwrap();
    assert_eq!(old, terms(0));
    assert_eq!(
        warnings,
        [
            "USDT: the first known commission rates are of 2026-05-28T00:00:00Z; they are used for 2026-05-27T23:59:59Z as well"
        ]
    );
    let missing = book.terms(symbol("USDC"), VipLevel::default(), before).unwrap_err().to_string();
    assert_eq!(
        missing,
        "USDC has no commission in commission.toml: add a `[[commission]]` block with valid_from for it"
    );
}

#[test]
fn a_fill_is_paid_in_bnb_with_the_discount_or_in_full() {
    use Liquidity::{Maker, Taker};
    let wallet = |balance| Some(BnbWallet { balance: dec(balance), price: dec("500") });
    let fee = |side, bnb| terms(0).fee(side, dec("10000"), bnb);
    assert_eq!(fee(Taker, None), Fee::Margin(dec("5")));
    assert_eq!(fee(Maker, None), Fee::Margin(dec("2")));
    // 5 × 0.9 / 500.
    assert_eq!(fee(Taker, wallet("0.009")), Fee::Bnb(dec("0.009")));
    assert_eq!(fee(Maker, wallet("1")), Fee::Bnb(dec("0.0036")));
    assert_eq!(fee(Taker, wallet("0.00899999")), Fee::Margin(dec("5")), "too little BNB");
    assert_eq!(terms(9).fee(Maker, dec("10000"), wallet("1")), Fee::Margin(Decimal::ZERO));
    // 0.7 × 0.0005 × 0.9 / 500 = 0.00000063.
    assert_eq!(terms(0).fee(Taker, dec("0.709"), wallet("1")), Fee::Bnb(dec("0.00000063")), "cut");
    // A rebate is received in the margin asset, whatever the BNB.
    let rates = CommissionRates { maker: dec("-0.0001"), ..terms(0).rates };
    let rebate = CommissionTerms { rates, ..terms(0) };
    assert_eq!(rebate.fee(Maker, dec("10000"), wallet("1")), Fee::Margin(dec("-1")));
}

#[test]
fn a_wrong_table_is_refused() {
    let text = include_str!("../../../rules/commission.toml");
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is in the table");
        match CommissionBook::parse(&text.replace(from, to), "f") {
            Err(e) => e.to_string(),
            Ok(_) => panic!("{to} is taken"),
        }
    };
    let place = "f: commission of USDT from 2026-05-28T00:00:00Z: ";
    for (from, to, problem) in [
        ("0.00016", "0.00021", "VIP 1 pays more than VIP 0"),
        ("0.0005", "0.5", "taker of VIP 0 is 0.5; 0.0005 is 0.05 %"),
        ("bnb_discount = \"0.1\"", "bnb_discount = \"1\"", "bnb_discount is 1; 0.1 is 10 %"),
    ] {
        let text = refused(from, to);
        assert!(text.starts_with(&format!("{place}{problem}")), "{text}");
    }
    assert!(refused("  { maker = \"0\", taker = \"0.00017\" },\n", "").contains("length"));
    assert!(CommissionBook::parse(&format!("{text}{text}"), "f").is_err());
}
