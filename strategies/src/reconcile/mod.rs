//! P3.4, the reconcile engine (EHR 3.21): drift between exchange and ledger, repair with evidence, hold,
//! and the signed close of what should not be there.

mod close;
mod drift;
mod guardrails;
mod signature;

pub use close::{CloseSizing, close_sizing, reconcile_plan_id};
pub use drift::{
    Drift, DriftKind, Executed, HOLD_LEASE_SEC, HOLD_SEC, ReconcileInput, ReconcileStep,
    detect_drift, evidence_of, hold_ttl_sec, reconcile_step,
};
pub use guardrails::{ReconcileClose, ReconcileContext, failed_guardrails};
pub use signature::{CloseSecret, NoSecret, hmac_payload};
