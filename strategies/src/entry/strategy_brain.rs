//! What the strategy brain's answer, or its silence, means to those who ask (MSE 5.2).

use serde::{Deserialize, Serialize};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asker {
    /// The strategy router: without an answer it publishes nothing.
    Router,
    /// The orchestrator: without an answer it goes on.
    Orchestrator,
}

/// Whether the decision goes on; `approved` is `None` after a time-out or an error.
#[must_use]
pub fn strategy_approves(approved: Option<bool>, asker: Asker) -> bool {
    approved.unwrap_or(asker == Asker::Orchestrator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_stops_the_router_only() {
        assert!(!strategy_approves(None, Asker::Router));
        assert!(strategy_approves(None, Asker::Orchestrator));
        assert!(strategy_approves(Some(true), Asker::Router));
        assert!(!strategy_approves(Some(false), Asker::Orchestrator));
    }
}
