//! Permits, a component of both executors (EHR 3.17; settled, "Permits"): which ones a plan needs, where they
//! stand, and their use.
//!
//! Invariant: permits are consumed together, only when all that a plan needs are there, positive and of this
//! plan; otherwise none is touched. Nobody but their issuers writes them, and no setting bypasses them.

use engine::{BusError, Context, Nanos, Ttl, TypedRecord};
use serde::{Deserialize, Serialize};
use strategies::apply::{
    PermitKind, PermitOf, PermitPlan, PermitTable, Permitted, PlanClass as Needs, check_permits,
};

use crate::audited::{Audited, AuditedNames};
use crate::keys::{self, Key};
use crate::records::{ApplyPlan, Executor, GovernorPermit, P26Permit, P33Permit, PlanClass};
use crate::settings::Component;

/// `[pipeline.permits]`: the permits that each class of plans needs.
pub type PermitSettings = PermitTable;

impl Component for PermitTable {
    fn problem(&self) -> Option<String> {
        let lists = [
            ("open", &self.open),
            ("intent_close", &self.intent_close),
            ("harvest_close", &self.harvest_close),
            ("reconcile_close", &self.reconcile_close),
        ];
        lists.into_iter().find_map(|(name, list)| {
            let twice = |kind: &&PermitKind| list.iter().filter(|other| other == kind).count() > 1;
            let kind = list.iter().find(twice)?;
            Some(format!("{name} names {kind:?} twice: a permit is needed or it is not"))
        })
    }
}

/// How an executor reads permits. All are off by default; each is an audited behaviour of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PermitReading {
    text_truthy: bool,
    p33_as_hash: bool,
    p33_never_ends: bool,
    denial_uses: bool,
    names_plan_only: bool,
}

impl PermitReading {
    /// Of this executor.
    pub(crate) fn of(audited: &AuditedNames, executor: &str) -> PermitReading {
        PermitReading {
            text_truthy: audited.of(Audited::PermitTextTruthy, executor),
            p33_as_hash: audited.of(Audited::PermitAsHash, executor),
            p33_never_ends: audited.of(Audited::BridgeGrantsP33, executor),
            denial_uses: audited.of(Audited::DenialUsesPermits, executor),
            names_plan_only: audited.of(Audited::PermitNamesPlanOnly, executor),
        }
    }
}

/// Sources whose closes through the apply layer the portfolio gate judges (EHR 3.8).
const HARVEST: [&str; 2] = ["harvest_proposal", "harvest_brain"];

/// What decides which permits a plan needs.
pub(crate) fn needs(plan: &ApplyPlan) -> Needs {
    match plan.class {
        PlanClass::Open => Needs::Open,
        PlanClass::ReconcileClose => Needs::ReconcileClose,
        PlanClass::Close
            if plan.executor == Executor::ApplyLayer && HARVEST.contains(&plan.source.as_str()) =>
        {
            Needs::HarvestClose
        }
        PlanClass::Close => Needs::IntentClose,
    }
}

const fn key_of(kind: PermitKind) -> Key {
    match kind {
        PermitKind::Governor => keys::PERMIT_GOVERNOR,
        PermitKind::P33 => keys::PERMIT_P33,
        PermitKind::P26 => keys::PERMIT_P26,
    }
}

/// The keys that an executor of these classes reads and deletes, for its wiring.
pub(crate) fn key_patterns(table: &PermitTable, classes: &[Needs]) -> Vec<String> {
    let needed =
        |kind: &PermitKind| classes.iter().any(|class| table.required(*class).contains(kind));
    PermitKind::ALL.into_iter().filter(needed).map(|kind| key_of(kind).pattern()).collect()
}

/// A permit as its issuer wrote it, in the form that all share, and its reason.
trait Issued: TypedRecord {
    fn issued(&self, reduces: bool) -> (PermitOf, &str);
}

/// A permit is void a life after it was made, whatever the bus still shows.
fn void_at(created_at: Nanos, kind: PermitKind) -> Nanos {
    created_at + key_of(kind).life.unwrap_or(Nanos::ZERO)
}

impl Issued for GovernorPermit {
    fn issued(&self, _: bool) -> (PermitOf, &str) {
        let permit = PermitOf {
            positive: self.granted,
            plan_id: self.plan_id.clone(),
            symbol: self.symbol.as_str().to_owned(),
            action: self.action.as_str().to_owned(),
            max_qty: self.computed_qty,
            max_fraction: None,
            expires_at: void_at(self.created_at.0, PermitKind::Governor),
        };
        (permit, &self.reason)
    }
}

