//! Decisions about the whole book: the portfolio gate and its p26 permit (EHR 3.8), clusters (3.10),
//! budgets (3.13), allocation (3.14) and attribution (3.15).

mod allocation;
mod attribution;
mod budget;
mod clusters;
mod gate;
mod gate_metrics;
mod target_multiplier;

pub use allocation::{
    Allocation, AllocationFactors, AllocationInput, AllocationRegime, DrawdownZone,
    PerformanceMapping, allocation, cap_clusters, performance_multiplier,
};
pub use attribution::{Attribution, PnlSums, attribution, pnl_by_label, time_bucket};
pub use budget::{Budget, BudgetInput, BudgetSettings, budget, over_budget, vol_regime};
pub use clusters::{Cluster, ClusterInput, ClusterSettings, Clusters, NotReady, clusters};
pub use gate::{GateInput, GatePermit, GateRules, GateVerdict, gate, smaller_close};
pub use gate_metrics::{GateMetrics, GatePosition, GateSigma, gate_metrics};
pub use target_multiplier::{Efficiency, TargetMultiplier, target_multiplier};
