//! Quotients and cuts of money by integers, where `Decimal` would carry 28 digits through them.
//!
//! Invariant: each gives what the arithmetic of `Decimal` gives, digit for digit and scale for scale. Where
//! an integer does not hold the figures, `Decimal` does it.

use rust_decimal::Decimal;

/// Decimals behind the point of an amount that is shown.
const SHOWN: u32 = 8;

/// Powers of ten that a `u64` holds.
const TENS: [u64; 20] = {
    let mut tens = [1; 20];
    let mut n = 1;
    while n < tens.len() {
        tens[n] = tens[n - 1] * 10;
        n += 1;
    }
    tens
};

/// The digits without their sign, if they are few enough.
#[inline]
fn digits(amount: &Decimal) -> Option<u64> {
    u64::try_from(amount.mantissa().unsigned_abs()).ok()
}

/// At most 96 bits.
#[inline]
fn decimal(digits: u128, negative: bool, scale: u32) -> Decimal {
    let (low, high) = (digits as u64, (digits >> 64) as u32);
    Decimal::from_parts(low as u32, (low >> 32) as u32, high, negative, scale)
}

/// Amounts are cut toward zero at 8 decimals, as Binance's examples show; never rounded.
#[inline]
pub(crate) fn cut8(amount: Decimal) -> Decimal {
    quick_cut8(&amount).unwrap_or_else(|| amount.trunc_with_scale(SHOWN))
}

#[inline]
fn quick_cut8(amount: &Decimal) -> Option<Decimal> {
    let (all, scale) = (digits(amount)?, amount.scale());
    let cut = if scale <= SHOWN {
        // Below 2^64 × 10^8, which is 91 bits.
        u128::from(all) * u128::from(TENS[(SHOWN - scale) as usize])
    } else {
        u128::from(all / TENS.get((scale - SHOWN) as usize)?)
    };
    // A zero keeps its sign in `Decimal`.
    (cut != 0 || !amount.is_sign_negative()).then(|| decimal(cut, amount.is_sign_negative(), SHOWN))
}

/// `cut8(amount / by)`.
#[inline]
pub(crate) fn cut8_ratio(amount: Decimal, by: Decimal) -> Decimal {
    quick_ratio(&amount, &by, SHOWN).unwrap_or_else(|| cut8(amount / by))
}

/// The whole part of `amount / by`; `None` where there is none, or where it is larger than any of ours.
#[inline]
pub(crate) fn whole_ratio(amount: Decimal, by: Decimal) -> Option<i64> {
    use rust_decimal::prelude::ToPrimitive;
    let quick = quick_ratio(&amount, &by, 0).filter(|whole| !whole.is_sign_negative());
    match quick {
        Some(whole) => whole.to_i64(),
        None => amount.checked_div(by)?.floor().to_i64(),
    }
}

/// `amount / by`, cut at a scale.
#[inline]
fn quick_ratio(amount: &Decimal, by: &Decimal, shown: u32) -> Option<Decimal> {
    /// `Decimal` rounds the last of 28 digits. What it rounds reaches no digit that is shown, because a
    /// quotient of integers below this is either whole or farther than that from the next whole one.
    const EXACT_BELOW: u128 = 10u128.pow(26);
    let (above, below) = (digits(amount)?, digits(by)?);
    let shift = i64::from(by.scale()) + i64::from(shown) - i64::from(amount.scale());
    let tens = u128::from(*TENS.get(usize::try_from(shift.abs()).ok()?)?);
    let (above, below) = match shift >= 0 {
        true => (u128::from(above).checked_mul(tens)?, u128::from(below)),
        false => (u128::from(above), u128::from(below).checked_mul(tens)?),
    };
    if above >= EXACT_BELOW || below == 0 {
        return None;
    }
    let quotient = match (u64::try_from(above), u64::try_from(below)) {
        (Ok(above), Ok(below)) => u128::from(above / below),
        _ => above / below,
    };
    let negative = amount.is_sign_negative() != by.is_sign_negative();
    (quotient != 0 || !negative).then(|| decimal(quotient, negative, shown))
}

