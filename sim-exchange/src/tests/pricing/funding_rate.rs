//! Premium index and funding rate, with numbers worked by hand.

use engine::{Nanos, PriceTicks, QtyLots, Symbol};
use rust_decimal::Decimal;

use super::dec;
use crate::funding_rate::{
    FundingEstimate, FundingInterval, FundingTerms, RateFormula, funding_payment,
};
use crate::funding_terms::FundingBook;
use crate::mark_price::RULES_OF_2025_09;
use crate::premium_index::{
    ImpactDepth, ImpactPrice, WeightedPremium, impact_margin_notional, premium_index,
};

fn terms(interval: FundingInterval) -> FundingTerms {
    FundingTerms { interval, ..FundingTerms::default_of("BTCUSDT", dec("0.004")) }
}

fn hours(hours: i64) -> Nanos {
    Nanos::from_secs(hours * 3600)
}

#[test]
fn an_impact_price_fills_the_notional_and_no_more() {
    assert_eq!(impact_margin_notional(150), dec("30000"));
    let depth = ImpactDepth { price_decimals: 1, qty_decimals: 2, notional: dec("30000") };
    let level = |price, qty| (PriceTicks(price), QtyLots(qty));
    // 100 × 100 and 125 × 80 are 20,000; the other 10,000 buy 50 at 200: 30,000 / 230.
    let asks = [level(1000, 10_000), level(1250, 8_000), level(2000, 90_000)];
    let price = depth.price(asks).unwrap();
    assert_eq!(price.price.round_dp(8), dec("130.43478261"));
    assert!(price.complete);
    // Exactly filled by the first level.
    let exact = depth.price([level(1000, 30_000), level(2000, 1)]);
    assert_eq!(exact, Some(ImpactPrice { price: dec("100"), complete: true }));
    // Only 20,000 there: 20,000 / 180, and it says so.
    let thin = depth.price([level(1000, 10_000), level(1250, 8_000)]).unwrap();
    assert_eq!(thin.price.round_dp(8), dec("111.11111111"));
    assert!(!thin.complete);
    assert_eq!(depth.price([]), None);
}

#[test]
fn a_premium_counts_only_what_lies_beyond_the_index() {
    let premium = |bid, ask| premium_index(dec("300"), dec(bid), dec(ask));
    assert_eq!(premium("303", "304"), Some(dec("0.01")), "3 / 300");
    assert_eq!(premium("296", "297"), Some(dec("-0.01")));
    assert_eq!(premium("299", "301"), Some(Decimal::ZERO), "the index lies inside");
    assert_eq!(premium("301", "302"), Some(dec("0.00333333")), "cut, not rounded");
    assert_eq!(premium("297", "298"), Some(dec("-0.00666666")), "cut toward zero");
    assert_eq!(premium_index(Decimal::ZERO, dec("1"), dec("1")), None);
}

#[test]
fn later_samples_weigh_more() {
    let mut average = WeightedPremium::default();
    assert_eq!(average.average(), None);
    // (1×0.001 + 2×0.004 + 3×0.007) / 6 = 0.030 / 6.
    for (number, premium) in [(1, "0.001"), (2, "0.004"), (3, "0.007")] {
        average.add(number, dec(premium));
    }
    assert_eq!(average.average(), Some(dec("0.005")));
    // Number 4 is missing: (0.030 + 5×0.005) / (6 + 5).
    average.add(5, dec("0.005"));
    assert_eq!(average.average(), Some(dec("0.005")));
}

