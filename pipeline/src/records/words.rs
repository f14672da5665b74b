//! Closed sets of words, and the few field types that more than one record uses.

use std::sync::Arc;

use engine::{FieldValue, Side, Symbol};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use strategies::close_action::CloseAction;

/// Defines an enumeration that is written as one of a few words and read in any case.
macro_rules! words {
    ($($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),* }

        impl $name {
            /// As it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl engine::FieldValue for $name {
            fn write_text(&self, out: &mut String) -> bool {
                out.push_str(self.as_str());
                true
            }
            fn read_text(text: Option<&str>) -> Result<$name, String> {
                let text = text.ok_or_else(|| "missing".to_owned())?;
                $(if text.eq_ignore_ascii_case($word) { return Ok($name::$variant); })*
                Err(format!("{text:?} is none of {}", [$($word),*].join(", ")))
            }
            fn to_json(&self) -> Option<serde_json::Value> {
                Some(serde_json::Value::String(self.as_str().to_owned()))
            }
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                // By each word, so that its length is a constant.
                match self { $($name::$variant => engine::record::encode_text($word, out)),* }
            }
        }
    )*};
}
pub(crate) use words;

words! {
    /// What an intent asks for.
    pub enum IntentAction {
        /// A long position.
        Buy = "BUY",
        /// A short position.
        Sell = "SELL",
        /// No position.
        Close = "CLOSE",
    }

    /// BUY or SELL, as a field.
    pub enum OrderSide {
        /// Buys.
        Buy = "BUY",
        /// Sells.
        Sell = "SELL",
    }

    /// Side of a position.
    pub enum PositionSide {
        /// Above zero.
        Long = "LONG",
        /// Below zero.
        Short = "SHORT",
        /// Flat.
        None = "NONE",
    }

    /// What a plan does.
    pub enum PlanAction {
        /// Opens a long position.
        Buy = "BUY",
        /// Opens a short position.
        Sell = "SELL",
        /// Closes all of it.
        FullClose = "FULL_CLOSE_PROPOSED",
        /// Closes three quarters.
        Partial75 = "PARTIAL_75",
        /// Closes half.
        Partial50 = "PARTIAL_50",
        /// Closes a quarter.
        Partial25 = "PARTIAL_25",
        /// Moves the stop.
        UpdateSl = "UPDATE_SL",
        /// Nothing.
        Hold = "HOLD",
    }

    /// What a plan belongs to.
    pub enum PlanClass {
        /// Opens a position.
        Open = "open",
        /// Makes one smaller.
        Close = "close",
        /// Repairs a difference.
        ReconcileClose = "reconcile_close",
    }

    /// Who runs a plan.
    pub enum Executor {
        /// What came through the intent bridge.
        IntentExecutor = "intent_executor",
        /// Harvest, rotation and reconcile closes.
        ApplyLayer = "apply_layer",
    }

    /// What was decided about a plan or its result.
    pub enum Decision {
        /// Do it.
        Execute = "EXECUTE",
        /// It is forbidden.
        Blocked = "BLOCKED",
        /// It is not needed.
        Skip = "SKIP",
        /// The one who asks may not.
        Denied = "DENIED",
        /// It went wrong.
        Error = "ERROR",
    }
}

impl OrderSide {
    /// The engine's side.
    pub const fn side(self) -> Side {
        match self {
            OrderSide::Buy => Side::Buy,
            OrderSide::Sell => Side::Sell,
        }
    }
    /// +1 or -1.
    pub const fn sign(self) -> i64 {
        self.side().sign()
    }
    /// The position that it opens.
    pub const fn opens(self) -> PositionSide {
        match self {
            OrderSide::Buy => PositionSide::Long,
            OrderSide::Sell => PositionSide::Short,
        }
    }
}

impl From<Side> for OrderSide {
    fn from(side: Side) -> OrderSide {
        match side {
            Side::Buy => OrderSide::Buy,
            Side::Sell => OrderSide::Sell,
        }
    }
}

