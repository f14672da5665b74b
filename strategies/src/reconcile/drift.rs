//! Drift, and what is done about it.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::position_state::side_word;

/// Less than this is nothing.
const NOTHING_BELOW: Decimal = Decimal::from_parts(1, 0, 0, false, 4);
/// A quantity may differ by this many percent.
const PERCENT_MAX: Decimal = Decimal::ONE;
/// A snapshot that is older is stale.
const SNAPSHOT_AGE_MAX_SEC: f64 = 10.0;
/// Evidence that is older proves nothing.
const EVIDENCE_AGE_MAX_SEC: f64 = 300.0;
/// How long a hold lasts.
pub const HOLD_SEC: i64 = 300;
/// How long it lasts while a close is out.
pub const HOLD_LEASE_SEC: i64 = 900;

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// The side.
    SideMismatch,
    /// The quantity.
    QtyMismatch,
}

impl DriftKind {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            DriftKind::SideMismatch => "side_mismatch",
            DriftKind::QtyMismatch => "qty_mismatch",
        }
    }
}

/// A drift and its size; of sides the size says nothing and is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// What differs.
    pub kind: DriftKind,
    /// Between the signed amounts, without sign.
    pub diff_amt: Decimal,
    /// Percent of the larger amount.
    pub diff_pct: Decimal,
}

/// The drift between two signed amounts, if there is one.
#[must_use]
pub fn detect_drift(exchange_amt: Decimal, ledger_amt: Decimal) -> Option<Drift> {
    let larger = exchange_amt.abs().max(ledger_amt.abs());
    if side_word(exchange_amt) != side_word(ledger_amt) && larger > NOTHING_BELOW {
        let (diff_amt, diff_pct) = (Decimal::ZERO, Decimal::ZERO);
        return Some(Drift { kind: DriftKind::SideMismatch, diff_amt, diff_pct });
    }
    let diff_amt = exchange_amt.saturating_sub(ledger_amt).abs();
    if diff_amt < NOTHING_BELOW {
        return None;
    }
    let diff_pct = diff_amt.saturating_mul(Decimal::ONE_HUNDRED) / larger.max(NOTHING_BELOW);
    let drifts = diff_pct > PERCENT_MAX;
    drifts.then_some(Drift { kind: DriftKind::QtyMismatch, diff_amt, diff_pct })
}

/// An executed result of the symbol.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Executed {
    /// Base quantity.
    pub filled_qty: Decimal,
    /// Since it was executed.
    pub age_sec: f64,
}

/// Whether one of the last executions explains a difference.
#[must_use]
pub fn evidence_of(diff_amt: Decimal, executions: &[Executed]) -> bool {
    executions.iter().any(|executed| {
        (0.0..=EVIDENCE_AGE_MAX_SEC).contains(&executed.age_sec)
            && (executed.filled_qty.abs() - diff_amt).abs() < NOTHING_BELOW
    })
}

/// What is known of a symbol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReconcileInput<'a> {
    /// Signed amount at the exchange and the age of its snapshot in seconds.
    pub exchange: Option<(Decimal, f64)>,
    /// Signed; `None` where there is no ledger yet.
    pub ledger_amt: Option<Decimal>,
    /// The last 50 executed results of the symbol.
    pub executions: &'a [Executed],
}

/// What is done about a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileStep {
    /// Nothing differs: status OK, the hold is cleared.
    Agree,
    /// The ledger is made from the exchange (LEDGER_INIT).
    InitLedger {
        /// Signed.
        amount: Decimal,
    },
    /// The ledger becomes the exchange's (AUTO_REPAIR, source `p34_auto`), and the hold is cleared.
    Repair {
        /// Signed.
        amount: Decimal,
        /// What it was wrong by.
        drift: Drift,
    },
    /// Opens of the symbol wait (HOLD_SET).
    Hold {
        /// The reason code.
        reason: &'static str,
        /// What is wrong, where that is known: a close may then go out.
        drift: Option<Drift>,
    },
}

