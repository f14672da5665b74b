//! Capital efficiency brain P3.1 (MSE 15.4): which symbols deserve more capital.
//!
//! It never waits for a result: it looks at what came since the last one that it took, whose entry lies in
//! `quantum:p31:last_id`. Its averages are in the trace of its newest decisions, with which a successor goes on.
//! A symbol of which nothing at all is known has no efficiency to tell.

use engine::{
    Context, EntryId, Envelope, EpochSeconds, GaugeOf, Input, JsonText, Nanos, Service, SetOptions,
    Symbol, TimerKey, Wiring,
};
use serde::{Deserialize, Serialize};
use strategies::portfolio::{
    AttributionReading, CapitalPressure, CapitalTarget, EfficiencyInput, PnlAverages,
    capital_efficiency,
};

use crate::audited::Audited;
use crate::grid;
use crate::keys;
use crate::records::{
    AllocationTarget, AlphaAttribution, BindingMode, EfficiencyDecision, EfficiencyTrace,
    ExecutionResult, SymbolEfficiency,
};
use crate::settings::{Configured, Setup, settings};
use crate::streams::{CAPITAL_EFFICIENCY_DECISION, EXECUTION_RESULT};

settings! {
    /// Capital efficiency brain P3.1.
    pub struct CapitalEfficiencySettings {
        /// Whether the hash is written, which the governor reads (P31_MODE).
        pub mode: BindingMode = BindingMode::Shadow,
    }
}

