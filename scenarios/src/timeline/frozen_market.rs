//! `frozen_market`: prices stand still.

use engine::{Action, MarketFault, OnMarket, Symbol};
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given, symbol_words};

/// Market data reaches the services with the prices of the beginning; the exchange goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrozenMarket {
    /// Whose data; that of all symbols without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<Symbol>,
}

impl Step for FrozenMarket {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = OnMarket::Frozen;
        let fault = MarketFault::new(setting.symbols("symbols", &self.symbols)?, what);
        plan.actions.push((when.from, Action::Market { fault, until: given::end(when) }));
        Ok(())
    }

    fn sentence(&self) -> String {
        format!("the prices of {} stand still for the services", symbol_words(&self.symbols))
    }
}
