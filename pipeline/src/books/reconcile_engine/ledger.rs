//! The one case in which somebody but the executor writes the ledger.

use std::borrow::Cow;

use engine::{Context, EpochSeconds};
use rust_decimal::Decimal;

use super::{Look, ReconcileEngine};
use crate::keys;
use crate::records::{PositionLedger, PositionSide, PositionSnapshot, ReconcileEventKind};

impl ReconcileEngine {
    /// The ledger becomes the exchange's; whether it did.
    pub(super) fn write_ledger(
        &self,
        place: usize,
        look: Look,
        amount: Decimal,
        (event, source): (ReconcileEventKind, &'static str),
        ctx: &mut Context<'_>,
    ) -> bool {
        let keys = &self.keys[place];
        let entry = match ctx.record::<PositionSnapshot>(&keys.snapshot) {
            Ok(Some(seen)) => seen.entry_price,
            Ok(None) | Err(_) => Decimal::ZERO,
        };
        let old = match ctx.record::<PositionLedger>(&keys.ledger) {
            Ok(old) => old.map(Cow::into_owned),
            Err(_) => None,
        };
        let side = PositionSide::of(amount.mantissa().signum() as i64);
        let ledger = PositionLedger {
            symbol: self.symbols[place],
            position_amt: amount,
            last_known_amt: amount,
            side,
            avg_entry_price: if side == PositionSide::None { Decimal::ZERO } else { entry },
            leverage: old.as_ref().and_then(|old| old.leverage),
            version: old.as_ref().map_or(1, |old| old.version + 1),
            source: source.into(),
            last_order_id: old.as_ref().and_then(|old| old.last_order_id),
            last_result_plan_id: old.as_ref().and_then(|old| old.last_result_plan_id.clone()),
            last_executed_qty: old.as_ref().and_then(|old| old.last_executed_qty),
            last_side: old.as_ref().and_then(|old| old.last_side),
            updated_at: EpochSeconds(ctx.now()),
        };
        if ctx.set_record(&keys.ledger, &ledger, keys::POSITION_LEDGER.life).is_err() {
            ctx.count("ledger_not_saved", 1);
            return false;
        }
        self.tell(place, look, event, source.into(), ctx);
        true
    }
}
