//! What a client order id tells an operator: the ids carry the plan that an order executes.
//!
//! The pipeline writes `{desk}{plan}-{attempt}`: `q` and `x` for the intent executor (in its own wiring, and
//! beside another one), `a` for the apply layer. The plan is its id, 16 hexadecimal digits as a rule; where a
//! plan's own id is longer than 30 characters, the apply layer writes the first 16 hexadecimal digits of its
//! SHA-256. All of it fits into Binance's 36 characters.

use std::fmt;

use super::calls::is_client_id;

/// Who placed an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Desk {
    /// The intent executor.
    IntentExecutor,
    /// The intent executor that runs beside the apply layer.
    IntentExecutorApart,
    /// The apply layer: closes, and opens in audits.
    ApplyLayer,
    /// The venue itself: a liquidation, deleveraging or a settlement.
    Venue,
}

/// What an order is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderIntent {
    /// Who placed it.
    pub desk: Desk,
    /// The plan's id, or the first digits of its digest; empty for the venue's own orders.
    pub plan_id: String,
    /// The how-manieth order of the plan, from 1; 0 for the venue's own.
    pub attempt: u32,
}

impl fmt::Display for OrderIntent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let desk = match self.desk {
            Desk::IntentExecutor => "intent executor",
            Desk::IntentExecutorApart => "intent executor (apart)",
            Desk::ApplyLayer => "apply layer",
            Desk::Venue => return f.write_str("the venue's own order"),
        };
        write!(f, "{desk}, plan {}, attempt {}", self.plan_id, self.attempt)
    }
}

/// Reads a client order id; `None` for one that no desk of the pipeline writes.
pub fn decode_order_id(client_order_id: &str) -> Option<OrderIntent> {
    if super::ledger::is_the_venues(client_order_id) {
        return Some(OrderIntent { desk: Desk::Venue, plan_id: String::new(), attempt: 0 });
    }
    if !is_client_id(client_order_id) {
        return None;
    }
    let desk = match client_order_id.as_bytes().first()? {
        b'q' => Desk::IntentExecutor,
        b'x' => Desk::IntentExecutorApart,
        b'a' => Desk::ApplyLayer,
        _ => return None,
    };
    let (plan_id, attempt) = client_order_id[1..].rsplit_once('-')?;
    let attempt = attempt.parse().ok().filter(|attempt| *attempt > 0)?;
    (!plan_id.is_empty()).then(|| OrderIntent { desk, plan_id: plan_id.to_owned(), attempt })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_plan() {
        let intent = decode_order_id("q0123456789abcdef-1").unwrap();
        assert_eq!(intent.to_string(), "intent executor, plan 0123456789abcdef, attempt 1");
        let intent = decode_order_id("areconcile-close-BTCUSDT-2").unwrap();
        assert_eq!((intent.plan_id.as_str(), intent.attempt), ("reconcile-close-BTCUSDT", 2));
        assert_eq!(decode_order_id("autoclose-1613").unwrap().desk, Desk::Venue);
        for foreign in
            ["", "q-1", "qabc", "qabc-0", "web_1234", "q0123456789abcdef0123456789abcdef-1234"]
        {
            assert_eq!(decode_order_id(foreign), None, "{foreign}");
        }
    }
}
