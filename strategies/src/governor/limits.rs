//! Limits and rates of the governor by mode (EHR 3.18 gates 3 to 5).
//!
//! Invariant: a close is refused by the operator's kill switch only.

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite};

/// Which rules are in force.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GovernorMode {
    /// Counts positions and notional.
    #[default]
    Testnet,
    /// Permits all; nothing is sent anyway.
    DryRun,
    /// Counts executions and what they closed.
    Production,
}

/// The limits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GovernorLimits {
    /// Testnet: between two executions of a symbol.
    pub symbol_cooldown_sec: f64,
    /// Testnet: positions at once, on either side.
    pub positions_max: u32,
    /// Testnet: of one open, in USDT.
    pub notional_per_trade_max_usd: f64,
    /// Testnet: of the book, in USDT.
    pub total_notional_max_usd: f64,
    /// Production: executions an hour.
    pub hourly_max: u32,
    /// Production: executions in five minutes; reaching it disarms.
    pub burst_max: u32,
    /// Production: executed notional a day, in USDT.
    pub daily_notional_max_usd: f64,
}

impl Default for GovernorLimits {
    fn default() -> GovernorLimits {
        GovernorLimits {
            symbol_cooldown_sec: 60.0,
            positions_max: 10,
            notional_per_trade_max_usd: 200.0,
            total_notional_max_usd: 2_000.0,
            hourly_max: 3,
            burst_max: 2,
            daily_notional_max_usd: 5_000.0,
        }
    }
}

/// The plan that asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GovernorPlan {
    /// It can only make a position smaller.
    pub reduces: bool,
    /// Of an open, in USDT.
    pub notional_usd: f64,
}

/// What the governor has counted, from apply.result: a permit that was not used is no execution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GovernorFacts {
    /// Either of the operator's kill switches is on.
    pub kill_switch: bool,
    /// Since the symbol's last execution; `None` where there was none.
    pub last_execution_age_sec: Option<f64>,
    /// Positions that are open, of all symbols.
    pub open_positions: u32,
    /// Of the book, in USDT.
    pub total_notional_usd: f64,
    /// Executions of the symbol in the last hour.
    pub executions_hour: u32,
    /// In the last five minutes.
    pub executions_five_minutes: u32,
    /// Executed notional of the symbol today, in USDT.
    pub daily_notional_usd: f64,
}

/// Whether a plan passes. `facts` is `None` where they could not be looked up: that stops opens and lets
/// closes pass.
///
/// # Errors
/// The reason code.
pub fn governor_gate(
    mode: GovernorMode,
    plan: &GovernorPlan,
    facts: Option<&GovernorFacts>,
    limits: &GovernorLimits,
) -> Result<(), &'static str> {
    if facts.is_some_and(|facts| facts.kill_switch) {
        return Err("kill_switch_active");
    }
    if plan.reduces || mode == GovernorMode::DryRun {
        return Ok(());
    }
    let facts = facts.ok_or("evaluation_error")?;
    sound(plan, facts).map_err(|_| "evaluation_error")?;
    match mode {
        GovernorMode::Testnet => testnet(plan, facts, limits),
        GovernorMode::Production => production(plan, facts, limits),
        GovernorMode::DryRun => Ok(()),
    }
}

fn sound(plan: &GovernorPlan, facts: &GovernorFacts) -> Result<(), RefusedNumber> {
    all_finite(&[
        ("notional_usd", plan.notional_usd),
        ("last execution age", facts.last_execution_age_sec.unwrap_or(0.0)),
        ("total_notional_usd", facts.total_notional_usd),
        ("daily_notional_usd", facts.daily_notional_usd),
    ])
}

fn testnet(
    plan: &GovernorPlan,
    facts: &GovernorFacts,
    limits: &GovernorLimits,
) -> Result<(), &'static str> {
    if facts.last_execution_age_sec.is_some_and(|age| age < limits.symbol_cooldown_sec) {
        return Err("symbol_cooldown");
    }
    if facts.open_positions >= limits.positions_max {
        return Err("max_positions_reached");
    }
    if plan.notional_usd.abs() > limits.notional_per_trade_max_usd {
        return Err("notional_per_trade_exceeded");
    }
    if facts.total_notional_usd >= limits.total_notional_max_usd {
        return Err("total_notional_exceeded");
    }
    Ok(())
}