impl Issued for P33Permit {
    fn issued(&self, reduces: bool) -> (PermitOf, &str) {
        let permit = PermitOf {
            positive: self.allow,
            plan_id: self.plan_id.clone(),
            symbol: self.symbol.as_str().to_owned(),
            action: self.action.as_str().to_owned(),
            // Zero on an open leaves the plan its own quantity; on a close it closes nothing.
            max_qty: Some(self.safe_qty).filter(|qty| reduces || !qty.is_zero()),
            max_fraction: None,
            expires_at: void_at(self.created_at.0, PermitKind::P33),
        };
        (permit, &self.reason)
    }
}

impl Issued for P26Permit {
    fn issued(&self, _: bool) -> (PermitOf, &str) {
        let permit = PermitOf {
            positive: self.allow,
            plan_id: self.plan_id.clone(),
            symbol: self.symbol.as_str().to_owned(),
            // The gate may have made the close smaller: what it permits is its own action.
            action: self.final_action.as_str().to_owned(),
            max_qty: None,
            max_fraction: Some(self.max_fraction),
            expires_at: void_at(self.created_at.0, PermitKind::P26),
        };
        (permit, &self.reason)
    }
}

/// What stood under the key of one permit.
struct Read {
    permit: Option<PermitOf>,
    reason: String,
}

fn read<P: Issued>(
    key: &str,
    reduces: bool,
    as_hash: bool,
    ctx: &mut Context<'_>,
) -> Result<Read, BusError> {
    let found = if as_hash { ctx.record::<P>(key)? } else { ctx.json::<P>(key)? };
    Ok(match found {
        Some(permit) => {
            let (permit, reason) = permit.issued(reduces);
            Read { permit: Some(permit), reason: reason.to_owned() }
        }
        None => Read { permit: None, reason: String::new() },
    })
}

/// Whether a permit says anything that is text and not empty: Python's reading of `allow="false"`.
fn says_text(key: &str, field: &str, as_hash: bool, ctx: &mut Context<'_>) -> bool {
    if as_hash {
        return matches!(ctx.hget(key, field), Ok(Some(text)) if !text.is_empty());
    }
    let text = ctx.get(key).ok().flatten();
    let json = text.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    json.is_some_and(|json| json[field].as_str().is_some_and(|text| !text.is_empty()))
}

/// Permits that are there and positive; nothing is consumed yet.
#[derive(Debug)]
pub(crate) struct Grant {
    /// The least of their quantities and shares.
    pub permitted: Permitted,
    keys: Vec<String>,
}

impl Grant {
    /// Consumes all permits together; `false` when one of them is gone, and then none is.
    pub(crate) fn consume(&self, ctx: &mut Context<'_>) -> bool {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        keys.is_empty() || ctx.del_together(&keys)
    }
}

/// Permits that are not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// `missing_all`, `missing_governor`, `missing_p33` or `missing_p26`.
    pub reason: &'static str,
    /// Whose is missing; `None` where all are.
    pub by: Option<PermitKind>,
}

/// Lives of the permits that the plan needs, as a timed-out wait tells them; -2: not there, or not needed.
pub(crate) fn lives(plan: &ApplyPlan, table: &PermitTable, ctx: &mut Context<'_>) -> String {
    let required = table.required(needs(plan));
    let [governor, p33, p26] = PermitKind::ALL.map(|kind| match required.contains(&kind) {
        true => seconds_left(ctx.ttl(&key_of(kind).of(&plan.plan_id))),
        false => -2,
    });
    format!("gov_ttl={governor} p33_ttl={p33} p26_ttl={p26}")
}

/// Where the permits of a plan stand.
#[derive(Debug)]
pub(crate) enum Permits {
    /// Waiting may help.
    Missing(Missing),
    /// An issuer said no.
    Denied {
        /// Who.
        by: PermitKind,
        /// His reason.
        why: String,
    },
    /// A permit is not of this plan, symbol or action.
    Mismatch(PermitKind),
    /// Something else lies under the key of a permit.
    Unreadable {
        /// Whose.
        by: PermitKind,
        /// What is wrong with it.
        error: String,
    },
    /// All are there.
    Granted(Grant),
}

