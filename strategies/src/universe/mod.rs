//! Which symbols are traded (MSE 6, 8).

mod age;
mod generator;
mod resolver;
mod selection;
mod snapshots;
mod tradable;

pub use age::{PolicyClock, PolicyClockFault, PolicyState};
pub use generator::{
    CandidateFilter, CandidateStats, Candle, Performance, UniverseRejection, candidate_filter,
    candidate_score, momentum_pct, performance_factor, policy_leverage, trend_pct, volatility_pct,
};
pub use resolver::{SymbolSources, VolumeRow, is_leveraged, most_traded, resolve_symbols};
pub use selection::{guard_churn, select_diverse};
pub use snapshots::SnapshotPace;
pub use tradable::{
    ListedSymbol, UniverseCopy, UniverseSource, UniverseState, is_universe_name, permitted_symbols,
    tradable_symbols,
};