fn production(
    plan: &GovernorPlan,
    facts: &GovernorFacts,
    limits: &GovernorLimits,
) -> Result<(), &'static str> {
    if facts.executions_hour >= limits.hourly_max {
        return Err("hourly_limit_exceeded");
    }
    if facts.executions_five_minutes >= limits.burst_max {
        return Err("burst_limit_exceeded");
    }
    if facts.daily_notional_usd + plan.notional_usd.abs() > limits.daily_notional_max_usd {
        return Err("daily_limit_exceeded");
    }
    Ok(())
}

/// Whether the governor disarms the executors: five errors of its own, or a burst, once a UTC day.
#[must_use]
pub fn disarm_due(internal_errors: u32, burst: bool, disarmed_today: bool) -> bool {
    !disarmed_today && (burst || internal_errors >= 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: GovernorFacts = GovernorFacts {
        kill_switch: false,
        last_execution_age_sec: Some(60.0),
        open_positions: 9,
        total_notional_usd: 1_999.0,
        executions_hour: 2,
        executions_five_minutes: 1,
        daily_notional_usd: 4_800.0,
    };
    const OPEN: GovernorPlan = GovernorPlan { reduces: false, notional_usd: 200.0 };

    fn of(mode: GovernorMode, facts: GovernorFacts) -> Result<(), &'static str> {
        governor_gate(mode, &OPEN, Some(&facts), &GovernorLimits::default())
    }

    #[test]
    fn each_limit_has_its_reason() {
        use GovernorMode::{Production, Testnet};
        assert_eq!(of(Testnet, FACTS), Ok(()));
        let recent = GovernorFacts { last_execution_age_sec: Some(59.9), ..FACTS };
        assert_eq!(of(Testnet, recent), Err("symbol_cooldown"));
        let full = GovernorFacts { open_positions: 10, ..FACTS };
        assert_eq!(of(Testnet, full), Err("max_positions_reached"));
        let large = GovernorFacts { total_notional_usd: 2_000.0, ..FACTS };
        assert_eq!(of(Testnet, large), Err("total_notional_exceeded"));
        assert_eq!(of(Production, FACTS), Ok(()));
        let busy = GovernorFacts { executions_hour: 3, ..FACTS };
        assert_eq!(of(Production, busy), Err("hourly_limit_exceeded"));
        let burst = GovernorFacts { executions_five_minutes: 2, ..FACTS };
        assert_eq!(of(Production, burst), Err("burst_limit_exceeded"));
        let day = GovernorFacts { daily_notional_usd: 4_800.1, ..FACTS };
        assert_eq!(of(Production, day), Err("daily_limit_exceeded"));
        let limits = GovernorLimits::default();
        let huge = GovernorPlan { notional_usd: 200.1, ..OPEN };
        assert_eq!(
            governor_gate(Testnet, &huge, Some(&FACTS), &limits),
            Err("notional_per_trade_exceeded")
        );
    }

    #[test]
    fn closes_pass_all_but_the_kill_switch_and_blindness_stops_opens() {
        let close = GovernorPlan { reduces: true, notional_usd: 1e9 };
        let limits = GovernorLimits::default();
        let worst = GovernorFacts {
            open_positions: 99,
            total_notional_usd: 1e9,
            executions_hour: 99,
            executions_five_minutes: 99,
            ..FACTS
        };
        let killed = GovernorFacts { kill_switch: true, ..FACTS };
        for mode in [GovernorMode::Testnet, GovernorMode::DryRun, GovernorMode::Production] {
            assert_eq!(governor_gate(mode, &close, Some(&worst), &limits), Ok(()));
            assert_eq!(governor_gate(mode, &close, None, &limits), Ok(()));
            assert_eq!(
                governor_gate(mode, &close, Some(&killed), &limits),
                Err("kill_switch_active")
            );
        }
        let blind = governor_gate(GovernorMode::Testnet, &OPEN, None, &limits);
        assert_eq!(blind, Err("evaluation_error"));
        let nan = GovernorFacts { total_notional_usd: f64::NAN, ..FACTS };
        assert_eq!(of(GovernorMode::Testnet, nan), Err("evaluation_error"));
        assert!(disarm_due(5, false, false) && disarm_due(0, true, false));
        assert!(!disarm_due(4, false, false) && !disarm_due(9, true, true));
    }
}
