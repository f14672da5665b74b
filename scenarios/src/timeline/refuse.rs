//! `refuse`: the exchange refuses requests, whatever they ask.

use sim_exchange::FaultKind;

use super::venue_faults::{self, strikes};
use super::{Lasts, Plan, Setting, Step, When};

strikes! {
    /// The exchange refuses requests with an error of its own.
    pub struct Refuse {
        /// Such as -2019; its text is that of Binance.
        pub code: i32,
        /// The text, where it is another, or the code is none that the simulation knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub msg: Option<String>,
    }
}

impl Step for Refuse {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = FaultKind::Refuse { code: self.code, msg: self.msg.clone() };
        venue_faults::add(what, self.whom(), when, setting, plan)
    }

    fn sentence(&self) -> String {
        format!("requests{} are refused with {}", self.whom().sentence(), self.code)
    }
}
