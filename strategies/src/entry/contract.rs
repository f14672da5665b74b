//! The contract of trade.intent, v1.1 (MSE 1.3).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, finite, positive};

/// What is checked of an intent before it is published. Absent is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RawIntent<'a> {
    /// Whose.
    pub symbol: Option<&'a str>,
    /// BUY, SELL or CLOSE.
    pub action: Option<&'a str>,
    /// The deprecated alias of `action`.
    pub side: Option<&'a str>,
    /// 0 to 1.
    pub confidence: Option<f64>,
    /// Whether it has one.
    pub has_timestamp: bool,
    /// In USDT.
    pub position_size_usd: Option<f64>,
    /// 1 to 125.
    pub leverage: Option<f64>,
}

/// `^[A-Z]{3,10}USDT$`.
#[must_use]
pub fn is_contract_symbol(symbol: &str) -> bool {
    symbol.strip_suffix("USDT").is_some_and(|base| {
        (3..=10).contains(&base.len()) && base.bytes().all(|b| b.is_ascii_uppercase())
    })
}

/// The action, or the alias converted to it.
#[must_use]
pub fn converted_action(action: Option<&str>, side: Option<&str>) -> Option<String> {
    action.or(side).map(str::to_ascii_uppercase)
}

/// What is wrong with an intent; empty when it may be published. First what is missing, in the order of
/// the contract, then what is invalid.
#[must_use]
pub fn validate_trade_intent(intent: &RawIntent<'_>) -> Vec<&'static str> {
    let action = intent.action.or(intent.side);
    let missing = [
        (intent.symbol.is_none(), "missing:symbol"),
        (action.is_none(), "missing:action"),
        (intent.confidence.is_none(), "missing:confidence"),
        (!intent.has_timestamp, "missing:timestamp"),
    ];
    let known = |action: &str| match intent.action {
        Some(_) => ["BUY", "SELL", "CLOSE"].contains(&action),
        // The alias comes in any case and is converted.
        None => ["BUY", "SELL", "CLOSE"].iter().any(|word| action.eq_ignore_ascii_case(word)),
    };
    let in_range =
        |number: Option<f64>, low: f64, high: f64| number.is_none_or(|n| (low..=high).contains(&n));
    let sized = intent.position_size_usd.is_none_or(|size| size > 0.0 && size.is_finite());
    let invalid = [
        (!intent.symbol.is_none_or(is_contract_symbol), "invalid:symbol"),
        (!action.is_none_or(known), "invalid:action"),
        (!in_range(intent.confidence, 0.0, 1.0), "invalid:confidence"),
        (!sized, "invalid:position_size_usd"),
        (!in_range(intent.leverage, 1.0, 125.0), "invalid:leverage"),
    ];
    missing.into_iter().chain(invalid).filter(|(wrong, _)| *wrong).map(|(_, code)| code).collect()
}

/// Size and leverage of an intent, plain and of the AI sizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlainNumbers {
    /// In USDT.
    pub position_size_usd: Option<f64>,
    /// Leverage.
    pub leverage: Option<f64>,
    /// In USDT.
    pub ai_size_usd: Option<f64>,
    /// Leverage.
    pub ai_leverage: Option<f64>,
}

/// The one view of an intent's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalisedIntent {
    /// In USDT, if the intent has one.
    pub size_usd: Option<f64>,
    /// 5 to 80, if the intent has one.
    pub leverage: Option<f64>,
}

/// The AI's numbers win over the plain ones; leverage within 5 and 80.
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and sizes that are not above zero.
pub fn normalised_intent(numbers: &PlainNumbers) -> Result<NormalisedIntent, RefusedNumber> {
    let size = numbers.ai_size_usd.or(numbers.position_size_usd);
    let leverage = numbers.ai_leverage.or(numbers.leverage);
    Ok(NormalisedIntent {
        size_usd: size.map(|size| positive("size_usd", size)).transpose()?,
        leverage: leverage
            .map(|leverage| finite("leverage", leverage).map(|l| l.clamp(5.0, 80.0)))
            .transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: RawIntent<'_> = RawIntent {
        symbol: Some("BTCUSDT"),
        action: Some("BUY"),
        side: None,
        confidence: Some(1.0),
        has_timestamp: true,
        position_size_usd: Some(1.0),
        leverage: Some(125.0),
    };

    #[test]
    fn each_rule_has_its_code() {
        let codes = |intent: RawIntent<'_>| validate_trade_intent(&intent);
        assert!(codes(GOOD).is_empty());
        assert!(codes(RawIntent { action: None, side: Some("sell"), ..GOOD }).is_empty());
        assert_eq!(codes(RawIntent { action: Some("sell"), ..GOOD }), ["invalid:action"]);
        assert_eq!(
            codes(RawIntent::default()),
            ["missing:symbol", "missing:action", "missing:confidence", "missing:timestamp"]
        );
        let nan = RawIntent { position_size_usd: Some(f64::NAN), ..GOOD };
        assert_eq!(codes(nan), ["invalid:position_size_usd"]);
        let symbols = ["BTUSDT", "ABCDEFGHIJKUSDT", "btcUSDT", "BTCUSDC", "USDT"];
        assert!(symbols.iter().all(|symbol| !is_contract_symbol(symbol)));
    }

    #[test]
    fn the_ai_wins_and_leverage_is_bounded() {
        let numbers = PlainNumbers {
            position_size_usd: Some(200.0),
            leverage: Some(2.0),
            ai_size_usd: None,
            ai_leverage: Some(99.0),
        };
        let want = NormalisedIntent { size_usd: Some(200.0), leverage: Some(80.0) };
        assert_eq!(normalised_intent(&numbers), Ok(want));
        let plain = PlainNumbers { ai_leverage: None, ai_size_usd: Some(50.0), ..numbers };
        let want = NormalisedIntent { size_usd: Some(50.0), leverage: Some(5.0) };
        assert_eq!(normalised_intent(&plain), Ok(want));
        let nan = PlainNumbers { leverage: Some(f64::NAN), ..plain };
        assert!(normalised_intent(&nan).is_err());
    }
}
