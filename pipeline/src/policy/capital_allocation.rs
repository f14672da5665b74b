//! Capital allocation P2.9 (EHR 3.14): what each symbol should hold, from its budget.
//!
//! It fails open: what is stale multiplies by 1, a stale budget is the target, and without a portfolio there is
//! no round at all.

use engine::{
    Context, Envelope, EpochSeconds, GaugeOf, Input, Nanos, Service, Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::portfolio::{
    Allocation, AllocationInput, AllocationRegime, PerformanceMapping, allocation, cap_clusters,
    performance_multiplier,
};
use strategies::regime::MetaRegime;

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    AllocationDecision, AllocationTarget, AlphaAttribution, BindingMode, ClusterRow,
    MetaRegimeState, PortfolioBudget, PortfolioClusters, PortfolioState,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{ALLOCATION_DECISION, REGIME_STATE};

settings! {
    /// Capital allocation P2.9.
    pub struct CapitalAllocationSettings {
        /// Whether targets bind.
        pub mode: BindingMode = BindingMode::Shadow,
    }
}

const INTERVAL: Nanos = Nanos::from_secs(5);
/// A portfolio, a budget or an attribution that is older is stale.
const FRESH: Nanos = Nanos::from_secs(60);
/// A regime or clusters that are older are stale: several of their rounds have failed.
const SLOW_FRESH: Nanos = Nanos::from_secs(120);

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CapitalAllocation {
    mode: BindingMode,
    mapping: PerformanceMapping,
    /// One stale budget ends the round.
    aborts: bool,
    /// Nobody has told of clusters: all symbols are of one, and none has stress.
    one_cluster: bool,
    symbols: Vec<Symbol>,
    budget_keys: Vec<String>,
    alpha_keys: Vec<String>,
    target_keys: Vec<String>,
}

fn stale(source: &'static str, ctx: &mut Context<'_>) {
    ctx.count("p29_stale_fallback_total", 1);
    ctx.count(source, 1);
}

/// The market's regime by the name that P2.9 knows, and how sure it is.
fn regime(ctx: &mut Context<'_>) -> Option<(String, f64)> {
    let newest = ctx.newest(REGIME_STATE.name, 1).unwrap_or_default();
    let body = newest.first().and_then(|entry| entry.body.as_ref());
    let told = body.and_then(|body| body.read::<MetaRegimeState>().ok());
    let fresh = told.filter(|told| ctx.now() - told.timestamp.0 <= SLOW_FRESH);
    let named = fresh.map(|told| {
        let known = MetaRegime::of(&told.regime).map(MetaRegime::allocation_name);
        (known.unwrap_or(&told.regime).to_owned(), told.confidence)
    });
    if named.is_none() {
        stale("p29_stale_regime", ctx);
    }
    named
}

fn clusters(ctx: &mut Context<'_>) -> Vec<ClusterRow> {
    let now = ctx.now();
    match ctx.record::<PortfolioClusters>(keys::PORTFOLIO_CLUSTERS.name) {
        Ok(Some(told)) if now - told.updated_ts.0 <= SLOW_FRESH => told.clusters.0.clone(),
        _ => {
            stale("p29_stale_cluster", ctx);
            Vec::new()
        }
    }
}

impl CapitalAllocation {
    fn round(&self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let known = match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
            Ok(Some(state)) if !state.stale && now - state.timestamp.0 <= FRESH => {
                state.equity_usd.map(|equity| (grid::float(equity), state.drawdown))
            }
            _ => None,
        };
        let Some((equity, drawdown)) = known else {
            return stale("p29_stale_portfolio", ctx);
        };
        let regime = regime(ctx);
        let clusters = if self.one_cluster { Vec::new() } else { clusters(ctx) };
        let mut made: Vec<(usize, Allocation)> = Vec::with_capacity(self.symbols.len());
        for place in 0..self.symbols.len() {
            let budget = match ctx.record::<PortfolioBudget>(&self.budget_keys[place]) {
                Ok(Some(budget)) => (grid::float(budget.budget_usd), now - budget.timestamp.0),
                Ok(None) => continue,
                Err(_) => {
                    ctx.count("budget_unreadable", 1);
                    continue;
                }
            };
            let budget_stale = budget.1 > FRESH;
            if budget_stale {
                stale("p29_stale_budget", ctx);
                if self.aborts {
                    return;
                }
            }
            let row = clusters.iter().find(|row| row.symbols.contains(&self.symbols[place]));
            let input = AllocationInput {
                budget_usd: budget.0,
                budget_stale,
                equity_usd: equity,
                drawdown,
                regime: (regime.as_ref())
                    .map(|(name, confidence)| AllocationRegime { name, confidence: *confidence }),
                performance_multiplier: self.performance(place, ctx),
                cluster_stress: row.map(|row| row.stress),
            };
            match allocation(&input) {
                Ok(allocation) => made.push((place, allocation)),
                Err(_) => ctx.count("allocation_refused", 1),
            }
        }
        self.cap(&mut made, &clusters, equity, ctx);
        for (place, allocation) in &made {
            self.tell(*place, allocation, (regime.as_ref(), &clusters), ctx);
        }
    }

    fn performance(&self, place: usize, ctx: &mut Context<'_>) -> Option<f64> {
        let now = ctx.now();
        let factor = match ctx.record::<AlphaAttribution>(&self.alpha_keys[place]) {
            Ok(Some(told)) if now - told.ts_utc.0 <= FRESH => Some(told.performance_factor),
            _ => None,
        };
        if factor.is_none() {
            stale("p29_stale_performance", ctx);
        }
        factor.and_then(|factor| performance_multiplier(factor, self.mapping).ok())
    }

    /// No cluster holds more than its share.
    fn cap(
        &self,
        made: &mut [(usize, Allocation)],
        clusters: &[ClusterRow],
        equity: f64,
        ctx: &mut Context<'_>,
    ) {
        let mut targets: Vec<f64> = made.iter().map(|(_, of)| of.target_usd).collect();
        let cluster_of = |(place, _): &(usize, Allocation)| {
            if self.one_cluster {
                return Some(0);
            }
            clusters.iter().position(|row| row.symbols.contains(&self.symbols[*place]))
        };
        let of: Vec<Option<usize>> = made.iter().map(cluster_of).collect();
        if cap_clusters(&mut targets, &of, equity).is_err() {
            return ctx.count("allocation_refused", 1);
        }
        for ((_, allocation), target) in made.iter_mut().zip(targets) {
            allocation.target_usd = target;
            allocation.weight = target / equity;
        }
    }

    fn tell(
        &self,
        place: usize,
        made: &Allocation,
        (regime, clusters): (Option<&(String, f64)>, &[ClusterRow]),
        ctx: &mut Context<'_>,
    ) {
        let (symbol, mode, timestamp) = (self.symbols[place], self.mode, EpochSeconds(ctx.now()));
        let factors = &made.factors;
        let of = GaugeOf::Symbol(symbol);
        ctx.gauge("p29_target_usd", of, made.target_usd);
        ctx.gauge("p29_allocation_confidence", of, made.confidence);
        ctx.gauge("p29_regime_factor", of, factors.regime_factor);
        ctx.gauge("p29_cluster_factor", of, factors.cluster_factor);
        ctx.gauge("p29_drawdown_factor", of, factors.drawdown_factor);
        ctx.count("p29_targets_computed_total", 1);
        if mode == BindingMode::Enforce {
            let row = clusters.iter().find(|row| row.symbols.contains(&symbol));
            let target = AllocationTarget {
                target_usd: grid::decimal(made.target_usd).unwrap_or_default(),
                weight: Some(made.weight),
                cluster_id: row.map(|row| row.id.clone().into()),
                regime: regime.map(|(name, _)| name.clone().into()),
                drawdown_zone: Some(made.drawdown_zone.as_str().into()),
                confidence: Some(made.confidence),
                mode,
                timestamp,
            };
            let life = keys::ALLOCATION_TARGET.life;
            if ctx.set_record(&self.target_keys[place], &target, life).is_err() {
                ctx.count("target_not_saved", 1);
            }
            ctx.count("p29_enforce_overrides_total", 1);
        } else {
            ctx.count("p29_shadow_pass_total", 1);
        }
        let decision = AllocationDecision {
            symbol,
            target_usd: made.target_usd,
            drawdown_zone: made.drawdown_zone.as_str().into(),
            confidence: made.confidence,
            mode,
            timestamp,
            regime_factor: factors.regime_factor,
            cluster_factor: factors.cluster_factor,
            drawdown_factor: factors.drawdown_factor,
            performance_factor: factors.performance_factor,
            performance_source: factors.performance_source.into(),
        };
        crate::publish(ctx, ALLOCATION_DECISION, Envelope::Flat, decision);
    }
}

