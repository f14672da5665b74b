//! The book as the gate sees it: equity, positions with a fresh snapshot, and their sigma.

use engine::{Context, GaugeOf, Nanos, Symbol};
use serde::{Deserialize, Serialize};
use strategies::heat::{HeatEntry, HeatSigma, ModeratorState, portfolio_heat};
use strategies::portfolio::{GateMetrics, GatePosition, GateSigma, gate_metrics};

use super::PortfolioGateSettings;
use crate::grid;
use crate::keys;
use crate::records::{ClusterState, MarketState, PortfolioState, PositionSnapshot};

/// An older snapshot is none (EHR 3.8).
const SNAPSHOT_AGE_MAX: Nanos = Nanos::from_secs(300);
/// An older portfolio state is none: it lives as long.
const PORTFOLIO_AGE_MAX: Nanos = Nanos::from_secs(120);
/// Two evaluations of P2.7.
const CLUSTERS_AGE_MAX: Nanos = Nanos::from_secs(120);
/// Five evaluations of P0.
const MARKETSTATE_AGE_MAX: Nanos = Nanos::from_secs(300);

/// Keys of one symbol, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Keys {
    symbol: Symbol,
    snapshot: String,
    market: String,
}

impl Keys {
    pub(super) fn of(symbol: Symbol) -> Keys {
        Keys {
            symbol,
            snapshot: keys::POSITION_SNAPSHOT.of(symbol),
            market: keys::MARKETSTATE.of(symbol),
        }
    }
}

impl PortfolioGateSettings {
    /// Whether a rule acts on the stress; where none does, it is told as the book alone makes it.
    pub(super) const fn by_stress(&self) -> bool {
        self.stress_rule || self.promotion
    }
}

/// The keys that a decision needs.
pub(super) fn keys_read(with_clusters: bool) -> Vec<String> {
    let always = [
        keys::PORTFOLIO,
        keys::POSITION_SNAPSHOT,
        keys::MARKETSTATE,
        keys::P26_COOLDOWN,
        keys::EXECUTOR_WAITING,
        keys::APPLY_WAITING,
    ];
    let clusters = with_clusters.then_some(keys::PORTFOLIO_CLUSTER_STATE);
    keys::patterns(&always.into_iter().chain(clusters).collect::<Vec<_>>())
}

/// What is known of the book at this moment.
pub(super) struct Book {
    /// At least one snapshot is fresh.
    pub snapshots_fresh: bool,
    /// Daily risk over equity; `None` when the equity or a number of it is missing, or the sigma of every open position.
    pub heat: Option<f64>,
    /// Stress and what it is made of; all zero when it cannot be computed.
    pub metrics: GateMetrics,
    /// For the moderator's score.
    pub state: ModeratorState,
    /// Of the portfolio state, in s.
    pub state_age_sec: Option<f64>,
}

struct Portfolio {
    equity: Option<f64>,
    state: ModeratorState,
    age_sec: Option<f64>,
}

fn portfolio(ctx: &mut Context<'_>) -> Portfolio {
    let now = ctx.now();
    let none = Portfolio { equity: None, state: ModeratorState::default(), age_sec: None };
    match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
        Ok(Some(state)) => {
            let age = now - state.timestamp.0;
            let fresh = !state.stale && age <= PORTFOLIO_AGE_MAX && age >= Nanos::ZERO;
            Portfolio {
                equity: state.equity_usd.map(grid::float).filter(|e| fresh && *e > 0.0),
                state: ModeratorState {
                    gross_exposure_usd: Some(grid::float(state.gross_exposure_usd)),
                    dd_ewma_usd: Some(state.dd_ewma_usd),
                    lossburst_ewma_usd: Some(state.lossburst_ewma_usd),
                    fee_burden_ewma_usd: Some(state.fee_burden_ewma_usd),
                    churn_ewma: Some(state.churn_ewma),
                },
                age_sec: Some(age.as_secs_f64()),
            }
        }
        Ok(None) => none,
        Err(_) => {
            ctx.count("portfolio_unreadable", 1);
            none
        }
    }
}

