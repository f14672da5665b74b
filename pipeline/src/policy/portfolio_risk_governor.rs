//! Portfolio risk governor P2.8 (EHR 3.13): how much of each symbol the book may hold, and who holds more.
//!
//! It fails open: what is missing counts as calm, with a counter, and without a portfolio there is no budget. The
//! last portfolio that was good serves for 900 s.

use engine::{
    Context, Envelope, EpochSeconds, GaugeOf, Input, Nanos, Service, Symbol, TimerKey, Wiring,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use strategies::portfolio::{BudgetInput, BudgetSettings, budget, over_budget, vol_regime};

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    BindingMode, BudgetViolation, ClusterState, HeatDecision, PortfolioBudget, PortfolioState,
    PositionSnapshot, SymbolMarketState,
};
use crate::settings::{Configured, SHARE, Setup, settings};
use crate::streams::{BUDGET_VIOLATION, HARVEST_HEAT_DECISION};

settings! {
    /// Portfolio risk governor P2.8.
    pub struct PortfolioRiskGovernorSettings {
        /// Whether budgets bind (P28_MODE).
        pub mode: BindingMode = BindingMode::Shadow,
        /// Share of the equity for one symbol without stress.
        pub base_risk_pct: f64 = 0.02 => SHARE,
        /// Smallest budget, in USDT.
        pub budget_min_usd: f64 = 500.0 => 0.0..=1e12,
        /// Largest budget, in USDT.
        pub budget_max_usd: f64 = 10_000.0 => 0.0..=1e12,
    }
}

const INTERVAL: Nanos = Nanos::from_secs(10);
/// A portfolio below this age is fresh; below the next it serves in want of a better one.
const FRESH: Nanos = Nanos::from_secs(30);
const LAST_GOOD: Nanos = Nanos::from_secs(900);
/// Two updates of the clusters.
const CLUSTER_MAX_AGE: Nanos = Nanos::from_secs(120);
/// A heat that is older is not known.
const HEAT_MAX_AGE: Nanos = Nanos::from_secs(600);
/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PortfolioRiskGovernor {
    settings: PortfolioRiskGovernorSettings,
    symbols: Vec<Symbol>,
    snapshot_keys: Vec<String>,
    market_keys: Vec<String>,
    budget_keys: Vec<String>,
    /// Equity in USDT, and when it was told.
    last_good: Option<(Decimal, Nanos)>,
    /// A second test of age refuses the last good portfolio.
    refuses_last_good: bool,
    /// Nobody asks whether a position is within its budget.
    unchecked: bool,
    /// It looks for cluster stress where nobody writes any.
    without_clusters: bool,
}

fn stale(input: &'static str, ctx: &mut Context<'_>) {
    ctx.count("p28_stale_input_total", 1);
    ctx.count(input, 1);
}

impl PortfolioRiskGovernor {
    /// The equity, if it is known well enough.
    fn equity(&mut self, ctx: &mut Context<'_>) -> Option<Decimal> {
        let now = ctx.now();
        match ctx.record::<PortfolioState>(keys::PORTFOLIO.name) {
            Ok(Some(state)) if !state.stale => {
                let told = state.equity_usd.map(|equity| (equity, state.timestamp.0));
                self.last_good = told.or(self.last_good);
            }
            Ok(_) => {}
            Err(_) => ctx.count("portfolio_unreadable", 1),
        }
        match self.last_good {
            Some((equity, told)) if now - told < FRESH => Some(equity),
            Some((equity, told)) if now - told <= LAST_GOOD && !self.refuses_last_good => {
                stale("p28_stale_portfolio", ctx);
                ctx.count("p28_lkg_cache_used_total", 1);
                Some(equity)
            }
            _ => {
                stale("p28_stale_portfolio", ctx);
                ctx.count("p28_portfolio_too_old_total", 1);
                None
            }
        }
    }

    fn heat(&self, ctx: &mut Context<'_>) -> f64 {
        let newest = ctx.newest(HARVEST_HEAT_DECISION.name, 1).unwrap_or_default();
        let body = newest.first().and_then(|entry| entry.body.as_ref());
        let told = body.and_then(|body| body.read::<HeatDecision>().ok());
        match told.filter(|heat| ctx.now() - heat.ts_epoch.0 <= HEAT_MAX_AGE) {
            Some(heat) => heat.heat_score,
            None => {
                stale("p28_stale_heat", ctx);
                0.0
            }
        }
    }

    fn cluster_stress(&self, ctx: &mut Context<'_>) -> f64 {
        let now = ctx.now();
        if self.without_clusters {
            stale("p28_stale_cluster", ctx);
            return 0.0;
        }
        match ctx.record::<ClusterState>(keys::PORTFOLIO_CLUSTER_STATE.name) {
            Ok(Some(state)) if now - state.updated_ts.0 <= CLUSTER_MAX_AGE => state.cluster_stress,
            _ => {
                stale("p28_stale_cluster", ctx);
                0.0
            }
        }
    }

    fn evaluate(&mut self, ctx: &mut Context<'_>) {
        let enforced = f64::from(u8::from(self.settings.mode == BindingMode::Enforce));
        ctx.gauge("p28_enforce_mode", GaugeOf::All, enforced);
        let Some(equity) = self.equity(ctx) else { return };
        let (heat, cluster) = (self.heat(ctx), self.cluster_stress(ctx));
        for place in 0..self.symbols.len() {
            match ctx.record::<PositionSnapshot>(&self.snapshot_keys[place]) {
                Ok(Some(snapshot)) => {
                    let notional = (snapshot.position_amt * snapshot.mark_price).abs();
                    self.judge(place, notional, (equity, heat, cluster), ctx);
                }
                Ok(None) => {}
                Err(_) => ctx.count("snapshot_unreadable", 1),
            }
        }
    }

