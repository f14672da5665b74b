//! `rate_limit`: the exchange refuses requests as if a limit were passed.

use sim_exchange::{FaultKind, ForcedLimit};

use super::venue_faults::{self, is_default, strikes};
use super::{Lasts, Plan, Setting, Step, When};

strikes! {
    /// The exchange refuses requests with 429; who goes on asking is banned, as by the limits themselves.
    pub struct RateLimit {
        /// Which limit is said to be passed: weight (-1003), orders_10s or orders_1m (-1015, orders alone).
        #[serde(default, skip_serializing_if = "is_default")]
        pub limit: ForcedLimit,
    }
}

impl Step for RateLimit {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = FaultKind::RateLimit { limit: self.limit };
        venue_faults::add(what, self.whom(), when, setting, plan)
    }

    fn sentence(&self) -> String {
        format!("requests{} are refused with 429", self.whom().sentence())
    }
}
