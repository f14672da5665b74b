//! `reconfigure`: a service is restarted with other settings.

use engine::Action;
use pipeline::PipelineSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::text::with_suggestion;

use super::{Lasts, Plan, Setting, Step, When};

/// A service is restarted with other settings than the rest of the run: another version of its configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reconfigure {
    /// Which service.
    pub service: String,
    /// What differs from `[pipeline]`: its tables, merged over those of the file.
    pub pipeline: Map<String, Json>,
    /// Its next start, whenever that is, instead of one now.
    #[serde(default)]
    pub at_next_start: bool,
}

/// Lays `over` over `under`: tables key by key, everything else as it is.
fn merge(under: &mut Json, over: &Json) {
    match (under, over) {
        (Json::Object(under), Json::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

impl Step for Reconfigure {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let service = setting.service("service", &self.service)?;
        let mut settings = serde_json::to_value(&setting.scenario.pipeline)
            .map_err(|error| format!("pipeline: {error}"))?;
        merge(&mut settings, &Json::Object(self.pipeline.clone()));
        let settings: PipelineSettings = serde_json::from_value(settings)
            .map_err(|error| format!("pipeline: {}", with_suggestion(&error.to_string())))?;
        let members = pipeline::chain(&settings, setting.instruments)
            .map_err(|error| format!("pipeline: {error}"))?;
        let Some(by) = members.into_iter().find(|member| member.name == self.service) else {
            return Err(format!("pipeline: with it {} does not run at all", self.service));
        };
        let by = Box::new(by);
        plan.actions.push((when.from, Action::Replace { service, by }));
        if !self.at_next_start {
            plan.actions.push((when.from, Action::Crash(service)));
            plan.actions.push((when.from, Action::Restart(service)));
        }
        Ok(())
    }

    fn sentence(&self) -> String {
        let restarts = if self.at_next_start { "starts next time" } else { "is restarted" };
        format!(
            "{} {restarts} with [pipeline] {}",
            self.service,
            Json::Object(self.pipeline.clone())
        )
    }
}