impl Permits {
    /// For results, where the plan cannot run; `None` while waiting may help or all are there.
    pub(crate) fn refusal(&self) -> Option<String> {
        match self {
            Permits::Missing(_) | Permits::Granted(_) => None,
            Permits::Denied { by, why } => Some(format!("{}_permit_denied:{why}", by.as_str())),
            Permits::Mismatch(by) => Some(format!("{}_permit_mismatch", by.as_str())),
            Permits::Unreadable { by, error } => {
                Some(format!("{}_permit_unreadable:{error}", by.as_str()))
            }
        }
    }
}

/// Looks at all permits that the plan needs. A denial counts at once, also while others are missing: waiting
/// would not undo it.
pub(crate) fn look(
    plan: &ApplyPlan,
    table: &PermitTable,
    reading: PermitReading,
    ctx: &mut Context<'_>,
) -> Permits {
    let required = table.required(needs(plan));
    let reduces = plan.class != PlanClass::Open;
    let (mut found, mut reasons, mut keys) =
        ([None, None, None], [const { String::new() }; 3], Vec::new());
    for kind in PermitKind::ALL.into_iter().filter(|kind| required.contains(kind)) {
        let key = key_of(kind).of(&plan.plan_id);
        let as_hash = reading.p33_as_hash && kind == PermitKind::P33;
        let read = match kind {
            PermitKind::Governor => read::<GovernorPermit>(&key, reduces, as_hash, ctx),
            PermitKind::P33 => read::<P33Permit>(&key, reduces, as_hash, ctx),
            PermitKind::P26 => read::<P26Permit>(&key, reduces, as_hash, ctx),
        };
        match read {
            Ok(mut read) => {
                if let Some(permit) = &mut read.permit {
                    misread(permit, &key, kind, plan, reading, ctx);
                }
                found[kind as usize] = read.permit;
                reasons[kind as usize] = read.reason;
            }
            Err(error) => return Permits::Unreadable { by: kind, error: error.to_string() },
        }
        keys.push(key);
    }
    let now = ctx.now();
    let denied = |kind: &PermitKind| {
        let permit = found[*kind as usize].as_ref();
        permit.is_some_and(|permit| !permit.positive && permit.expires_at > now)
    };
    if let Some(by) = PermitKind::ALL.into_iter().find(denied) {
        if reading.denial_uses {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            ctx.del_together(&keys);
        }
        return Permits::Denied { by, why: std::mem::take(&mut reasons[by as usize]) };
    }
    let asks = PermitPlan {
        plan_id: &plan.plan_id,
        symbol: plan.symbol.as_str(),
        action: plan.action.as_str(),
        reduces,
    };
    match check_permits(&asks, required, &found, now) {
        Ok(permitted) => Permits::Granted(Grant { permitted, keys }),
        Err(refusal) if refusal.wait => {
            Permits::Missing(Missing { reason: refusal.reason, by: refusal.by })
        }
        // Denials are told above; what is left is a permit of something else.
        Err(refusal) => Permits::Mismatch(refusal.by.unwrap_or(PermitKind::P33)),
    }
}

/// Reads into a permit what the audited executors read into it.
fn misread(
    permit: &mut PermitOf,
    key: &str,
    kind: PermitKind,
    plan: &ApplyPlan,
    reading: PermitReading,
    ctx: &mut Context<'_>,
) {
    if reading.text_truthy && !permit.positive {
        let field = if kind == PermitKind::Governor { "granted" } else { "allow" };
        let as_hash = reading.p33_as_hash && kind == PermitKind::P33;
        permit.positive = says_text(key, field, as_hash, ctx);
    }
    if reading.p33_never_ends && kind == PermitKind::P33 {
        permit.expires_at = Nanos::NEVER;
    }
    if reading.names_plan_only {
        plan.symbol.as_str().clone_into(&mut permit.symbol);
        plan.action.as_str().clone_into(&mut permit.action);
    }
}

/// As Redis' TTL tells it.
fn seconds_left(ttl: Ttl) -> i64 {
    match ttl {
        Ttl::Absent => -2,
        Ttl::Persistent => -1,
        Ttl::Left(left) => left.secs(),
    }
}

#[cfg(test)]
#[path = "permits_tests.rs"]
mod tests;
