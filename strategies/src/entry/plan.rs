//! From an intent to a plan: its fields and its id (MSE 9).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::numbers::{RefusedNumber, finite};
use crate::{float_text, hex};

/// The side of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PlanSide {
    /// BUY.
    Buy,
    /// SELL.
    Sell,
    /// CLOSE: the side of a close is that which the position needs.
    Close,
}

/// An intent's fields as they come, enveloped or flat.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IntentText<'a> {
    /// In any case.
    pub symbol: &'a str,
    /// BUY, SELL or CLOSE in any case; or `side`.
    pub action: Option<&'a str>,
    /// The same.
    pub side: Option<&'a str>,
    /// Base quantity.
    pub quantity: Option<f64>,
    /// Base quantity.
    pub qty: Option<f64>,
    /// In USDT.
    pub size: Option<f64>,
    /// In USDT.
    pub price: Option<f64>,
    /// In USDT.
    pub position_size_usd: Option<f64>,
    /// In USDT.
    pub entry_price: Option<f64>,
    /// MARKET where absent.
    pub order_type: Option<&'a str>,
    /// True by its words; absent is false in an intent.
    pub reduce_only: Option<&'a str>,
    /// 1 where absent.
    pub leverage: Option<f64>,
    /// In USDT.
    pub stop_loss: Option<f64>,
    /// In USDT.
    pub take_profit: Option<f64>,
}

/// The intent as the bridge understands it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParsedIntent {
    /// In capitals.
    pub symbol: String,
    /// What to do.
    pub side: PlanSide,
    /// Base quantity; `None` only of a close, which takes what is held.
    pub qty: Option<f64>,
    /// MARKET unless it says otherwise.
    pub order_type: String,
    /// May only make a position smaller.
    pub reduce_only: bool,
    /// Leverage.
    pub leverage: f64,
    /// In USDT.
    pub stop_loss: Option<f64>,
    /// In USDT.
    pub take_profit: Option<f64>,
}

/// Why an intent is dropped.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum PlanFault {
    /// It names no symbol.
    #[error("the intent names no symbol")]
    NoSymbol,
    /// Neither BUY, SELL nor CLOSE.
    #[error("the intent names no action: give BUY, SELL or CLOSE")]
    NoAction,
    /// An open without a quantity above zero.
    #[error("the intent has no quantity: give quantity, or a size and a price above zero")]
    NoQuantity,
    /// A number that cannot be used.
    #[error(transparent)]
    Number(#[from] RefusedNumber),
}

/// Reads an intent. The quantity is the first that is there of quantity, qty, size / price and
/// position_size_usd / entry_price.
///
/// # Errors
/// [`PlanFault`] says why it is dropped.
pub fn parse_intent(text: &IntentText<'_>) -> Result<ParsedIntent, PlanFault> {
    if text.symbol.is_empty() {
        return Err(PlanFault::NoSymbol);
    }
    let action = text.action.or(text.side).unwrap_or_default().to_ascii_uppercase();
    let side = match action.as_str() {
        "BUY" => PlanSide::Buy,
        "SELL" => PlanSide::Sell,
        "CLOSE" => PlanSide::Close,
        _ => return Err(PlanFault::NoAction),
    };
    let qty = quantity(text)?.filter(|qty| *qty > 0.0);
    let reduce_only = side == PlanSide::Close || text.reduce_only.is_some_and(super::is_true);
    if qty.is_none() && !reduce_only {
        return Err(PlanFault::NoQuantity);
    }
    let usable = |name, number: Option<f64>| number.map(|n| finite(name, n)).transpose();
    Ok(ParsedIntent {
        symbol: text.symbol.to_ascii_uppercase(),
        side,
        qty,
        order_type: text.order_type.unwrap_or("MARKET").to_ascii_uppercase(),
        reduce_only,
        leverage: finite("leverage", text.leverage.unwrap_or(1.0))?,
        stop_loss: usable("stop_loss", text.stop_loss)?,
        take_profit: usable("take_profit", text.take_profit)?,
    })
}

