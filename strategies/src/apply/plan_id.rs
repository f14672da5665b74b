//! Identity of a harvest plan (EHR 3.16).

use sha2::{Digest, Sha256};

use crate::float_text::shortest;

/// The first 16 hexadecimal digits of SHA-256 over
/// `symbol:action:kill_score(6 decimals):new_sl:computed_at_utc`, so that the same proposal is the same
/// plan. `action` is the word as it was proposed.
#[must_use]
pub fn harvest_plan_id(
    symbol: &str,
    action: &str,
    kill_score: f64,
    new_sl: Option<f64>,
    computed_at_utc: &str,
) -> String {
    let new_sl = new_sl.map_or_else(|| "None".to_owned(), shortest);
    let text = format!("{symbol}:{action}:{kill_score:.6}:{new_sl}:{computed_at_utc}");
    crate::hex::first_16(&Sha256::digest(text))
}
