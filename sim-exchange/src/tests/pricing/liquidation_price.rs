//! The liquidation price over tiers and over both legs of hedge mode, worked by hand and at random.

use engine::{MarginType, MarketData, MarketEvent, Nanos, PositionSide, PriceTicks, SymbolIndex};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::{dec, exchange};
use crate::SimExchange;
use crate::liquidation_price::{Leg, LiquidationTerms};
use crate::symbol_rules::Bracket;
use crate::tests::START;

/// 1 % to 10,000, 5 % to 100,000, 10 % to 1,000,000 and beyond.
fn brackets() -> Vec<Bracket> {
    let rows = [("0", "10000", "0.01", "0"), ("10000", "100000", "0.05", "400")];
    let last = ("100000", "1000000", "0.1", "5400");
    let bracket = |(floor, cap, mmr, cum): (&str, &str, &str, &str)| Bracket {
        floor: dec(floor),
        cap: dec(cap),
        mmr: dec(mmr),
        cum: dec(cum),
        leverage: 1,
    };
    rows.into_iter().chain([last]).map(bracket).collect()
}

/// `long` and `short` are quantity and entry price; a quantity of zero is no leg.
fn found(collateral: &str, long: (i64, i64), short: (i64, i64), mark: &str) -> Decimal {
    let leg = |side: i64, (qty, entry): (i64, i64)| Leg {
        side: side.into(),
        qty: qty.into(),
        cost: (qty * entry).into(),
    };
    let legs = [leg(1, long), leg(-1, short)];
    let held: Vec<Leg> = legs.into_iter().filter(|leg| !leg.qty.is_zero()).collect();
    let terms = LiquidationTerms { collateral: dec(collateral), legs: &held };
    terms.price_in(&brackets(), dec(mark)).trunc_with_scale(8)
}

#[test]
fn a_single_leg_finds_the_tier_of_its_own_price() {
    let none = (0, 0);
    // 10 at 100: (100 - 1000) / (10 × -0.99), and mirrored (100 + 1000) / (10 × 1.01).
    assert_eq!(found("100", (10, 100), none, "100"), dec("90.90909090"));
    assert_eq!(found("100", none, (10, 100), "100"), dec("108.91089108"));
    // 200 at 100 lies in tier 2 and its price in tier 1: (12,000 - 20,000) / (200 × -0.99) = 40.40.
    assert_eq!(found("12000", (200, 100), none, "100"), dec("40.40404040"));
    // In tier 2 still: (6,000 + 400 - 20,000) / (200 × -0.95) = 71.57.
    assert_eq!(found("6000", (200, 100), none, "100"), dec("71.57894736"));
    // Up, from tier 1 through 2 into 3: (200,000 + 5,400 + 9,000) / (90 × 1.1) = 2165.65.
    assert_eq!(found("200000", none, (90, 100), "100"), dec("2165.65656565"));
    // Beyond the last cap the last tier goes on: (1,900,000 + 5,400 + 9,000) / 99 = 19,337.37.
    assert_eq!(found("1900000", none, (90, 100), "100"), dec("19337.37373737"));
    // What covers the whole cost is never liquidated.
    assert_eq!(found("1000", (10, 100), none, "100"), Decimal::ZERO);
    assert_eq!(found("999", (10, 100), none, "100"), dec("0.10101010"));
    // Already below the maintenance margin: the price lies above the mark, or below for a short one.
    assert_eq!(found("100", (10, 100), none, "80"), dec("90.90909090"));
    assert_eq!(found("100", none, (10, 100), "2000"), dec("108.91089108"));
    // A short position with more debt than it could ever win.
    assert_eq!(found("-2000", none, (10, 100), "100"), Decimal::ZERO);
}

#[test]
fn two_legs_have_one_price_on_the_side_of_the_larger() {
    // 100 + 10·P - 1,000 + 440 - 4·P = 0.01 × 14·P, so P = 460 / 5.86; mirrored 800 / 6.14.
    assert_eq!(found("100", (10, 100), (4, 110), "100"), dec("78.49829351"));
    assert_eq!(found("100", (4, 100), (10, 110), "100"), dec("130.29315960"));
    // Equal legs lose to nothing but their maintenance margin: 10 = 0.01 × 20·P.
    assert_eq!(found("10", (10, 100), (10, 100), "40"), dec("50"));
}

#[test]
fn each_leg_has_its_own_tier() {
    // Both in tier 2: 20,000 + 800·P - 80,000 = 60·P - 800, so P = 59,200 / 740.
    assert_eq!(found("20000", (1000, 100), (200, 100), "100"), dec("80"));
    // The short one enters tier 1 at 50: 45,000 + 800·P - 80,000 = 50·P - 400 + 2·P.
    assert_eq!(found("45000", (1000, 100), (200, 100), "100"), dec("46.25668449"));
    // Upwards the short one enters tier 3 at 100: 94,000 - 800·P = 100·P - 5,400 + 10·P - 400.
    assert_eq!(found("14000", (200, 100), (1000, 100), "90"), dec("109.67032967"));
    // Nearly hedged, the maintenance margin outweighs the difference: the price lies above, though the
    // long leg is the larger one. 19,000 + 10·P = 199·P - 10,800.
    assert_eq!(found("20000", (1000, 100), (990, 100), "100"), dec("157.67195767"));
    // Owing 50,000, the pair would be compliant at no price: in tier 3 a rise no longer helps.
    assert_eq!(found("-50000", (1000, 100), (850, 100), "50"), Decimal::ZERO);
    assert_eq!(found("5800", (1000, 100), (850, 100), "50"), Decimal::ZERO);
}

