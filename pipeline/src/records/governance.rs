//! Regime of the market, the risk policy that follows, and clusters of symbols.

use engine::{CorrelationId, EpochSeconds, JsonText, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;

use super::words::PositionSide;

engine::record! {
    /// meta.regime, regime.state and quantum:state:market: the one regime of the market.
    pub struct MetaRegimeState {
        /// RANGE, BULL, BEAR, VOLATILE, UNCERTAIN or UNKNOWN.
        pub regime: Cow<'static, str> = "regime",
        /// Sample deviation of the last 50 returns, a fraction a minute.
        pub volatility: f64 = "volatility",
        /// Slope a minute over the last price.
        pub trend: f64 = "trend",
        /// 0 to 1.
        pub confidence: f64 = "confidence",
        /// Last price, in USDT.
        pub price: f64 = "price",
        /// Closes that there were.
        pub samples: u64 = "samples",
        /// Unrealised profit of the book, in USDT; absent where nobody tells it.
        pub pnl: Option<Decimal> = "pnl",
        /// Counts the readings of one life.
        pub iteration: u64 = "iteration",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:state:market:{S}: the regime beside the symbol's own volatility.
    pub struct SymbolMarketState {
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Of the market.
        pub regime: Cow<'static, str> = "regime",
        /// EXTREME, HIGH or LOW, where somebody says so instead of `sigma`.
        pub vol_regime: Option<Cow<'static, str>> = "vol_regime",
        /// Volatility of a day; absent without a market state.
        pub sigma: Option<f64> = "sigma",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// portfolio.memory: a closed trade as governance remembers it.
    pub struct MemoryEntry {
        /// When it was closed.
        pub timestamp: EpochSeconds = "timestamp",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// What it was.
        pub side: PositionSide = "side",
        /// Leverage.
        pub leverage: f64 = "leverage",
        /// A fraction of the entry's notional.
        pub pnl: f64 = "pnl",
        /// 0 to 1; absent where the plan told none.
        pub confidence: Option<f64> = "confidence",
        /// Volatility of a day when it was closed; absent without a market state.
        pub volatility: Option<f64> = "volatility",
        /// Notional at the entry, in USDT.
        pub position_size: f64 = "position_size",
        /// Why it was closed.
        pub exit_reason: Cow<'static, str> = "exit_reason",
        /// Of the market when it was closed.
        pub regime: Cow<'static, str> = "regime",
        /// Of the opening plan.
        pub plan_id: String = "plan_id",
        /// Of the opening decision.
        pub correlation_id: CorrelationId = "correlation_id",
    }

    /// governance.events: the policy changed.
    pub struct GovernanceEvent {
        /// `policy_changed`.
        pub event: Cow<'static, str> = "event",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
        /// Before.
        pub old_policy: Cow<'static, str> = "old_policy",
        /// Now.
        pub new_policy: Cow<'static, str> = "new_policy",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
    }

    /// quantum:governance:params: what the policy allows.
    pub struct GovernanceParams {
        /// Highest leverage.
        pub max_leverage: f64 = "max_leverage",
        /// Largest position, a share of the base size.
        pub max_position_pct: f64 = "max_position_pct",
        /// Least confidence.
        pub min_confidence: f64 = "min_confidence",
        /// Most positions at once.
        pub max_concurrent_positions: u32 = "max_concurrent_positions",
        /// Factor on the distance of stops.
        pub stop_loss_multiplier: f64 = "stop_loss_multiplier",
    }

    /// quantum:governance:last_decision.
    pub struct GovernanceDecision {
        /// In force.
        pub policy: Cow<'static, str> = "policy",
        /// Why.
        pub reason: Cow<'static, str> = "reason",
        /// Of the memory.
        pub score: f64 = "score",
        /// Trades in it.
        pub samples: u64 = "samples",
        /// Share of wins.
        pub win_rate: f64 = "win_rate",
        /// Of the market.
        pub regime: Cow<'static, str> = "regime",
        /// Of the regime, 0 to 1.
        pub regime_confidence: f64 = "regime_confidence",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:governance:regime_stats.
    pub struct GovernanceRegimeStats {
        /// Regimes in which trades were closed.
        pub stats: JsonText<Vec<strategies::regime::RegimeStats>> = "stats",
        /// When.
        pub timestamp: EpochSeconds = "timestamp",
    }

    /// quantum:portfolio:cluster_state: the one figure of cluster stress.
    pub struct ClusterState {
        /// When.
        pub updated_ts: EpochSeconds = "updated_ts",
        /// Sum over the clusters, 0 to 1.
        pub cluster_stress: f64 = "cluster_stress",
        /// How many clusters.
        pub clusters_count: u64 = "clusters_count",
    }

    /// quantum:portfolio:cluster_state:{id}.
    pub struct OneClusterState {
        /// When.
        pub updated_ts: EpochSeconds = "updated_ts",
        /// Its place among the clusters.
        pub cluster_id: String = "cluster_id",
        /// Who is in it.
        pub symbols: JsonText<Vec<Symbol>> = "symbols",
        /// Gross, in USDT.
        pub notional_usd: f64 = "notional_usd",
        /// Share of the book, 0 to 1.
        pub weight: f64 = "weight",
        /// Net over gross, 0 to 1.
        pub concentration: f64 = "concentration",
        /// Mean over the pairs held.
        pub correlation: f64 = "correlation",
        /// The product, 0 to 1.
        pub stress: f64 = "stress",
    }

    /// quantum:portfolio:clusters: all of them.
    pub struct PortfolioClusters {
        /// When.
        pub updated_ts: EpochSeconds = "updated_ts",
        /// Each with its symbols and its stress.
        pub clusters: JsonText<Vec<ClusterRow>> = "clusters",
    }

    /// portfolio.cluster_state.
    pub struct ClusterStateEntry {
        /// Sum over the clusters, 0 to 1.
        pub cluster_stress: f64 = "cluster_stress",
        /// How many clusters.
        pub clusters_count: u64 = "clusters_count",
        /// Each with its symbols and its stress.
        pub clusters: JsonText<Vec<ClusterRow>> = "clusters",
        /// When.
        pub ts_epoch: EpochSeconds = "ts_epoch",
    }
}

/// A cluster in a list.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClusterRow {
    /// Its place among the clusters.
    pub id: String,
    /// Who is in it.
    pub symbols: Vec<Symbol>,
    /// 0 to 1.
    pub stress: f64,
}
