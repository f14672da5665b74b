//! Multi-assets mode: what assets count, the account in USD, the liquidation price.

use engine::{Nanos, Symbol};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::dec;
use crate::collateral::{AssetRates, Buffers, CollateralBook};
use crate::liquidation_price::{Leg, LiquidationTerms};
use crate::multi_assets::{
    AssetSums, MarginRate, SymbolLegs, account_usd, liquidation_price, max_withdraw,
};
use crate::symbol_rules::Bracket;

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

fn rates(index: &str, buffer: &str) -> AssetRates {
    let buffer = dec(buffer);
    let buffers =
        Buffers { bid: buffer, ask: buffer, auto_exchange_bid: buffer, auto_exchange_ask: buffer };
    AssetRates::new(dec(index), &buffers)
}

/// USDT counts 0.99 or 1.01, BTC 47,500 or 52,500. In USDT: profit, initial and maintenance margin.
fn account(usdt: &str, in_usdt: [&str; 3], btc: &str) -> Vec<AssetSums> {
    let [unrealized, initial, maintenance] = in_usdt.map(dec);
    let sums = |name, rates, wallet| AssetSums {
        asset: symbol(name),
        rates,
        wallet: dec(wallet),
        unrealized: Decimal::ZERO,
        initial: Decimal::ZERO,
        maintenance: Decimal::ZERO,
    };
    let usdt = sums("USDT", rates("1", "0.01"), usdt);
    let btc = sums("BTC", rates("50000", "0.05"), btc);
    vec![AssetSums { unrealized, initial, maintenance, ..usdt }, btc]
}

#[test]
fn rates_are_those_of_the_asset_index_page() {
    // The embedded row of ADA has its buffers; index and rates are printed on the page.
    let (book, at) = (CollateralBook::embedded().unwrap(), Nanos::from_secs(1_635_740_268));
    let (buffers, warnings) = book.buffers(symbol("ADA"), at).unwrap();
    assert_eq!(warnings, ["ADA: collateral ratio of 2021"]);
    let ada = AssetRates::new(dec("1.92957370"), &buffers);
    assert_eq!((ada.bid, ada.ask), (dec("1.73661633"), dec("2.12253107")));
    assert_eq!(ada.auto_exchange_bid, dec("1.83309501"));
    assert_eq!(ada.auto_exchange_ask, dec("2.02605238"));
    assert_eq!(ada.usd(dec("-2")), dec("-4.24506214"), "what is owed counts at the ask");
    assert_eq!(ada.usd(dec("2")), dec("3.47323266"));
}

#[test]
fn buffers_that_are_not_known_are_said_or_refused() {
    let book = CollateralBook::embedded().unwrap();
    let (_, warnings) = book.buffers(symbol("BTC"), Nanos::from_secs(1_577_836_800)).unwrap();
    assert_eq!(
        warnings[0],
        "BTC: the first known collateral buffers are of 2021-05-28T00:00:00Z; they are used for 2020-01-01T00:00:00Z as well"
    );
    let missing = book.buffers(symbol("DOGE"), Nanos::ZERO).unwrap_err().to_string();
    assert!(missing.starts_with("DOGE has no collateral in collateral.toml"), "{missing}");
    let text = include_str!("../../../rules/collateral.toml");
    let wrong = CollateralBook::parse(&text.replacen("\"0.0001\"", "\"5\"", 1), "f");
    let wrong = wrong.err().unwrap().to_string();
    assert!(wrong.contains("USDT from 2021-05-28T00:00:00Z: bid_buffer is 5"), "{wrong}");
    assert!(CollateralBook::parse(&format!("{text}{text}"), "f").is_err());
}

#[test]
fn the_account_adds_up_in_usd() {
    let assets = account("-1000", ["400", "500", "100"], "0.1");
    let sums = account_usd(&assets, MarginRate::Ask);
    // -1,000 × 1.01 + 0.1 × 47,500; with the profit -600 × 1.01 + 4,750.
    assert_eq!((sums.wallet, sums.margin_balance()), (dec("3740"), dec("4144")));
    assert_eq!((sums.initial, sums.maintenance), (dec("505"), dec("101")));
    assert_eq!(sums.available(), dec("3639"));
    assert!(!sums.is_due());
    let sums = account_usd(&assets, MarginRate::Index);
    assert_eq!((sums.initial, sums.maintenance), (dec("500"), dec("100")));
    // 3,639 / 47,500 of BTC may go, and nothing of a debt.
    assert_eq!(max_withdraw(&assets, 1, MarginRate::Ask), dec("0.07661052"));
    assert_eq!(max_withdraw(&assets, 0, MarginRate::Ask), Decimal::ZERO);
    // Without debts: never more than the wallet.
    let free = account("100", ["0", "0", "0"], "0.1");
    assert_eq!(max_withdraw(&free, 0, MarginRate::Ask), dec("100"));
    // 0.02 BTC cover 950, less than what is lost: the account is liquidated as a whole.
    let lost = account("-1000", ["50", "500", "100"], "0.02");
    assert!(account_usd(&lost, MarginRate::Ask).is_due());
}

