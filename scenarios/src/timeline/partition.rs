//! `partition`: some services are cut off.

use engine::Action;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// Some services reach neither the bus nor the other services; among each other their calls go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Which services.
    pub services: Vec<String>,
    /// Nor the exchange: requests end unknown, and its events and market data are lost.
    #[serde(default)]
    pub exchange: bool,
}

impl Step for Partition {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let services = self.services.iter().map(|name| setting.service("services", name));
        let services = services.collect::<Result<Vec<_>, String>>()?;
        if services.is_empty() {
            return Err("services is empty: name at least one, or use lose_redis for all".into());
        }
        let (exchange, until) = (self.exchange, given::end(when));
        plan.actions.push((when.from, Action::Partition { services, exchange, until }));
        Ok(())
    }

    fn sentence(&self) -> String {
        let exchange =
            if self.exchange { ", other services and exchange" } else { " and other services" };
        format!("{} cut off from bus{exchange}", self.services.join(", "))
    }
}
