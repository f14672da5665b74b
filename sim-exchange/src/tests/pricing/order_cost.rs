//! What an order costs, by both wordings.

use engine::Side;
use rust_decimal::Decimal;

use super::dec;
use crate::order_cost::{CostPrices, CostRule, OrderCost, open_loss};

fn prices() -> CostPrices {
    CostPrices { mark: dec("101"), last: dec("100"), bid: dec("99"), ask: dec("102") }
}

#[test]
fn an_order_counts_at_its_price_or_at_a_guarded_one() {
    use CostRule::{Guarded, OrderPrice};
    use Side::{Buy, Sell};
    let cases = [
        (OrderPrice, Buy, Some("90"), "90"),
        (OrderPrice, Sell, Some("90"), "90"),
        (OrderPrice, Buy, None, "102.051"),
        (OrderPrice, Sell, None, "99"),
        (Guarded, Buy, Some("90"), "90"),
        // The highest of 100 + 0.15 %, the mark and the order's own price.
        (Guarded, Sell, Some("90"), "101"),
        (Guarded, Sell, Some("110"), "110"),
        (Guarded, Buy, None, "102.051"),
    ];
    for (rule, side, limit, expected) in cases {
        let got = rule.price(side, limit.map(dec), &prices());
        assert_eq!(got, dec(expected), "{rule:?} {side:?} {limit:?}");
    }
    let risen = CostPrices { last: dec("102"), ..prices() };
    assert_eq!(Guarded.price(Sell, Some(dec("90")), &risen), dec("102.153"));
}

#[test]
fn a_worse_price_than_the_mark_is_paid_for_in_full() {
    let loss = |side, value, worth| open_loss(side, dec(value), dec(worth));
    assert_eq!(loss(Side::Buy, "110", "100"), dec("10"));
    assert_eq!(loss(Side::Buy, "90", "100"), Decimal::ZERO);
    assert_eq!(loss(Side::Sell, "90", "100"), dec("10"));
    assert_eq!(loss(Side::Sell, "110", "100"), Decimal::ZERO);
    // 3 at 103, ten times: 30.9 of margin and 3 × 2 of loss.
    let cost = CostRule::OrderPrice.cost(Side::Buy, Some(dec("103")), dec("3"), 10, &prices());
    assert_eq!(cost, OrderCost { initial_margin: dec("30.9"), open_loss: dec("6") });
    assert_eq!(cost.total(), dec("36.9"));
}
