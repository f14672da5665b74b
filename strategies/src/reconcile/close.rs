//! The close of what the exchange holds beyond the ledger: size, signature of the case, identity.

use md5::{Digest, Md5};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::float_text::shortest;
use crate::position_state::side_word;

/// A close and the signature of the case that it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseSizing {
    /// Never more than the exchange holds.
    pub qty: Decimal,
    /// Of the order: against the exchange's position. Empty when there is none.
    pub side: String,
    /// Twelve hexadecimal digits: the same case has the same, so that it is closed once a cooldown.
    pub signature: String,
}

/// Sizes the close of a symbol by its signed amounts.
#[must_use]
pub fn close_sizing(symbol: &str, exchange_amt: Decimal, ledger_amt: Decimal) -> CloseSizing {
    let qty = exchange_amt.abs().min(exchange_amt.saturating_sub(ledger_amt).abs());
    let position = side_word(exchange_amt);
    let side = match position {
        "LONG" => "SELL",
        "SHORT" => "BUY",
        _ => "",
    };
    let case = format!("{symbol}:{position}:{}:{}", size(exchange_amt), size(ledger_amt));
    let digits = crate::hex::all(&Md5::digest(case));
    CloseSizing { qty, side: side.to_owned(), signature: digits[..12].to_owned() }
}

/// An amount without sign, with at most six decimals, as a double writes itself.
fn size(amount: Decimal) -> String {
    shortest(amount.abs().round_dp(6).to_f64().unwrap_or(0.0))
}

/// Identity of the close.
#[must_use]
pub fn reconcile_plan_id(symbol: &str, signature: &str, now_ms: i64) -> String {
    format!("reconclose:{symbol}:{signature}:{now_ms}")
}