impl PositionSide {
    /// Of a signed quantity.
    pub const fn of(signed: i64) -> PositionSide {
        if signed > 0 {
            PositionSide::Long
        } else if signed < 0 {
            PositionSide::Short
        } else {
            PositionSide::None
        }
    }
    /// The order that closes it.
    pub const fn closing(self) -> Option<OrderSide> {
        match self {
            PositionSide::Long => Some(OrderSide::Sell),
            PositionSide::Short => Some(OrderSide::Buy),
            PositionSide::None => None,
        }
    }
    /// +1, -1 or 0.
    pub const fn sign(self) -> i64 {
        match self {
            PositionSide::Long => 1,
            PositionSide::Short => -1,
            PositionSide::None => 0,
        }
    }
}

impl From<CloseAction> for PlanAction {
    fn from(close: CloseAction) -> PlanAction {
        match close {
            CloseAction::FullClose => PlanAction::FullClose,
            CloseAction::Partial75 => PlanAction::Partial75,
            CloseAction::Partial50 => PlanAction::Partial50,
            CloseAction::Partial25 => PlanAction::Partial25,
        }
    }
}

impl PlanAction {
    /// As the decisions know it, if it is a close.
    pub const fn close(self) -> Option<CloseAction> {
        match self {
            PlanAction::FullClose => Some(CloseAction::FullClose),
            PlanAction::Partial75 => Some(CloseAction::Partial75),
            PlanAction::Partial50 => Some(CloseAction::Partial50),
            PlanAction::Partial25 => Some(CloseAction::Partial25),
            _ => None,
        }
    }

    /// Whether an order can follow from it.
    pub const fn moves_quantity(self) -> bool {
        !matches!(self, PlanAction::UpdateSl | PlanAction::Hold)
    }

    /// The share of the position that a close closes, in percent.
    pub const fn close_percent(self) -> Option<i64> {
        match self {
            PlanAction::FullClose => Some(100),
            PlanAction::Partial75 => Some(75),
            PlanAction::Partial50 => Some(50),
            PlanAction::Partial25 => Some(25),
            _ => None,
        }
    }
}

/// `reduceOnly` as plans carry it. Absent means true: the safe reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReduceOnly(pub bool);

impl FieldValue for ReduceOnly {
    fn write_text(&self, out: &mut String) -> bool {
        self.0.write_text(out)
    }
    fn read_text(text: Option<&str>) -> Result<ReduceOnly, String> {
        match text {
            None | Some("") => Ok(ReduceOnly(true)),
            Some(text) => bool::read_text(Some(text)).map(ReduceOnly),
        }
    }
    fn to_json(&self) -> Option<Json> {
        Some(Json::Bool(self.0))
    }
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

/// A list of symbols, written as a JSON array. Shared, because readers cache it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SymbolList(pub Arc<Vec<Symbol>>);

impl FieldValue for SymbolList {
    fn write_text(&self, out: &mut String) -> bool {
        out.push('[');
        for (place, symbol) in self.0.iter().enumerate() {
            out.push_str(if place == 0 { "\"" } else { ",\"" });
            out.push_str(symbol.as_str());
            out.push('"');
        }
        out.push(']');
        true
    }
    fn read_text(text: Option<&str>) -> Result<SymbolList, String> {
        let text = text.ok_or_else(|| "missing".to_owned())?;
        serde_json::from_str(text).map(SymbolList).map_err(|error| error.to_string())
    }
    fn to_json(&self) -> Option<Json> {
        Some(Json::Array(self.0.iter().map(|s| Json::String(s.as_str().to_owned())).collect()))
    }
    fn encode(&self, out: &mut Vec<u8>) {
        let mut text = String::with_capacity(16 * self.0.len());
        self.write_text(&mut text);
        engine::record::encode_text(&text, out);
    }
}
