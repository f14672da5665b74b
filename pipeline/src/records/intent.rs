//! trade.intent, contract v1.1.

use engine::{CorrelationId, IsoTime, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;

use super::words::{IntentAction, OrderSide};

engine::record! {
    /// trade.intent. `side` is the deprecated alias of `action`; writers fill both.
    pub struct TradeIntent {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What; absent in old intents, which have `side` only.
        pub action: Option<IntentAction> = "action",
        /// The order that it leads to.
        pub side: Option<OrderSide> = "side",
        /// 0 to 1.
        pub confidence: f64 = "confidence",
        /// When it was decided.
        pub timestamp: IsoTime = "timestamp",
        /// In USDT; notional.
        pub position_size_usd: Option<Decimal> = "position_size_usd",
        /// In USDT.
        pub margin_usd: Option<Decimal> = "margin_usd",
        /// In USDT; margin times leverage.
        pub notional_usd: Option<Decimal> = "notional_usd",
        /// In USDT, in the words of older writers.
        pub size: Option<Decimal> = "size",
        /// In USDT, in the words of older writers.
        pub price: Option<Decimal> = "price",
        /// Base quantity.
        pub quantity: Option<Decimal> = "quantity",
        /// Base quantity, in the words of older writers.
        pub qty: Option<Decimal> = "qty",
        /// 1 to 125.
        pub leverage: Option<f64> = "leverage",
        /// In USDT.
        pub entry_price: Option<Decimal> = "entry_price",
        /// In USDT.
        pub stop_loss: Option<Decimal> = "stop_loss",
        /// In USDT.
        pub take_profit: Option<Decimal> = "take_profit",
        /// May only make a position smaller.
        pub reduce_only: Option<bool> = "reduce_only",
        /// Who wants it.
        pub source: Option<Cow<'static, str>> = "source",
        /// Why.
        pub reason: Option<Cow<'static, str>> = "reason",
        /// Which model.
        pub model: Option<Cow<'static, str>> = "model",
        /// Which strategy.
        pub meta_strategy: Option<Cow<'static, str>> = "meta_strategy",
        /// Of the market.
        pub regime: Option<Cow<'static, str>> = "regime",
        /// Of the sizing.
        pub atr_value: Option<f64> = "atr_value",
        /// Of the sizing.
        pub volatility_factor: Option<f64> = "volatility_factor",
        /// Of the venues.
        pub exchange_divergence: Option<f64> = "exchange_divergence",
        /// Of the contract.
        pub funding_rate: Option<f64> = "funding_rate",
        /// The decision's identity.
        pub correlation_id: Option<CorrelationId> = "correlation_id",
    }
}

/// `^[A-Z]{3,10}USDT$`, with digits in the stem: one rule for contract, universe and bridge, because
/// `1000SHIBUSDT` passed the one and failed the other.
pub fn is_tradable_name(symbol: &Symbol) -> bool {
    symbol.as_str().strip_suffix("USDT").is_some_and(|stem| {
        (1..=16).contains(&stem.len())
            && stem.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

/// Checks an intent against the contract. Empty when it holds; an intent that breaks it is not published.
pub fn contract_violations(intent: &TradeIntent) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let mut require = |holds: bool, name: &'static str| {
        if !holds {
            broken.push(name);
        }
    };
    require(is_tradable_name(&intent.symbol), "invalid:symbol");
    require(intent.action.is_some(), "missing:action");
    require((0.0..=1.0).contains(&intent.confidence), "invalid:confidence");
    require(
        intent.position_size_usd.is_none_or(|s| s > Decimal::ZERO),
        "invalid:position_size_usd",
    );
    require(intent.leverage.is_none_or(|l| (1.0..=125.0).contains(&l)), "invalid:leverage");
    broken
}
