//! Heat bridge P2.7 (EHR 3.9): heat decisions as keys, so that others can look them up by plan and by symbol.
//!
//! A decision is marked as taken over after its keys are written: who dies in between writes them again, rather than
//! never. What could not be written stays pending and comes back.

use engine::{
    Context, Delivery, GaugeOf, GroupStart, Input, Reader, Service, SetOptions, Symbol, Wiring,
};
use serde::{Deserialize, Serialize};

use crate::audited::Audited;
use crate::keys;
use crate::records::HeatDecision;
use crate::settings::{Configured, Setup, settings};
use crate::streams::HARVEST_HEAT_DECISION;

settings! {
    /// Heat bridge, P2.7.
    pub struct HeatBridgeSettings {
    }
}

/// The service. It keeps nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeatBridge {
    symbols: Vec<Symbol>,
    marks_first: bool,
}

impl HeatBridge {
    fn decision(&self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let read = ctx.read::<HeatDecision>(HARVEST_HEAT_DECISION.name, delivery);
        let Some(decision) = read else { return };
        ctx.count("p27_in_messages_total", 1);
        if !self.symbols.contains(&decision.symbol) {
            return ctx.count("unknown_symbol", 1);
        }
        let seen = keys::DEDUPE_P27.of(&decision.plan_id);
        if ctx.exists(&seen) {
            return ctx.count("p27_dedupe_skips_total", 1);
        }
        if self.marks_first {
            mark(&seen, ctx);
        }
        if !write(&decision, ctx) {
            ctx.count("p27_errors_total", 1);
            return ctx.leave_pending();
        }
        if !self.marks_first {
            mark(&seen, ctx);
        }
        let lag = ctx.now() - decision.ts_epoch.0;
        ctx.gauge("p27_lag_ms", GaugeOf::All, lag.as_secs_f64() * 1e3);
        ctx.gauge("p27_last_ts_epoch", GaugeOf::All, decision.ts_epoch.0.as_secs_f64());
    }
}

fn mark(seen: &str, ctx: &mut Context<'_>) {
    let life = SetOptions { expire: keys::DEDUPE_P27.life, ..SetOptions::default() };
    if ctx.set(seen, "1", life).is_err() {
        ctx.count("dedupe_not_saved", 1);
    }
}

fn write(decision: &HeatDecision, ctx: &mut Context<'_>) -> bool {
    let by_plan = keys::HEAT_BY_PLAN.of(&decision.plan_id);
    let written = ctx.set_record(&by_plan, decision, keys::HEAT_BY_PLAN.life).is_ok();
    ctx.count("p27_written_by_plan", u64::from(written));
    let latest = keys::HEAT_LATEST.of(decision.symbol);
    let also = ctx.set_record(&latest, decision, keys::HEAT_LATEST.life).is_ok();
    ctx.count("p27_written_latest_symbol", u64::from(also));
    let life = SetOptions { expire: keys::HEAT_LATEST_PLAN.life, ..SetOptions::default() };
    let pointer = keys::HEAT_LATEST_PLAN.of(decision.symbol);
    written && also && ctx.set(&pointer, &decision.plan_id, life).is_ok()
}

impl Configured for HeatBridge {
    type Settings = HeatBridgeSettings;
    const COUNTERS: &'static [&'static str] = &[
        "dedupe_not_saved",
        "p27_dedupe_skips_total",
        "p27_errors_total",
        "p27_in_messages_total",
        "p27_written_by_plan",
        "p27_written_latest_symbol",
        "unknown_symbol",
    ];
    const GAUGES: &'static [&'static str] = &["p27_lag_ms", "p27_last_ts_epoch"];

    fn configured(_: &HeatBridgeSettings, setup: Setup<'_>) -> Result<HeatBridge, String> {
        let marks_first = setup.pipeline.audited.has(Audited::HeatMarkedBeforeWrite);
        Ok(HeatBridge { symbols: setup.symbols.to_vec(), marks_first })
    }
}

impl Service for HeatBridge {
    fn wiring(&self) -> Wiring {
        Wiring {
            readers: vec![Reader::group(
                HARVEST_HEAT_DECISION.name,
                "heat_bridge",
                GroupStart::Beginning,
            )],
            keys_read: keys::patterns(&[keys::DEDUPE_P27]),
            keys_written: keys::patterns(&[
                keys::HEAT_BY_PLAN,
                keys::HEAT_LATEST,
                keys::HEAT_LATEST_PLAN,
                keys::DEDUPE_P27,
            ]),
            ..Wiring::default()
        }
    }

    fn handle(&mut self, input: Input<'_>, ctx: &mut Context<'_>) {
        if let Input::Delivery(delivery) = input {
            self.decision(delivery, ctx);
        }
    }
}
