//! What somebody probably meant who named something that is not there.

/// How unlike a name is to what was meant. The beginning of a name is near, however long the rest is: a
/// symbol without its quote asset.
fn distance(meant: &str, name: &str) -> usize {
    let (meant, name) = (meant.to_uppercase(), name.to_uppercase());
    if !meant.is_empty() && name.starts_with(&meant) {
        return usize::from(meant != name);
    }
    strsim::damerau_levenshtein(&meant, &name)
}

/// The known name that is most like the unknown one, if any is; the first of those that are equally so.
/// Capitals do not matter.
pub fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let distances = known.iter().map(|name| (distance(unknown, name), *name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len().max(unknown.len()) / 2).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_capitals_and_beginnings_are_near() {
        let known = ["klines", "trades", "fundingRate", "BTCUSDT", "BTCUSDC"];
        for (unknown, near) in [
            ("kline", Some("klines")),
            ("tradse", Some("trades")),
            ("fundingrate", Some("fundingRate")),
            ("btc", Some("BTCUSDT")),
            ("BTCUSDC", Some("BTCUSDC")),
            ("zzzzzzzzzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(unknown, &known), near, "{unknown:?}");
        }
        assert_eq!(nearest("x", &[]), None);
    }
}
