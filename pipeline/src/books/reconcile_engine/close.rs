//! The signed close: sealed first, then its cooldown and the lease of the hold, then published. In the other
//! order a failure of the seal left a hold without a close.

use engine::{Context, Envelope, Nanos, SetOptions};
use rust_decimal::Decimal;
use strategies::reconcile::{
    CloseSecret, HOLD_LEASE_SEC, close_sizing, hmac_payload, reconcile_plan_id,
};

use super::{Look, RESULTS_MAX, ReconcileEngine};
use crate::drift;
use crate::keys;
use crate::records::{ApplyResult, OrderSide, ReconcileClose};
use crate::streams::{APPLY_RESULT, RECONCILE_CLOSE};

/// A case is closed once in so many seconds.
const BUCKET_SEC: i64 = 120;

impl ReconcileEngine {
    /// Closes what the exchange holds beyond the ledger; what that cannot mend is an operator's.
    pub(super) fn close(&mut self, place: usize, look: Look, ctx: &mut Context<'_>) {
        let (Some(exchange), Some(ledger)) = (look.exchange_amt(), look.ledger) else { return };
        let symbol = self.symbols[place];
        let sizing = close_sizing(symbol.as_str(), exchange, ledger);
        if exchange.is_zero() && !self.old.keeps_gone {
            // There is nothing to close: the ledger follows when that has been so for a while.
            return;
        }
        if !drift::is_beyond(exchange, ledger) || sizing.qty <= Decimal::ZERO {
            self.tell_operator(place, look, &sizing.signature, "nothing_to_close", ctx);
            return;
        }
        let secret = self.settings.close_secret.as_ref();
        let Some(secret) = secret.and_then(|secret| CloseSecret::new(secret.text()).ok()) else {
            self.tell_operator(place, look, &sizing.signature, "no_close_secret", ctx);
            return;
        };
        let now_ms = ctx.now().millis();
        let bucket = now_ms / 1_000 / BUCKET_SEC;
        let case = format_args!("{symbol}:{}:{bucket}", sizing.signature);
        let cooldown = keys::RECONCILE_CLOSE_COOLDOWN.of(case);
        if ctx.exists(&cooldown) || self.is_out(place, ctx) {
            return;
        }
        let (qty, ts) = (sizing.qty.normalize().to_string(), now_ms.to_string());
        let plan_id = reconcile_plan_id(symbol.as_str(), &sizing.signature, now_ms);
        let payload = hmac_payload(&plan_id, symbol.as_str(), &qty, &ts, &sizing.signature);
        let close = ReconcileClose {
            hmac: secret.sign(&payload),
            plan_id,
            correlation_id: ctx.correlation_id(),
            decision: "RECONCILE_CLOSE".into(),
            symbol,
            side: if exchange > Decimal::ZERO { OrderSide::Sell } else { OrderSide::Buy },
            order_type: "MARKET".into(),
            qty,
            reduce_only: "true".into(),
            reason: "reconcile_drift".into(),
            source: "p3.4".into(),
            signature: sizing.signature,
            exchange_amt: exchange,
            ledger_amt: ledger,
            ts,
        };
        let expire = keys::RECONCILE_CLOSE_COOLDOWN.life;
        let once = SetOptions { if_absent: true, expire, ..SetOptions::default() };
        let out = SetOptions { expire: Some(drift::CLOSE_VALID), ..SetOptions::default() };
        if ctx.set(&cooldown, "1", once) != Ok(true)
            || ctx.set(&self.keys[place].close_out, &close.plan_id, out) != Ok(true)
        {
            ctx.count("close_not_published", 1);
            return;
        }
        let reason = self.known[place].reason.clone();
        self.set_hold(place, &reason, true, ctx);
        let lease = Some(Nanos::from_secs(HOLD_LEASE_SEC));
        let options = SetOptions { expire: lease, ..SetOptions::default() };
        if ctx.set(&self.keys[place].signature, &close.signature, options).is_err() {
            ctx.count("hold_not_saved", 1);
        }
        if self.old.seals_last {
            // The seal raises here: hold and cooldown are set, and nothing leaves.
            ctx.count("close_not_published", 1);
            return;
        }
        ctx.count("p34_reconcile_close_published_total", 1);
        crate::publish(ctx, RECONCILE_CLOSE, Envelope::Flat, close);
    }

    /// Whether a close of the symbol may still be executed: its result has not been told, and it is not too old. Another
    /// one would close the same drift again.
    fn is_out(&self, place: usize, ctx: &mut Context<'_>) -> bool {
        let key = &self.keys[place].close_out;
        let Some(plan_id) = ctx.get(key).ok().flatten().filter(|_| !self.old.piles_up) else {
            return false;
        };
        let Ok(newest) = ctx.newest(APPLY_RESULT.name, RESULTS_MAX) else {
            ctx.count("results_unreadable", 1);
            return true;
        };
        let mut read =
            newest.iter().filter_map(|entry| entry.body.as_ref()?.read::<ApplyResult>().ok());
        let ended = read.any(|result| result.plan_id == plan_id);
        if ended {
            ctx.del(key);
        }
        !ended
    }
}
