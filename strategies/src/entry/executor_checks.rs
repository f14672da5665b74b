//! What a plan has to pass in the intent executor, in the order of its table (MSE 12).

use serde::{Deserialize, Serialize};

/// What a plan's writer decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PlanDecision {
    /// It is to be executed.
    Execute,
    /// It was refused upstream.
    Blocked,
    /// It was passed over upstream.
    Skip,
}

/// A plan before it waits for its permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutorPlan<'a> {
    /// Of its writer.
    pub decision: PlanDecision,
    /// Reasons of its writer.
    pub reason_codes: &'a str,
    /// Who wrote it; empty in old plans.
    pub source: &'a str,
    /// Its id; empty is missing.
    pub plan_id: &'a str,
    /// Empty is missing.
    pub symbol: &'a str,
    /// It names a side.
    pub has_side: bool,
    /// It names a quantity, or a fraction of what is held.
    pub has_qty: bool,
    /// It makes a position smaller.
    pub reduces: bool,
    /// It came on apply.plan.manual.
    pub manual: bool,
}

/// What the executor knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutorFacts<'a> {
    /// Sources whose plans it runs; the exit owners are among them, from the one setting.
    pub sources: &'a [&'a str],
    /// Who may close.
    pub exit_owners: &'a [&'a str],
    /// The symbol may be opened.
    pub symbol_listed: bool,
    /// The plan was done before.
    pub done: bool,
    /// The manual lane is on, with an end.
    pub manual_lane: bool,
}

/// Why a plan is not executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecutorRefusal {
    /// Its writer's own reasons.
    Upstream(String),
    /// The manual lane is off.
    ManualLaneDisabled,
    /// Not a source that it runs.
    SourceNotAllowed(String),
    /// Something is missing.
    MissingRequiredFields,
    /// Not on the list.
    SymbolNotInAllowlist(String),
    /// Done before: acknowledged without a result.
    AlreadyDone,
    /// Not one who may close.
    NotExitOwner(String),
}

impl ExecutorRefusal {
    /// The error text of apply.result; `None` where nothing is told.
    #[must_use]
    pub fn error_text(&self) -> Option<String> {
        Some(match self {
            ExecutorRefusal::Upstream(reasons) => reasons.clone(),
            ExecutorRefusal::ManualLaneDisabled => "manual_lane_disabled".to_owned(),
            ExecutorRefusal::SourceNotAllowed(source) => format!("source_not_allowed:{source}"),
            ExecutorRefusal::MissingRequiredFields => "missing_required_fields".to_owned(),
            ExecutorRefusal::SymbolNotInAllowlist(symbol) => {
                format!("symbol_not_in_allowlist:{symbol}")
            }
            ExecutorRefusal::AlreadyDone => return None,
            ExecutorRefusal::NotExitOwner(source) => format!("NOT_EXIT_OWNER:source={source}"),
        })
    }
}

/// Checks a plan; the first row that fails is told. No list of symbols refuses a close.
///
/// # Errors
/// [`ExecutorRefusal`].
pub fn executor_check(
    plan: &ExecutorPlan<'_>,
    facts: &ExecutorFacts<'_>,
) -> Result<(), ExecutorRefusal> {
    if plan.decision != PlanDecision::Execute {
        return Err(ExecutorRefusal::Upstream(plan.reason_codes.to_owned()));
    }
    if plan.manual && !facts.manual_lane {
        return Err(ExecutorRefusal::ManualLaneDisabled);
    }
    let owner = facts.exit_owners.contains(&plan.source);
    // Owners of exits are sources: with two settings, no reduce-only plan passed both (incident I-37).
    let runs = plan.source.is_empty()
        || facts.sources.contains(&plan.source)
        || plan.reduces && owner
        || plan.manual;
    if !runs {
        return Err(ExecutorRefusal::SourceNotAllowed(plan.source.to_owned()));
    }
    if plan.plan_id.is_empty() || plan.symbol.is_empty() || !plan.has_side || !plan.has_qty {
        return Err(ExecutorRefusal::MissingRequiredFields);
    }
    if !plan.reduces && !facts.symbol_listed {
        return Err(ExecutorRefusal::SymbolNotInAllowlist(plan.symbol.to_owned()));
    }
    if facts.done {
        return Err(ExecutorRefusal::AlreadyDone);
    }
    if plan.reduces && !owner {
        return Err(ExecutorRefusal::NotExitOwner(plan.source.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::EXIT_OWNERS;

    const PLAN: ExecutorPlan<'_> = ExecutorPlan {
        decision: PlanDecision::Execute,
        reason_codes: "kill_score_critical",
        source: "intent_bridge",
        plan_id: "a",
        symbol: "BTCUSDT",
        has_side: true,
        has_qty: true,
        reduces: false,
        manual: false,
    };
    const FACTS: ExecutorFacts<'_> = ExecutorFacts {
        sources: &["intent_bridge", "apply_layer"],
        exit_owners: &EXIT_OWNERS,
        symbol_listed: true,
        done: false,
        manual_lane: false,
    };

    fn error(plan: ExecutorPlan<'_>, facts: ExecutorFacts<'_>) -> Option<String> {
        executor_check(&plan, &facts).err().and_then(|refusal| refusal.error_text())
    }

    #[test]
    fn every_row_has_its_text() {
        assert_eq!(executor_check(&PLAN, &FACTS), Ok(()));
        let text = |plan, facts, want: &str| assert_eq!(error(plan, facts).as_deref(), Some(want));
        let blocked = ExecutorPlan { decision: PlanDecision::Blocked, ..PLAN };
        text(blocked, FACTS, "kill_score_critical");
        text(ExecutorPlan { manual: true, ..PLAN }, FACTS, "manual_lane_disabled");
        text(ExecutorPlan { source: "rumour", ..PLAN }, FACTS, "source_not_allowed:rumour");
        text(ExecutorPlan { has_qty: false, ..PLAN }, FACTS, "missing_required_fields");
        let unlisted = ExecutorFacts { symbol_listed: false, ..FACTS };
        text(PLAN, unlisted, "symbol_not_in_allowlist:BTCUSDT");
        let done = ExecutorFacts { done: true, ..FACTS };
        assert_eq!(executor_check(&PLAN, &done), Err(ExecutorRefusal::AlreadyDone));
        assert_eq!(error(PLAN, done), None);
        let close = ExecutorPlan { reduces: true, ..PLAN };
        text(close, unlisted, "NOT_EXIT_OWNER:source=intent_bridge");
    }

    /// Sources and exit owners were two lists without a common member: no exit ever ran.
    #[test]
    fn incident_i37_every_exit_owner_can_close() {
        for source in EXIT_OWNERS {
            let close = ExecutorPlan { reduces: true, source, ..PLAN };
            let unlisted = ExecutorFacts { symbol_listed: false, ..FACTS };
            assert_eq!(executor_check(&close, &unlisted), Ok(()), "{source}");
            let open = ExecutorPlan { source, ..PLAN };
            assert!(executor_check(&open, &FACTS).is_err(), "{source} opens nothing");
        }
    }
}
