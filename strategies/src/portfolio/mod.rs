//! The portfolio seen as a whole: the portfolio gate and its p26 permit (EHR 3.8), clusters (3.10), budgets
//! (3.13), allocation (3.14) and attribution (3.15); risk policy (MSE 15.2), capital efficiency (15.4),
//! positions and the book of fills (14).

mod allocation;
mod attribution;
mod budget;
mod clusters;
mod efficiency;
mod gate;
mod gate_metrics;
mod governance;
mod ledger;
mod position;
mod smoothed;
mod state;
mod symbol_performance;
mod target_multiplier;

pub use allocation::{
    Allocation, AllocationFactors, AllocationInput, AllocationRegime, DrawdownZone,
    PerformanceMapping, allocation, cap_clusters, performance_multiplier,
};
pub use attribution::{Attribution, PnlSums, attribution, pnl_by_label, time_bucket};
pub use budget::{Budget, BudgetInput, BudgetSettings, budget, over_budget, vol_regime};
pub use clusters::{Cluster, ClusterInput, ClusterSettings, Clusters, NotReady, clusters};
pub use efficiency::{
    AttributionReading, CapitalEfficiency, CapitalPressure, CapitalTarget, EfficiencyInput,
    PnlAverages, StaleFlag, capital_efficiency,
};
pub use gate::{GateInput, GatePermit, GateRules, GateVerdict, gate, smaller_close};
pub use gate_metrics::{GateMetrics, GatePosition, GateSigma, gate_metrics};
pub use governance::{
    MemoryEvent, Policy, PolicyLimits, PolicyReason, PortfolioScore, TradeCheck, TradeProposal,
    governed_policy, governed_size_usd, owned_policy, portfolio_score, trade_check,
};
pub use ledger::{LedgerBook, LedgerCommit, SEEN_ORDERS_MAX};
pub use position::{Applied, BookFault, BookPosition, Fill, RoundTrip};
pub use smoothed::SmoothedPerMinute;
pub use state::{Equity, PortfolioTotals, SnapshotPosition, portfolio_totals};
pub use symbol_performance::{ClosedTrade, SymbolPerformance, symbol_performance};
pub use target_multiplier::{Efficiency, TargetMultiplier, target_multiplier};
