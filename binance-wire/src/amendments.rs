//! GET `/fapi/v1/orderAmendment`: what became of an order's price and quantity.

use serde::{Deserialize, Serialize};

use super::Num;

/// One amendment of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AmendmentRow {
    /// Its id.
    pub amendment_id: u64,
    /// Of which symbol.
    pub symbol: Box<str>,
    /// The same for a perpetual contract.
    pub pair: Box<str>,
    /// Of which order, by the venue's id.
    pub order_id: u64,
    /// By the owner's id.
    pub client_order_id: Box<str>,
    /// When.
    pub time: i64,
    /// What changed.
    pub amendment: Amendment,
}

/// What an amendment changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Amendment {
    /// The limit price.
    pub price: BeforeAfter,
    /// The quantity.
    pub orig_qty: BeforeAfter,
    /// The how-manieth amendment of the order it is, from 1.
    pub count: u32,
}

/// A number before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeAfter {
    /// Before.
    pub before: Num,
    /// After.
    pub after: Num,
}
