//! From a vote to a signal: the layers and gates between (MSE 4.4 to 4.10).

mod ai_sizer;
mod checked_sizing;
mod decision;
mod drift;
mod drift_measures;
mod gates;
mod governer;
mod levels;
mod meta_agent;
mod risk_mode;
mod rule_fallback;
mod weights;

pub use ai_sizer::{AiSizing, AiSizingMode, HarvestMode, HarvestPolicy, TradedSize, ai_sizing};
pub use checked_sizing::sized;
pub use decision::{EnsembleWord, NoSignal, Signal, SignalInput, SignalRules, decide_signal};
pub use drift::{
    DriftMeasure, DriftReport, DriftSeverity, DriftThresholds, FeatureDrift, JudgedTrade,
    PerformanceDrop, drift_report, feature_drift, performance_drop,
};
pub use drift_measures::{KolmogorovSmirnov, kolmogorov_smirnov, population_stability};
pub use gates::{
    FundingGate, RateLimits, SignalRates, SignalStop, funding_gate, managed_confidence,
};
pub use governer::{Governer, GovernerAccount, GovernerLimits, GovernerRejection, kelly_fraction};
pub use levels::{EntryLevels, LevelRule, entry_levels};
pub use meta_agent::{MetaOutcome, MetaSettings, meta_decision, meta_inputs};
pub use risk_mode::{MarketMood, RiskMode, risk_mode, risk_mode_score};
pub use rule_fallback::{ShortHistory, rule_fallback};
pub use weights::effective_weights;