const INTERVAL: Nanos = Nanos::from_secs(5);
/// Entries of execution.result of one round.
const EXECUTIONS: usize = 200;
/// Entries of its own looked at after a start, for each symbol.
const TOLD: usize = 20;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OneSymbol {
    symbol: Symbol,
    alpha_key: String,
    target_key: String,
    key: String,
    pnl: PnlAverages,
    efficiency: f64,
    last_exec: Option<Nanos>,
    factor_last: Option<f64>,
    target_last: Option<f64>,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CapitalEfficiencyBrain {
    mode: BindingMode,
    symbols: Vec<OneSymbol>,
    last: (u64, u64),
    /// The time of an attribution is looked for under a name that it does not have.
    dates_nothing: bool,
    /// A quiet stream of results is waited for.
    waits: bool,
}

impl OneSymbol {
    fn attribution(
        &mut self,
        dates_nothing: bool,
        ctx: &mut Context<'_>,
    ) -> Option<AttributionReading> {
        let now = ctx.now();
        let dated = |at: Nanos| if dates_nothing { Nanos::ZERO } else { at };
        let told = match ctx.record::<AlphaAttribution>(&self.alpha_key) {
            Ok(told) => told.map(|told| AttributionReading {
                performance_factor: told.performance_factor,
                confidence: told.confidence,
                age_s: (now - dated(told.ts_utc.0)).max(Nanos::ZERO).as_secs_f64(),
            }),
            Err(_) => {
                ctx.count("attribution_unreadable", 1);
                None
            }
        };
        self.factor_last = told.map(|told| told.performance_factor).or(self.factor_last);
        told
    }

    fn target(&mut self, ctx: &mut Context<'_>) -> Option<CapitalTarget> {
        let now = ctx.now();
        let told = match ctx.record::<AllocationTarget>(&self.target_key) {
            Ok(told) => told.map(|told| CapitalTarget {
                target_usd: grid::float(told.target_usd),
                confidence: told.confidence.unwrap_or(0.0),
                age_s: (now - told.timestamp.0).max(Nanos::ZERO).as_secs_f64(),
            }),
            Err(_) => {
                ctx.count("target_unreadable", 1);
                None
            }
        };
        self.target_last = told.map(|told| told.target_usd).or(self.target_last);
        told
    }

    fn judge(&mut self, mode: BindingMode, dates_nothing: bool, ctx: &mut Context<'_>) {
        let attribution = self.attribution(dates_nothing, ctx);
        let target = self.target(ctx);
        if attribution.is_none() && target.is_none() && self.last_exec.is_none() {
            return;
        }
        let now = ctx.now();
        let silence = |last: Nanos| (now - last).max(Nanos::ZERO).as_secs_f64();
        let input = EfficiencyInput {
            attribution,
            factor_last: self.factor_last,
            target,
            target_last_usd: self.target_last,
            pnl: self.pnl,
            efficiency_before: self.efficiency,
            silence_s: self.last_exec.map(silence),
        };
        let Ok(made) = capital_efficiency(&input) else {
            return ctx.count("efficiency_refused", 1);
        };
        self.efficiency = made.efficiency_ewma;
        let pressure = match made.capital_pressure {
            CapitalPressure::Increase => "INCREASE",
            CapitalPressure::Decrease => "DECREASE",
            CapitalPressure::Hold => "HOLD",
        };
        let flags: Vec<&str> = made.stale_flags.iter().map(|flag| flag.as_str()).collect();
        if !flags.is_empty() {
            ctx.count("p31_stale_inputs_total", 1);
        }
        let of = GaugeOf::Symbol(self.symbol);
        ctx.gauge("p31_efficiency_score", of, made.efficiency_score);
        ctx.gauge("p31_efficiency_ewma", of, made.efficiency_ewma);
        ctx.gauge("p31_reallocation_weight", of, made.reallocation_weight);
        ctx.gauge("p31_confidence", of, made.confidence);
        ctx.count("p31_decisions_total", 1);
        let decision = EfficiencyDecision {
            symbol: self.symbol,
            efficiency_score: made.efficiency_score,
            capital_pressure: pressure.into(),
            reallocation_weight: made.reallocation_weight,
            confidence: made.confidence,
            stale_flags: flags.join(",").into(),
            ts: EpochSeconds(now),
            mode,
            trace: JsonText(EfficiencyTrace {
                efficiency_ewma: made.efficiency_ewma,
                vol_ewma: self.pnl.vol_ewma,
                dd_ewma: self.pnl.dd_ewma,
                last_exec_s: self.last_exec.map(Nanos::secs),
            }),
        };
        if mode == BindingMode::Enforce {
            let told = SymbolEfficiency {
                efficiency_score: made.efficiency_score,
                confidence: made.confidence,
                capital_pressure: Some(pressure.into()),
                reallocation_weight: Some(made.reallocation_weight),
                stale_flags: Some(decision.stale_flags.clone()),
                ts: EpochSeconds(now),
            };
            if ctx.set_record(&self.key, &told, keys::CAPITAL_EFFICIENCY.life).is_err() {
                ctx.count("efficiency_not_saved", 1);
            }
        }
        crate::publish(ctx, CAPITAL_EFFICIENCY_DECISION, Envelope::Flat, decision);
    }
}

impl CapitalEfficiencyBrain {
    /// After a start: the averages of a former life, and where it stood.
    fn recover(&mut self, ctx: &mut Context<'_>) {
        match ctx.get(keys::P31_LAST_ID.name) {
            Ok(Some(text)) => match text.parse::<EntryId>() {
                Ok(id) => self.last = (id.ms, id.seq),
                Err(_) => ctx.count("last_id_unreadable", 1),
            },
            Ok(None) => {}
            Err(_) => ctx.count("last_id_unreadable", 1),
        }
        let count = TOLD * self.symbols.len();
        let mut known = vec![false; self.symbols.len()];
        for entry in ctx.newest(CAPITAL_EFFICIENCY_DECISION.name, count).unwrap_or_default() {
            let read = entry.body.as_ref().and_then(|b| b.read::<EfficiencyDecision>().ok());
            let Some(told) = read else { continue };
            let place = self.symbols.iter().position(|one| one.symbol == told.symbol);
            let Some(place) = place.filter(|place| !known[*place]) else { continue };
            known[place] = true;
            let (one, trace) = (&mut self.symbols[place], told.trace.0);
            one.efficiency = trace.efficiency_ewma;
            one.pnl = PnlAverages { vol_ewma: trace.vol_ewma, dd_ewma: trace.dd_ewma };
            one.last_exec = trace.last_exec_s.map(Nanos::from_secs);
        }
    }

    /// What came since the last look; whether anything did.
    fn take(&mut self, ctx: &mut Context<'_>) -> bool {
        let newest = ctx.newest(EXECUTION_RESULT.name, 1).unwrap_or_default();
        let Some(first) = newest.first().map(|entry| entry.id) else { return false };
        if (first.ms, first.seq) <= self.last {
            return false;
        }
        let executions = ctx.newest(EXECUTION_RESULT.name, EXECUTIONS).unwrap_or_default();
        for entry in executions.iter().rev().filter(|e| (e.id.ms, e.id.seq) > self.last) {
            let Some(body) = &entry.body else { continue };
            let Ok(fill) = body.read::<ExecutionResult>() else {
                ctx.count("executions_unreadable", 1);
                continue;
            };
            let one = self.symbols.iter_mut().find(|one| one.symbol == fill.symbol);
            let Some(one) = one else {
                ctx.count("executions_of_unknown_symbols", 1);
                continue;
            };
            one.last_exec = Some(fill.timestamp.0);
            // What only opens has no result.
            let result = fill.realized_pnl.map(grid::float);
            let result = result.filter(|pnl| fill.reduce_only.0 || *pnl != 0.0);
            match result.map(|pnl| one.pnl.after(pnl)) {
                Some(Ok(pnl)) => one.pnl = pnl,
                Some(Err(_)) => ctx.count("executions_refused", 1),
                None => {}
            }
        }
        self.last = (first.ms, first.seq);
        let options = SetOptions { expire: keys::P31_LAST_ID.life, ..SetOptions::default() };
        if ctx.set(keys::P31_LAST_ID.name, &first.to_string(), options).is_err() {
            ctx.count("last_id_not_saved", 1);
        }
        true
    }
}

impl Configured for CapitalEfficiencyBrain {
    type Settings = CapitalEfficiencySettings;
    const COUNTERS: &'static [&'static str] = &[
        "attribution_unreadable",
        "efficiency_not_saved",
        "efficiency_refused",
        "executions_of_unknown_symbols",
        "executions_refused",
        "executions_unreadable",
        "last_id_not_saved",
        "last_id_unreadable",
        "p31_decisions_total",
        "p31_stale_inputs_total",
        "target_unreadable",
    ];
    const GAUGES: &'static [&'static str] = &[
        "p31_confidence",
        "p31_efficiency_ewma",
        "p31_efficiency_score",
        "p31_reallocation_weight",
    ];

    fn configured(
        settings: &CapitalEfficiencySettings,
        setup: Setup<'_>,
    ) -> Result<CapitalEfficiencyBrain, String> {
        let one = |symbol: &Symbol| OneSymbol {
            symbol: *symbol,
            alpha_key: keys::ALPHA_ATTRIBUTION.of(symbol),
            target_key: keys::ALLOCATION_TARGET.of(symbol),
            key: keys::CAPITAL_EFFICIENCY.of(symbol),
            pnl: PnlAverages::default(),
            efficiency: 0.5,
            last_exec: None,
            factor_last: None,
            target_last: None,
        };
        let symbols = setup.symbols.iter().map(one).collect();
        let audited = &setup.pipeline.audited;
        Ok(CapitalEfficiencyBrain {
            mode: settings.mode,
            symbols,
            last: (0, 0),
            dates_nothing: audited.has(Audited::AttributionAlwaysStale),
            waits: audited.has(Audited::EfficiencyWaitsForResults),
        })
    }
}

impl Service for CapitalEfficiencyBrain {
    fn wiring(&self) -> Wiring {
        let mut written = vec![keys::P31_LAST_ID];
        if self.mode == BindingMode::Enforce {
            written.push(keys::CAPITAL_EFFICIENCY);
        }
        Wiring {
            writes: vec![CAPITAL_EFFICIENCY_DECISION.name],
            looks: vec![EXECUTION_RESULT.name, CAPITAL_EFFICIENCY_DECISION.name],
            keys_read: keys::patterns(&[
                keys::P31_LAST_ID,
                keys::ALPHA_ATTRIBUTION,
                keys::ALLOCATION_TARGET,
            ]),
            keys_written: keys::patterns(&written),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        match input {
            Input::Start => self.recover(ctx),
            Input::Timer(_) => {
                let (mode, dates_nothing) = (self.mode, self.dates_nothing);
                if self.take(ctx) || !self.waits {
                    self.symbols.iter_mut().for_each(|one| one.judge(mode, dates_nothing, ctx));
                }
            }
            _ => return,
        }
        ctx.timer_after(INTERVAL, TimerKey(0));
    }
}
