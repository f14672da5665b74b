//! `gapped_market`: market data has gaps.

use engine::{Action, MarketFault, OnMarket, Symbol};
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given, symbol_words};

/// A share of the market data does not reach the services; the exchange sees all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GappedMarket {
    /// Whose data; that of all symbols without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<Symbol>,
    /// Which share is missing, from 0 to 1.
    pub share: f64,
}

impl Step for GappedMarket {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = OnMarket::Gapped(Box::new(given::chance(self.share, setting)?));
        let fault = MarketFault::new(setting.symbols("symbols", &self.symbols)?, what);
        plan.actions.push((when.from, Action::Market { fault, until: given::end(when) }));
        Ok(())
    }

    fn sentence(&self) -> String {
        let symbols = symbol_words(&self.symbols);
        format!(
            "each market event of {symbols} is missing for the services with a chance of {}",
            self.share
        )
    }
}