impl Configured for CapitalAllocation {
    type Settings = CapitalAllocationSettings;
    const COUNTERS: &'static [&'static str] = &[
        "allocation_refused",
        "budget_unreadable",
        "p29_enforce_overrides_total",
        "p29_shadow_pass_total",
        "p29_stale_budget",
        "p29_stale_cluster",
        "p29_stale_fallback_total",
        "p29_stale_performance",
        "p29_stale_portfolio",
        "p29_stale_regime",
        "p29_targets_computed_total",
        "target_not_saved",
    ];
    const GAUGES: &'static [&'static str] = &[
        "p29_allocation_confidence",
        "p29_cluster_factor",
        "p29_drawdown_factor",
        "p29_regime_factor",
        "p29_target_usd",
    ];

    fn configured(
        settings: &CapitalAllocationSettings,
        setup: Setup<'_>,
    ) -> Result<CapitalAllocation, String> {
        let audited = &setup.pipeline.audited;
        Ok(CapitalAllocation {
            mode: settings.mode,
            mapping: match audited.has(Audited::RawPerformanceFactor) {
                true => PerformanceMapping::AuditedRaw,
                false => PerformanceMapping::Bounded,
            },
            aborts: audited.has(Audited::StaleBudgetAborts),
            one_cluster: audited.has(Audited::ClusterStressUnwritten),
            symbols: setup.symbols.to_vec(),
            budget_keys: keys::PORTFOLIO_BUDGET.of_each(setup.symbols),
            alpha_keys: keys::ALPHA_ATTRIBUTION.of_each(setup.symbols),
            target_keys: keys::ALLOCATION_TARGET.of_each(setup.symbols),
        })
    }
}

impl Service for CapitalAllocation {
    fn wiring(&self) -> Wiring {
        let enforced = self.mode == BindingMode::Enforce;
        let mut read = vec![keys::PORTFOLIO, keys::PORTFOLIO_BUDGET, keys::ALPHA_ATTRIBUTION];
        if !self.one_cluster {
            read.push(keys::PORTFOLIO_CLUSTERS);
        }
        Wiring {
            writes: vec![ALLOCATION_DECISION.name],
            looks: vec![REGIME_STATE.name],
            keys_read: keys::patterns(&read),
            keys_written: if enforced {
                keys::patterns(&[keys::ALLOCATION_TARGET])
            } else {
                Vec::new()
            },
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {}
            Input::Timer(_) => self.round(ctx),
            _ => return,
        }
        ctx.timer_after(INTERVAL, TimerKey(0));
    }
}
