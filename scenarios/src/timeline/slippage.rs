//! `slippage`: takers get worse prices than the market shows.

use sim_exchange::FaultKind;

use super::venue_faults::{self, strikes};
use super::{Lasts, Plan, Setting, Step, When};

strikes! {
    /// Takers get worse prices than the market shows, within their limits.
    pub struct Slippage {
        /// By so many order ticks.
        pub ticks: u32,
    }
}

impl Step for Slippage {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = FaultKind::Slippage { ticks: self.ticks };
        venue_faults::add(what, self.whom(), when, setting, plan)
    }

    fn sentence(&self) -> String {
        format!("takers{} get prices {} tick(s) worse", self.whom().sentence(), self.ticks)
    }
}