fn quantity(text: &IntentText<'_>) -> Result<Option<f64>, RefusedNumber> {
    let ratio = |usd: Option<f64>, price: Option<f64>| match (usd, price) {
        (Some(usd), Some(price)) if price > 0.0 => Some(usd / price),
        _ => None,
    };
    let first = text
        .quantity
        .or(text.qty)
        .or_else(|| ratio(text.size, text.price))
        .or_else(|| ratio(text.position_size_usd, text.entry_price));
    first.map(|qty| finite("quantity", qty)).transpose()
}

/// The plan's id: the first 16 hex digits of SHA-256 over entry, symbol, side and quantity, the quantity
/// in its shortest text that reads back.
#[must_use]
pub fn plan_id(entry_id: &str, symbol: &str, side: &str, qty: f64) -> String {
    let qty = float_text::shortest(qty);
    hex::first_16(&Sha256::digest(format!("{entry_id}|{symbol}|{side}|{qty}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: IntentText<'_> = IntentText {
        symbol: "BTCUSDT",
        action: Some("BUY"),
        side: None,
        quantity: None,
        qty: None,
        size: None,
        price: None,
        position_size_usd: None,
        entry_price: None,
        order_type: None,
        reduce_only: None,
        leverage: None,
        stop_loss: None,
        take_profit: None,
    };

    #[test]
    fn the_first_quantity_that_is_there_counts() {
        let qty = |text: IntentText<'_>| parse_intent(&text).map(|intent| intent.qty);
        let all = IntentText {
            quantity: Some(1.0),
            qty: Some(2.0),
            size: Some(6.0),
            price: Some(2.0),
            position_size_usd: Some(8.0),
            entry_price: Some(2.0),
            ..OPEN
        };
        assert_eq!(qty(all), Ok(Some(1.0)));
        let without = IntentText { quantity: None, ..all };
        assert_eq!(qty(without), Ok(Some(2.0)));
        let without = IntentText { qty: None, ..without };
        assert_eq!(qty(without), Ok(Some(3.0)));
        let without = IntentText { price: Some(0.0), ..without };
        assert_eq!(qty(without), Ok(Some(4.0)));
        assert_eq!(qty(OPEN), Err(PlanFault::NoQuantity));
        assert_eq!(qty(IntentText { quantity: Some(-1.0), ..OPEN }), Err(PlanFault::NoQuantity));
        let nan = IntentText { quantity: Some(f64::NAN), ..OPEN };
        assert!(matches!(qty(nan), Err(PlanFault::Number(_))));
    }

    #[test]
    fn closes_need_no_quantity_and_reduce() {
        let close = parse_intent(&IntentText { action: Some("close"), ..OPEN }).expect("a close");
        assert_eq!((close.side, close.qty, close.reduce_only), (PlanSide::Close, None, true));
        let reduce =
            IntentText { side: Some("sell"), action: None, reduce_only: Some("True"), ..OPEN };
        assert!(parse_intent(&reduce).expect("a reducing sell").reduce_only);
        let fault = |text: IntentText<'_>| parse_intent(&text).expect_err("dropped");
        assert_eq!(fault(IntentText { action: Some("HOLD"), ..OPEN }), PlanFault::NoAction);
        assert_eq!(fault(IntentText { symbol: "", ..OPEN }), PlanFault::NoSymbol);
    }

    #[test]
    fn any_change_makes_another_id() {
        let id = plan_id("1-0", "BTCUSDT", "BUY", 200.0);
        assert_eq!(id.len(), 16);
        let others = [
            plan_id("1-1", "BTCUSDT", "BUY", 200.0),
            plan_id("1-0", "ETHUSDT", "BUY", 200.0),
            plan_id("1-0", "BTCUSDT", "SELL", 200.0),
            plan_id("1-0", "BTCUSDT", "BUY", 200.1),
        ];
        assert!(others.iter().all(|other| *other != id));
    }
}
