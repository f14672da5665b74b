//! Reads TOML into typed settings and turns what is wrong into one line with its place.

use datasets::nearest;

use crate::ScenarioError;
use crate::compose::Place;

/// What is wrong with `text`, which came from `origin`.
pub(crate) fn error(origin: &str, text: &str, error: &toml::de::Error) -> ScenarioError {
    let Place { file, line, column } =
        place(origin, text, error.span().map_or(0, |span| span.start));
    ScenarioError::Text { origin: file, line, column, problem: with_suggestion(error.message()) }
}

/// The place of a byte of `text`, which came from `origin`.
pub(crate) fn place(origin: &str, text: &str, offset: usize) -> Place {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    Place { file: origin.to_owned(), line, column }
}

/// Adds the nearest known key to serde's "unknown field `x`, expected one of `a`, `b`".
pub(crate) fn with_suggestion(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (Some(unknown), true) = (quoted.next(), is_unknown) else {
        let message = message.trim().replace('\n', " ");
        return missing_key(&message).or_else(|| no_number(&message)).unwrap_or(message);
    };
    let what = if message.starts_with("unknown field") { "key" } else { "value" };
    let known: Vec<&str> = quoted.collect();
    match nearest(unknown, &known) {
        Some(name) => format!("unknown {what} `{unknown}`; did you mean `{name}`?"),
        None => format!("unknown {what} `{unknown}`; known are: {}", known.join(", ")),
    }
}

/// The remedy for serde's "missing field `x`".
fn missing_key(message: &str) -> Option<String> {
    let key = message.strip_prefix("missing field ")?;
    Some(format!("missing key {key}: add it"))
}

/// The limits in serde's "invalid value: integer `-2`, expected u32".
fn no_number(message: &str) -> Option<String> {
    let rest = message.strip_prefix("invalid ")?;
    let (_, rest) = rest.split_once(": ")?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    let limits = match expected {
        "u8" => "0 to 255",
        "u16" => "0 to 65535",
        "u32" => "0 to 4294967295",
        "u64" | "usize" => "0 to 9223372036854775807",
        "i64" => "-9223372036854775808 to 9223372036854775807",
        _ => return None,
    };
    // The value without the name of its type.
    let value = found.split('`').nth(1).unwrap_or_else(|| found.trim_start_matches("string "));
    Some(format!("{value} is not a whole number from {limits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "it is read for its messages")]
    struct Sample {
        wallet: String,
        #[serde(default)]
        leverage: u32,
    }

    fn message(text: &str) -> String {
        let wrong = toml::from_str::<Sample>(text).expect_err("the text is wrong");
        error("a.toml", text, &wrong).to_string()
    }

    #[test]
    fn unknown_key_names_place_and_nearest() {
        assert_eq!(
            message("wallet = \"1\"\nleverge = 3\n"),
            "a.toml:2:1: unknown key `leverge`; did you mean `leverage`?"
        );
    }

    #[test]
    fn far_key_lists_what_is_known() {
        assert_eq!(
            message("wallet = \"1\"\nxyz = 3\n"),
            "a.toml:2:1: unknown key `xyz`; known are: wallet, leverage"
        );
    }

    #[test]
    fn syntax_error_names_the_place() {
        assert!(message("wallet = \n").starts_with("a.toml:1:"), "{}", message("wallet = \n"));
    }
}
