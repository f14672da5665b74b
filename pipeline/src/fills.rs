//! Fills are delivered at least once; who adds them up takes each of them once.
//!
//! A fill is marked after it was taken: who dies in between takes it twice, which P3.3 bounds, rather than not
//! at all, which would leave a position without its stop.

use engine::{Context, SetOptions};

use crate::keys;
use crate::records::ExecutionResult;

/// The order's key stands for its sum, which the executor tells when it has not heard the single fills. The
/// plan is in it because a venue that was reset begins its ids anew.
fn keys(fill: &ExecutionResult, ctx: &Context<'_>) -> (String, Option<String>) {
    let (service, symbol, plan, order) = (ctx.name(), fill.symbol, &fill.plan_id, fill.order_id);
    let order = keys::FILL_SEEN.of(format_args!("{service}:{symbol}:{plan}:{order}"));
    let single = fill.trade_id.map(|trade| format!("{order}:{trade}"));
    (order, single)
}

/// Whether this service has taken the fill before; that is counted.
pub(crate) fn taken(fill: &ExecutionResult, ctx: &mut Context<'_>) -> bool {
    let (order, single) = keys(fill, ctx);
    let taken = ctx.exists(&single.unwrap_or(order));
    if taken {
        ctx.count("fills_already_taken", 1);
    }
    taken
}

/// This service has taken the fill.
pub(crate) fn take(fill: &ExecutionResult, ctx: &mut Context<'_>) {
    let options = SetOptions { expire: keys::FILL_SEEN.life, ..SetOptions::default() };
    let (order, single) = keys(fill, ctx);
    for key in [Some(order), single].into_iter().flatten() {
        if ctx.set(&key, "1", options).is_err() {
            ctx.count("fill_not_marked", 1);
        }
    }
}
