//! Exact decimals as integers: a mantissa and its number of decimals, never a float.

/// Most decimals a value may have; `10^18` is the largest power of ten in an `i64`.
pub(crate) const DECIMALS_MAX: u32 = 18;

/// Most decimals of a price or a quantity that an exchange publishes. More of them come from programs that
/// wrote floats.
pub(crate) const PUBLISHED_MAX: u32 = 8;

/// What is to be said of a value that has more.
pub(crate) const TOO_FINE: &str = "has more than 8 decimals, which no exchange publishes: a program has \
                                   written a float; take the file as it was published, or round the values \
                                   to the symbol's decimals";

/// `10^exponent`, or `None` if it does not fit.
pub(crate) fn pow10(exponent: u32) -> Option<i64> {
    10i64.checked_pow(exponent)
}

/// Parses `-12.340` as `(-1234, 2)`: zeros at the end of the fraction do not count. Exponents,
/// NaN, infinities, signs without digits and values beyond 64 bits give `None`.
pub(crate) fn parse(text: &[u8]) -> Option<(i64, u32)> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let point = digits.iter().position(|&b| b == b'.');
    let (whole, mut fraction) = match point {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &digits[..0]),
    };
    if whole.is_empty() || (point.is_some() && fraction.is_empty()) {
        return None;
    }
    while let Some((&last, rest)) = fraction.split_last() {
        if last != b'0' {
            break;
        }
        fraction = rest;
    }
    if fraction.len() > DECIMALS_MAX as usize {
        return None;
    }
    let mut mantissa = 0i64;
    for &b in whole.iter().chain(fraction) {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        mantissa = mantissa.checked_mul(10)?.checked_add(i64::from(digit))?;
    }
    let signed = if negative { -mantissa } else { mantissa };
    Some((signed, fraction.len() as u32))
}

/// Parses a value in units of `10^-decimals`, rounded half to even; `true` if it was rounded.
pub(crate) fn rounded(text: &[u8], decimals: u32) -> Option<(i64, bool)> {
    let point = text.iter().position(|&b| b == b'.');
    let kept = point.map_or(text.len(), |at| (at + 1 + decimals as usize).min(text.len()));
    let (kept, rest) = text.split_at(kept);
    if rest.iter().any(|b| !b.is_ascii_digit()) {
        return None;
    }
    let (mantissa, found) = parse(kept)?;
    let value = mantissa.checked_mul(pow10(decimals.checked_sub(found)?)?)?;
    let half = (rest.first().copied().unwrap_or(b'0'), rest.iter().skip(1).any(|&b| b != b'0'));
    let up = match half {
        (b'5', false) => value % 2 != 0,
        (first, _) => first >= b'5',
    };
    let away = if text.first() == Some(&b'-') { -1 } else { 1 };
    let value = if up { value.checked_add(away)? } else { value };
    Some((value, rest.iter().any(|&b| b != b'0')))
}

/// The text of a mantissa, without zeros at the end: what [`parse`] read.
pub(crate) fn text(mantissa: i64, decimals: u32) -> String {
    let digits = format!("{:0width$}", mantissa.unsigned_abs(), width = decimals as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals as usize);
    let fraction = fraction.trim_end_matches('0');
    let (sign, point) =
        (if mantissa < 0 { "-" } else { "" }, if fraction.is_empty() { "" } else { "." });
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::{parse, rounded, text};

    #[test]
    fn long_fractions_are_rounded_half_to_even() {
        for (text, value, is_rounded) in [
            ("8123456789.1234567890123456", 812_345_678_912_345_679, true),
            ("1.00000000500000", 100_000_000, true),
            ("1.00000001500000", 100_000_002, true),
            ("-1.00000001500001", -100_000_002, true),
            ("-5", -500_000_000, false),
            ("-5.00", -500_000_000, false),
            ("1.9100000000000000", 191_000_000, false),
        ] {
            assert_eq!(rounded(text.as_bytes(), 8), Some((value, is_rounded)), "{text}");
        }
        for text in ["", "1.", "1.000000001x", "99999999999.5", "nan"] {
            assert_eq!(rounded(text.as_bytes(), 8), None, "{text}");
        }
    }

    #[test]
    fn text_is_what_was_read() {
        for written in ["1", "-12.34", "0.00000001", "0", "-0.5", "100"] {
            let (mantissa, decimals) = parse(written.as_bytes()).expect("a decimal");
            assert_eq!(text(mantissa, decimals), written);
            assert_eq!(text(mantissa * 1_000, decimals + 3), written);
        }
    }

    #[test]
    fn decimals_are_exact() {
        for (text, expected) in [
            ("1", Some((1, 0))),
            ("-12.340", Some((-1234, 2))),
            ("0.00000001", Some((1, 8))),
            ("19.0", Some((19, 0))),
            ("1.", None),
            (".5", None),
            ("NaN", None),
            ("1e-5", None),
            ("", None),
            ("-", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }
}
