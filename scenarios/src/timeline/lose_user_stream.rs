//! `lose_user_stream`: the user stream says nothing for a time.

use serde::{Deserialize, Serialize};
use sim_exchange::FaultKind;

use super::venue_faults::{self, Whom};
use super::{Lasts, Plan, Setting, Step, When};

/// The user stream says nothing, and what it would have said is never told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoseUserStream {}

impl Step for LoseUserStream {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        venue_faults::add(FaultKind::LoseUserStream, Whom::default(), when, setting, plan)
    }

    fn sentence(&self) -> String {
        "the user stream is lost, without a word".to_owned()
    }
}
