//! Texts of numbers and dates on an axis.

use chrono::DateTime;

/// Above this many digits before the point, or zeros behind it, a number is written with an exponent.
const PLAIN: std::ops::RangeInclusive<i32> = -4..=6;

/// Digits above four that may be added to tell values apart. More would leave a narrow plot no room.
const FURTHER_DIGITS_MAX: usize = 6;

/// The numbers with four digits that matter at the largest of them, and as many more as it takes to tell
/// unlike numbers apart, up to ten. Zeros that all of them end in are dropped, and 0 is plain.
pub(super) fn numbers(values: &[f64]) -> Vec<String> {
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let exponent = exponent(largest);
    let plain = PLAIN.contains(&exponent);
    let least = if plain { usize::try_from(3 - exponent).unwrap_or(0) } else { 3 };
    let mut texts = written(values, least, plain);
    for decimals in least + 1..=least + FURTHER_DIGITS_MAX {
        if told_apart(values, &texts) {
            break;
        }
        texts = written(values, decimals, plain);
    }
    while plain && texts.iter().any(|text| text.contains('.')) && texts.iter().all(drops_a_zero) {
        for text in texts.iter_mut().filter(|text| text.contains('.')) {
            text.pop();
        }
    }
    for text in &mut texts {
        if text.ends_with('.') {
            text.pop();
        }
    }
    texts
}

/// Whether its last character says nothing, or it has none behind the point.
fn drops_a_zero(text: &String) -> bool {
    text == "0" || text.contains('.') && text.ends_with(['0', '.'])
}

/// One number with four digits that matter.
pub(super) fn number(value: f64) -> String {
    numbers(&[value]).concat()
}

/// The power of ten of the first digit. Read from the text, because a logarithm may round up.
fn exponent(value: f64) -> i32 {
    let text = format!("{value:.3e}");
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

fn written(values: &[f64], decimals: usize, plain: bool) -> Vec<String> {
    let write = |value: &f64| {
        let text =
            if plain { format!("{value:.decimals$}") } else { format!("{value:.decimals$e}") };
        let is_zero = !text.contains(|digit: char| ('1'..='9').contains(&digit));
        if *value == 0.0 {
            return "0".to_owned();
        }
        if is_zero { text.trim_start_matches('-').to_owned() } else { text }
    };
    values.iter().map(write).collect()
}

fn told_apart(values: &[f64], texts: &[String]) -> bool {
    let same_text = |(value, text): (&[f64], &[String])| value[0] != value[1] && text[0] == text[1];
    !values.windows(2).zip(texts.windows(2)).any(same_text)
}

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// Patterns of `chrono` for the labels of a span of time, the one that says most first.
pub(super) fn date_patterns(span_ms: i64) -> &'static [&'static str] {
    match span_ms {
        ..=0 => &["%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%m-%d"],
        1..SECOND_MS => &["%Y-%m-%d %H:%M:%S%.3f", "%H:%M:%S%.3f", "%S%.3f"],
        SECOND_MS..MINUTE_MS => &["%Y-%m-%d %H:%M:%S%.3f", "%H:%M:%S%.3f", "%M:%S"],
        MINUTE_MS..=600_000 => &["%Y-%m-%d %H:%M:%S", "%H:%M:%S", "%H:%M"],
        600_001..DAY_MS => &["%Y-%m-%d %H:%M", "%m-%d %H:%M", "%H:%M"],
        DAY_MS..=259_200_000 => &["%Y-%m-%d %H:%M", "%m-%d %H:%M", "%m-%d"],
        259_200_001..=25_920_000_000 => &["%Y-%m-%d", "%m-%d"],
        _ => &["%Y-%m-%d", "%Y-%m", "%Y"],
    }
}

/// The instant in UTC; its milliseconds if no calendar reaches so far.
pub(super) fn date(time_ms: i64, pattern: &str) -> String {
    DateTime::from_timestamp_millis(time_ms)
        .map_or_else(|| time_ms.to_string(), |instant| instant.format(pattern).to_string())
}
