//! Quantities, prices, plans.

use proptest::prelude::*;
use rust_decimal::Decimal;
use strategies::entry::{
    IntentText, LotRules, OrderPurpose, RawIntent, order_quantity, parse_intent, plan_id,
    price_to_tick, validate_trade_intent,
};

use crate::support::{any_number, cases};

fn purpose() -> impl Strategy<Value = OrderPurpose> {
    prop_oneof![
        Just(OrderPurpose::Open),
        Just(OrderPurpose::OpenUpsized),
        Just(OrderPurpose::Reduce)
    ]
}

/// Up to nine digits, up to eight of them behind the point.
fn decimal() -> impl Strategy<Value = Decimal> {
    (0i64..1_000_000_000, 0u32..9).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

proptest! {
    #![proptest_config(cases())]

    /// On the grid, at most what was permitted, and at most what was asked unless it was upsized; the text
    /// is the number.
    #[test]
    fn orders_are_on_the_grid_and_never_larger(
        asked in decimal(), mark in decimal(), safe in prop::option::of(decimal()), purpose in purpose(),
        step in (1i64..6, 0u32..9), min_steps in 1i64..20, min_notional in 0i64..200,
    ) {
        let step = Decimal::new(step.0, step.1);
        let rules = LotRules {
            step,
            min_qty: step * Decimal::from(min_steps),
            max_qty: Decimal::from(1_000_000_000),
            min_notional_usd: min_notional.into(),
        };
        if let Ok(order) = order_quantity(asked, Some(mark), safe, purpose, &rules) {
            prop_assert!(order.qty > Decimal::ZERO && (order.qty % step).is_zero());
            prop_assert!(order.qty >= rules.min_qty);
            prop_assert!(order.upsized || order.qty <= asked);
            prop_assert!(!order.upsized || purpose == OrderPurpose::OpenUpsized);
            prop_assert!(safe.is_none_or(|safe| safe.is_zero() || order.qty <= safe));
            prop_assert_eq!(order.text.parse::<Decimal>().expect("a decimal"), order.qty);
            if purpose != OrderPurpose::Reduce {
                prop_assert!(order.qty * mark >= rules.min_notional_usd);
            }
            if !order.upsized {
                let most = safe.filter(|safe| !safe.is_zero()).map_or(asked, |safe| safe.min(asked));
                prop_assert!(most - order.qty < step, "no step is lost");
            }
        }
    }

    /// A reducing order is refused only where nothing of it is left on the grid.
    #[test]
    fn reducing_orders_need_no_notional(asked in decimal(), step in 0u32..9) {
        let step = Decimal::new(1, step);
        let rules = LotRules {
            step, min_qty: step, max_qty: Decimal::from(1_000_000_000), min_notional_usd: Decimal::MAX,
        };
        let got = order_quantity(asked, None, None, OrderPurpose::Reduce, &rules);
        prop_assert_eq!(got.is_ok(), asked >= step);
    }

    /// A price goes to a tick at most half a tick away.
    #[test]
    fn prices_are_on_the_tick(price in decimal(), tick in (1i64..6, 0u32..9)) {
        let tick = Decimal::new(tick.0, tick.1);
        let rounded = price_to_tick(price, tick).expect("a price");
        prop_assert!((rounded % tick).is_zero());
        prop_assert!((rounded - price).abs() * Decimal::TWO <= tick);
    }

    /// What parses has a quantity above zero, or reduces; nothing of it is NaN.
    #[test]
    fn parsed_intents_are_usable(numbers in prop::array::uniform6(prop::option::of(any_number())), reduce in any::<bool>()) {
        let [quantity, qty, size, price, leverage, stop_loss] = numbers;
        let text = IntentText {
            symbol: "btcusdt", action: Some("buy"), quantity, qty, size, price, leverage, stop_loss,
            reduce_only: reduce.then_some("true"), ..IntentText::default()
        };
        if let Ok(intent) = parse_intent(&text) {
            prop_assert!(intent.qty.is_none_or(|qty| qty > 0.0 && qty.is_finite()));
            prop_assert!(intent.qty.is_some() || intent.reduce_only);
            prop_assert!(intent.leverage.is_finite());
            prop_assert!(intent.stop_loss.is_none_or(f64::is_finite));
            prop_assert_eq!(intent.symbol, "BTCUSDT");
        }
    }

    /// Sixteen hex digits, the same each time, others for other quantities.
    #[test]
    fn plan_ids_repeat(qty in 1e-9..1e9, other in 1e-9..1e9) {
        let of = |qty| plan_id("1-0", "BTCUSDT", "BUY", qty);
        prop_assert_eq!(of(qty), of(qty));
        prop_assert!(of(qty).len() == 16 && of(qty).bytes().all(|b| b.is_ascii_hexdigit()));
        prop_assert_eq!(of(qty) == of(other), qty == other);
    }

    /// A valid intent has numbers within the contract.
    #[test]
    fn valid_intents_are_within_the_contract(confidence in any_number(), size in any_number(), leverage in any_number()) {
        let intent = RawIntent {
            symbol: Some("BTCUSDT"), action: Some("SELL"), side: None, confidence: Some(confidence),
            has_timestamp: true, position_size_usd: Some(size), leverage: Some(leverage),
        };
        let valid = (0.0..=1.0).contains(&confidence)
            && size > 0.0 && size.is_finite()
            && (1.0..=125.0).contains(&leverage);
        prop_assert_eq!(validate_trade_intent(&intent).is_empty(), valid);
    }
}