/// P2.7's stress of the clusters, where it is fresh.
fn cluster_stress(ctx: &mut Context<'_>) -> Option<f64> {
    let now = ctx.now();
    let young = Nanos::ZERO..=CLUSTERS_AGE_MAX;
    match ctx.record::<ClusterState>(keys::PORTFOLIO_CLUSTER_STATE.name) {
        Ok(Some(of)) if young.contains(&(now - of.updated_ts.0)) => Some(of.cluster_stress),
        Ok(_) => None,
        Err(_) => {
            ctx.count("clusters_unreadable", 1);
            None
        }
    }
}

/// Looks at the book; `with_clusters` also at the clusters, for a rule that acts on the stress.
pub(super) fn look(
    symbols: &[Keys],
    sigma: HeatSigma,
    gate_sigma: GateSigma,
    with_clusters: bool,
    ctx: &mut Context<'_>,
) -> Book {
    let now = ctx.now();
    let portfolio = portfolio(ctx);
    let mut entries = Vec::with_capacity(symbols.len());
    let mut positions = Vec::with_capacity(symbols.len());
    for keys in symbols {
        let (notional_usd, age) = match ctx.record::<PositionSnapshot>(&keys.snapshot) {
            Ok(Some(seen)) => {
                (grid::float(seen.position_amt * seen.mark_price), now - seen.ts_epoch.0)
            }
            Ok(None) => continue,
            Err(_) => {
                ctx.count("snapshot_unreadable", 1);
                continue;
            }
        };
        let of = GaugeOf::Symbol(keys.symbol);
        ctx.gauge("p26_snapshot_age_seconds", of, age.as_secs_f64());
        if age > SNAPSHOT_AGE_MAX {
            ctx.count("snapshot_stale", 1);
            continue;
        }
        let sigma_per_minute = match notional_usd == 0.0 {
            true => 0.0,
            false => sigma_of(&keys.market, ctx),
        };
        positions.push(GatePosition { notional_usd, sigma_per_minute });
        entries.push(HeatEntry { symbol: keys.symbol.as_str(), notional_usd, sigma_per_minute });
    }
    let heat = portfolio_heat(portfolio.equity, &entries, sigma);
    // Positions of which none has a sigma are not a book without risk.
    let mut open = entries.iter().filter(|entry| entry.notional_usd != 0.0).peekable();
    let blind = open.peek().is_some() && open.all(|entry| entry.sigma_per_minute <= 0.0);
    let clusters = if with_clusters { cluster_stress(ctx) } else { None };
    let used = if clusters.is_some() { 1.0 } else { 0.0 };
    ctx.gauge("p26_cluster_stress_used", GaugeOf::All, used);
    if clusters.is_none() {
        // The weight of the side that leads stands in for it.
        ctx.count("p26_cluster_fallback_total", 1);
    }
    let metrics = gate_metrics(&positions, clusters, gate_sigma).unwrap_or_else(|_| {
        ctx.count("metrics_refused", 1);
        GateMetrics::default()
    });
    ctx.gauge("p26_symbols_with_snapshot", GaugeOf::All, positions.len() as f64);
    Book {
        snapshots_fresh: !positions.is_empty(),
        heat: heat.ok().filter(|heat| !heat.equity_missing && !blind).map(|heat| heat.value),
        metrics,
        state: portfolio.state,
        state_age_sec: portfolio.age_sec,
    }
}

/// P0's, a minute; zero where it is not known, which leaves the position out of the heat.
fn sigma_of(key: &str, ctx: &mut Context<'_>) -> f64 {
    let now = ctx.now();
    match ctx.record::<MarketState>(key) {
        Ok(Some(state)) if now - state.ts_timestamp.0 <= MARKETSTATE_AGE_MAX => return state.sigma,
        Ok(_) | Err(_) => ctx.count("sigma_missing", 1),
    }
    0.0
}
