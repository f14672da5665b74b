//! `drop_call`: calls between services do not arrive.

use engine::{Action, CallFault, Leg, OnCall};
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// Calls of one service to another, or their answers, do not arrive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropCall {
    /// Who asks; everybody without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Who is asked; everybody without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The answers instead of the requests: what was asked is done, and the caller does not know.
    #[serde(default)]
    pub answers: bool,
    /// To which share, from 0 to 1; all of them without it.
    #[serde(default = "given::all")]
    pub share: f64,
}

impl Step for DropCall {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = OnCall::Drop;
        let service = |key: &str, name: &Option<String>| {
            name.as_deref().map(|name| setting.service(key, name)).transpose()
        };
        let fault = CallFault {
            from: service("from", &self.from)?,
            to: service("to", &self.to)?,
            leg: if self.answers { Leg::Answer } else { Leg::Request },
            what,
            chance: given::chance(self.share, setting)?,
        };
        plan.actions.push((when.from, Action::Calls { fault, until: given::end(when) }));
        Ok(())
    }

    fn sentence(&self) -> String {
        let what = if self.answers { "answers to calls" } else { "calls" };
        let name =
            |name: &Option<String>| name.clone().unwrap_or_else(|| "every service".to_owned());
        let (from, to, share) = (name(&self.from), name(&self.to), given::share_words(self.share));
        format!("{what} of {from} to {to} are lost{share}")
    }
}
