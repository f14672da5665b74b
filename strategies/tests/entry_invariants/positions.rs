//! The book of fills: nothing is lost, nothing is told twice.

use engine::Nanos;
use proptest::prelude::*;
use rust_decimal::Decimal;
use strategies::portfolio::{BookPosition, Fill, LedgerBook};

use crate::support::cases;

fn fills() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((-20i64..=20, 1i64..1_000), 1..40)
}

proptest! {
    #![proptest_config(cases())]

    /// The amount is the sum of the fills, and cash and position together account for every cent:
    /// realised PnL plus what the position is worth at its entry is what was paid.
    #[test]
    fn every_fill_is_accounted_for(fills in fills()) {
        let mut book = BookPosition::default();
        let (mut amount, mut cash, mut realised, mut fees) =
            (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        let (mut trips_pnl, mut trips_fees) = (Decimal::ZERO, Decimal::ZERO);
        for (at, (qty, price)) in fills.into_iter().enumerate() {
            let fill = Fill {
                qty: qty.into(), price: price.into(), fee_usd: Decimal::new(price, 3),
                at: Nanos(at as i64),
            };
            let Ok(applied) = book.apply(&fill) else {
                prop_assert_eq!(qty, 0);
                continue;
            };
            let before = amount;
            amount += fill.qty;
            cash -= fill.qty * fill.price;
            realised += applied.realised_usd;
            fees += fill.fee_usd;
            prop_assert_eq!(book.amount, amount);
            let crossed = amount.is_zero() || amount.is_sign_negative() != before.is_sign_negative();
            prop_assert_eq!(applied.closed.is_some(), !before.is_zero() && crossed);
            if let Some(trip) = applied.closed {
                trips_pnl += trip.pnl_usd;
                trips_fees += trip.fees_usd;
                prop_assert!(trip.opened_at < trip.closed_at && trip.quantity > Decimal::ZERO);
            }
            // Averages are quotients: 28 digits, less what the sums lose.
            let near = Decimal::new(1, 12);
            let at_entry = cash + book.amount * book.entry_price;
            prop_assert!((at_entry - realised).abs() < near, "{at_entry} {realised}");
            if amount.is_zero() {
                prop_assert_eq!(book, BookPosition::default());
                prop_assert!((trips_pnl - realised).abs() < near);
                prop_assert!((trips_fees - fees).abs() < near);
            }
        }
    }

    /// The ledger is the sum of what was committed, however often it was repeated.
    #[test]
    fn repeats_do_not_count(fills in fills(), repeats in 1usize..4) {
        let mut ledger = LedgerBook::default();
        for _ in 0..repeats {
            for (order, (qty, _)) in fills.iter().enumerate() {
                ledger.commit(order as u64, Decimal::from(*qty));
            }
        }
        prop_assert_eq!(ledger.amount(), Decimal::from(fills.iter().map(|(qty, _)| qty).sum::<i64>()));
    }
}
