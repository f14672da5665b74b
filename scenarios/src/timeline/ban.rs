//! `ban`: the exchange bans the address that the pipeline sends from.

use serde::{Deserialize, Serialize};
use sim_exchange::FaultKind;

use super::venue_faults::{self, Whom};
use super::{Lasts, Plan, Setting, Step, When};

/// The exchange answers everything with 418 and -1003, until `until` or as long as its next ban lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ban {}

impl Step for Ban {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        venue_faults::add(FaultKind::Ban, Whom::default(), when, setting, plan)
    }

    fn sentence(&self) -> String {
        "the exchange bans the pipeline's address (418)".to_owned()
    }
}
