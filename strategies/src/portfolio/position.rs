//! A position rebuilt from its fills (MSE 14.1): average entry on increase, realised PnL on decrease, a
//! flip where it crosses zero, and one round trip where it becomes flat.

use engine::Nanos;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What a fill did not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookFault {
    /// Quantity zero, or price not above zero.
    #[error("fill of {qty} at {price}: give a quantity other than 0 and a price above 0")]
    NotAFill {
        /// Signed.
        qty: Decimal,
        /// In USDT.
        price: Decimal,
    },
    /// A sum or product leaves the range of decimals.
    #[error("the book overflows at a fill of {qty} at {price}")]
    Overflow {
        /// Signed.
        qty: Decimal,
        /// In USDT.
        price: Decimal,
    },
}

/// A fill, or part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Above zero bought, below zero sold; in the base asset.
    pub qty: Decimal,
    /// In USDT.
    pub price: Decimal,
    /// Paid, in USDT.
    pub fee_usd: Decimal,
    /// When.
    pub at: Nanos,
}

/// What is held of one symbol. Flat is all zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookPosition {
    /// Signed, in the base asset.
    pub amount: Decimal,
    /// Average entry, in USDT.
    pub entry_price: Decimal,
    /// Side of the round trip.
    long: bool,
    opened_at: Nanos,
    /// Largest amount of the round trip, without sign.
    peak: Decimal,
    closed_qty: Decimal,
    closed_value: Decimal,
    realised: Decimal,
    fees: Decimal,
}

/// A round trip: from flat to flat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTrip {
    /// Long, or else short.
    pub long: bool,
    /// Largest amount held, in the base asset.
    pub quantity: Decimal,
    /// Average entry at the end, in USDT.
    pub entry_price: Decimal,
    /// Average price of what left, in USDT.
    pub exit_price: Decimal,
    /// Without fees, in USDT.
    pub pnl_usd: Decimal,
    /// PnL over what was closed at its entry price, in percent.
    pub pnl_percent: Decimal,
    /// Of the whole trip, in USDT.
    pub fees_usd: Decimal,
    /// First fill.
    pub opened_at: Nanos,
    /// Last fill.
    pub closed_at: Nanos,
}

/// What a fill did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Realised by it, in USDT.
    pub realised_usd: Decimal,
    /// The round trip that it ended.
    pub closed: Option<RoundTrip>,
}

impl BookPosition {
    /// Applies a fill. A fill that crosses zero ends one round trip and opens the next; its fee is split
    /// by quantity.
    ///
    /// # Errors
    /// [`BookFault`]; the position is then unchanged.
    pub fn apply(&mut self, fill: &Fill) -> Result<Applied, BookFault> {
        let Fill { qty, price, .. } = *fill;
        if qty.is_zero() || price <= Decimal::ZERO {
            return Err(BookFault::NotAFill { qty, price });
        }
        let mut next = *self;
        let applied = next.applied(fill).ok_or(BookFault::Overflow { qty, price })?;
        *self = next;
        Ok(applied)
    }

    fn applied(&mut self, fill: &Fill) -> Option<Applied> {
        let reduces =
            !self.amount.is_zero() && self.amount.is_sign_negative() != fill.qty.is_sign_negative();
        if !reduces {
            self.grow(fill)?;
            return Some(Applied { realised_usd: Decimal::ZERO, closed: None });
        }
        let closing = fill.qty.abs().min(self.amount.abs());
        let rest = fill.qty.abs().checked_sub(closing)?;
        let rest_fee = fill.fee_usd.checked_mul(rest)?.checked_div(fill.qty.abs())?;
        let realised_usd = self.shrink(fill, closing, fill.fee_usd.checked_sub(rest_fee)?)?;
        let closed = if self.amount.is_zero() { Some(self.round_trip(fill.at)?) } else { None };
        if closed.is_some() {
            *self = BookPosition::default();
        }
        if !rest.is_zero() {
            let qty = if fill.qty.is_sign_negative() { -rest } else { rest };
            self.grow(&Fill { qty, fee_usd: rest_fee, ..*fill })?;
        }
        Some(Applied { realised_usd, closed })
    }

    fn grow(&mut self, fill: &Fill) -> Option<()> {
        if self.amount.is_zero() {
            self.opened_at = fill.at;
            self.long = fill.qty.is_sign_positive();
        }
        let held = self.amount.abs().checked_mul(self.entry_price)?;
        let added = fill.qty.abs().checked_mul(fill.price)?;
        self.amount = self.amount.checked_add(fill.qty)?;
        self.entry_price = held.checked_add(added)?.checked_div(self.amount.abs())?;
        self.peak = self.peak.max(self.amount.abs());
        self.fees = self.fees.checked_add(fill.fee_usd)?;
        Some(())
    }

