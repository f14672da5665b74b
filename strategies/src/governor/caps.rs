//! How budgets (P2.8) and allocations (P2.9) bind opens (EHR 3.18). Both bind increases only: a position
//! over its cap has to be reducible. What is missing or stale binds nothing.

use serde::{Deserialize, Serialize};

/// Why a plan is refused.
pub const P28_BUDGET_VIOLATION: &str = "p28_budget_violation";
/// Why a plan is refused.
pub const P29_ALLOCATION_CAP: &str = "p29_allocation_cap";
const BUDGET_AGE_MAX_SEC: f64 = 60.0;
const VIOLATION_AGE_MAX_SEC: f64 = 30.0;
const ALLOCATION_AGE_MAX_SEC: f64 = 300.0;

/// The budget of a symbol as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetFact {
    /// Its mode is enforce, not shadow.
    pub enforce: bool,
    /// Since it was written.
    pub age_sec: f64,
    /// Since the symbol's last violation; `None` where there is none among the last ten.
    pub violation_age_sec: Option<f64>,
}

/// The allocation of a symbol as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocationFact {
    /// Its mode is enforce, not shadow.
    pub enforce: bool,
    /// Since it was written.
    pub age_sec: f64,
    /// In USDT.
    pub target_usd: f64,
}

fn fresh(age_sec: f64, age_max_sec: f64) -> bool {
    (0.0..=age_max_sec).contains(&age_sec)
}

/// Whether the budget lets a plan pass.
///
/// # Errors
/// [`P28_BUDGET_VIOLATION`].
pub fn p28(increases: bool, fact: Option<BudgetFact>) -> Result<(), &'static str> {
    let violated = fact.is_some_and(|f| {
        f.enforce
            && fresh(f.age_sec, BUDGET_AGE_MAX_SEC)
            && f.violation_age_sec.is_some_and(|age| (0.0..VIOLATION_AGE_MAX_SEC).contains(&age))
    });
    if increases && violated { Err(P28_BUDGET_VIOLATION) } else { Ok(()) }
}

/// Whether the allocation lets a plan pass, given what the symbol holds now.
///
/// # Errors
/// [`P29_ALLOCATION_CAP`].
pub fn p29(
    increases: bool,
    position_notional_usd: f64,
    fact: Option<AllocationFact>,
) -> Result<(), &'static str> {
    let above = fact.is_some_and(|f| {
        f.enforce
            && fresh(f.age_sec, ALLOCATION_AGE_MAX_SEC)
            && position_notional_usd.abs() > f.target_usd
    });
    if increases && above { Err(P29_ALLOCATION_CAP) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_bind_increases_and_fresh_enforced_facts_only() {
        let budget = BudgetFact { enforce: true, age_sec: 60.0, violation_age_sec: Some(29.0) };
        assert_eq!(p28(true, Some(budget)), Err(P28_BUDGET_VIOLATION));
        assert_eq!(p28(false, Some(budget)), Ok(()));
        for loose in [
            BudgetFact { enforce: false, ..budget },
            BudgetFact { age_sec: 61.0, ..budget },
            BudgetFact { violation_age_sec: Some(30.0), ..budget },
            BudgetFact { violation_age_sec: None, ..budget },
        ] {
            assert_eq!(p28(true, Some(loose)), Ok(()));
        }
        let target = AllocationFact { enforce: true, age_sec: 300.0, target_usd: 100.0 };
        assert_eq!(p29(true, -101.0, Some(target)), Err(P29_ALLOCATION_CAP));
        assert_eq!(p29(true, 100.0, Some(target)), Ok(()));
        assert_eq!(p29(false, 101.0, Some(target)), Ok(()));
        assert_eq!(p29(true, 101.0, Some(AllocationFact { age_sec: 301.0, ..target })), Ok(()));
        assert_eq!(p29(true, 101.0, None), Ok(()));
    }
}