#[test]
fn the_rate_is_the_interest_near_a_zero_premium_and_the_premium_far_from_it() {
    let rate = |formula, interval, premium| terms(interval).rate(formula, dec(premium));
    use FundingInterval::{H1, H4, H8};
    use RateFormula::{PerInterval, Plain};
    let cases = [
        // |0.0001 - P| <= 0.0005: the interest.
        (Plain, H8, "0.0003", "0.0001"),
        (PerInterval, H8, "0.0003", "0.0001"),
        (PerInterval, H8, "-0.0004", "0.0001"),
        // Beyond: 0.001 + max(0.0001 - 0.001, -0.0005), and -0.001 + 0.0005.
        (PerInterval, H8, "0.001", "0.0005"),
        (PerInterval, H8, "-0.001", "-0.0005"),
        // 4 hours, before: 0.001 - 0.0005, and interest 0.00005. Since: half of the 8 h figures.
        (Plain, H4, "0.001", "0.0005"),
        (Plain, H4, "0", "0.00005"),
        (PerInterval, H4, "0.001", "0.00025"),
        (PerInterval, H4, "0", "0.00005"),
        // One hour: 0.0001 / 8; and (0.0020001 - 0.0005) / 8 = 0.0001875125, cut.
        (PerInterval, H1, "0", "0.0000125"),
        (PerInterval, H1, "0.0020001", "0.00018751"),
        // Cap and floor 0.75 × 0.4 % hold after the division: 0.025 - 0.0005, then / 8 = 0.0030625.
        (PerInterval, H1, "0.025", "0.003"),
        (PerInterval, H1, "-0.025", "-0.003"),
        (PerInterval, H1, "0.02", "0.0024375"),
    ];
    for (formula, interval, premium, expected) in cases {
        let got = rate(formula, interval, premium);
        assert_eq!(got, dec(expected), "{formula:?} {interval:?} {premium}");
    }
}

#[test]
fn interest_cap_and_floor_are_a_symbols_own() {
    let free = FundingTerms::default_of("BNBUSDT", dec("0.01"));
    assert_eq!(free.rate(RateFormula::PerInterval, dec("0.0003")), Decimal::ZERO);
    assert_eq!((free.cap, free.floor), (dec("0.0075"), dec("-0.0075")));
    let adjusted = FundingTerms { cap: dec("0.02"), floor: dec("-0.03"), ..free };
    assert_eq!(adjusted.rate(RateFormula::PerInterval, dec("0.5")), dec("0.02"));
    assert_eq!(adjusted.rate(RateFormula::PerInterval, dec("-0.5")), dec("-0.03"));
}

#[test]
fn settlements_are_at_whole_hours_of_utc() {
    use FundingInterval::{H1, H2, H4, H8};
    for (interval, starts, next) in [(H1, 13, 14), (H2, 12, 14), (H4, 12, 16), (H8, 8, 16)] {
        assert_eq!(interval.start(Nanos(hours(13).0 + 1)), hours(starts), "{interval:?}");
        assert_eq!(interval.next(Nanos(hours(13).0 + 1)), hours(next), "{interval:?}");
        assert_eq!(interval.next(hours(next)), hours(next + i64::from(interval.hours())));
    }
}

#[test]
fn the_formula_changes_with_the_first_payment_after_its_date() {
    // 2025-09-18 08:00 is still the old one; 09:00 the new one.
    let eight = Nanos(RULES_OF_2025_09.0 - 60_000_000_000);
    assert_eq!(RateFormula::at(eight), RateFormula::Plain);
    let mut estimate = FundingEstimate::new(terms(FundingInterval::H1), Nanos(eight.0 - 1));
    assert_eq!(estimate.settlement(), eight);
    for expected in ["0.0005", "0.0000625"] {
        let end = estimate.settlement();
        estimate.sample(end, dec("0.001"));
        assert_eq!(estimate.settle(terms(FundingInterval::H1)), Some(dec(expected)), "{end}");
    }
}

#[test]
fn an_estimate_runs_through_its_interval() {
    let start = hours(24 * 20_000);
    let mut estimate = FundingEstimate::new(terms(FundingInterval::H8), start);
    assert_eq!(estimate.predicted(), None);
    let (mut now, mut count) = (start, 0);
    while now < estimate.settlement() {
        now = estimate.next_sample(now);
        count += 1;
        // 0.003 in the first half, 0.001 in the second.
        let premium = if count <= 2880 { "0.003" } else { "0.001" };
        estimate.sample(now, dec(premium));
    }
    assert_eq!(count, 5760);
    // First half: 2880 × 2881 / 2 = 4,148,640 of 5760 × 5761 / 2 = 16,591,680 weights.
    // P = 0.001 + 0.002 × 4,148,640 / 16,591,680 = 0.00150008678..., less 0.0005.
    assert_eq!(estimate.predicted(), Some(dec("0.00100008")));
    // The next interval has other terms and begins with nothing.
    assert_eq!(estimate.settle(terms(FundingInterval::H4)), Some(dec("0.00100008")));
    assert_eq!(estimate.predicted(), None);
    assert_eq!(estimate.settlement(), now + hours(4));
    // Joined late: the third sample weighs 3 against 1: (1×0.004 + 3×0.001) / 4 = 0.00175.
    let five = |n: i64| now + Nanos::from_secs(5 * n);
    estimate.sample(five(1), dec("0.004"));
    estimate.sample(five(3), dec("0.001"));
    // Paid in 2024, so by the plain formula: 0.00175 - 0.0005.
    assert_eq!(estimate.predicted(), Some(dec("0.00125")));
}