fn left_at(price: Decimal, collateral: Decimal, legs: &[Leg]) -> Decimal {
    let worth = |leg: &Leg| {
        let notional = leg.qty * price;
        let tier = brackets().into_iter().rev().find(|b| notional > b.floor);
        let tier = tier.unwrap_or(brackets().remove(0));
        leg.side * (notional - leg.cost) - (notional * tier.mmr - tier.cum)
    };
    collateral + legs.iter().map(worth).sum::<Decimal>()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where the pool is covered: at the price nothing is left, and up to it something is.
    #[test]
    fn nothing_is_left_at_the_price(
        long in 0i64..3_000, short in 0i64..3_000, entries in [50i64..200, 50i64..200],
        mark in 20i64..400, spare in 1i64..200_000,
    ) {
        let leg = |side: i64, qty: i64, entry: i64| Leg {
            side: side.into(), qty: qty.into(), cost: (qty * entry).into(),
        };
        let legs: Vec<Leg> = [leg(1, long, entries[0]), leg(-1, short, entries[1])]
            .into_iter().filter(|leg| !leg.qty.is_zero()).collect();
        prop_assume!(!legs.is_empty());
        let mark = Decimal::from(mark);
        let collateral = Decimal::from(spare) - left_at(mark, Decimal::ZERO, &legs);
        let found = LiquidationTerms { collateral, legs: &legs }.price_in(&brackets(), mark);
        let end = if found.is_zero() { dec("0.000001") } else { found };
        for part in 0..=20 {
            let price = mark + (end - mark) * Decimal::from(part) / Decimal::from(20);
            let left = left_at(price, collateral, &legs);
            prop_assert!(left > dec("-0.0001"), "{left} is left at {price}, found {found}");
        }
        if !found.is_zero() {
            let left = left_at(found, collateral, &legs);
            prop_assert!(left.abs() < dec("0.0001"), "{left} is left at {found}");
        }
    }
}

fn mark(exchange: &mut SimExchange, symbol: u16, price: i64) {
    use engine::Exchange;
    let data = MarketData::MarkPrice(PriceTicks(price));
    exchange.observe(&MarketEvent::new(START, SymbolIndex(symbol), data));
}

/// LONG 10 at 100 and SHORT 4 at 110 of BUSDT, whose mark is 100.
fn hedged(margin_type: MarginType) -> SimExchange {
    let mut exchange = exchange(&["100"], |config| config.hedge_mode = true);
    let rules = exchange.markets[1].rules.clone();
    let holding = &mut exchange.accounts[0].holdings[1];
    holding.margin_type = margin_type;
    for (side, lots, price) in [(PositionSide::Long, 10, 1000), (PositionSide::Short, -4, 1100)] {
        holding.position_mut(side).fill(&rules, lots, price, Nanos::ZERO);
    }
    exchange
}

fn prices(exchange: &mut SimExchange) -> Vec<Decimal> {
    let rows = exchange.position_risks(Default::default());
    let of_b = rows.iter().filter(|row| row.symbol == SymbolIndex(1));
    of_b.map(|row| row.liquidation_price).collect()
}

#[test]
fn hedge_mode_on_cross_margin_shows_the_common_price_on_both_rows() {
    let mut exchange = hedged(MarginType::Crossed);
    mark(&mut exchange, 1, 1000);
    assert_eq!(prices(&mut exchange), [dec("78.49829351"), dec("78.49829351")]);
    // Two units of AUSDT at 100, now 90: a loss of 20 and a maintenance margin of 1.8 less to cover it,
    // so P = (460 + 21.8) / 5.86.
    let rules = exchange.markets[0].rules.clone();
    let other = exchange.accounts[0].holdings[0].position_mut(PositionSide::Long);
    other.fill(&rules, 20, 1000, Nanos::ZERO);
    mark(&mut exchange, 0, 900);
    assert_eq!(prices(&mut exchange), [dec("82.21843003"), dec("82.21843003")]);
}

#[test]
fn hedge_mode_on_isolated_margin_has_a_price_for_each_side() {
    let mut exchange = hedged(MarginType::Isolated);
    let holding = &mut exchange.accounts[0].holdings[1];
    holding.position_mut(PositionSide::Long).isolated_wallet = dec("50");
    holding.position_mut(PositionSide::Short).isolated_wallet = dec("60");
    mark(&mut exchange, 1, 1000);
    // (50 - 1,000) / (10 × -0.99) and (60 + 440) / (4 × 1.01).
    assert_eq!(prices(&mut exchange), [dec("95.95959595"), dec("123.76237623")]);
}
