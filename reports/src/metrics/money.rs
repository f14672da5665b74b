//! From exact money to the floats that ratios are made of.

use rust_decimal::Decimal;

use super::input::InputError;

/// Powers of ten that a float holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The float next to it. Exactly so up to 15 digits; beyond that, off by less than 2⁻⁵¹ of it.
///
/// `Decimal::to_f64` would do, but goes through `powi`, whose rounding differs between platforms.
#[must_use]
pub fn to_f64(money: Decimal) -> f64 {
    let scale = money.scale() as usize;
    let mantissa = money.mantissa() as f64;
    match TENS.get(scale) {
        Some(ten) => mantissa / ten,
        None => mantissa / TENS[22] / TENS[(scale - 22).min(22)],
    }
}

/// The exact sum of the two.
pub(super) fn add(
    what: &'static str,
    total: Decimal,
    amount: Decimal,
) -> Result<Decimal, InputError> {
    total.checked_add(amount).ok_or(InputError::Overflow { what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_float() {
        for text in
            ["0", "0.1", "-0.30", "123456789.012345", "-7", "1e-8", "79228162514264337593543950335"]
        {
            let money = Decimal::from_str_exact(text)
                .or_else(|_| Decimal::from_scientific(text))
                .expect("a number");
            assert_eq!(to_f64(money), text.parse::<f64>().expect("a number"), "{text}");
        }
        // One in the last of 28 places.
        let least = to_f64(Decimal::new(1, 28));
        assert!((least / 1e-28 - 1.0).abs() < 1e-15, "{least}");
    }
}
