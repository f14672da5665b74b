//! What the reconcile engine and the executor of its closes hold in common: when exchange and ledger may be compared,
//! and for how long a close of what is too much may be executed.

use engine::{Context, Nanos};
use rust_decimal::Decimal;

/// A snapshot has to be so much younger than the last change: the exchange answered it before it was written down.
pub(crate) const SETTLES: Nanos = Nanos::from_secs(1);
/// What changed longer ago is in any fresh snapshot, and what is of the future says nothing.
const CHANGED_LATELY: Nanos = Nanos::from_secs(30);
/// An older snapshot is stale.
pub(crate) const FRESH: Nanos = Nanos::from_secs(10);
/// A reconcile close that is older is not executed, and the engine may publish the next one.
pub(crate) const CLOSE_VALID: Nanos = Nanos::from_secs(120);

/// Whether a snapshot may be older than a change.
pub(crate) fn may_be_older(taken: Nanos, changed: Nanos, now: Nanos) -> bool {
    (Nanos::ZERO..=CHANGED_LATELY).contains(&(now - changed)) && taken - changed < SETTLES
}

/// When the symbol traded last, as its executor wrote it down. The fill of a reconcile close is in no ledger.
pub(crate) fn traded_at(key: &str, ctx: &mut Context<'_>) -> Option<Nanos> {
    let ms = ctx.get(key).ok().flatten()?.parse::<i64>().ok()?;
    ms.checked_mul(1_000_000).map(Nanos)
}

/// Whether the exchange holds more than the ledger, on the side that the exchange has. Where the ledger holds more, a
/// close would make the difference larger.
pub(crate) fn is_beyond(exchange: Decimal, ledger: Decimal) -> bool {
    let more = exchange.saturating_sub(ledger);
    !exchange.is_zero() && !more.is_zero() && more.is_sign_positive() == exchange.is_sign_positive()
}
