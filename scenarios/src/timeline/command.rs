//! `command`: somebody sends Redis a command.

use engine::{MemoryBus, Resp};
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// Somebody sends Redis any command; its reply stands in the journal, and readers hear of entries that it adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The command, word by word, such as `["XADD", "quantum:stream:apply.plan", "*", "action", "OPEN"]`.
    pub words: Vec<String>,
}

/// What Redis says of a command that is wrong whatever the keys hold.
const REFUSALS: [&str; 5] = [
    "empty command",
    "unknown command",
    "wrong number of arguments",
    "syntax error",
    "unknown subcommand",
];

impl Step for Command {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let _ = setting;
        let words: Vec<&[u8]> = self.words.iter().map(String::as_bytes).collect();
        // Upon an empty memory, to see whether there is such a command and whether it may look so.
        if let Resp::Error(error) = MemoryBus::new().execute(when.from, &words)
            && REFUSALS.iter().any(|refusal| error.contains(refusal))
        {
            return Err(format!("words: Redis says {error:?}: correct the command"));
        }
        plan.actions.push((when.from, given::command(words)));
        Ok(())
    }

    fn sentence(&self) -> String {
        format!("somebody sends Redis {}", self.words.join(" "))
    }
}
