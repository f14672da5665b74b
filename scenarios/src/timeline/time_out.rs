//! `time_out`: the outcome of requests stays unknown to who sent them.

use sim_exchange::{FaultKind, TimeOutAnswer};

use super::venue_faults::{self, span, strikes};
use super::{Lasts, Plan, Setting, Step, When};

strikes! {
    /// The outcome of requests stays unknown to their sender, in one of four forms: the exchange has done
    /// what was asked or not, and answers -1007 or nothing.
    pub struct TimeOut {
        /// The exchange does what was asked.
        pub executed: bool,
        /// What the sender hears: code (HTTP 408, -1007) or none (the connection is lost).
        #[serde(default)]
        pub answer: TimeOutAnswer,
        /// How long it takes until he hears it, or gives up: ten seconds if nothing is said, which is the
        /// venue's own time-out and that of its usual clients.
        #[serde(default = "after")]
        pub after: String,
    }
}

fn after() -> String {
    "10s".to_owned()
}

impl Step for TimeOut {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let after = span("after", &self.after)?;
        let what = FaultKind::TimeOut { executed: self.executed, answer: self.answer, after };
        venue_faults::add(what, self.whom(), when, setting, plan)
    }

    fn sentence(&self) -> String {
        let done = if self.executed { "done" } else { "not done" };
        let heard = match self.answer {
            TimeOutAnswer::Code => "answered with -1007",
            TimeOutAnswer::None => "never answered",
        };
        let whom = self.whom().sentence();
        format!("requests{whom} are {done} and {heard}, after {}", self.after)
    }
}
