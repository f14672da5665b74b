//! The evaluation of a plan (EHR 3.20).

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::quantity::{audited_quantity, safe_quantity, side_word};

/// Less than this is flat.
const FLAT_BELOW: Decimal = Decimal::from_parts(1, 0, 0, false, 4);
/// A ledger may differ by this, or by 1 % of the position.
const TOLERANCE_MIN: Decimal = Decimal::from_parts(1, 0, 0, false, 3);
const TOLERANCE_SHARE: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// Which rules are in force.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PositionRules {
    /// A snapshot that is older is stale.
    pub stale_sec: f64,
    /// An order of the symbol may be in flight for so long after the last execution.
    pub in_flight_sec: f64,
    /// Whether an open may add to a position.
    pub adds_allowed: bool,
    /// Audited: a ledger whose quantity differs, a recent execution and a hold refuse closes too
    /// (EHR examples 49 and 54). By default nothing of that stops a risk-reducing order.
    pub audited_closes_refused: bool,
    /// Audited: quantities to the nearest 0.001, a quarter and unknown actions close all (example 48).
    pub audited_quantity: bool,
}

impl Default for PositionRules {
    fn default() -> PositionRules {
        PositionRules {
            stale_sec: 10.0,
            in_flight_sec: 15.0,
            adds_allowed: false,
            audited_closes_refused: false,
            audited_quantity: false,
        }
    }
}

/// The plan that asks; its decision is EXECUTE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanFacts<'a> {
    /// A reconcile close is granted at once.
    pub reconcile_close: bool,
    /// What it does.
    pub action: &'a str,
    /// It can only make a position smaller.
    pub reduce_only: bool,
    /// Its order buys; `None` where the plan does not say.
    pub buys: Option<bool>,
    /// The base quantity that a close names; without one its action says how much.
    pub asked_qty: Option<Decimal>,
}

/// The exchange's position as it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Signed.
    pub position_amt: Decimal,
    /// Since it was taken.
    pub age_sec: f64,
}

/// What is known of the symbol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PositionFacts {
    /// After the fetch on demand; `None` where even that failed.
    pub snapshot: Option<Snapshot>,
    /// Signed; `None` where there is no ledger.
    pub ledger_amt: Option<Decimal>,
    /// Since the symbol's last execution.
    pub last_exec_age_sec: Option<f64>,
    /// The reconcile engine holds the symbol.
    pub hold: bool,
    /// The exchange's step of the quantity, above zero.
    pub step: Decimal,
}

/// A ledger that says something else than the exchange: an event for the reconcile engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerMismatch {
    /// Signed.
    pub exchange_amt: Decimal,
    /// Signed.
    pub ledger_amt: Decimal,
    /// Of the amounts without sign.
    pub diff: Decimal,
    /// What would have been tolerated.
    pub tolerance: Decimal,
}

/// Numbers of a denial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DenialContext {
    /// There are none.
    Nothing,
    /// Of a snapshot.
    Age {
        /// How old it is.
        age_seconds: f64,
    },
    /// Of sides that differ.
    Sides {
        /// Of the exchange.
        exchange_side: &'static str,
        /// Of the ledger.
        ledger_side: &'static str,
    },
    /// Of quantities that differ.
    Quantities(LedgerMismatch),
    /// Of a hold.
    Hold {
        /// Signed.
        exchange_amt: Decimal,
        /// Signed.
        ledger_amt: Option<Decimal>,
        /// `active`.
        p34_hold: &'static str,
    },
}

/// Why a plan gets no permit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Denial {
    /// The reason code.
    pub reason: &'static str,
    /// Its numbers.
    pub context: DenialContext,
}

impl Denial {
    const fn plain(reason: &'static str) -> Denial {
        Denial { reason, context: DenialContext::Nothing }
    }
}

/// A permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    /// At most this base quantity; zero on an open is the plan's own.
    pub safe_qty: Decimal,
    /// Signed.
    pub exchange_position_amt: Decimal,
    /// Signed.
    pub ledger_amt: Option<Decimal>,
    /// `sanity_checks_passed` or `reconcile_close_bypass`.
    pub reason: &'static str,
    /// To be told to the reconcile engine, although the close may run.
    pub mismatch: Option<LedgerMismatch>,
}

