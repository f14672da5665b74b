//! Binance's worked examples, from the shared folder beside the checkout. Skipped where it is absent.

use std::path::PathBuf;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::margin::{LiquidationTerms, requirement};
use crate::position::cut8;

fn examples() -> Option<Vec<Value>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/binance/examples.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return None;
    };
    let all: Value = serde_json::from_str(&text).unwrap();
    Some(all["examples"].as_array().unwrap().clone())
}

/// Runs `check` on every example whose id begins with `prefix`, and counts them.
fn each(prefix: &str, expected: usize, check: impl Fn(&Value, &Value)) {
    let Some(all) = examples() else { return };
    let ours = all.iter().filter(|e| e["id"].as_str().unwrap().starts_with(prefix));
    let count = ours.map(|e| check(&e["inputs"], &e["outputs"])).count();
    assert_eq!(count, expected, "examples that begin with {prefix}");
}

fn dec(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

fn side(value: &Value) -> Decimal {
    if value == "SHORT" { Decimal::NEGATIVE_ONE } else { Decimal::ONE }
}

fn near(got: Decimal, expected: Decimal) {
    let tolerance =
        Decimal::new(5, 3).min(Decimal::ONE / Decimal::from(10i64.pow(expected.scale().min(9))));
    assert!((got - expected).abs() <= tolerance.max(Decimal::new(1, 9)), "{got}, not {expected}");
}

#[test]
fn cross_liquidation_price() {
    each("liq-cross", 1, |i, o| {
        let (own, other) = (&i["contract1"], &i["others"][0]);
        let (q, mark) = (dec(&other["q"]), dec(&other["mark"]));
        let maintenance = q * mark * dec(&other["mmr"]) - dec(&other["cum"]);
        assert_eq!(maintenance, dec(&o["TMM1"]));
        let profit = q * (mark - dec(&other["ep"]));
        assert_eq!(profit, dec(&o["UPNL1"]));
        let terms = LiquidationTerms {
            collateral: dec(&i["crossWalletBalance"]) - maintenance + profit,
            side: side(&own["side"]),
            qty: dec(&own["q"]),
            cost: dec(&own["q"]) * dec(&own["ep"]),
        };
        near(terms.price(dec(&own["mmr"]), dec(&own["cum"])), dec(&o["liquidationPrice"]));
    });
}

#[test]
fn isolated_liquidation_prices_are_the_same_formula() {
    each("liq-isolated", 5, |i, o| {
        let (qty, entry) = (dec(&i["qty"]), dec(&i["entryPrice"]));
        let wallet = i["isolatedWallet"].as_str().unwrap();
        let wallet = match wallet.parse() {
            Ok(stated) => stated,
            Err(_) => qty * entry / Decimal::from(i["leverage"].as_u64().unwrap()),
        };
        let terms =
            LiquidationTerms { collateral: wallet, side: side(&i["side"]), qty, cost: qty * entry };
        near(terms.price(dec(&i["mmr"]), dec(&i["cum"])), dec(&o["liquidationPrice"]));
    });
}

#[test]
fn margins_are_cut_toward_zero() {
    each("position-risk", 3, |i, o| {
        let (amount, mark) = (dec(&i["positionAmt"]), dec(&i["markPrice"]));
        let profit = cut8(amount * (mark - dec(&i["entryPrice"])));
        assert_eq!(profit, dec(&o["unRealizedProfit"]));
        assert_eq!(cut8(amount * mark), dec(&o["notional"]));
        if i["leverage"].is_u64() {
            let leverage = i["leverage"].as_u64().unwrap() as u32;
            let initial = requirement(amount * mark, Decimal::ZERO, Decimal::ZERO, leverage);
            assert_eq!(cut8(initial), dec(&o["initialMargin"]));
            assert_eq!(cut8((amount * mark).abs() * dec(&i["mmr"])), dec(&o["maintMargin"]));
        }
    });
}

#[test]
fn margin_requirement_of_position_and_orders() {
    each("margin-requirement-oneway", 1, |i, o| {
        let position = dec(&i["positionQty"]) * dec(&i["markPrice"]);
        let bid = &i["bidOrders"][0];
        let bids = dec(&bid["price"]) * dec(&bid["qty"]);
        let got = requirement(position, bids, Decimal::ZERO, 1);
        assert_eq!(got, dec(&o["marginRequirement"]));
    });
}
