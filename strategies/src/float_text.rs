//! Doubles as the reference system writes them: identities are made of such text.

/// The shortest decimal that reads back as the same double, always with a point or an exponent; the
/// exponent has a sign and at least two digits (`100.2`, `1.0`, `1e-05`).
pub(crate) fn shortest(value: f64) -> String {
    let text = format!("{value:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, power) = match exponent.strip_prefix('-') {
                Some(power) => ('-', power),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{power:0>2}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_reference_writes_them() {
        let pairs = [
            (100.2, "100.2"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.23e-7, "1.23e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (2.5e101, "2.5e+101"),
            (0.1 + 0.2, "0.30000000000000004"),
        ];
        for (value, text) in pairs {
            assert_eq!(shortest(value), text);
        }
    }
}
