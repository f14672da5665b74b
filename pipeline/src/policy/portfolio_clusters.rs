//! Portfolio clusters P2.7 (EHR 3.10, MSE 15.3): which symbols move together, and how much stress that is.
//!
//! Its figure is the only one of cluster stress. Where prices are too few it writes nothing: the keys die, and
//! readers fall back on their own proxy.

use std::collections::VecDeque;

use engine::{
    Context, Envelope, EpochSeconds, GaugeOf, Input, JsonText, Nanos, Service, Symbol, TimerKey,
    Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::portfolio::{ClusterInput, ClusterSettings, Clusters, NotReady, clusters};

use crate::grid;
use crate::keys;
use crate::records::{
    ClusterRow, ClusterState, ClusterStateEntry, OneClusterState, PortfolioClusters,
    PositionSnapshot,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::PORTFOLIO_CLUSTER_STATE;

settings! {
    /// Portfolio clusters P2.7.
    pub struct PortfolioClustersSettings {
        /// Between two updates, in s (P27_UPDATE_SEC).
        pub update_s: i64 = 60 => 1..=300,
        /// Symbols with at least this correlation are of one cluster.
        pub correlation_min: f64 = 0.70 => -1.0..=1.0,
    }
}

/// Prices kept of each symbol.
const RING: usize = 361;
/// Returns that a symbol needs.
const RETURNS_MIN: usize = 10;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OneSymbol {
    symbol: Symbol,
    key: String,
    prices: VecDeque<f64>,
    /// Of the newest price.
    seen: Option<Nanos>,
    /// Signed, in USDT.
    notional: f64,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortfolioClustersService {
    settings: PortfolioClustersSettings,
    symbols: Vec<OneSymbol>,
}

impl OneSymbol {
    fn look(&mut self, ctx: &mut Context<'_>) {
        self.notional = 0.0;
        match ctx.record::<PositionSnapshot>(&self.key) {
            Ok(Some(snapshot)) => {
                let (mark, seen) = (grid::float(snapshot.mark_price), snapshot.ts_epoch.0);
                self.notional = grid::float(snapshot.position_amt) * mark;
                // The same look of P3.3 is not a second price.
                if self.seen == Some(seen) || mark <= 0.0 {
                    return;
                }
                self.seen = Some(seen);
                if self.prices.len() == RING {
                    self.prices.pop_front();
                }
                self.prices.push_back(mark);
            }
            Ok(None) => ctx.count("snapshot_missing", 1),
            Err(_) => ctx.count("snapshot_unreadable", 1),
        }
    }
}

impl PortfolioClustersService {
    fn update(&mut self, ctx: &mut Context<'_>) {
        self.symbols.iter_mut().for_each(|one| one.look(ctx));
        for one in &mut self.symbols {
            let points = one.prices.len() as f64;
            ctx.gauge("p27_points_per_symbol", GaugeOf::Symbol(one.symbol), points);
            one.prices.make_contiguous();
        }
        let least = self.symbols.iter().map(|one| one.prices.len()).min().unwrap_or(0);
        ctx.gauge("p27_min_points_per_symbol", GaugeOf::All, least as f64);
        let input: Vec<ClusterInput<'_>> = self.symbols.iter().map(input_of).collect();
        let rules = ClusterSettings {
            correlation_min: self.settings.correlation_min,
            returns_min: RETURNS_MIN,
        };
        match clusters(&input, &rules) {
            Ok(found) => {
                let ready = input.iter().filter(|of| of.prices.len() > RETURNS_MIN).count();
                ctx.gauge("p27_symbols_in_matrix", GaugeOf::All, ready as f64);
                publish(&found, ctx);
            }
            Err(why) => {
                ctx.gauge("p27_corr_ready", GaugeOf::All, 0.0);
                ctx.count("p27_fail_closed_total", 1);
                let reason = match why {
                    NotReady::TooFewSymbols { .. } => "p27_fail_closed_too_few_symbols",
                    NotReady::Refused(_) => "p27_fail_closed_refused",
                };
                ctx.count(reason, 1);
            }
        }
    }
}

fn input_of(one: &OneSymbol) -> ClusterInput<'_> {
    let prices = one.prices.as_slices().0;
    ClusterInput { symbol: one.symbol.as_str(), prices, notional_usd: one.notional }
}

fn publish(found: &Clusters<'_>, ctx: &mut Context<'_>) {
    let now = EpochSeconds(ctx.now());
    let clusters_count = found.clusters.len() as u64;
    let most = found.clusters.iter().map(|cluster| cluster.stress).fold(0.0, f64::max);
    ctx.gauge("p27_corr_ready", GaugeOf::All, 1.0);
    ctx.gauge("p27_clusters_count", GaugeOf::All, clusters_count as f64);
    ctx.gauge("p27_cluster_stress_max", GaugeOf::All, most);
    ctx.gauge("p27_cluster_stress_sum", GaugeOf::All, found.stress);
    ctx.count("p27_updates_total", 1);
    let mut rows = Vec::with_capacity(found.clusters.len());
    let mut saved = true;
    for (place, cluster) in found.clusters.iter().enumerate() {
        let id = place.to_string();
        let names = cluster.symbols.iter().filter_map(|name| Symbol::new(name).ok());
        let symbols: Vec<Symbol> = names.collect();
        let one = OneClusterState {
            updated_ts: now,
            cluster_id: id.clone(),
            symbols: JsonText(symbols.clone()),
            notional_usd: cluster.notional_usd,
            weight: cluster.weight,
            concentration: cluster.concentration,
            correlation: cluster.correlation,
            stress: cluster.stress,
        };
        let key = keys::PORTFOLIO_CLUSTER.of(&id);
        saved &= ctx.set_record(&key, &one, keys::PORTFOLIO_CLUSTER.life).is_ok();
        rows.push(ClusterRow { id, symbols, stress: cluster.stress });
    }
    let state = ClusterState { updated_ts: now, cluster_stress: found.stress, clusters_count };
    let key = keys::PORTFOLIO_CLUSTER_STATE;
    saved &= ctx.set_record(key.name, &state, key.life).is_ok();
    let clusters = JsonText(rows);
    let all = PortfolioClusters { updated_ts: now, clusters: clusters.clone() };
    saved &= ctx.set_record(keys::PORTFOLIO_CLUSTERS.name, &all, key.life).is_ok();
    if !saved {
        ctx.count("clusters_not_saved", 1);
    }
    let cluster_stress = found.stress;
    let entry = ClusterStateEntry { cluster_stress, clusters_count, clusters, ts_epoch: now };
    crate::publish(ctx, PORTFOLIO_CLUSTER_STATE, Envelope::Flat, entry);
}

impl Configured for PortfolioClustersService {
    type Settings = PortfolioClustersSettings;
    const COUNTERS: &'static [&'static str] = &[
        "clusters_not_saved",
        "p27_fail_closed_refused",
        "p27_fail_closed_too_few_symbols",
        "p27_fail_closed_total",
        "p27_updates_total",
        "snapshot_missing",
        "snapshot_unreadable",
    ];
    const GAUGES: &'static [&'static str] = &[
        "p27_cluster_stress_max",
        "p27_cluster_stress_sum",
        "p27_clusters_count",
        "p27_corr_ready",
        "p27_min_points_per_symbol",
        "p27_points_per_symbol",
        "p27_symbols_in_matrix",
    ];

    fn configured(
        settings: &PortfolioClustersSettings,
        setup: Setup<'_>,
    ) -> Result<PortfolioClustersService, String> {
        let one = |symbol: &Symbol| OneSymbol {
            symbol: *symbol,
            key: keys::POSITION_SNAPSHOT.of(symbol),
            prices: VecDeque::with_capacity(RING),
            seen: None,
            notional: 0.0,
        };
        let symbols = setup.symbols.iter().map(one).collect();
        Ok(PortfolioClustersService { settings: settings.clone(), symbols })
    }
}

impl Service for PortfolioClustersService {
    fn wiring(&self) -> Wiring {
        Wiring {
            writes: vec![PORTFOLIO_CLUSTER_STATE.name],
            keys_read: keys::patterns(&[keys::POSITION_SNAPSHOT]),
            keys_written: keys::patterns(&[
                keys::PORTFOLIO_CLUSTER_STATE,
                keys::PORTFOLIO_CLUSTER,
                keys::PORTFOLIO_CLUSTERS,
            ]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {}
            Input::Timer(_) => self.update(ctx),
            _ => return,
        }
        ctx.timer_after(Nanos::from_secs(self.settings.update_s), TimerKey(0));
    }
}
