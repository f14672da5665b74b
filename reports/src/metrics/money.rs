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

/// An exact sum of money. `Decimal` rounds where a sum has more than 28 digits, so that the order of its
/// terms can decide the last one; here they all count, and the sum is rounded once. It is also several
/// times as fast, which the many small sums of groups need.
///
/// It holds 17 billion USDT in 28 places, and ten times as much for each place less.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total {
    mantissa: i128,
    scale: u32,
}

impl Total {
    /// Adds an amount.
    pub(super) fn add(&mut self, what: &'static str, amount: Decimal) -> Result<(), InputError> {
        self.sum(amount).ok_or(InputError::Overflow { what })
    }

    fn sum(&mut self, amount: Decimal) -> Option<()> {
        let (mut mantissa, scale) = (amount.mantissa(), amount.scale());
        if scale > self.scale {
            self.mantissa = shifted(self.mantissa, scale - self.scale)?;
            self.scale = scale;
        } else if scale < self.scale {
            mantissa = shifted(mantissa, self.scale - scale)?;
        }
        self.mantissa = self.mantissa.checked_add(mantissa)?;
        Some(())
    }

    /// The sum, in as many places as `Decimal` has for it; the last one is rounded to the nearest, a half
    /// away from zero.
    pub(super) fn amount(self, what: &'static str) -> Result<Decimal, InputError> {
        for dropped in 0..=self.scale {
            let ten = 10i128.pow(dropped);
            let (kept, rest) = (self.mantissa / ten, self.mantissa % ten);
            let up = if rest.abs() * 2 >= ten { rest.signum() } else { 0 };
            if let Ok(amount) = Decimal::try_from_i128_with_scale(kept + up, self.scale - dropped) {
                return Ok(amount);
            }
        }
        Err(InputError::Overflow { what })
    }
}

/// Times a power of ten, if there is room.
fn shifted(mantissa: i128, places: u32) -> Option<i128> {
    mantissa.checked_mul(10i128.checked_pow(places)?)
}

/// The sum of what is added, less what is taken.
pub(super) fn net(
    what: &'static str,
    added: &[Decimal],
    taken: Decimal,
) -> Result<Decimal, InputError> {
    let mut total = Total::default();
    added.iter().try_for_each(|amount| total.add(what, *amount))?;
    total.add(what, -taken)?;
    total.amount(what)
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

    #[test]
    fn a_sum_is_rounded_once() {
        let of = |amounts: &[&str]| {
            let mut total = Total::default();
            for text in amounts {
                total.add("fees", Decimal::from_str_exact(text).expect("a number"))?;
            }
            total.amount("fees").map(|amount| amount.to_string())
        };
        assert_eq!(of(&[]), Ok("0".into()));
        assert_eq!(of(&["0.1", "0.20", "-1"]), Ok("-0.70".into()));
        // Decimal itself would drop the last place of each but the first.
        let least = "0.0000000000000000000000000004";
        assert_eq!(of(&["70", least, least]), Ok("70.000000000000000000000000001".into()));
        assert_eq!(of(&[least, least, "70"]), Ok("70.000000000000000000000000001".into()));
        assert_eq!(
            of(&["-70", "-0.0000000000000000000000000005"]),
            of(&["-70.000000000000000000000000001"])
        );
        let most = "79228162514264337593543950335";
        assert_eq!(of(&[most, most]), Err(InputError::Overflow { what: "fees" }));
        assert_eq!(of(&[most, most, &format!("-{most}")]), Ok(most.into()));
        assert_eq!(of(&[most, least]), Err(InputError::Overflow { what: "fees" }));
    }
}
