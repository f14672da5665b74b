//! What is learned from closed trades, and what learned policies say.

use engine::{CorrelationId, EpochSeconds, IsoTime, JsonText, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;
use strategies::learning::ModelKind;
use strategies::regime::OperatingMode;

use super::decision::SignalAction;

engine::record! {
    /// quantum:rl:calibration:v1:{S}: how a symbol's trades ended.
    pub struct WinRate {
        /// Closed trades.
        pub trades: u64 = "trades",
        /// Of them with a profit.
        pub wins: u64 = "wins",
        /// Of them without.
        pub losses: u64 = "losses",
        /// Smoothed share of wins.
        pub ema_winrate: f64 = "ema_winrate",
        /// When.
        pub updated_ts: EpochSeconds = "updated_ts",
        /// The entry of trade.closed that it knows last: a repeated one is not counted twice.
        pub last_entry: Option<Cow<'static, str>> = "last_entry",
    }

    /// quantum:rl:policy:{S}: what the RL policy wants.
    pub struct RlPolicy {
        /// What.
        pub action: SignalAction = "action",
        /// 0 to 1.
        pub confidence: f64 = "confidence",
        /// Of the policy.
        pub version: Cow<'static, str> = "version",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
    }

    /// The weights that a supervisor gives to the four built-in models.
    pub struct SupervisorWeights {
        /// Of xgb.
        pub xgb: f64 = "xgb",
        /// Of lgbm.
        pub lgbm: f64 = "lgbm",
        /// Of nhits.
        pub nhits: f64 = "nhits",
        /// Of patchtst.
        pub patchtst: f64 = "patchtst",
    }

    /// quantum:rl:experience: a decision and what came of it.
    pub struct Experience {
        /// When the trade was closed.
        pub timestamp: EpochSeconds = "timestamp",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What was decided.
        pub action: SignalAction = "action",
        /// Of the entry's notional, a fraction, before fees.
        pub pnl: f64 = "pnl",
        /// Of the decision.
        pub confidence: f64 = "confidence",
        /// What the models saw when it was decided.
        pub features: Option<JsonText<[f64; 18]>> = "features",
        /// The decision's identity.
        pub correlation_id: CorrelationId = "correlation_id",
    }

    /// quantum:rl:sizing:outcomes: what earlier trades brought, as the sizing takes it.
    pub struct SizingOutcomes {
        /// Number of trades.
        pub count: u64 = "count",
        /// Share of wins.
        pub win_rate: f64 = "win_rate",
        /// Mean win, a fraction.
        pub average_win: f64 = "average_win",
        /// Mean loss, a fraction above zero.
        pub average_loss: f64 = "average_loss",
        /// When.
        pub updated_ts: EpochSeconds = "updated_ts",
    }

    /// A question for the orchestrator: what becomes of this signal?
    pub struct EvaluateRequest {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What.
        pub action: SignalAction = "action",
        /// 0 to 1.
        pub confidence: f64 = "confidence",
        /// In USDT, notional.
        pub size_usd: Decimal = "size_usd",
        /// Of the market.
        pub regime: Cow<'static, str> = "regime",
    }

    /// The orchestrator's answer.
    pub struct EvaluateReply {
        /// What becomes of it.
        pub decision: Verdict = "decision",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
        /// In USDT, notional; never more than was asked.
        pub size_usd: Decimal = "size_usd",
        /// Operating mode of the fund.
        pub mode: Cow<'static, str> = "mode",
    }

    /// A question for the strategy brain.
    pub struct StrategyRequest {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Which way.
        pub direction: SignalAction = "direction",
        /// 0 to 1.
        pub confidence: f64 = "confidence",
        /// In USDT.
        pub entry_price: Option<Decimal> = "entry_price",
        /// Of the market.
        pub regime: Option<Cow<'static, str>> = "regime",
    }

    /// The strategy brain's answer.
    pub struct StrategyReply {
        /// Whether the decision goes on.
        pub approved: bool = "approved",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
        /// 0 to 1.
        pub confidence: f64 = "confidence",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// A question for the risk brain.
    pub struct RiskRequest {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// In USDT, notional.
        pub size_usd: Decimal = "size_usd",
    }

    /// The risk brain's answer.
    pub struct RiskReply {
        /// Size that it allows, in USDT, notional.
        pub size_usd: Decimal = "size_usd",
        /// 0 to 100.
        pub risk_score: f64 = "risk_score",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }
}

engine::record! {
    /// quantum:orchestrator:mode: how the fund operates.
    pub struct FundMode {
        /// Which.
        pub mode: ModeWord = "mode",
        /// Since when.
        pub since: EpochSeconds = "since",
        /// From the highest equity, a fraction.
        pub drawdown: f64 = "drawdown",
        /// 0 to 100.
        pub risk_score: f64 = "risk_score",
        /// Share of wins.
        pub win_rate: f64 = "win_rate",
        /// Of the mode.
        pub max_leverage: f64 = "max_leverage",
        /// Of the mode.
        pub max_positions: u32 = "max_positions",
        /// When it was written.
        pub updated_at: EpochSeconds = "updated_at",
    }
}

impl ModeWord {
    /// All of them.
    pub const ALL: [ModeWord; 5] = [
        ModeWord::Growth,
        ModeWord::Expansion,
        ModeWord::Defensive,
        ModeWord::CapitalPreservation,
        ModeWord::BlackSwan,
    ];

    /// The word of a mode.
    pub const fn of(mode: OperatingMode) -> ModeWord {
        match mode {
            OperatingMode::Growth => ModeWord::Growth,
            OperatingMode::Expansion => ModeWord::Expansion,
            OperatingMode::Defensive => ModeWord::Defensive,
            OperatingMode::CapitalPreservation => ModeWord::CapitalPreservation,
            OperatingMode::BlackSwan => ModeWord::BlackSwan,
        }
    }

    /// The mode of the word.
    pub const fn mode(self) -> OperatingMode {
        match self {
            ModeWord::Growth => OperatingMode::Growth,
            ModeWord::Expansion => OperatingMode::Expansion,
            ModeWord::Defensive => OperatingMode::Defensive,
            ModeWord::CapitalPreservation => OperatingMode::CapitalPreservation,
            ModeWord::BlackSwan => OperatingMode::BlackSwan,
        }
    }
}

super::words::words! {
    /// An operating mode, as it is written.
    pub enum ModeWord {
        /// Things go well: more.
        Growth = "GROWTH",
        /// The usual.
        Expansion = "EXPANSION",
        /// Less.
        Defensive = "DEFENSIVE",
        /// Hardly anything.
        CapitalPreservation = "CAPITAL_PRESERVATION",
        /// Nothing.
        BlackSwan = "BLACK_SWAN",
    }

    /// What becomes of a signal.
    pub enum Verdict {
        /// It goes on.
        Execute = "EXECUTE",
        /// It ends.
        Skip = "SKIP",
        /// It goes on, too.
        Delay = "DELAY",
    }
}

engine::record! {
    /// quantum:rl:reward:{S}: the outcome of a symbol's last closed trade.
    pub struct RlReward {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Of the entry's notional, a fraction, before fees.
        pub pnl_pct: f64 = "pnl_pct",
        /// Who made it.
        pub source: RewardOrigin = "source",
        /// Of the trade's decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:ai_state:{S}: what decisions on a symbol are worth.
    pub struct AiState {
        /// Smoothed reward.
        pub value: f64 = "value",
        /// How often it was learned from.
        pub updates: u64 = "updates",
        /// The entry of trade.closed that it knows last.
        pub last_entry: Cow<'static, str> = "last_entry",
        /// When.
        pub updated_ts: EpochSeconds = "updated_ts",
    }

    /// quantum:ai_policy_adjustment: the newest step of a value.
    pub struct PolicyAdjustment {
        /// By how much.
        pub delta: f64 = "delta",
        /// From which reward.
        pub reward: f64 = "reward",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// Whose.
        pub symbol: Symbol = "symbol",
    }

    /// A question for the trainer.
    pub struct TrainRequest {
        /// Which kind of model.
        pub model: ModelWord = "model",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
    }

    /// The trainer's answer.
    pub struct TrainReply {
        /// The job, `train_{type}_{UTC stamp}`; the one that runs where none was begun.
        pub job: Cow<'static, str> = "job",
        /// Whether one was begun.
        pub accepted: bool = "accepted",
    }

    /// model.training_started.
    pub struct TrainingStarted {
        /// Which.
        pub job: Cow<'static, str> = "job",
        /// Which kind of model.
        pub model: ModelWord = "model",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
        /// When.
        pub timestamp: IsoTime = "timestamp",
    }

    /// model.training_completed.
    pub struct TrainingCompleted {
        /// Which.
        pub job: Cow<'static, str> = "job",
        /// Which kind of model.
        pub model: ModelWord = "model",
        /// `success` or `failed`.
        pub status: Cow<'static, str> = "status",
        /// Outcomes that there were.
        pub samples: u64 = "samples",
        /// A year's; absent where the job failed, as are the others.
        pub sharpe: Option<f64> = "sharpe",
        /// Share of wins.
        pub win_rate: Option<f64> = "win_rate",
        /// Gains over losses.
        pub profit_factor: Option<f64> = "profit_factor",
        /// A fraction.
        pub max_drawdown: Option<f64> = "max_drawdown",
        /// 0 to 100.
        pub score: Option<f64> = "score",
        /// Why it failed.
        pub reason: Option<Cow<'static, str>> = "reason",
        /// When.
        pub timestamp: IsoTime = "timestamp",
    }

    /// quantum:clm:model:{type}: the newest evaluation of a kind of model.
    pub struct RegisteredModel {
        /// Of which job.
        pub job: Cow<'static, str> = "job",
        /// Which kind of model.
        pub model: ModelWord = "model",
        /// When.
        pub trained_at: EpochSeconds = "trained_at",
        /// Outcomes that there were.
        pub samples: u64 = "samples",
        /// A year's.
        pub sharpe: f64 = "sharpe",
        /// Share of wins.
        pub win_rate: f64 = "win_rate",
        /// Gains over losses.
        pub profit_factor: f64 = "profit_factor",
        /// A fraction.
        pub max_drawdown: f64 = "max_drawdown",
        /// 0 to 100.
        pub score: f64 = "score",
    }

    /// quantum:clm:candidate:{type}: whether it may take the place of the one in use.
    pub struct ModelCandidate {
        /// Of which job.
        pub job: Cow<'static, str> = "job",
        /// Which kind of model.
        pub model: ModelWord = "model",
        /// Whether it reached the criteria; production is an operator's decision.
        pub state: CandidateState = "state",
        /// 0 to 100.
        pub score: f64 = "score",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }
}

impl ModelWord {
    /// All of them.
    pub const ALL: [ModelWord; 5] = [
        ModelWord::Xgboost,
        ModelWord::Lightgbm,
        ModelWord::Nhits,
        ModelWord::Patchtst,
        ModelWord::Rl,
    ];

    /// The kind of the word.
    pub const fn kind(self) -> ModelKind {
        match self {
            ModelWord::Xgboost => ModelKind::Xgboost,
            ModelWord::Lightgbm => ModelKind::Lightgbm,
            ModelWord::Nhits => ModelKind::Nhits,
            ModelWord::Patchtst => ModelKind::Patchtst,
            ModelWord::Rl => ModelKind::Rl,
        }
    }
}

super::words::words! {
    /// Who made a reward.
    pub enum RewardOrigin {
        /// A closed trade.
        TradeClosed = "trade_closed",
        /// A generator: nobody takes it.
        Synthetic = "live_synth",
    }

    /// A kind of model, as it is written.
    pub enum ModelWord {
        /// XGBoost.
        Xgboost = "xgboost",
        /// LightGBM.
        Lightgbm = "lightgbm",
        /// N-HiTS.
        Nhits = "nhits",
        /// PatchTST.
        Patchtst = "patchtst",
        /// Reinforcement learning.
        Rl = "rl",
    }

    /// Whether a model reached the criteria.
    pub enum CandidateState {
        /// It did.
        Candidate = "CANDIDATE",
        /// It did not: the one in use stays.
        Rejected = "REJECTED",
    }
}