/// One look at a symbol.
#[must_use]
pub fn reconcile_step(input: &ReconcileInput<'_>) -> ReconcileStep {
    let Some((exchange_amt, age_sec)) = input.exchange else {
        return ReconcileStep::Hold { reason: "missing_exchange", drift: None };
    };
    if !(0.0..=SNAPSHOT_AGE_MAX_SEC).contains(&age_sec) {
        return ReconcileStep::Hold { reason: "stale_exchange", drift: None };
    }
    let Some(ledger_amt) = input.ledger_amt else {
        return ReconcileStep::InitLedger { amount: exchange_amt };
    };
    let Some(drift) = detect_drift(exchange_amt, ledger_amt) else { return ReconcileStep::Agree };
    match drift.kind {
        DriftKind::SideMismatch => {
            ReconcileStep::Hold { reason: "side_mismatch", drift: Some(drift) }
        }
        DriftKind::QtyMismatch if evidence_of(drift.diff_amt, input.executions) => {
            ReconcileStep::Repair { amount: exchange_amt, drift }
        }
        DriftKind::QtyMismatch => {
            ReconcileStep::Hold { reason: "qty_mismatch_no_evidence", drift: Some(drift) }
        }
    }
}

/// How long a hold lasts that is set now, given what is left of it: it is never made shorter, or every
/// look would cut the lease of a close that is out.
#[must_use]
pub fn hold_ttl_sec(left_sec: Option<i64>, close_out: bool) -> i64 {
    let wanted = if close_out { HOLD_LEASE_SEC } else { HOLD_SEC };
    left_sec.map_or(wanted, |left| left.max(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    fn step(exchange: Option<(&str, f64)>, ledger: Option<&str>, filled: &[(&str, f64)]) -> String {
        let executions: Vec<_> = filled
            .iter()
            .map(|(qty, age_sec)| Executed { filled_qty: number(qty), age_sec: *age_sec })
            .collect();
        let input = ReconcileInput {
            exchange: exchange.map(|(amount, age)| (number(amount), age)),
            ledger_amt: ledger.map(number),
            executions: &executions,
        };
        match reconcile_step(&input) {
            ReconcileStep::Agree => "agree".into(),
            ReconcileStep::InitLedger { amount } => format!("init {amount}"),
            ReconcileStep::Repair { amount, .. } => format!("repair {amount}"),
            ReconcileStep::Hold { reason, .. } => format!("hold {reason}"),
        }
    }

    #[test]
    fn evidence_repairs_and_its_lack_holds() {
        assert_eq!(step(None, Some("1"), &[]), "hold missing_exchange");
        assert_eq!(step(Some(("1", 10.1)), Some("1"), &[]), "hold stale_exchange");
        assert_eq!(step(Some(("1", 1.0)), None, &[]), "init 1");
        assert_eq!(step(Some(("1", 1.0)), Some("0.99"), &[]), "agree", "1 % is tolerated");
        assert_eq!(step(Some(("1", 1.0)), Some("-1"), &[("2", 1.0)]), "hold side_mismatch");
        let drifted = |filled: &[(&str, f64)]| step(Some(("1", 1.0)), Some("0.9"), filled);
        assert_eq!(drifted(&[]), "hold qty_mismatch_no_evidence");
        assert_eq!(drifted(&[("0.1", 300.0)]), "repair 1");
        assert_eq!(drifted(&[("0.1", 301.0)]), "hold qty_mismatch_no_evidence");
        assert_eq!(drifted(&[("0.1002", 1.0)]), "hold qty_mismatch_no_evidence");
    }

    #[test]
    fn a_hold_is_never_made_shorter() {
        assert_eq!(hold_ttl_sec(None, false), 300);
        assert_eq!(hold_ttl_sec(Some(880), false), 880);
        assert_eq!(hold_ttl_sec(Some(120), true), 900);
    }

    #[test]
    fn drift_begins_beyond_one_percent_and_a_ten_thousandth() {
        let of = |exchange, ledger| detect_drift(number(exchange), number(ledger)).map(|d| d.kind);
        assert_eq!(of("0.00005", "-0.00004"), None, "nothing on either side");
        assert_eq!(of("0.0011", "0.00101"), None, "less than a ten-thousandth");
        assert_eq!(of("0.0011", "0.0010"), Some(DriftKind::QtyMismatch));
        assert_eq!(of("100", "99"), None);
        assert_eq!(of("100", "98.99"), Some(DriftKind::QtyMismatch));
        assert_eq!(of("0.001", "0"), Some(DriftKind::SideMismatch));
    }
}
