//! What trades have brought, and what a symbol should hold.

use engine::{EpochSeconds, IsoTime, JsonText, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;
use strategies::portfolio::PnlSums;

use super::capital::BindingMode;

engine::record! {
    /// alpha.attribution and quantum:alpha:attribution:{S}, P3.0: one definition for writer and readers.
    pub struct AlphaAttribution {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// -1 to 1.
        pub alpha_score: f64 = "alpha_score",
        /// Smoothed over the executions, -1 to 1.
        pub performance_factor: f64 = "performance_factor",
        /// 0 to 1.
        pub confidence: f64 = "confidence",
        /// Executions in it.
        pub window: u64 = "window",
        /// When.
        pub ts_utc: IsoTime = "ts_utc",
        /// `live`; `LKG` when the executions have left the stream.
        pub source: Cow<'static, str> = "source",
        /// Whether it binds.
        pub mode: BindingMode = "mode",
        /// Realised profit by regime, in USDT.
        pub regime_contrib: JsonText<PnlSums> = "regime_contrib",
        /// Realised profit by cluster, in USDT.
        pub cluster_contrib: JsonText<PnlSums> = "cluster_contrib",
        /// Realised profit by model, in USDT.
        pub signal_contrib: JsonText<PnlSums> = "signal_contrib",
        /// Realised profit by UTC hours, in USDT.
        pub time_contrib: JsonText<PnlSums> = "time_contrib",
        /// Newest execution that is in it, by its entry: a successor goes on behind it.
        pub execution_id: String = "execution_id",
    }

    /// allocation.decision, P2.9: the factors are those that were used.
    pub struct AllocationDecision {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// After all caps, in USDT.
        pub target_usd: f64 = "target_usd",
        /// LOW, MID or HIGH.
        pub drawdown_zone: Cow<'static, str> = "drawdown_zone",
        /// 0 to 1.
        pub confidence: f64 = "confidence",
        /// Whether it binds.
        pub mode: BindingMode = "mode",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// Of the regime.
        pub regime_factor: f64 = "regime_factor",
        /// Of the cluster's stress.
        pub cluster_factor: f64 = "cluster_factor",
        /// Of the drawdown.
        pub drawdown_factor: f64 = "drawdown_factor",
        /// Of the performance.
        pub performance_factor: f64 = "performance_factor",
        /// `P3.0` or `fallback`.
        pub performance_source: Cow<'static, str> = "performance_source",
    }

    /// allocation.target.proposed and quantum:allocation:target:proposed:{S}.
    pub struct TargetProposal {
        /// When.
        pub ts_epoch: EpochSeconds = "ts_epoch",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// P2.9's target, in USDT.
        pub base_target: Decimal = "base_target",
        /// Times the multiplier, in USDT.
        pub proposed_target: Decimal = "proposed_target",
        /// 0.5 to 1.5.
        pub multiplier: f64 = "multiplier",
        /// P3.1's; absent where there is none.
        pub eff_score: Option<f64> = "eff_score",
        /// P3.1's; absent where there is none.
        pub eff_confidence: Option<f64> = "eff_confidence",
        /// It was too old to count.
        pub eff_stale: bool = "eff_stale",
        /// `ok`, `missing_eff`, `stale_eff` or `low_conf`.
        pub reason: Cow<'static, str> = "reason",
        /// Always shadow: nobody is bound by a proposal.
        pub mode: BindingMode = "mode",
    }

    /// capital.efficiency.decision, P3.1.
    pub struct EfficiencyDecision {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// 0 to 1.
        pub efficiency_score: f64 = "efficiency_score",
        /// INCREASE, DECREASE or HOLD.
        pub capital_pressure: Cow<'static, str> = "capital_pressure",
        /// -1 to 1.
        pub reallocation_weight: f64 = "reallocation_weight",
        /// 0 to 1.
        pub confidence: f64 = "confidence",
        /// What was wrong with the inputs, with commas between.
        pub stale_flags: Cow<'static, str> = "stale_flags",
        /// When.
        pub ts: EpochSeconds = "ts",
        /// Whether it binds.
        pub mode: BindingMode = "mode",
        /// The averages, with which a successor goes on.
        pub trace: JsonText<EfficiencyTrace> = "trace",
    }
}

/// What P3.1 keeps of a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EfficiencyTrace {
    /// Smoothed efficiency, 0 to 1.
    pub efficiency_ewma: f64,
    /// Smoothed size of results, in USDT.
    pub vol_ewma: f64,
    /// Smoothed losses, in USDT.
    pub dd_ewma: f64,
    /// When the symbol was last executed, in s; absent if never.
    pub last_exec_s: Option<i64>,
}
