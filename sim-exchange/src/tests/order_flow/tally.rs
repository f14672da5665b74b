//! How often what happened: a property over a flow in which nothing happens says nothing.

use std::collections::BTreeMap;

use engine::{ExecutionType, ExpiryReason, Fill, OrderState, OrderStatus, Request};

#[derive(Default)]
pub(super) struct Tally {
    counts: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn add(&mut self, what: &str) {
        self.add_many(what, 1);
    }

    pub(super) fn add_many(&mut self, what: &str, count: u64) {
        if let Some(known) = self.counts.get_mut(what) {
            *known += count;
        } else {
            self.counts.insert(what.to_owned(), count);
        }
    }

    pub(super) fn join(&mut self, other: &Tally) {
        for (what, count) in &other.counts {
            self.add_many(what, *count);
        }
    }

    pub(super) fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    pub(super) fn execution(
        &mut self,
        execution: ExecutionType,
        order: &OrderState,
        fill: Option<&Fill>,
    ) {
        if let Some(fill) = fill {
            self.add(if fill.maker { "fill maker" } else { "fill taker" });
            self.add(&format!("filled {}", order.orig_type.as_str()));
            self.add(&format!("filled {}", order.time_in_force.as_str()));
            if order.reduce_only {
                self.add("filled reduce-only");
            }
            if order.close_position {
                self.add("filled closePosition");
            }
            let name = &order.client_order_id.0;
            for prefix in ["autoclose-", "adl_autoclose-", "settlement_autoclose-"] {
                if name.starts_with(prefix) {
                    self.add(&format!("{prefix} {}", execution.as_str()));
                }
            }
            return;
        }
        self.add(&format!("order {}", execution.as_str()));
        if order.status == OrderStatus::ExpiredInMatch {
            self.add(&format!("prevented {}", order.self_trade_prevention.as_str()));
        }
        if order.expiry_reason != ExpiryReason::None {
            self.add(&format!("ended {:?}", order.expiry_reason));
        }
    }

    pub(super) fn done(&mut self, request: &Request) {
        self.add(&format!("done {}", name(request)));
    }

    pub(super) fn refused(&mut self, request: &Request, code: i32) {
        self.add(&format!("refused {code}"));
        self.add(&format!("refused {}", name(request)));
    }

    /// Each of these happened so often at least, `times` over.
    pub(super) fn at_least(&self, wanted: &[(&str, u64)], times: u64) {
        let few = wanted.iter().filter(|(what, least)| self.of(what) < least * times);
        let few: Vec<String> =
            few.map(|(what, n)| format!("{what}: {} of {n}", self.of(what))).collect();
        assert!(few.is_empty(), "too little happened: {few:?}");
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (what, count) in &self.counts {
            writeln!(f, "{count:>8} {what}")?;
        }
        Ok(())
    }
}

/// The request's first word, as the code spells it.
fn name(request: &Request) -> String {
    let text = format!("{request:?}");
    text.chars().take_while(|c| c.is_alphanumeric()).collect()
}
