//! Which permits a plan needs, and what they allow together (EHR 3.17; settled, "Permits").
//!
//! Invariant: permits are consumed only when all required ones are present, positive and of this plan;
//! otherwise none is touched.

use engine::Nanos;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Who permits.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PermitKind {
    /// P3.2.
    Governor,
    /// P3.3, the position state brain.
    P33,
    /// P2.6, the portfolio gate.
    P26,
}

impl PermitKind {
    /// All, in the order in which they are asked for.
    pub const ALL: [PermitKind; 3] = [PermitKind::Governor, PermitKind::P33, PermitKind::P26];

    /// As it is written in reasons.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PermitKind::Governor => "governor",
            PermitKind::P33 => "p33",
            PermitKind::P26 => "p26",
        }
    }

    const fn missing(self) -> &'static str {
        match self {
            PermitKind::Governor => "missing_governor",
            PermitKind::P33 => "missing_p33",
            PermitKind::P26 => "missing_p26",
        }
    }

    const fn denied(self) -> &'static str {
        match self {
            PermitKind::Governor => "governor_permit_denied",
            PermitKind::P33 => "p33_permit_denied",
            PermitKind::P26 => "p26_permit_denied",
        }
    }

    const fn mismatched(self) -> &'static str {
        match self {
            PermitKind::Governor => "governor_permit_mismatch",
            PermitKind::P33 => "p33_permit_mismatch",
            PermitKind::P26 => "p26_permit_mismatch",
        }
    }
}

/// What kind of plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanClass {
    /// Opens a position.
    Open,
    /// Closes through the intent executor.
    IntentClose,
    /// Closes of harvest and harvest brain.
    HarvestClose,
    /// Closes what should not be there; signature and hold stand in for permits.
    ReconcileClose,
}

/// The permits that each class needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PermitTable {
    /// Of opens.
    pub open: Vec<PermitKind>,
    /// Of closes through the intent executor.
    pub intent_close: Vec<PermitKind>,
    /// Of harvest closes.
    pub harvest_close: Vec<PermitKind>,
    /// Of reconcile closes.
    pub reconcile_close: Vec<PermitKind>,
}

impl Default for PermitTable {
    fn default() -> PermitTable {
        PermitTable {
            open: vec![PermitKind::Governor, PermitKind::P33],
            intent_close: vec![PermitKind::Governor, PermitKind::P33],
            harvest_close: PermitKind::ALL.to_vec(),
            reconcile_close: Vec::new(),
        }
    }
}

impl PermitTable {
    /// What a class needs.
    #[must_use]
    pub fn required(&self, class: PlanClass) -> &[PermitKind] {
        match class {
            PlanClass::Open => &self.open,
            PlanClass::IntentClose => &self.intent_close,
            PlanClass::HarvestClose => &self.harvest_close,
            PlanClass::ReconcileClose => &self.reconcile_close,
        }
    }
}

/// A permit as it was read; all have one form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitOf {
    /// `granted` or `allow`.
    pub positive: bool,
    /// Of which plan.
    pub plan_id: String,
    /// Whose.
    pub symbol: String,
    /// For which action; a smaller close than the plan's is a limit, any other difference a mismatch.
    pub action: String,
    /// At most this base quantity; `None` is no limit, which P3.3 writes as zero on an open.
    pub max_qty: Option<Decimal>,
    /// At most this share of the position, 0 to 1; `None` is no limit.
    pub max_fraction: Option<Decimal>,
    /// Void from this moment on.
    pub expires_at: Nanos,
}

/// The plan that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermitPlan<'a> {
    /// Its identity.
    pub plan_id: &'a str,
    /// Whose.
    pub symbol: &'a str,
    /// What it does.
    pub action: &'a str,
    /// It can only make a position smaller.
    pub reduces: bool,
}

/// Why the permits do not do; all of them are left as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermitRefusal {
    /// For results: `missing_all`, `missing_governor`, `missing_p33`, `missing_p26`, ...
    pub reason: &'static str,
    /// Whose permit it is; `None` where all are missing.
    pub by: Option<PermitKind>,
    /// Waiting may help: a permit is missing, not refused.
    pub wait: bool,
}

/// All required permits are there and were consumed together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permitted {
    /// The least of their quantities.
    pub max_qty: Option<Decimal>,
    /// The least of their shares.
    pub max_fraction: Option<Decimal>,
}

/// Whether these permits let the plan run now. `read` holds, for each of [`PermitKind::ALL`], what stood
/// under its key.
///
/// # Errors
/// [`PermitRefusal`]; nothing may then be consumed.
pub fn check_permits(
    plan: &PermitPlan<'_>,
    required: &[PermitKind],
    read: &[Option<PermitOf>; 3],
    now: Nanos,
) -> Result<Permitted, PermitRefusal> {
    // An expired permit is no permit at the moment of sending, whatever the bus still shows.
    let of = |kind: PermitKind| read[kind as usize].as_ref().filter(|p| p.expires_at > now);
    let needed = || PermitKind::ALL.into_iter().filter(|kind| required.contains(kind));
    if needed().count() > 0 && needed().all(|kind| of(kind).is_none()) {
        return Err(PermitRefusal { reason: "missing_all", by: None, wait: true });
    }
    if let Some(missing) = needed().find(|kind| of(*kind).is_none()) {
        return Err(PermitRefusal { reason: missing.missing(), by: Some(missing), wait: true });
    }
    let mut permitted = Permitted::default();
    for kind in needed() {
        let Some(permit) = of(kind) else { continue };
        if !permit.positive {
            return Err(PermitRefusal { reason: kind.denied(), by: Some(kind), wait: false });
        }
        if !matches(permit, plan) {
            return Err(PermitRefusal { reason: kind.mismatched(), by: Some(kind), wait: false });
        }
        permitted.max_qty = least(permitted.max_qty, permit.max_qty);
        permitted.max_fraction = least(permitted.max_fraction, permit.max_fraction);
    }
    Ok(permitted)
}

fn matches(permit: &PermitOf, plan: &PermitPlan<'_>) -> bool {
    use crate::close_action::CloseAction;
    let closes = |word| CloseAction::parse(word).filter(|_| plan.reduces);
    // The gate permits a smaller close than was planned: its share is then the limit.
    let smaller =
        closes(permit.action.as_str()).zip(closes(plan.action)).is_some_and(|(a, b)| a < b);
    permit.plan_id == plan.plan_id
        && permit.symbol == plan.symbol
        && (permit.action == plan.action || smaller && permit.max_fraction.is_some())
}

fn least(one: Option<Decimal>, two: Option<Decimal>) -> Option<Decimal> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.min(two)),
        (one, two) => one.or(two),
    }
}

#[cfg(test)]
#[path = "permits_tests.rs"]
mod tests;
