//! Between the integers of a symbol's grid and the decimals of the wire.

use engine::{Instrument, PriceTicks, QtyLots};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

/// A grid price in USDT.
pub fn price(instrument: &Instrument, price: PriceTicks) -> Decimal {
    Decimal::new(price.0, instrument.price_decimals)
}

/// A grid quantity in the base asset.
pub fn qty(instrument: &Instrument, qty: QtyLots) -> Decimal {
    Decimal::new(qty.0, instrument.qty_decimals)
}

/// A quantity on the grid, rounded toward zero; `None` when it does not fit.
pub fn lots(instrument: &Instrument, qty: Decimal) -> Option<i64> {
    let scale = Decimal::from_i128_with_scale(1, instrument.qty_decimals);
    qty.checked_div(scale)?.trunc().to_i64()
}

/// A model's number as a decimal with at most eight digits behind the point; `None` when it is not finite.
pub fn decimal(number: f64) -> Option<Decimal> {
    Decimal::from_f64(number).map(|d| d.round_dp(8))
}

/// A decimal for a model.
pub fn float(number: Decimal) -> f64 {
    number.to_f64().unwrap_or(0.0)
}
