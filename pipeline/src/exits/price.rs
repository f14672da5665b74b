//! The price that the exit monitor judges a position by.

use engine::{Context, Nanos};
use rust_decimal::Decimal;

use crate::records::{PositionSnapshot, Ticker};

/// A price in USDT.
pub(super) struct Price {
    pub price: Decimal,
    pub age: Nanos,
    /// Young enough to say something about now.
    pub fresh: bool,
}

/// The mark price of P3.3's snapshot; the price feed's where that is older than `age_max`. Where both are, the snapshot's
/// again: an old price may close too early, none at all leaves a position without its stop.
pub(super) fn newest(
    snapshot_key: &str,
    ticker_key: &str,
    age_max: Nanos,
    ctx: &mut Context<'_>,
) -> Option<Price> {
    let now = ctx.now();
    let of = |price: Decimal, at: Nanos| {
        let age = now - at;
        // What is of the future says nothing about now, either.
        let fresh = (Nanos::ZERO..=age_max).contains(&age);
        (price > Decimal::ZERO).then_some(Price { price, age, fresh })
    };
    let snapshot = ctx.record::<PositionSnapshot>(snapshot_key).ok().flatten();
    let snapshot = snapshot.and_then(|seen| of(seen.mark_price, seen.ts_epoch.0));
    if snapshot.as_ref().is_some_and(|snapshot| snapshot.fresh) {
        return snapshot;
    }
    let ticker = ctx.record::<Ticker>(ticker_key).ok().flatten();
    let ticker = ticker.and_then(|told| of(told.mark_price, told.timestamp.0));
    match ticker {
        Some(ticker) if ticker.fresh => Some(ticker),
        ticker => snapshot.or(ticker),
    }
}