/// Evaluates a plan; the first rule that matches counts.
///
/// # Errors
/// [`Denial`].
pub fn evaluate_plan(
    plan: &PlanFacts<'_>,
    facts: &PositionFacts,
    rules: &PositionRules,
) -> Result<Evaluation, Denial> {
    let amount = facts.snapshot.map_or(Decimal::ZERO, |s| s.position_amt);
    let grant = |safe_qty, reason, mismatch| Evaluation {
        safe_qty,
        exchange_position_amt: amount,
        ledger_amt: facts.ledger_amt,
        reason,
        mismatch,
    };
    if plan.reconcile_close {
        return Ok(grant(amount.abs(), "reconcile_close_bypass", None));
    }
    let snapshot = facts.snapshot.ok_or(Denial::plain("no_exchange_snapshot"))?;
    // A snapshot from the future, or without an age, is no better than an old one.
    if !(0.0..=rules.stale_sec).contains(&snapshot.age_sec) {
        let context = DenialContext::Age { age_seconds: snapshot.age_sec };
        return Err(Denial { reason: "stale_exchange_state", context });
    }
    let flat = amount.abs() < FLAT_BELOW;
    if !plan.reduce_only && (flat || rules.adds_allowed) {
        return open(facts, amount, rules)
            .map(|()| grant(Decimal::ZERO, "sanity_checks_passed", None));
    }
    if !plan.reduce_only && !rules.audited_closes_refused {
        return Err(Denial::plain("position_exists"));
    }
    if flat {
        return Err(Denial::plain("no_position"));
    }
    if plan.buys.is_some_and(|buys| buys == amount.is_sign_positive()) {
        return Err(Denial::plain("wrong_side"));
    }
    let mismatch = compare_with_ledger(facts.ledger_amt, amount)?;
    if let Some(mismatch) = mismatch.filter(|_| rules.audited_closes_refused) {
        let context = DenialContext::Quantities(mismatch);
        return Err(Denial { reason: "reconcile_required_qty_mismatch", context });
    }
    if rules.audited_closes_refused && in_flight(facts, rules) {
        return Err(Denial::plain("cooldown_in_flight"));
    }
    let safe_qty = if rules.audited_quantity {
        audited_quantity(plan.action, amount)
    } else {
        let of_action = safe_quantity(plan.action, amount, facts.step);
        let of_action = of_action.ok_or(Denial::plain("unknown_action"))?;
        // What is asked for by its quantity never grows to what the word would close.
        plan.asked_qty.map_or(of_action, |asked| asked.clamp(Decimal::ZERO, amount.abs()))
    };
    if rules.audited_closes_refused && facts.hold {
        return Err(held(facts, amount));
    }
    Ok(grant(safe_qty, "sanity_checks_passed", mismatch))
}

fn open(facts: &PositionFacts, amount: Decimal, rules: &PositionRules) -> Result<(), Denial> {
    if in_flight(facts, rules) {
        Err(Denial::plain("cooldown_in_flight"))
    } else if facts.hold {
        Err(held(facts, amount))
    } else {
        Ok(())
    }
}

fn in_flight(facts: &PositionFacts, rules: &PositionRules) -> bool {
    facts.last_exec_age_sec.is_some_and(|age| age < rules.in_flight_sec)
}

fn held(facts: &PositionFacts, exchange_amt: Decimal) -> Denial {
    let ledger_amt = facts.ledger_amt;
    let context = DenialContext::Hold { exchange_amt, ledger_amt, p34_hold: "active" };
    Denial { reason: "reconcile_hold_active", context }
}

/// A ledger on the other side refuses even a close: which of the two is right decides what it closes.
fn compare_with_ledger(
    ledger_amt: Option<Decimal>,
    exchange_amt: Decimal,
) -> Result<Option<LedgerMismatch>, Denial> {
    let Some(ledger_amt) = ledger_amt else { return Ok(None) };
    let (exchange_side, ledger_side) = (side_word(exchange_amt), side_word(ledger_amt));
    if exchange_side != "NONE" && ledger_side != "NONE" && exchange_side != ledger_side {
        let context = DenialContext::Sides { exchange_side, ledger_side };
        return Err(Denial { reason: "reconcile_required_side_mismatch", context });
    }
    let diff = (exchange_amt.abs() - ledger_amt.abs()).abs();
    let tolerance = (exchange_amt.abs() * TOLERANCE_SHARE).max(TOLERANCE_MIN);
    let mismatch = LedgerMismatch { exchange_amt, ledger_amt, diff, tolerance };
    Ok((diff > tolerance).then_some(mismatch))
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