/// `amount / parts`, exact.
#[inline]
pub(crate) fn share(amount: Decimal, parts: u32) -> Decimal {
    quick_share(&amount, parts).unwrap_or_else(|| amount / Decimal::from(parts))
}

#[inline]
fn quick_share(amount: &Decimal, parts: u32) -> Option<Decimal> {
    /// `Decimal` divides on by so many digits at once, while it has room for them.
    const MORE: u32 = 9;
    let all = digits(amount)?;
    let (negative, scale) = (amount.is_sign_negative(), amount.scale());
    let parts = u64::from(parts);
    if all == 0 || parts == 0 {
        return None;
    }
    if all.is_multiple_of(parts) {
        return Some(decimal(u128::from(all / parts), negative, scale));
    }
    let longer = all.checked_mul(TENS[MORE as usize])?;
    if scale > 28 - MORE || !longer.is_multiple_of(parts) {
        return None;
    }
    let (quotient, scale) = without_zeros(longer / parts, scale + MORE);
    Some(decimal(u128::from(quotient), negative, scale))
}

/// Takes zeros off the end as `Decimal` does after a division: not always all of them.
#[inline]
fn without_zeros(mut digits: u64, mut scale: u32) -> (u64, u32) {
    for (zeros, bits) in [(8, 32), (8, 32), (4, 4), (2, 2), (1, 1)] {
        let ten = TENS[zeros as usize];
        if digits.trailing_zeros() >= bits && scale >= zeros && digits.is_multiple_of(ten) {
            digits /= ten;
            scale -= zeros;
        }
    }
    (digits, scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Digits of any length, so that short ones are as likely as long ones.
    fn amount() -> impl Strategy<Value = Decimal> {
        (0..=28u32, 0..96u32, any::<u128>(), any::<bool>()).prop_map(|(scale, bits, all, minus)| {
            let all = (all & ((1 << bits) - 1)) as i128;
            Decimal::from_i128_with_scale(if minus { -all } else { all }, scale)
        })
    }

    /// Amounts as they occur, whose quotients end more often.
    fn usual() -> impl Strategy<Value = Decimal> {
        (0..=9u32, 0..=4u32, -10_000_000i64..10_000_000).prop_map(|(scale, tens, digits)| {
            Decimal::new(digits * TENS[tens as usize] as i64, scale)
        })
    }

    fn either() -> impl Strategy<Value = Decimal> {
        prop_oneof![amount(), usual()]
    }

    /// Also the scale and the sign of a zero.
    fn same(one: Decimal, other: Decimal) {
        assert_eq!(one.serialize(), other.serialize(), "{one} is not {other}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn cuts_are_those_of_decimal(amount in either()) {
            same(cut8(amount), amount.trunc_with_scale(8));
        }

        #[test]
        fn ratios_are_those_of_decimal(amount in either(), by in either()) {
            if let Some(ratio) = amount.checked_div(by) {
                same(cut8_ratio(amount, by), ratio.trunc_with_scale(8));
            }
        }

        #[test]
        fn whole_ratios_are_those_of_decimal(amount in either(), by in either()) {
            use rust_decimal::prelude::ToPrimitive;
            let whole = amount.checked_div(by).and_then(|ratio| ratio.floor().to_i64());
            assert_eq!(whole_ratio(amount, by), whole);
        }

        #[test]
        fn shares_are_those_of_decimal(amount in either(), parts in 1..=150u32) {
            same(share(amount, parts), amount / Decimal::from(parts));
        }
    }

    #[test]
    fn the_quick_way_is_the_usual_one() {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        assert!(quick_cut8(&decimal("-12.345678901234")).is_some());
        assert!(quick_ratio(&decimal("10234.56789012"), &decimal("-1234.5"), 8).is_some());
        assert!(quick_share(&decimal("1234.56789"), 20).is_some());
        assert!(quick_share(&decimal("1234.56789"), 125).is_some());
        assert!(quick_share(&decimal("1234.56789"), 7).is_none());
    }
}