    fn judge(
        &self,
        place: usize,
        notional: Decimal,
        (equity, heat, cluster): (Decimal, f64, f64),
        ctx: &mut Context<'_>,
    ) {
        let market = match ctx.record::<SymbolMarketState>(&self.market_keys[place]) {
            Ok(Some(state)) => Some(vol_regime(state.vol_regime.as_deref(), state.sigma)),
            Ok(None) | Err(_) => None,
        };
        if market.is_none() {
            stale("p28_stale_market", ctx);
        }
        let vol = market.unwrap_or_else(|| vol_regime(None, None));
        let input = BudgetInput {
            equity_usd: grid::float(equity),
            portfolio_heat: heat,
            cluster_stress: cluster,
            vol_regime: vol,
        };
        let settings = BudgetSettings {
            base_risk_pct: self.settings.base_risk_pct,
            budget_min_usd: self.settings.budget_min_usd,
            budget_max_usd: self.settings.budget_max_usd,
        };
        let made = budget(&input, &settings).ok();
        let Some((made, budget_usd)) = made.and_then(|b| Some((b, grid::decimal(b.budget_usd)?)))
        else {
            return ctx.count("budget_refused", 1);
        };
        let (symbol, mode, now) = (self.symbols[place], self.settings.mode, ctx.now());
        ctx.count("p28_budget_computed_total", 1);
        ctx.gauge("p28_budget_value_usd", GaugeOf::Symbol(symbol), made.budget_usd);
        ctx.gauge("p28_stress_factor", GaugeOf::Symbol(symbol), made.stress_factor);
        let record = PortfolioBudget {
            symbol,
            budget_usd,
            stress_factor: Some(made.stress_factor),
            equity_usd: Some(equity),
            portfolio_heat: Some(heat),
            cluster_stress: Some(cluster),
            vol_regime: Some(vol),
            base_risk_pct: Some(self.settings.base_risk_pct),
            mode,
            timestamp: EpochSeconds(now),
        };
        let life = keys::PORTFOLIO_BUDGET.life;
        if ctx.set_record(&self.budget_keys[place], &record, life).is_err() {
            ctx.count("p28_redis_write_fail_total", 1);
        }
        if self.unchecked {
            return;
        }
        let over = over_budget(grid::float(notional), made.budget_usd);
        let Some(over) = over.and_then(grid::decimal) else {
            return ctx.count("p28_budget_allow_total", 1);
        };
        ctx.count("p28_budget_blocks_total", 1);
        let violation = BudgetViolation {
            event_type: "budget.violation".into(),
            symbol,
            position_notional: notional,
            budget_usd,
            over_budget: over,
            mode,
            timestamp: EpochSeconds(now),
        };
        crate::publish(ctx, BUDGET_VIOLATION, Envelope::Flat, violation);
    }
}

impl Configured for PortfolioRiskGovernor {
    type Settings = PortfolioRiskGovernorSettings;
    const COUNTERS: &'static [&'static str] = &[
        "budget_refused",
        "p28_budget_allow_total",
        "p28_budget_blocks_total",
        "p28_budget_computed_total",
        "p28_lkg_cache_used_total",
        "p28_portfolio_too_old_total",
        "p28_redis_write_fail_total",
        "p28_stale_cluster",
        "p28_stale_heat",
        "p28_stale_input_total",
        "p28_stale_market",
        "p28_stale_portfolio",
        "portfolio_unreadable",
        "snapshot_unreadable",
    ];
    const GAUGES: &'static [&'static str] =
        &["p28_budget_value_usd", "p28_enforce_mode", "p28_stress_factor"];

    fn configured(
        settings: &PortfolioRiskGovernorSettings,
        setup: Setup<'_>,
    ) -> Result<PortfolioRiskGovernor, String> {
        if settings.budget_min_usd > settings.budget_max_usd {
            return Err("budget_min_usd is above budget_max_usd".to_owned());
        }
        let audited = &setup.pipeline.audited;
        Ok(PortfolioRiskGovernor {
            settings: settings.clone(),
            symbols: setup.symbols.to_vec(),
            snapshot_keys: keys::POSITION_SNAPSHOT.of_each(setup.symbols),
            market_keys: keys::STATE_MARKET_SYMBOL.of_each(setup.symbols),
            budget_keys: keys::PORTFOLIO_BUDGET.of_each(setup.symbols),
            last_good: None,
            refuses_last_good: audited.has(Audited::LastGoodRefused),
            unchecked: audited.has(Audited::BudgetsUnchecked),
            without_clusters: audited.has(Audited::ClusterStressUnwritten),
        })
    }
}

impl Service for PortfolioRiskGovernor {
    fn wiring(&self) -> Wiring {
        let mut read = vec![keys::PORTFOLIO, keys::POSITION_SNAPSHOT, keys::STATE_MARKET_SYMBOL];
        if !self.without_clusters {
            read.push(keys::PORTFOLIO_CLUSTER_STATE);
        }
        Wiring {
            writes: if self.unchecked { Vec::new() } else { vec![BUDGET_VIOLATION.name] },
            looks: vec![HARVEST_HEAT_DECISION.name],
            keys_read: keys::patterns(&read),
            keys_written: keys::patterns(&[keys::PORTFOLIO_BUDGET]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => {}
            Input::Timer(_) => self.evaluate(ctx),
            _ => return,
        }
        ctx.timer_after(INTERVAL, TimerKey(0));
    }
}
