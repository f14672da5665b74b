//! `corrupt`: deliveries arrive damaged.

use engine::{Corruption, OnLink};
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// Entries of a stream reach their readers damaged; in the stream they are whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Corrupt {
    /// Which stream; every one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Which reader; every one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// What is wrong with them.
    pub how: Damage,
    /// To which share, from 0 to 1; all of them without it.
    #[serde(default = "given::all")]
    pub share: f64,
}

/// How an entry is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// The second half of its fields is missing.
    Truncate,
    /// A bit of each value is turned over, so that it is no text any more.
    Flip,
    /// A field is missing: the payload where there is one.
    Remove,
}

impl Corrupt {
    fn link(&self) -> given::Link<'_> {
        given::Link { stream: &self.stream, reader: &self.reader, share: self.share }
    }
}

impl Step for Corrupt {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = OnLink::Corrupt(match self.how {
            Damage::Truncate => Corruption::Truncate,
            Damage::Flip => Corruption::Flip,
            Damage::Remove => Corruption::Remove,
        });
        self.link().plan(what, when, setting, plan)
    }

    fn sentence(&self) -> String {
        let how = match self.how {
            Damage::Truncate => "cut off",
            Damage::Flip => "unreadable",
            Damage::Remove => "without one of their fields",
        };
        format!("{} arrive {how}", self.link().words())
    }
}
