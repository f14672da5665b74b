//! Performance attribution P3.0 (EHR 3.15): what a symbol's executions have brought, and where.
//!
//! The factor is smoothed once for each new execution, never again for the same ones. What opens a position has
//! brought nothing yet and is no result. A successor goes on behind the execution that the last entry of
//! alpha.attribution names.

use std::collections::VecDeque;

use engine::{
    Context, Entry, EntryId, Envelope, GaugeOf, Input, IsoTime, JsonText, Nanos, Service, Symbol,
    TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::portfolio::{Attribution, PnlSums, attribution, pnl_by_label, time_bucket};

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    AlphaAttribution, BindingMode, ExecutionResult, MetaRegimeState, PortfolioClusters,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{ALPHA_ATTRIBUTION, EXECUTION_RESULT, META_REGIME};

settings! {
    /// Performance attribution P3.0.
    pub struct PerformanceAttributionSettings {
        /// Whether the allocators may use it.
        pub mode: BindingMode = BindingMode::Shadow,
        /// Between two entries without a new execution, in s.
        pub refresh_s: i64 = 30 => 5..,
    }
}

const INTERVAL: Nanos = Nanos::from_secs(5);
/// Entries of execution.result that are looked at.
const EXECUTIONS: usize = 100;
/// Executions of a symbol that count.
const WINDOW: usize = 20;
/// What was known last is told for so long.
const LAST_GOOD: Nanos = Nanos::from_secs(900);
/// Entries of alpha.attribution looked at after a start: all that there may be.
const TOLD: usize = 1_100;

/// An execution that brought something.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Executed {
    order_id: u64,
    trade_id: Option<u64>,
    pnl: f64,
    regime: Option<String>,
    cluster: Option<String>,
    signal: Option<String>,
    hour: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OneSymbol {
    symbol: Symbol,
    key: String,
    executed: VecDeque<Executed>,
    last: Option<Attribution>,
    factor: Option<f64>,
    /// Newest execution in it.
    execution_id: String,
    told: Nanos,
    /// When an execution of it was last in the stream.
    live: Nanos,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PerformanceAttribution {
    settings: PerformanceAttributionSettings,
    symbols: Vec<OneSymbol>,
    seen: (u64, u64),
    /// The same executions are smoothed in each round.
    smooths_again: bool,
}

impl OneSymbol {
    fn pnl(&self) -> Vec<f64> {
        self.executed.iter().map(|executed| executed.pnl).collect()
    }

    fn sums<'a>(&'a self, label: impl Fn(&'a Executed) -> Option<&'a str>) -> JsonText<PnlSums> {
        let trades = self.executed.iter().map(|executed| (label(executed), executed.pnl));
        // Every one of them is finite: attribution has taken it.
        JsonText(pnl_by_label(trades).unwrap_or_default())
    }

    fn tell(&mut self, mode: BindingMode, source: &'static str, ctx: &mut Context<'_>) {
        let Some(last) = self.last else { return };
        let now = ctx.now();
        self.told = now;
        let of = GaugeOf::Symbol(self.symbol);
        ctx.gauge("p30_alpha_score", of, last.alpha_score);
        ctx.gauge("p30_performance_factor", of, last.performance_factor);
        ctx.gauge("p30_confidence", of, last.confidence);
        ctx.gauge("p30_execution_pnl_total", of, self.pnl().iter().sum());
        let record = AlphaAttribution {
            symbol: self.symbol,
            alpha_score: last.alpha_score,
            performance_factor: last.performance_factor,
            confidence: last.confidence,
            window: self.executed.len() as u64,
            ts_utc: IsoTime(now),
            source: source.into(),
            mode,
            regime_contrib: self.sums(|executed| executed.regime.as_deref()),
            cluster_contrib: self.sums(|executed| executed.cluster.as_deref()),
            signal_contrib: self.sums(|executed| executed.signal.as_deref()),
            time_contrib: self.sums(|executed| Some(time_bucket(executed.hour))),
            execution_id: self.execution_id.clone(),
        };
        if mode == BindingMode::Enforce
            && ctx.set_record(&self.key, &record, keys::ALPHA_ATTRIBUTION.life).is_err()
        {
            ctx.count("attribution_not_saved", 1);
        }
        crate::publish(ctx, ALPHA_ATTRIBUTION, Envelope::Flat, record);
    }
}

impl PerformanceAttribution {
    /// After a start: factors as they were told last, and the executions behind them.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        let mut last = EntryId::ZERO;
        for entry in ctx.newest(ALPHA_ATTRIBUTION.name, TOLD).unwrap_or_default() {
            let Some(body) = &entry.body else { continue };
            let Ok(told) = body.read::<AlphaAttribution>() else {
                ctx.count("attribution_unreadable", 1);
                continue;
            };
            let one = self.symbols.iter_mut().find(|one| one.symbol == told.symbol);
            let Some(one) = one.filter(|one| one.factor.is_none()) else { continue };
            one.factor = Some(told.performance_factor);
            one.last = Some(Attribution {
                alpha_score: told.alpha_score,
                performance_factor: told.performance_factor,
                confidence: told.confidence,
            });
            one.execution_id.clone_from(&told.execution_id);
            one.live = told.ts_utc.0;
            last = last.max(told.execution_id.parse().unwrap_or(EntryId::ZERO));
        }
        let newest = ctx.newest(EXECUTION_RESULT.name, EXECUTIONS).unwrap_or_default();
        for entry in newest.iter().rev().filter(|entry| entry.id <= last) {
            self.gather(entry, (None, None), ctx);
        }
        self.seen = (last.ms, last.seq);
    }

    /// Takes an execution into its symbol's window; its place if it is new and brought something.
    fn gather(
        &mut self,
        entry: &Entry,
        labels: (Option<&str>, Option<&PortfolioClusters>),
        ctx: &mut Context<'_>,
    ) -> Option<usize> {
        let read = entry.body.as_ref()?.read::<ExecutionResult>();
        let Ok(fill) = read else {
            ctx.count("executions_unreadable", 1);
            return None;
        };
        let place = self.symbols.iter().position(|one| one.symbol == fill.symbol)?;
        let pnl = fill.realized_pnl.map(grid::float)?;
        if !fill.reduce_only.0 && pnl == 0.0 {
            return None;
        }
        let executed = &mut self.symbols[place].executed;
        let is_known = |e: &Executed| e.order_id == fill.order_id && e.trade_id == fill.trade_id;
        if executed.iter().any(is_known) {
            ctx.count("executions_repeated", 1);
            return None;
        }
        let (regime, clusters) = labels;
        let in_cluster = |clusters: &PortfolioClusters| {
            let row = clusters.clusters.0.iter().find(|row| row.symbols.contains(&fill.symbol))?;
            Some(row.id.clone())
        };
        if executed.len() == WINDOW {
            executed.pop_front();
        }
        executed.push_back(Executed {
            order_id: fill.order_id,
            trade_id: fill.trade_id,
            pnl,
            regime: regime.map(str::to_owned),
            cluster: clusters.and_then(in_cluster),
            signal: fill.model.as_deref().map(str::to_owned),
            hour: (fill.timestamp.0.secs().rem_euclid(86_400) / 3_600) as u32,
        });
        Some(place)
    }

    fn round(&mut self, ctx: &mut Context<'_>) {
        let newest = ctx.newest(EXECUTION_RESULT.name, 1).unwrap_or_default();
        let id = newest.first().map_or((0, 0), |entry| (entry.id.ms, entry.id.seq));
        let now = ctx.now();
        let again = self.smooths_again;
        let refresh = if again { INTERVAL } else { Nanos::from_secs(self.settings.refresh_s) };
        let is_due = self.symbols.iter().any(|one| one.last.is_some() && now - one.told >= refresh);
        if id <= self.seen && !is_due {
            return;
        }
        let executions = ctx.newest(EXECUTION_RESULT.name, EXECUTIONS).unwrap_or_default();
        if id > self.seen {
            self.take(&executions, ctx);
            self.seen = id;
        }
        let mode = self.settings.mode;
        for one in &mut self.symbols {
            if one.last.is_none() || now - one.told < refresh {
                continue;
            }
            if again && let Ok(Some(made)) = attribution(&one.pnl(), one.factor) {
                (one.factor, one.last) = (Some(made.performance_factor), Some(made));
            }
            let is_live = executions.iter().filter_map(|entry| entry.body.as_ref()).any(|body| {
                body.read::<ExecutionResult>().is_ok_and(|fill| fill.symbol == one.symbol)
            });
            if is_live {
                one.live = now;
                one.tell(mode, "live", ctx);
            } else if now - one.live <= LAST_GOOD {
                ctx.count("p30_lkg_used_total", 1);
                one.tell(mode, "LKG", ctx);
            }
        }
    }

    fn take(&mut self, executions: &[Entry], ctx: &mut Context<'_>) {
        let regimes = ctx.newest(META_REGIME.name, 1).unwrap_or_default();
        let regime = regimes.first().and_then(|entry| entry.body.as_ref());
        let regime = regime.and_then(|body| body.read::<MetaRegimeState>().ok());
        let regime = regime.as_ref().map(|state| state.regime.as_ref());
        let clusters = match ctx.record::<PortfolioClusters>(keys::PORTFOLIO_CLUSTERS.name) {
            Ok(clusters) => clusters.map(|clusters| clusters.into_owned()),
            Err(_) => None,
        };
        let (seen, mode) = (self.seen, self.settings.mode);
        let is_new = |entry: &&Entry| (entry.id.ms, entry.id.seq) > seen;
        for entry in executions.iter().rev().filter(is_new) {
            let place = self.gather(entry, (regime, clusters.as_ref()), ctx);
            let Some(one) = place.map(|place| &mut self.symbols[place]) else { continue };
            let Ok(Some(made)) = attribution(&one.pnl(), one.factor) else {
                one.executed.pop_back();
                ctx.count("attribution_refused", 1);
                continue;
            };
            one.factor = Some(made.performance_factor);
            one.last = Some(made);
            one.execution_id = entry.id.to_string();
            one.live = ctx.now();
            ctx.count("p30_attributions_computed_total", 1);
            one.tell(mode, "live", ctx);
        }
    }
}

impl Configured for PerformanceAttribution {
    type Settings = PerformanceAttributionSettings;
    const COUNTERS: &'static [&'static str] = &[
        "attribution_not_saved",
        "attribution_refused",
        "attribution_unreadable",
        "executions_repeated",
        "executions_unreadable",
        "p30_attributions_computed_total",
        "p30_lkg_used_total",
    ];
    const GAUGES: &'static [&'static str] =
        &["p30_alpha_score", "p30_confidence", "p30_execution_pnl_total", "p30_performance_factor"];

    fn configured(
        settings: &PerformanceAttributionSettings,
        setup: Setup<'_>,
    ) -> Result<PerformanceAttribution, String> {
        let one = |symbol: &Symbol| OneSymbol {
            symbol: *symbol,
            key: keys::ALPHA_ATTRIBUTION.of(symbol),
            executed: VecDeque::new(),
            last: None,
            factor: None,
            execution_id: String::new(),
            told: Nanos::ZERO,
            live: Nanos::ZERO,
        };
        let symbols = setup.symbols.iter().map(one).collect();
        let smooths_again = setup.pipeline.audited.has(Audited::FactorSmoothedAgain);
        let settings = settings.clone();
        Ok(PerformanceAttribution { settings, symbols, seen: (0, 0), smooths_again })
    }
}

impl Service for PerformanceAttribution {
    fn wiring(&self) -> Wiring {
        let enforced = self.settings.mode == BindingMode::Enforce;
        Wiring {
            writes: vec![ALPHA_ATTRIBUTION.name],
            looks: vec![EXECUTION_RESULT.name, ALPHA_ATTRIBUTION.name, META_REGIME.name],
            keys_read: keys::patterns(&[keys::PORTFOLIO_CLUSTERS]),
            keys_written: if enforced {
                keys::patterns(&[keys::ALPHA_ATTRIBUTION])
            } else {
                Vec::new()
            },
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => self.recover(ctx),
            Input::Timer(_) => self.round(ctx),
            _ => return,
        }
        ctx.timer_after(INTERVAL, TimerKey(0));
    }
}
