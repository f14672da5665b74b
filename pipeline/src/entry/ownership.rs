//! Who may close (EHR 3.24): one list for both executors.

use serde::{Deserialize, Serialize};
use strategies::apply::EXIT_OWNERS;

use crate::settings::Component;

/// `[pipeline.exits]`: who may close a position, by the `source` of his plans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExitSettings {
    /// Their names. A plan of anybody else, or of nobody, closes nothing.
    pub owners: Vec<String>,
}

impl Default for ExitSettings {
    fn default() -> ExitSettings {
        ExitSettings { owners: EXIT_OWNERS.map(str::to_owned).to_vec() }
    }
}

impl Component for ExitSettings {
    fn problem(&self) -> Option<String> {
        // Positions that nobody may close would stay open for ever (MSE 20, I-37).
        self.owners
            .is_empty()
            .then(|| "owners is empty: somebody has to be able to close".to_owned())
    }
}
