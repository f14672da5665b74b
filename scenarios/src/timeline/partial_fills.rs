//! `partial_fills`: orders that take fill only in part at once.

use rust_decimal::Decimal;
use sim_exchange::{FaultKind, FillRest};

use super::venue_faults::{self, is_default, span, strikes};
use super::{Lasts, Plan, Setting, Step, When};

strikes! {
    /// Orders that take fill only in part at once; the rest fills later in parts, or expires.
    pub struct PartialFills {
        /// Which part fills at once: 0.4 is 40 %; 0 is nothing.
        pub part: Decimal,
        /// What becomes of the rest: later (at the prices of then) or expires (GTC and GTD orders rest).
        #[serde(default, skip_serializing_if = "is_default")]
        pub rest: FillRest,
        /// In how many parts the rest fills later.
        #[serde(default = "one")]
        pub parts: u32,
        /// The time from one part to the next.
        #[serde(default = "second")]
        pub every: String,
    }
}

fn one() -> u32 {
    1
}

fn second() -> String {
    "1s".to_owned()
}

impl Step for PartialFills {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let every = span("every", &self.every)?;
        let PartialFills { part, rest, parts, .. } = *self;
        let what = FaultKind::PartialFills { part, rest, parts, every };
        venue_faults::add(what, self.whom(), when, setting, plan)
    }

    fn sentence(&self) -> String {
        let rest = match self.rest {
            FillRest::Later => format!("in {} part(s), one every {}", self.parts, self.every),
            FillRest::Expires => "not at all".to_owned(),
        };
        let percent = (self.part * Decimal::ONE_HUNDRED).normalize();
        format!("orders{} fill by {percent} % at once, the rest {rest}", self.whom().sentence())
    }
}
