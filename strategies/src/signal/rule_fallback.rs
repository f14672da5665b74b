//! Rules that stand in for an undecided ensemble (MSE 4.5 step 2).

use engine::Symbol;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::Action;

/// Prices that the rules need.
const HISTORY_MIN: usize = 15;

/// What happens while there are too few prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortHistory {
    /// Nothing.
    #[default]
    Hold,
    /// A trade by the hash of the symbol's name: a test stub that ran.
    AuditedNameHash,
}

/// Action and confidence that replace an undecided HOLD, if the rules have an opinion.
#[must_use]
pub fn rule_fallback(
    symbol: Symbol,
    voted: Action,
    confidence: f64,
    history: usize,
    rsi_14: f64,
    macd: f64,
    short: ShortHistory,
) -> Option<(Action, f64)> {
    if voted != Action::Hold || !(0.50..=0.65).contains(&confidence) {
        return None;
    }
    if history < HISTORY_MIN {
        return match short {
            ShortHistory::Hold => None,
            ShortHistory::AuditedNameHash => by_name(symbol),
        };
    }
    if rsi_14 < 35.0 && macd > -0.001 {
        Some((Action::Buy, 0.72))
    } else if rsi_14 > 65.0 && macd < 0.001 {
        Some((Action::Sell, 0.72))
    } else {
        None
    }
}

/// First 8 hex digits of the MD5 of the name, modulo 3.
fn by_name(symbol: Symbol) -> Option<(Action, f64)> {
    let digest = Md5::digest(symbol.as_str().as_bytes());
    let first = digest.iter().take(4).fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    match first % 3 {
        0 => Some((Action::Buy, 0.68)),
        1 => Some((Action::Sell, 0.68)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(confidence: f64, history: usize, rsi: f64, macd: f64) -> Option<(Action, f64)> {
        let symbol = Symbol::new("BTCUSDT").expect("a symbol");
        rule_fallback(symbol, Action::Hold, confidence, history, rsi, macd, ShortHistory::Hold)
    }

    #[test]
    fn only_an_undecided_hold_is_replaced() {
        assert_eq!(of(0.6, 15, 34.0, 0.0), Some((Action::Buy, 0.72)));
        assert_eq!(of(0.6, 15, 66.0, 0.0), Some((Action::Sell, 0.72)));
        assert_eq!(of(0.6, 15, 34.0, -0.001), None);
        assert_eq!(of(0.6, 14, 34.0, 0.0), None);
        assert_eq!(of(0.66, 15, 34.0, 0.0), None);
        assert_eq!(of(0.6, 15, f64::NAN, 0.0), None);
    }

    #[test]
    fn the_audited_stub_trades_by_name() {
        // Their digests begin with abfa6eeb, 2c4d360d and 5525650e.
        let of = |name| {
            let symbol = Symbol::new(name).expect("a symbol");
            let audited = ShortHistory::AuditedNameHash;
            rule_fallback(symbol, Action::Hold, 0.6, 3, 50.0, 0.0, audited)
        };
        let (buy, sell) = (Some((Action::Buy, 0.68)), Some((Action::Sell, 0.68)));
        assert_eq!(["BTCUSDT", "ETHUSDT", "ADAUSDT"].map(of), [sell, None, buy]);
    }
}
