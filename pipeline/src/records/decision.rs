//! What the AI engine writes and answers.

use engine::{CorrelationId, EpochSeconds, IsoTime, JsonText, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use strategies::learning::SizeState;
use strategies::signal::HarvestPolicy;

use super::words::words;

words! {
    /// The engine's actions, in the lower case of its streams.
    pub enum SignalAction {
        /// Go long.
        Buy = "buy",
        /// Go short.
        Sell = "sell",
        /// Do nothing.
        Hold = "hold",
    }
}

/// Sum of weights for each action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Votes {
    /// For BUY.
    #[serde(rename = "BUY")]
    pub buy: f64,
    /// For SELL.
    #[serde(rename = "SELL")]
    pub sell: f64,
    /// For HOLD.
    #[serde(rename = "HOLD")]
    pub hold: f64,
}

engine::record! {
    /// ai.signal_generated.
    pub struct SignalGenerated {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What.
        pub action: SignalAction = "action",
        /// Calibrated.
        pub confidence: f64 = "confidence",
        /// Before calibration.
        pub ensemble_confidence: f64 = "ensemble_confidence",
        /// Sum of weights for each action.
        pub model_votes: JsonText<Votes> = "model_votes",
        /// How many agreed.
        pub consensus: u64 = "consensus",
        /// When.
        pub timestamp: IsoTime = "timestamp",
    }

    /// sizing.decided.
    pub struct SizingDecided {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// In USDT, notional.
        pub position_size_usd: Decimal = "position_size_usd",
        /// Whole.
        pub leverage: u32 = "leverage",
        /// Share of equity at risk.
        pub risk_pct: f64 = "risk_pct",
        /// Of the sizing.
        pub confidence: f64 = "confidence",
        /// Why.
        pub reasoning: Cow<'static, str> = "reasoning",
        /// Target as a fraction of the price.
        pub tp_percent: f64 = "tp_percent",
        /// Stop as a fraction of the price.
        pub sl_percent: f64 = "sl_percent",
        /// Whether half is taken on the way.
        pub partial_tp_enabled: bool = "partial_tp_enabled",
        /// When.
        pub timestamp: IsoTime = "timestamp",
    }

    /// ai.decision.made.
    pub struct DecisionMade {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What.
        pub side: SignalAction = "side",
        /// Of the ensemble.
        pub confidence: f64 = "confidence",
        /// In USDT.
        pub entry_price: Decimal = "entry_price",
        /// In USDT (!), as the readers of this stream expect.
        pub quantity: Decimal = "quantity",
        /// Whole.
        pub leverage: u32 = "leverage",
        /// In USDT.
        pub stop_loss: Decimal = "stop_loss",
        /// In USDT.
        pub take_profit: Decimal = "take_profit",
        /// Absent: no trailing by the engine.
        pub trail_percent: Option<f64> = "trail_percent",
        /// Which.
        pub model: Cow<'static, str> = "model",
        /// Of the ensemble.
        pub ensemble_confidence: f64 = "ensemble_confidence",
        /// `default` until a selector exists.
        pub strategy: Cow<'static, str> = "strategy",
        /// `default` until a selector exists.
        pub meta_strategy: Cow<'static, str> = "meta_strategy",
        /// `unknown` until a regime service exists.
        pub regime: Cow<'static, str> = "regime",
        /// In USDT, notional.
        pub position_size_usd: Decimal = "position_size_usd",
        /// The decision's identity, kept to the fill.
        pub correlation_id: CorrelationId = "correlation_id",
        /// When.
        pub timestamp: IsoTime = "timestamp",
        /// How much the models agreed.
        pub consensus: Option<Cow<'static, str>> = "consensus",
        /// How many of them.
        pub consensus_count: Option<u64> = "consensus_count",
        /// Of how many that voted or could have.
        pub total_models: Option<u64> = "total_models",
        /// Of the sizing, a fraction of the price.
        pub atr_value: Option<f64> = "atr_value",
        /// Short over long volatility.
        pub volatility_factor: Option<f64> = "volatility_factor",
        /// How far the venues are apart, in USDT.
        pub exchange_divergence: Option<f64> = "exchange_divergence",
        /// A fraction a period.
        pub funding_rate: Option<f64> = "funding_rate",
        /// What the models saw, in the order of the feature list.
        pub features: Option<JsonText<[f64; 18]>> = "features",
        /// Whether the RL shadow is on.
        pub rl_influence_enabled: Option<bool> = "rl_influence_enabled",
        /// Whether its policy passed the gate.
        pub rl_gate_pass: Option<bool> = "rl_gate_pass",
        /// Where it stopped.
        pub rl_gate_reason: Option<Cow<'static, str>> = "rl_gate_reason",
        /// What the policy wants.
        pub rl_action: Option<SignalAction> = "rl_action",
        /// Of the policy.
        pub rl_confidence: Option<f64> = "rl_confidence",
        /// Of the policy.
        pub rl_version: Option<Cow<'static, str>> = "rl_version",
        /// Of the policy.
        pub rl_policy_age_sec: Option<f64> = "rl_policy_age_sec",
        /// 0 unless it passed.
        pub rl_weight_effective: Option<f64> = "rl_weight_effective",
        /// What the policy would have done.
        pub rl_effect: Option<Cow<'static, str>> = "rl_effect",
        /// What the AI sizer would trade, in USDT, notional.
        pub ai_size_usd: Option<Decimal> = "ai_size_usd",
        /// Its leverage.
        pub ai_leverage: Option<f64> = "ai_leverage",
        /// How it would harvest.
        pub ai_harvest_policy: Option<JsonText<HarvestPolicy>> = "ai_harvest_policy",
        /// State of the sizing table, where it sized.
        pub sizing_state: Option<JsonText<SizeState>> = "sizing_state",
        /// Number of the action that the table chose, 0 to 74.
        pub sizing_action: Option<u32> = "sizing_action",
    }

    /// A request of the bot for a signal.
    pub struct SignalRequest {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// In USDT. It is not added to the engine's price history.
        pub price: Option<Decimal> = "price",
        /// Of 24 hours. It is not added to the engine's volume history.
        pub volume: Option<Decimal> = "volume",
        /// Such as `1m`.
        pub timeframe: Cow<'static, str> = "timeframe",
    }

    /// The answer. `signal` false is the typed form of HTTP 404: there is none, which means HOLD.
    pub struct SignalReply {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Whether there is a signal.
        pub signal: bool = "signal",
        /// Why there is none.
        pub reason: Cow<'static, str> = "reason",
        /// What.
        pub action: SignalAction = "action",
        /// Of the signal.
        pub confidence: f64 = "confidence",
        /// Of the ensemble.
        pub ensemble_confidence: f64 = "ensemble_confidence",
        /// Which model.
        pub model: Cow<'static, str> = "model",
        /// Of the strategy layer.
        pub strategy: Cow<'static, str> = "strategy",
        /// Of the market.
        pub regime: Cow<'static, str> = "regime",
        /// In USDT, notional.
        pub position_size_usd: Decimal = "position_size_usd",
        /// Whole.
        pub leverage: u32 = "leverage",
        /// The decision's identity.
        pub correlation_id: CorrelationId = "correlation_id",
        /// When it was decided.
        pub timestamp: EpochSeconds = "timestamp",
    }
}
