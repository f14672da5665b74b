//! `skew_exchange_clock`: the exchange's clock and that of its clients differ for a time.

use engine::Symbol;
use serde::{Deserialize, Serialize};
use sim_exchange::{FaultKind, RequestKind};

use super::venue_faults::{self, Whom, is_default, span};
use super::{Lasts, Plan, Setting, Step, When};

/// The exchange's clock differs from that of its clients when it looks at timestamps (-1021); nothing else
/// happens earlier or later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkewExchangeClock {
    /// How far it is ahead, such as `6s`: beyond recv_window_ms requests are too old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<String>,
    /// How far it is behind: from a second on requests come from the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<String>,
    /// For which requests.
    #[serde(default, skip_serializing_if = "is_default")]
    pub requests: RequestKind,
    /// For those of one symbol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<Symbol>,
}

impl SkewExchangeClock {
    fn whom(&self) -> Whom {
        Whom { requests: self.requests, symbol: self.symbol, ..Whom::default() }
    }
}

impl Step for SkewExchangeClock {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let ahead_ms = match (&self.ahead, &self.behind) {
            (Some(ahead), None) => span("ahead", ahead)?.millis(),
            (None, Some(behind)) => -span("behind", behind)?.millis(),
            _ => return Err("give one of `ahead` and `behind`".to_owned()),
        };
        venue_faults::add(FaultKind::SkewClock { ahead_ms }, self.whom(), when, setting, plan)
    }

    fn sentence(&self) -> String {
        let (by, word) = match (&self.ahead, &self.behind) {
            (Some(ahead), _) => (ahead.as_str(), "ahead"),
            (None, behind) => (behind.as_deref().unwrap_or("0s"), "behind"),
        };
        let whom = self.whom().sentence();
        format!("the exchange's clock is {by} {word} of its clients'{whom}")
    }
}
