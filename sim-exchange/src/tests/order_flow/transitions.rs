//! The states of an order, one after the other, and what a fill may do.

use engine::{
    AlgoStatus, ExecutionType, ExpiryReason, Fill, OrderState, OrderStatus, PositionSide, Side,
    TimeInForce,
};

/// Whether `new` may follow `old`, by an event of `execution` in which `filled` lots were filled.
pub(super) fn check_order(
    old: Option<&OrderState>,
    new: &OrderState,
    execution: ExecutionType,
    filled: i64,
) {
    let (executed, orig) = (new.executed_qty.0, new.orig_qty.0);
    match new.status {
        OrderStatus::New => assert_eq!(executed, 0, "NEW is not filled: {new:?}"),
        OrderStatus::PartiallyFilled => {
            assert!(executed > 0 && executed < orig, "PARTIALLY_FILLED is: {new:?}");
        }
        OrderStatus::Filled => assert_eq!(executed, orig, "FILLED is: {new:?}"),
        OrderStatus::Canceled | OrderStatus::Expired | OrderStatus::ExpiredInMatch => {
            assert!(executed <= orig, "no fill beyond the order: {new:?}");
            // Of a conditional order that closes a position the quantity comes with the trigger.
            let waited = new.close_position && orig == 0;
            assert!(executed < orig || waited, "what is filled does not end twice: {new:?}");
        }
    }
    let fits = match execution {
        ExecutionType::New => new.status == OrderStatus::New,
        ExecutionType::Trade | ExecutionType::Calculated => {
            matches!(new.status, OrderStatus::PartiallyFilled | OrderStatus::Filled)
        }
        ExecutionType::Canceled => new.status == OrderStatus::Canceled,
        ExecutionType::Expired => {
            matches!(new.status, OrderStatus::Expired | OrderStatus::ExpiredInMatch)
        }
        ExecutionType::Amendment => !new.status.is_terminal(),
    };
    assert!(fits, "{execution:?} is not {:?}", new.status);
    let Some(old) = old else {
        assert_eq!(execution, ExecutionType::New, "an order begins as NEW: {new:?}");
        return;
    };
    let kept = |order: &OrderState| {
        let name = order.client_order_id.clone();
        let sides = (order.side, order.position_side, order.reduce_only, order.close_position);
        (name, order.symbol, sides, order.orig_type, order.time_in_force, order.time)
    };
    assert_eq!(kept(old), kept(new), "it is the same order");
    assert!(old.update_time <= new.update_time, "time goes on");
    if execution == ExecutionType::New {
        // On the old route a conditional order ends as what it was, and is new as what it is.
        let triggered = old.expiry_reason == ExpiryReason::Triggered;
        assert!(triggered && old.orig_type.is_conditional(), "NEW comes once: {old:?} {new:?}");
        assert!(!new.order_type.is_conditional(), "it has become a plain order");
        return;
    }
    assert!(!old.status.is_terminal(), "an end is an end: {old:?} {new:?}");
    assert_eq!(executed, old.executed_qty.0 + filled, "executed is the sum of fills");
    if execution == ExecutionType::Amendment {
        assert!(new.orig_qty != old.orig_qty || new.price != old.price, "something changed");
    } else {
        assert_eq!((new.orig_qty, new.price), (old.orig_qty, old.price), "the order is kept");
    }
}

/// Whether an order may have such a fill, with its position `before` and `after`.
pub(super) fn check_fill(order: &OrderState, fill: &Fill, before: i64, after: i64) {
    assert!(fill.qty.0 > 0 && fill.price.0 > 0, "a fill moves something: {fill:?}");
    if let Some(limit) = order.price {
        let within = match order.side {
            Side::Buy => fill.price <= limit,
            Side::Sell => fill.price >= limit,
        };
        assert!(within, "through the limit: {order:?} {fill:?}");
    }
    if order.time_in_force == TimeInForce::Gtx && !order.order_type.is_conditional() {
        assert!(fill.maker, "post-only takes nothing: {order:?}");
    }
    let only_reduces = match (order.position_side, order.side) {
        (PositionSide::Both, _) => order.reduce_only || order.close_position,
        (PositionSide::Long, side) => side == Side::Sell,
        (PositionSide::Short, side) => side == Side::Buy,
    };
    if only_reduces {
        let reduced = after.abs() < before.abs() && after.signum() * before.signum() >= 0;
        assert!(reduced, "reduce-only never opens: {before} to {after}: {order:?}");
    }
    match order.position_side {
        PositionSide::Both => {}
        PositionSide::Long => assert!(after >= 0, "a LONG is long"),
        PositionSide::Short => assert!(after <= 0, "a SHORT is short"),
    }
}

pub(super) fn check_algo(old: Option<AlgoStatus>, new: AlgoStatus) {
    use AlgoStatus::{Canceled, Expired, Finished, New, Rejected, Triggered, Triggering};
    let follows = matches!(
        (old, new),
        (None, New)
            | (Some(New), Triggering | Canceled | Expired)
            | (Some(Triggering), Triggered | Rejected)
            | (Some(Triggered), Finished)
    );
    assert!(follows, "a conditional order goes from {old:?} to {new:?}");
}
