//! Proposals of the kernels, and what the book's heat makes of them.

use engine::{CorrelationId, EpochSeconds, IsoTime, JsonText, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;
use strategies::harvest::TrancheLedger;

use super::words::{PlanAction, PositionSide};

engine::record! {
    /// quantum:risk:proposal:{S} and risk.proposal: stop, target and trailing distance of a position.
    pub struct RiskProposal {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// In USDT.
        pub proposed_sl: f64 = "proposed_sl",
        /// In USDT.
        pub proposed_tp: f64 = "proposed_tp",
        /// Fraction of the current price.
        pub stop_dist_pct: f64 = "stop_dist_pct",
        /// Fraction of the current price.
        pub tp_dist_pct: f64 = "tp_dist_pct",
        /// Fraction of the best price.
        pub trail_gap_pct: f64 = "trail_gap_pct",
        /// Comma list, in the order in which they arose.
        pub reason_codes: Cow<'static, str> = "reason_codes",
        /// Trend strength; not a time.
        pub ts: f64 = "ts",
        /// Volatility of a minute.
        pub sigma: f64 = "sigma",
        /// Probability of a trend.
        pub p_trend: f64 = "p_trend",
        /// Probability of reversion to the mean.
        pub p_mr: f64 = "p_mr",
        /// Probability of neither.
        pub p_chop: f64 = "p_chop",
        /// When these numbers were computed.
        pub computed_at_utc: IsoTime = "computed_at_utc",
        /// The same.
        pub computed_epoch: EpochSeconds = "computed_epoch",
        /// When the kernel last came to the same result.
        pub last_update_epoch: EpochSeconds = "last_update_epoch",
        /// Long or short.
        pub position_side: PositionSide = "position_side",
        /// In s.
        pub position_age_sec: f64 = "position_age_sec",
        /// In USDT.
        pub position_current_price: f64 = "position_current_price",
        /// In USDT.
        pub position_entry_price: f64 = "position_entry_price",
        /// The plan that opened it: a proposal is of one position, not of a symbol.
        pub position_plan_id: String = "position_plan_id",
    }

    /// quantum:harvest:proposal:{S} and harvest.proposal.
    pub struct HarvestProposal {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// PARTIAL_25, PARTIAL_50, PARTIAL_75, FULL_CLOSE_PROPOSED or NONE.
        pub harvest_action: Cow<'static, str> = "harvest_action",
        /// A tighter stop, in USDT.
        pub new_sl_proposed: Option<f64> = "new_sl_proposed",
        /// Profit after cost, in multiples of the risk of one unit.
        pub r_net: f64 = "R_net",
        /// Risk of one unit, in USDT.
        pub risk_unit: f64 = "risk_unit",
        /// Cost of one unit, in USDT.
        pub cost_est: f64 = "cost_est",
        /// Urgency to leave, 0 to 1.
        pub kill_score: f64 = "kill_score",
        /// Comma list, in the order in which they arose.
        pub reason_codes: Cow<'static, str> = "reason_codes",
        /// Component of the kill score.
        pub k_regime_flip: f64 = "k_regime_flip",
        /// Component of the kill score.
        pub k_sigma_spike: f64 = "k_sigma_spike",
        /// Component of the kill score.
        pub k_ts_drop: f64 = "k_ts_drop",
        /// Component of the kill score.
        pub k_age_penalty: f64 = "k_age_penalty",
        /// Volatility of a minute.
        pub sigma: f64 = "sigma",
        /// Trend strength; not a time.
        pub ts: f64 = "ts",
        /// Probability of a trend.
        pub p_trend: f64 = "p_trend",
        /// Probability of reversion to the mean.
        pub p_mr: f64 = "p_mr",
        /// Probability of neither.
        pub p_chop: f64 = "p_chop",
        /// When these numbers were computed; the plan's id follows from it.
        pub computed_at_utc: IsoTime = "computed_at_utc",
        /// The same.
        pub computed_epoch: EpochSeconds = "computed_epoch",
        /// When the kernel last came to the same result.
        pub last_update_epoch: EpochSeconds = "last_update_epoch",
        /// Of the policy whose parameters were used; absent with the defaults.
        pub policy_version: Option<String> = "policy_version",
        /// Long or short.
        pub position_side: PositionSide = "position_side",
        /// In s.
        pub position_age_sec: f64 = "position_age_sec",
        /// In USDT.
        pub position_current_price: f64 = "position_current_price",
        /// In USDT.
        pub position_entry_price: f64 = "position_entry_price",
        /// Of the whole position, in USDT.
        pub position_unrealized_pnl: f64 = "position_unrealized_pnl",
        /// Of one unit, in USDT: what the kernel counts with.
        pub position_pnl_per_unit: f64 = "position_pnl_per_unit",
        /// The plan that opened it: a proposal is of one position, not of a symbol.
        pub position_plan_id: String = "position_plan_id",
    }

    /// quantum:stop:asked:{S}: a tighter stop that an UPDATE_SL plan asks for.
    pub struct StopAsked {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Long or short.
        pub side: PositionSide = "side",
        /// In USDT.
        pub new_sl: Decimal = "new_sl",
        /// Who decided.
        pub source: Cow<'static, str> = "source",
        /// With which plan.
        pub plan_id: String = "plan_id",
        /// The plan that opened the position.
        pub position_plan_id: String = "position_plan_id",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// harvest.calibrated: what the heat of the book makes of a close.
    pub struct HarvestCalibrated {
        /// Of the decision.
        pub trace_id: CorrelationId = "trace_id",
        /// Of which plan.
        pub plan_id: String = "plan_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What was proposed.
        pub original_action: PlanAction = "original_action",
        /// What is left of it.
        pub calibrated_action: PlanAction = "calibrated_action",
        /// Daily risk of the book over its equity.
        pub heat_value: f64 = "heat_value",
        /// COLD, WARM or HOT.
        pub heat_bucket: Cow<'static, str> = "heat_bucket",
        /// shadow or enforce.
        pub mode: Cow<'static, str> = "mode",
        /// Always true.
        pub calibrated: bool = "calibrated",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
        /// Of the plan.
        pub kill_score: Option<f64> = "kill_score",
        /// Of the plan.
        pub r_net: Option<f64> = "R_net",
        /// When the plan was made.
        pub timestamp: EpochSeconds = "timestamp",
        /// When it was calibrated.
        pub calibrated_at_epoch: EpochSeconds = "calibrated_at_epoch",
    }

    /// harvest.heat.decision, quantum:harvest:heat:by_plan:{plan_id} and quantum:harvest:heat:latest:{S}.
    pub struct HeatDecision {
        /// When.
        pub ts_epoch: EpochSeconds = "ts_epoch",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Of which plan.
        pub plan_id: String = "plan_id",
        /// What was proposed.
        pub in_action: Cow<'static, str> = "in_action",
        /// What is left of it.
        pub out_action: Cow<'static, str> = "out_action",
        /// The same.
        pub action: Cow<'static, str> = "action",
        /// cold, warm or hot; unknown where nobody could tell.
        pub heat_level: Cow<'static, str> = "heat_level",
        /// The heat, four decimals.
        pub heat_score: f64 = "heat_score",
        /// NONE, DOWNGRADE_FULL_TO_PARTIAL or HOLD_CLOSE.
        pub heat_action: Cow<'static, str> = "heat_action",
        /// Share of the position, where the action was changed to a partial one.
        pub recommended_partial: Option<f64> = "recommended_partial",
        /// ok, or what was missing.
        pub reason: Cow<'static, str> = "reason",
        /// Age of the portfolio state, in s.
        pub inputs_age_sec: Option<f64> = "inputs_age_sec",
        /// shadow or enforce.
        pub mode: Cow<'static, str> = "mode",
        /// Components and borders, at most 400 characters.
        pub debug_json: Cow<'static, str> = "debug_json",
    }

    /// portfolio.gate.
    pub struct PortfolioGateEntry {
        /// Of which plan.
        pub plan_id: String = "plan_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What was asked for.
        pub action_proposed: PlanAction = "action_proposed",
        /// What may be done.
        pub final_action: PlanAction = "final_action",
        /// Why.
        pub gate_reason: Cow<'static, str> = "gate_reason",
        /// Of the book, 0 to 1.
        pub stress: f64 = "stress",
        /// Of the book, 0 to 1: weighted sigma, scaled.
        pub heat: f64 = "heat",
        /// Net over gross.
        pub concentration: f64 = "concentration",
        /// Weight of the positions on the side of the net.
        pub corr_proxy: f64 = "corr_proxy",
        /// Of the plan.
        pub kill_score: f64 = "kill_score",
        /// When.
        pub ts_epoch: EpochSeconds = "ts_epoch",
    }

    /// quantum:apply:tranches:{S}: what has fired in the symbol's position.
    pub struct ApplyTranches {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Base quantity that was opened.
        pub opening_qty: Decimal = "opening_qty",
        /// The plan that opened it, and what has fired since.
        pub ledger: JsonText<TrancheLedger> = "ledger",
        /// The plan whose order is on its way.
        pub pending_plan: Option<String> = "pending_plan",
        /// What it proposed.
        pub pending_proposed: Option<PlanAction> = "pending_proposed",
        /// What it was allowed.
        pub pending_allowed: Option<PlanAction> = "pending_allowed",
        /// When.
        pub updated_at: EpochSeconds = "updated_at",
    }

    /// apply.heat.observed: whether there was a heat decision for a plan.
    pub struct HeatObserved {
        /// When.
        pub ts_epoch: EpochSeconds = "ts_epoch",
        /// Which plan.
        pub plan_id: String = "plan_id",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// `apply`.
        pub apply_component: Cow<'static, str> = "apply_component",
        /// create_apply_plan, publish_plan_post or reconcile_close_consume.
        pub obs_point: Cow<'static, str> = "obs_point",
        /// 1 if there was one.
        pub heat_found: u32 = "heat_found",
        /// When it was made.
        pub heat_ts_epoch: Option<EpochSeconds> = "heat_ts_epoch",
        /// cold, warm, hot or unknown.
        pub heat_level: Option<Cow<'static, str>> = "heat_level",
        /// Of the decision.
        pub heat_score: Option<f64> = "heat_score",
        /// Of the decision.
        pub heat_action: Option<Cow<'static, str>> = "heat_action",
        /// Of the decision.
        pub heat_out_action: Option<Cow<'static, str>> = "heat_out_action",
        /// Of the decision.
        pub heat_recommended_partial: Option<f64> = "heat_recommended_partial",
        /// ok, missing, timeout or redis_error.
        pub heat_reason: Cow<'static, str> = "heat_reason",
        /// What was decided about the plan.
        pub apply_decision: Cow<'static, str> = "apply_decision",
        /// At most 400 characters.
        pub debug_json: Cow<'static, str> = "debug_json",
    }

    /// harvest.suggestions: what the harvest brain would do, as JSON.
    pub struct HarvestSuggestion {
        /// The plan that it would make.
        pub payload: JsonText<serde_json::Value> = "payload",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// exitbrain.pnl: the exit plan of an open position.
    pub struct ExitBrainPnl {
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Long or short.
        pub side: PositionSide = "side",
        /// Of the opening decision, 0 to 1.
        pub confidence: f64 = "confidence",
        /// Intelligent leverage, 5 to 80.
        pub dynamic_leverage: f64 = "dynamic_leverage",
        /// Fraction of the entry.
        pub take_profit_pct: f64 = "take_profit_pct",
        /// Fraction of the entry.
        pub stop_loss_pct: f64 = "stop_loss_pct",
        /// Volatility index that the plan was made with.
        pub volatility: f64 = "volatility",
        /// Of the venues, 0 to 1.
        pub exch_divergence: f64 = "exch_divergence",
        /// A period.
        pub funding_rate: f64 = "funding_rate",
        /// -1 to 1.
        pub pnl_trend: f64 = "pnl_trend",
        /// 0 to 1.
        pub margin_util: f64 = "margin_util",
    }

    /// adaptive_levels: targets and stop of a position before adjustments and bounds.
    pub struct AdaptiveLevelsTold {
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Intelligent leverage.
        pub leverage: f64 = "leverage",
        /// Leverage scaling factor.
        pub lsf: f64 = "lsf",
        /// Fraction of the price.
        pub tp1_pct: f64 = "tp1_pct",
        /// Fraction of the price.
        pub tp2_pct: f64 = "tp2_pct",
        /// Fraction of the price.
        pub tp3_pct: f64 = "tp3_pct",
        /// Fraction of the price.
        pub sl_pct: f64 = "sl_pct",
        /// How much leaves at each target.
        pub harvest_scheme: JsonText<serde_json::Value> = "harvest_scheme",
        /// The stop hit a bound.
        pub sl_clamped: bool = "sl_clamped",
        /// A target was lifted to its floor.
        pub tp_minimum_enforced: bool = "tp_minimum_enforced",
    }
}
