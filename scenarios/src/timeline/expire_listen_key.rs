//! `expire_listen_key`: the key of the user stream expires.

use serde::{Deserialize, Serialize};
use sim_exchange::FaultKind;

use super::venue_faults::{self, Whom};
use super::{Lasts, Plan, Setting, Step, When};

/// The user stream says `listenKeyExpired` and then nothing, until the client has renewed the key: at
/// `until`, or never. What it would have said meanwhile is never told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpireListenKey {}

impl Step for ExpireListenKey {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        venue_faults::add(FaultKind::ExpireListenKey, Whom::default(), when, setting, plan)
    }

    fn sentence(&self) -> String {
        "the listen key expires, and the user stream is silent until it is renewed".to_owned()
    }
}
