//! Exchange against ledger: what is wrong, what is held, what is closed because of it.

use engine::{CorrelationId, EpochSeconds, Symbol};
use rust_decimal::Decimal;
use std::borrow::Cow;

use super::words::{OrderSide, words};

words! {
    /// What happened between the exchange and the ledger of a symbol.
    pub enum ReconcileEventKind {
        /// A ledger was made from the exchange, because there was none.
        LedgerInit = "LEDGER_INIT",
        /// The symbol is not to be opened.
        HoldSet = "HOLD_SET",
        /// It may be again.
        HoldCleared = "HOLD_CLEARED",
        /// An execution explained the difference: the ledger became the exchange's.
        AutoRepair = "AUTO_REPAIR",
        /// Nothing that the engine may do ends the difference: an operator has to.
        ManualRequired = "MANUAL_REQUIRED",
        /// A close ran on what the exchange holds, and the ledger said something else.
        LedgerMismatch = "LEDGER_MISMATCH",
    }

    /// Where a symbol stands.
    pub enum ReconcileStatus {
        /// Exchange and ledger agree.
        Ok = "OK",
        /// The ledger was repaired; the next look finds that they agree.
        Repaired = "REPAIRED",
        /// Opens wait.
        Hold = "HOLD",
    }
}

impl ReconcileEventKind {
    /// Whether the symbol is trusted after it.
    pub const fn restores_trust(self) -> bool {
        matches!(
            self,
            ReconcileEventKind::LedgerInit
                | ReconcileEventKind::HoldCleared
                | ReconcileEventKind::AutoRepair
        )
    }
}

engine::record! {
    /// reconcile.events: P3.4's doings, and the mismatches that executors and P3.3 come across.
    pub struct ReconcileEvent {
        /// Which.
        pub event: ReconcileEventKind = "event",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Signed; absent when nobody knows.
        pub exchange_amt: Option<Decimal> = "exchange_amt",
        /// Signed; absent when there is no ledger.
        pub ledger_amt: Option<Decimal> = "ledger_amt",
        /// Of which plan; empty when it is of none.
        pub plan_id: String = "plan_id",
        /// Why.
        pub details: Option<Cow<'static, str>> = "details",
        /// When.
        pub ts: EpochSeconds = "ts",
    }

    /// quantum:reconcile:state:{S}.
    pub struct ReconcileState {
        /// Where it stands.
        pub status: ReconcileStatus = "status",
        /// Why; `agree` when nothing is wrong.
        pub reason: Cow<'static, str> = "reason",
        /// Signed; absent when nobody knows.
        pub exchange_amt: Option<Decimal> = "exchange_amt",
        /// Signed; absent when there is no ledger.
        pub ledger_amt: Option<Decimal> = "ledger_amt",
        /// Between them, without sign.
        pub diff_amt: Decimal = "diff_amt",
        /// Of the larger one, in percent.
        pub diff_pct: Decimal = "diff_pct",
        /// When it was looked at; an unchanged state is written every 30 s.
        pub last_seen_ts: EpochSeconds = "last_seen_ts",
    }

    /// reconcile.close: the signed close of what the exchange holds beyond the ledger. What is sealed is text,
    /// so that writer and reader seal the same; the Apply Layer checks it with
    /// `strategies::reconcile::failed_guardrails` and the secret of `[pipeline.reconcile_engine]`.
    ///
    /// Its fill does not enter the ledger: the ledger never held what it closes.
    pub struct ReconcileClose {
        /// `reconclose:{symbol}:{signature}:{ms}`.
        pub plan_id: String = "plan_id",
        /// Of this decision.
        pub correlation_id: CorrelationId = "correlation_id",
        /// `RECONCILE_CLOSE`.
        pub decision: Cow<'static, str> = "decision",
        /// Whose.
        pub symbol: Symbol = "symbol",
        /// Against the exchange's position.
        pub side: OrderSide = "side",
        /// `MARKET`.
        pub order_type: Cow<'static, str> = "type",
        /// Base quantity; never more than the exchange holds.
        pub qty: String = "qty",
        /// `true`.
        pub reduce_only: Cow<'static, str> = "reduceOnly",
        /// `reconcile_drift`.
        pub reason: Cow<'static, str> = "reason",
        /// `p3.4`.
        pub source: Cow<'static, str> = "source",
        /// Of the case: twelve hexadecimal digits.
        pub signature: String = "signature",
        /// The seal over `plan_id|symbol|qty|ts|signature`: 64 hexadecimal digits.
        pub hmac: String = "hmac",
        /// Signed, when it was decided.
        pub exchange_amt: Decimal = "exchange_amt",
        /// Signed, when it was decided.
        pub ledger_amt: Decimal = "ledger_amt",
        /// When it was decided, in Unix milliseconds.
        pub ts: String = "ts",
    }
}
