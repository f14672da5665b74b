//! Grid integers as Binance prints them.

use binance_wire::{Num, Precision};
use engine::Instrument;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// How a symbol's integers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) price_decimals: u32,
    pub(crate) qty_decimals: u32,
    pub(crate) precision: Precision,
}

impl Grid {
    pub(crate) fn new(instrument: &Instrument, precision: Precision) -> Grid {
        let Instrument { price_decimals, qty_decimals, .. } = *instrument;
        Grid { price_decimals, qty_decimals, precision }
    }

    /// In the quote asset, exactly.
    pub(crate) fn price_value(&self, price: i64) -> Decimal {
        Decimal::new(price, self.price_decimals)
    }

    /// With pricePrecision's decimals; more only where the market's data have more.
    pub(crate) fn price(&self, price: i64) -> Num {
        Num(padded(Decimal::new(price, self.price_decimals), self.precision.price))
    }

    pub(crate) fn qty(&self, qty: i64) -> Num {
        Num(padded(Decimal::new(qty, self.qty_decimals), self.precision.quantity))
    }

    /// A sum of prices times quantities, with the decimals of both.
    pub(crate) fn quote(&self, sum: i128) -> Num {
        let value = decimal(sum, self.price_decimals + self.qty_decimals);
        Num(padded(value, self.precision.price + self.precision.quantity))
    }

    /// A price in grid units, rounded down.
    pub(crate) fn to_ticks(self, price: Decimal) -> Option<i64> {
        let unit = Decimal::from(10i64.checked_pow(self.price_decimals)?);
        price.checked_mul(unit)?.floor().to_i64()
    }

    /// A quantity in grid units, rounded down.
    pub(crate) fn to_lots(self, qty: Decimal) -> Option<i64> {
        let unit = Decimal::from(10i64.checked_pow(self.qty_decimals)?);
        qty.checked_mul(unit)?.floor().to_i64()
    }
}

/// At least `decimals` of them: none that is not zero is lost.
fn padded(value: Decimal, decimals: u32) -> Decimal {
    let mut value = if value.scale() > decimals { value.normalize() } else { value };
    if value.scale() < decimals {
        value.rescale(decimals);
    }
    value
}

/// A scaled integer; beyond 28 digits the last ones are cut.
pub(crate) fn decimal(mut value: i128, mut scale: u32) -> Decimal {
    loop {
        match Decimal::try_from_i128_with_scale(value, scale) {
            Ok(decimal) => return decimal,
            Err(_) if scale > 0 => {
                value /= 10;
                scale -= 1;
            }
            Err(_) => return if value < 0 { Decimal::MIN } else { Decimal::MAX },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_of_a_price() {
        let grid = Grid {
            price_decimals: 3,
            qty_decimals: 3,
            precision: Precision { price: 2, quantity: 3 },
        };
        // An off-grid price of the data stays what it is.
        assert_eq!(grid.price(174_733).0.to_string(), "174.733");
        assert_eq!(grid.price(174_700).0.to_string(), "174.70");
        assert_eq!(grid.qty(5).0.to_string(), "0.005");
        assert_eq!(grid.quote(174_733 * 5).0.to_string(), "0.873665");
        assert_eq!(grid.quote(0).0.to_string(), "0.00000");
        assert_eq!(grid.to_ticks("174.7339".parse().unwrap()), Some(174_733));
        assert_eq!(decimal(i128::MAX, 12).scale(), 2, "cut, not refused");
    }
}