    /// Takes `closing` away, all of which is held; gives what it realised.
    fn shrink(&mut self, fill: &Fill, closing: Decimal, fee_usd: Decimal) -> Option<Decimal> {
        let gain = if self.long {
            fill.price.checked_sub(self.entry_price)?
        } else {
            self.entry_price.checked_sub(fill.price)?
        };
        let realised = gain.checked_mul(closing)?;
        let left = if self.long { -closing } else { closing };
        self.amount = self.amount.checked_add(left)?;
        self.closed_qty = self.closed_qty.checked_add(closing)?;
        self.closed_value = self.closed_value.checked_add(closing.checked_mul(fill.price)?)?;
        self.realised = self.realised.checked_add(realised)?;
        self.fees = self.fees.checked_add(fee_usd)?;
        Some(realised)
    }

    /// The trip that has just ended.
    fn round_trip(&self, closed_at: Nanos) -> Option<RoundTrip> {
        let cost = if self.long {
            self.closed_value.checked_sub(self.realised)?
        } else {
            self.closed_value.checked_add(self.realised)?
        };
        let percent = self.realised.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(cost);
        Some(RoundTrip {
            long: self.long,
            quantity: self.peak,
            entry_price: self.entry_price,
            exit_price: self.closed_value.checked_div(self.closed_qty)?,
            pnl_usd: self.realised,
            pnl_percent: percent.unwrap_or_default(),
            fees_usd: self.fees,
            opened_at: self.opened_at,
            closed_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(qty: i64, price: i64, at: i64) -> Fill {
        let fee_usd = Decimal::new(qty.abs(), 1);
        Fill { qty: qty.into(), price: price.into(), fee_usd, at: Nanos(at) }
    }

    fn run(fills: &[(i64, i64)]) -> (BookPosition, Vec<Applied>) {
        let mut book = BookPosition::default();
        let applied = fills
            .iter()
            .zip(1..)
            .map(|((qty, price), at)| book.apply(&fill(*qty, *price, at)).expect("a fill"))
            .collect();
        (book, applied)
    }

    #[test]
    fn entry_averages_and_a_decrease_realises() {
        let (book, applied) = run(&[(2, 100), (2, 110), (-1, 115)]);
        assert_eq!((book.amount, book.entry_price), (3.into(), 105.into()));
        assert_eq!((applied[2].realised_usd, applied[2].closed), (10.into(), None));
    }

    #[test]
    fn a_round_trip_is_told_once_with_all_its_fees() {
        let (book, applied) = run(&[(-2, 100), (-2, 110), (1, 100), (3, 90)]);
        assert_eq!(book, BookPosition::default());
        let trip = applied[3].closed.expect("flat");
        assert!(!trip.long);
        assert_eq!((trip.quantity, trip.entry_price), (4.into(), 105.into()));
        assert_eq!((trip.exit_price, trip.pnl_usd), (Decimal::new(925, 1), 50.into()));
        assert_eq!(trip.fees_usd, Decimal::new(8, 1));
        assert_eq!(trip.pnl_percent.round_dp(6), Decimal::new(11_904_762, 6));
        assert_eq!((trip.opened_at, trip.closed_at), (Nanos(1), Nanos(4)));
        assert_eq!(applied.iter().filter(|a| a.closed.is_some()).count(), 1);
    }

    #[test]
    fn crossing_zero_ends_one_trip_and_opens_the_next() {
        let (book, applied) = run(&[(2, 100), (-5, 110)]);
        let trip = applied[1].closed.expect("crossed");
        assert_eq!((trip.pnl_usd, trip.fees_usd), (20.into(), Decimal::new(4, 1)));
        assert_eq!((book.amount, book.entry_price), ((-3).into(), 110.into()));
        assert_eq!((book.fees, book.opened_at), (Decimal::new(3, 1), Nanos(2)));
    }

    #[test]
    fn what_is_no_fill_changes_nothing() {
        let (mut book, _) = run(&[(2, 100)]);
        let before = book;
        assert!(book.apply(&fill(0, 100, 9)).is_err());
        assert!(book.apply(&fill(1, 0, 9)).is_err());
        let huge = Fill { qty: Decimal::MAX, price: Decimal::MAX, ..fill(1, 1, 9) };
        assert!(matches!(book.apply(&huge), Err(BookFault::Overflow { .. })));
        assert_eq!(book, before);
    }
}