fn brackets() -> Vec<Bracket> {
    let bracket = |floor: i64, cap: i64, mmr: &str, cum: i64| Bracket {
        floor: floor.into(),
        cap: cap.into(),
        mmr: dec(mmr),
        cum: cum.into(),
        leverage: 1,
    };
    vec![bracket(0, 10_000, "0.01", 0), bracket(10_000, 100_000, "0.05", 400)]
}

fn legs(long: (i64, i64), short: (i64, i64)) -> Vec<Leg> {
    let leg = |side: i64, (qty, entry): (i64, i64)| Leg {
        side: side.into(),
        qty: qty.into(),
        cost: (qty * entry).into(),
    };
    let both = [leg(1, long), leg(-1, short)];
    both.into_iter().filter(|leg| !leg.qty.is_zero()).collect()
}

/// Profit and maintenance margin of legs at a price.
fn at(price: Decimal, legs: &[Leg]) -> (Decimal, Decimal) {
    let profit = legs.iter().map(|leg| leg.side * (leg.qty * price - leg.cost)).sum();
    let maintenance = |leg: &Leg| {
        let notional = leg.qty * price;
        let tiers = brackets();
        let tier = if notional <= tiers[0].cap { &tiers[0] } else { &tiers[1] };
        notional * tier.mmr - tier.cum
    };
    (profit, legs.iter().map(maintenance).sum())
}

/// Sets the profit and the margin of `legs` at `mark` into the account and asks for their price.
fn price(assets: &mut [AssetSums], legs: &[Leg], mark: Decimal, rate: MarginRate) -> Decimal {
    let (unrealized, maintenance) = at(mark, legs);
    assets[0].unrealized += unrealized;
    assets[0].maintenance += maintenance;
    let brackets = brackets();
    let symbol = SymbolLegs { asset: 0, legs, unrealized, maintenance, brackets: &brackets, mark };
    liquidation_price(assets, &symbol, rate)
}

#[test]
fn the_whole_account_covers_a_position() {
    let none = ["0", "0", "0"];
    let long = legs((100, 100), (0, 0));
    let found = |usdt, other, btc, rate| {
        price(&mut account(usdt, other, btc), &long, dec("100"), rate).trunc_with_scale(8)
    };
    // USDT are owed at the price: 1.01 × (100·P - 11,000) + 4,750 = 1.01·P, so P = 6,360 / 99.99.
    assert_eq!(found("-1000", none, "0.1", MarginRate::Ask), dec("63.60636063"));
    // USDT are held at it, BTC are owed: 0.99 × (100·P - 7,000) - 2,625 = 1.01·P, or 1.00·P.
    assert_eq!(found("3000", none, "-0.05", MarginRate::Ask), dec("97.50994999"));
    assert_eq!(found("3000", none, "-0.05", MarginRate::Index), dec("97.5"));
    // Another position of the account has lost 100 and needs 20, 20.2 at the ask:
    // 0.99 × (100·P - 7,100) - 2,625 - 20.2 = 1.01·P.
    let other = ["-100", "0", "20"];
    assert_eq!(found("3000", other, "-0.05", MarginRate::Ask), dec("98.72640065"));
    // Enough collateral for a price of zero.
    assert_eq!(found("-1000", none, "1", MarginRate::Ask), Decimal::ZERO);
}

#[test]
fn without_buffers_one_asset_is_as_single_asset_mode() {
    let both = legs((100, 100), (40, 110));
    let usdt = AssetSums { rates: rates("1", "0"), ..account("1000", ["0", "0", "0"], "0")[0] };
    let found = price(&mut [usdt], &both, dec("100"), MarginRate::Ask);
    let terms = LiquidationTerms { collateral: dec("1000"), legs: &both };
    assert_eq!(found, terms.price_in(&brackets(), dec("100")));
    assert!(found > Decimal::ZERO);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// At the price the account in USD is due, and on the way to it from the mark it is not.
    #[test]
    fn the_account_is_due_at_the_price(
        long in 0i64..900, short in 0i64..900, usdt in -50_000i64..50_000, btc in -100i64..300,
        mark in 60i64..140,
    ) {
        let legs = legs((long, 100), (short, 110));
        prop_assume!(!legs.is_empty());
        let mark = Decimal::from(mark);
        let none = ["0", "0", "0"];
        let start = account(&usdt.to_string(), none, &Decimal::new(btc, 2).to_string());
        let left = |price: Decimal| {
            let mut assets = start.clone();
            (assets[0].unrealized, assets[0].maintenance) = at(price, &legs);
            let sums = account_usd(&assets, MarginRate::Ask);
            sums.margin_balance() - sums.maintenance
        };
        prop_assume!(left(mark) > Decimal::ONE);
        let found = price(&mut start.clone(), &legs, mark, MarginRate::Ask);
        let end = if found.is_zero() { dec("0.000001") } else { found };
        for part in 0..=10 {
            let price = mark + (end - mark) * Decimal::from(part) / Decimal::TEN;
            prop_assert!(left(price) > dec("-0.0001"), "{} at {price}, found {found}", left(price));
        }
        if !found.is_zero() {
            prop_assert!(left(found).abs() < dec("0.0001"), "{} at {found}", left(found));
        }
    }
}