#[test]
fn above_zero_the_long_pays() {
    let pay = |qty, rate| funding_payment(dec(qty) * dec("2.0"), dec(rate));
    assert_eq!(pay("10", "0.0001"), dec("-0.002"));
    assert_eq!(pay("-10", "0.0001"), dec("0.002"));
    assert_eq!(pay("10", "-0.0001"), dec("0.002"));
    assert_eq!(pay("0.0001", "0.00009999"), dec("-0.00000001"), "0.000000019998 is cut");
}

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

const ROWS: &str = r#"
[[funding]]
symbol = "BLZUSDT"
valid_from = 2024-01-01T00:00:00Z
interval = "4h"
cap = "0.025"
floor = "-0.02"
note = "a note"
[[funding]]
symbol = "BLZUSDT"
valid_from = 2023-01-01T00:00:00Z
interval = "8h"
interest_8h = "0"
cap = "0.02"
floor = "-0.02"
"#;

#[test]
fn terms_are_dated_and_what_is_assumed_is_said() {
    let book = FundingBook::parse(ROWS, "rows.toml").unwrap();
    let at = |seconds| book.for_symbol(symbol("BLZUSDT"), Nanos::from_secs(seconds), dec("0.01"));
    let (y2023, y2024) = (1_672_531_200, 1_704_067_200);
    let (before, warnings) = at(y2023 - 1);
    assert_eq!(before, FundingTerms::default_of("BLZUSDT", dec("0.01")));
    assert_eq!(
        warnings,
        [
            "BLZUSDT: no funding terms are known for 2022-12-31T23:59:59Z; every 8 h, interest 0.0001, cap and floor ±0.0075 are assumed"
        ]
    );
    let first = FundingTerms {
        interval: FundingInterval::H8,
        interest_8h: Decimal::ZERO,
        cap: dec("0.02"),
        floor: dec("-0.02"),
    };
    assert_eq!(at(y2023), (first, vec![]));
    assert_eq!(at(y2024 - 1), (first, vec![]));
    let (second, notes) = at(y2024);
    assert_eq!((second.interval, second.interest_8h), (FundingInterval::H4, dec("0.0001")));
    assert_eq!((second.cap, second.floor), (dec("0.025"), dec("-0.02")));
    assert_eq!(notes, ["a note"]);
    let change = |seconds| book.next_change(symbol("BLZUSDT"), Nanos::from_secs(seconds));
    assert_eq!(change(0), Some(Nanos::from_secs(y2023)));
    assert_eq!(change(y2023), Some(Nanos::from_secs(y2024)));
    assert_eq!(change(y2024), None);
}

#[test]
fn the_live_row_of_btcusdt_is_the_default() {
    let book = FundingBook::embedded().unwrap();
    let september = Nanos::from_secs(1_789_459_200);
    let (terms, warnings) = book.for_symbol(symbol("BTCUSDT"), september, dec("0.004"));
    assert_eq!(terms, FundingTerms::default_of("BTCUSDT", dec("0.004")));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_wrong_row_is_refused_with_its_place() {
    let refused = |from: &str, to: &str| match FundingBook::parse(&ROWS.replace(from, to), "f") {
        Err(e) => e.to_string(),
        Ok(_) => panic!("{to} is taken"),
    };
    let place = "f: funding of BLZUSDT from 2024-01-01T00:00:00Z: ";
    for (from, to, problem) in [
        ("0.025", "-0.03", "floor -0.02 lies above cap -0.03"),
        ("0.025", "2.5", "cap is 2.5; 0.0001 is 0.01 %"),
    ] {
        let text = refused(from, to);
        assert!(text.starts_with(&format!("{place}{problem}")), "{text}");
    }
    assert!(refused("2023-01-01", "2024-01-01").contains("stands twice"));
    assert!(refused("T00:00:00Z", "").contains("needs a date and a UTC time"));
    assert!(refused("4h", "3h").contains("3h"));
}
