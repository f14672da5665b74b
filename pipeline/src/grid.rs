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

/// Appends `units` of 10^-`decimals` as text, as the `Decimal` of the same scale shows itself.
pub fn append(out: &mut Vec<u8>, units: i64, decimals: u32) {
    if units < 0 {
        out.push(b'-');
    }
    let (mut digits, mut left) = ([b'0'; 48], units.unsigned_abs());
    let mut at = digits.len();
    while left > 0 {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    // At least one before the point.
    let point = digits.len() - decimals as usize;
    at = at.min(point - 1);
    out.extend_from_slice(&digits[at..point]);
    if decimals > 0 {
        out.push(b'.');
        out.extend_from_slice(&digits[point..]);
    }
}

/// A quantity on the grid, rounded toward zero; `None` when it does not fit.
pub fn lots(instrument: &Instrument, qty: Decimal) -> Option<i64> {
    let scale = Decimal::from_i128_with_scale(1, instrument.qty_decimals);
    qty.checked_div(scale)?.trunc().to_i64()
}

/// A price on the grid, rounded toward zero; `None` when it does not fit.
pub fn ticks(instrument: &Instrument, price: Decimal) -> Option<i64> {
    let scale = Decimal::from_i128_with_scale(1, instrument.price_decimals);
    price.checked_div(scale)?.trunc().to_i64()
}

/// A model's number as a decimal with at most eight digits behind the point; `None` when it is not finite.
pub fn decimal(number: f64) -> Option<Decimal> {
    Decimal::from_f64(number).map(|d| d.round_dp(8))
}

/// Powers of ten that a double holds exactly.
const EXACT_TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// A decimal for a model: the nearest double.
pub fn float(number: Decimal) -> f64 {
    let digits = number.mantissa();
    match EXACT_TENS.get(number.scale() as usize) {
        // Both are exact, so that their quotient is rounded once.
        Some(tens) if digits.unsigned_abs() < 1 << 53 => digits as i64 as f64 / tens,
        _ => number.to_string().parse().unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_text_is_the_decimals() {
        for units in [0, 1, -1, 9, 10, 123, 6_912_340, -100, i64::MAX, i64::MIN] {
            for decimals in [0, 1, 2, 8, 18, 19] {
                let mut text = Vec::new();
                append(&mut text, units, decimals);
                assert_eq!(text, Decimal::new(units, decimals).to_string().as_bytes());
            }
        }
    }

    #[test]
    fn a_float_is_the_nearest_double() {
        for text in [
            "0",
            "-0.1",
            "69123.40",
            "0.00000001",
            "9007199254740993",
            "0.3333333333333333333333333333",
        ] {
            let number: Decimal = text.parse().unwrap();
            assert_eq!(float(number), text.parse::<f64>().unwrap(), "{text}");
        }
    }
}
