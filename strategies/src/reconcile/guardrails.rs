//! What the apply layer asks of a reconcile close before it runs (EHR 3.21).

use rust_decimal::Decimal;

use super::signature::{CloseSecret, hmac_payload};

/// A reconcile close as it was read: text, because what is sealed is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReconcileClose<'a> {
    /// Identity.
    pub plan_id: &'a str,
    /// Whose.
    pub symbol: &'a str,
    /// `RECONCILE_CLOSE`.
    pub decision: &'a str,
    /// `p3.4`.
    pub source: &'a str,
    /// `MARKET`.
    pub order_type: &'a str,
    /// `true`.
    pub reduce_only: &'a str,
    /// Base quantity.
    pub qty: &'a str,
    /// `reconcile_drift`.
    pub reason: &'a str,
    /// Of the case.
    pub signature: &'a str,
    /// The seal.
    pub hmac: &'a str,
    /// Milliseconds.
    pub ts: &'a str,
}

/// What is known when it comes.
#[derive(Clone, Copy, Debug)]
pub struct ReconcileContext<'a> {
    /// Checks the seal.
    pub secret: &'a CloseSecret,
    /// The symbol's hold key is `1`.
    pub hold_active: bool,
    /// Signed.
    pub exchange_amt: Decimal,
}

/// The rules that it fails, by the names under which they are counted; none lets it run.
#[must_use]
pub fn failed_guardrails(
    close: &ReconcileClose<'_>,
    context: &ReconcileContext<'_>,
) -> Vec<&'static str> {
    let ReconcileClose { plan_id, symbol, qty, ts, signature, .. } = *close;
    let payload = hmac_payload(plan_id, symbol, qty, ts, signature);
    let reduce_only = match close.reduce_only {
        "true" | "True" | "1" => None,
        "false" | "False" | "0" => Some("reduce_only"),
        _ => Some("reduce_only_type"),
    };
    let quantity = match qty.parse::<Decimal>() {
        Err(_) => Some("qty_parse"),
        Ok(qty) if qty <= Decimal::ZERO => Some("qty_positive"),
        Ok(qty) if qty > context.exchange_amt.abs() => Some("qty_safe"),
        Ok(_) => None,
    };
    [
        (!context.secret.verify(&payload, close.hmac)).then_some("hmac"),
        (close.decision != "RECONCILE_CLOSE").then_some("decision"),
        (close.source != "p3.4").then_some("source"),
        (!context.hold_active).then_some("hold_key"),
        reduce_only,
        (close.order_type != "MARKET").then_some("order_type"),
        quantity,
        (close.reason != "reconcile_drift").then_some("reason"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_named_when_it_fails() {
        let secret = CloseSecret::new("key").expect("a secret");
        let good = ReconcileClose {
            plan_id: "p",
            symbol: "BTCUSDT",
            decision: "RECONCILE_CLOSE",
            source: "p3.4",
            order_type: "MARKET",
            reduce_only: "true",
            qty: "0.06",
            reason: "reconcile_drift",
            signature: "s",
            hmac: "",
            ts: "1",
        };
        let failed = |close: ReconcileClose<'_>, hold_active: bool| {
            let ReconcileClose { plan_id, symbol, qty, ts, signature, .. } = close;
            let seal = secret.sign(&hmac_payload(plan_id, symbol, qty, ts, signature));
            let exchange_amt = "-0.06".parse().expect("a number");
            let context = ReconcileContext { secret: &secret, hold_active, exchange_amt };
            failed_guardrails(&ReconcileClose { hmac: &seal, ..close }, &context)
        };
        assert_eq!(failed(good, true), Vec::<&str>::new());
        assert_eq!(failed(good, false), ["hold_key"]);
        let cases = [
            (ReconcileClose { decision: "EXECUTE", ..good }, "decision"),
            (ReconcileClose { source: "p3.3", ..good }, "source"),
            (ReconcileClose { order_type: "LIMIT", ..good }, "order_type"),
            (ReconcileClose { reduce_only: "false", ..good }, "reduce_only"),
            (ReconcileClose { reduce_only: "yes", ..good }, "reduce_only_type"),
            (ReconcileClose { qty: "0", ..good }, "qty_positive"),
            (ReconcileClose { qty: "0.061", ..good }, "qty_safe"),
            (ReconcileClose { qty: "x", ..good }, "qty_parse"),
            (ReconcileClose { reason: "harvest", ..good }, "reason"),
        ];
        for (close, rule) in cases {
            assert_eq!(failed(close, true), [rule]);
        }
        let context =
            ReconcileContext { secret: &secret, hold_active: true, exchange_amt: Decimal::ONE };
        assert_eq!(failed_guardrails(&good, &context), ["hmac"]);
    }
}
